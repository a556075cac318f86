/* SPDX-License-Identifier: MIT */
/*
 * A display as a linear frame of pixels 0x00rrggbb, FRAME_WIDTH by FRAME_HEIGHT: terminals in characters of 8 by 16 pixels, and pictures of guests above the bottom row.
 *
 * What was drawn last is remembered for each place, and only what differs is drawn again: writing to a frame is slow.
 */
#ifndef CONSOLE_FRAME_H
#define CONSOLE_FRAME_H

#include "terminal.h"

#define FRAME_UNDERLINED 0x80000000u
enum { FRAME_WIDTH = 1024, FRAME_HEIGHT = 768, FRAME_BYTES = FRAME_WIDTH * FRAME_HEIGHT * 4, FRAME_COLUMNS = FRAME_WIDTH / 8, FRAME_ROWS = FRAME_HEIGHT / 16 };

/* A place as it was drawn: a character and two colours. */
struct frame_place {
    uint32_t code, fore, back;
};

struct frame {
    volatile uint32_t *pixels;
    unsigned cursor_column, cursor_row;
    bool is_cursor_shown;
    struct frame_place place[FRAME_ROWS * FRAME_COLUMNS];
    uint64_t places_drawn; /* since the start */
};

/** What a place shows for a cell: the character, with FRAME_UNDERLINED, and its colours; bold in a usual colour is bright. */
struct frame_place frame_place_of(const struct terminal *t, const struct terminal_cell *cell);
void frame_open(struct frame *f, volatile uint32_t *pixels);
/** Nothing that lies above the bottom row is known any more. */
void frame_forget(struct frame *f);
/** Draw row `row` of a terminal, `back` lines up in its history. */
void frame_row(struct frame *f, const struct terminal *t, unsigned row, unsigned back);
/** Write a row: text in black on grey, the part from..to bright on blue. */
void frame_status(struct frame *f, unsigned row, const char *text, unsigned from, unsigned to);
/** Show the cursor, or hide it. */
void frame_cursor(struct frame *f, bool is_shown, unsigned column, unsigned row);
/** Copy `count` pixels to row y from column x on; what lies outside the frame's rows above the bottom row is left out. */
void frame_pixels(struct frame *f, unsigned x, unsigned y, const volatile uint32_t *pixels, unsigned count);
/** Everything above the bottom row black. */
void frame_clear(struct frame *f);

#endif

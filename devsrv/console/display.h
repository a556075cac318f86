/* SPDX-License-Identifier: MIT */
/* The board's display, whichever it is: a linear frame, or a PC's text mode. */
#ifndef CONSOLE_DISPLAY_H
#define CONSOLE_DISPLAY_H

#include "frame.h"
#include "vga.h"

struct display {
    volatile uint16_t *text;
    bool has_frame;
    unsigned columns, rows; /* of characters; the last row names what there is to see */
    struct frame frame;
};

/** text: VGA_BYTES of text mode. frame: FRAME_BYTES that root found, NULL when it found none; it is used when the display can be switched to it. */
void display_open(struct display *d, volatile uint16_t *text, volatile uint32_t *frame);
/** Something else was shown: draw whatever comes next. */
void display_forget(struct display *d);
void display_row(struct display *d, const struct terminal *t, unsigned row, unsigned back);
/** The bottom row: text, of which the part from..to stands for what is visible. */
void display_status(struct display *d, const char *text, unsigned from, unsigned to);
void display_cursor(struct display *d, bool is_shown, unsigned column, unsigned row);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A virtual terminal: bytes in, a grid of characters with colours out. No kernel, no clock, no device: the caller brings the memory and draws the cells.
 *
 * It understands UTF-8 and what programs send to TERM=linux: C0, ESC and CSI functions of a VT102, SGR with 256 colours (true colours become the nearest of the cube), scroll
 * region, tabs, line drawing, palette. What it does not know it swallows whole and shows nothing. Unlike a VT102 it has no 132 columns, no printer, no double height.
 *
 * Whatever bytes come: numbers saturate, every loop ends at the edge of the grid, so one byte costs at most one clearing of the screen; strings (OSC, DCS) are skipped without being
 * kept; answers that the caller does not take are dropped, not queued. The bytes may be cut anywhere between two calls.
 *
 * Whoever keeps a copy of the struct (without the cells) from before a terminal_write can go back to it and write the same bytes again: the outcome is the same, however far the first
 * attempt came.
 *
 *            +----------------------+  oldest
 *  history   |                      |
 *            +----------------------+  top       lines of the screen and of the history are one ring, so that
 *  rows      |  region_top..bottom  |            a scroll of the whole screen moves an index and clears a line
 *            +----------------------+  newest
 *
 * Source: ECMA-48 (5th edition), 8.3; DEC VT102 User Guide (EK-VT102-UG), chapter 5; console_codes(4); The Unicode Standard 15.0, 3.9, table 3-7 (UTF-8).
 */
#ifndef CONSOLE_TERMINAL_H
#define CONSOLE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TERMINAL_COLUMNS_MAX = 256,
    TERMINAL_ROWS_MAX = 128,
    TERMINAL_LINES_MAX = 512,  /* rows and history */
    TERMINAL_SPARES = 2,       /* lines more: one byte can move the cells of a row twice, as an end of broken UTF-8 and itself */
    TERMINAL_PARAMETERS = 16,  /* of a CSI function; further ones are ignored */
    TERMINAL_NUMBER_MAX = 9999,
    TERMINAL_ANSWER_BYTES = 64,
    TERMINAL_COLOURS = 16 /* that a program can change; 16..255 are fixed: terminal_colour */
};

enum terminal_style {
    TERMINAL_BOLD = 1,
    TERMINAL_DIM = 2,
    TERMINAL_ITALIC = 4,
    TERMINAL_UNDERLINE = 8,
    TERMINAL_BLINK = 16,
    TERMINAL_REVERSE = 32,
    TERMINAL_WIDE = 64 /* the glyph goes over into the next cell, which is blank */
};

struct terminal_cell {
    uint32_t code;      /* a Unicode scalar value that is shown: never a control */
    uint8_t fore, back; /* colour numbers, as xterm's 256 */
    uint8_t style;      /* enum terminal_style */
    uint8_t reserved;
};

/* What ESC 7 saves. */
struct terminal_pen {
    unsigned column, row;
    struct terminal_cell blank; /* a space in the current colours */
    bool is_wrap_due;           /* the last column was written: the next character wraps first */
    bool is_origin;             /* DECOM: rows count from the region */
    bool is_graphics[2];        /* G0, G1 hold line drawing */
    uint8_t charset;            /* the one in use */
};

struct terminal {
    /* Geometry, fixed at the start. */
    struct terminal_cell *cells;
    unsigned columns, rows, lines;
    /* What is shown. */
    unsigned top, history; /* place in the ring of row 0; lines above it that were written */
    uint16_t line[TERMINAL_LINES_MAX + TERMINAL_SPARES]; /* of each place in the ring, and the spares behind them: where its cells lie */
    unsigned spares_used;  /* since terminal_write began */
    bool is_dirty[TERMINAL_ROWS_MAX]; /* the caller clears them when it drew */
    bool is_cursor_shown, is_screen_reversed;
    uint32_t palette[TERMINAL_COLOURS]; /* 0xrrggbb */
    uint32_t bells;
    /* Modes that keys depend on. */
    bool is_cursor_application, is_keypad_application, is_newline;
    /* The pen and its modes. */
    struct terminal_pen pen, saved;
    unsigned region_top, region_bottom; /* rows, both inclusive */
    bool is_wrapping, is_inserting;
    uint8_t tabs[TERMINAL_COLUMNS_MAX / 8];
    /* The parser. */
    uint8_t state;
    uint8_t utf8_left, utf8_low, utf8_high; /* bytes to come, and what the next may be */
    uint32_t utf8_code;
    unsigned parameter[TERMINAL_PARAMETERS], parameters;
    uint8_t prefix; /* '?', '>', '=' or '<' of a CSI function, or 0 */
    unsigned palette_digits;
    uint32_t palette_value;
    /* Answers for the program. */
    uint8_t answer[TERMINAL_ANSWER_BYTES];
    unsigned answer_bytes;
};

/** Cells that a terminal needs; 0 when a number is out of range (1.._MAX; history may be 0). */
size_t terminal_cells(unsigned columns, unsigned rows, unsigned history);
/** Start it with memory of terminal_cells(); false: a number is out of range. */
bool terminal_open(struct terminal *t, struct terminal_cell *cells, unsigned columns, unsigned rows, unsigned history);
/** Take what a program wrote; returns how many bytes were taken, at least 1 of any: behind one that moved cells within a row it ends. */
size_t terminal_write(struct terminal *t, const uint8_t *bytes, size_t count);
/** The cells of a row, `back` lines further up than the screen; back is cut to the history, row must be below rows. */
const struct terminal_cell *terminal_row(const struct terminal *t, unsigned row, unsigned back);
/** What the program asked for (cursor position, identity), for its input; returns the bytes, at most `room`, and forgets them. */
unsigned terminal_take_answer(struct terminal *t, uint8_t *bytes, unsigned room);
/** 0xrrggbb of a colour number. */
uint32_t terminal_colour(const struct terminal *t, uint8_t number);

#endif

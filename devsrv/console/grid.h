/* SPDX-License-Identifier: MIT */
/*
 * What the terminal's functions do to its grid, apart from how programs ask for it (terminal.c). Every row, column and count is cut to what there is.
 */
#ifndef CONSOLE_GRID_H
#define CONSOLE_GRID_H

#include "terminal.h"

/** Everything as after power on, an empty screen; the history stays. */
void grid_reset(struct terminal *t);
/** Move the cursor; the row counts from the region in origin mode. */
void grid_go(struct terminal *t, unsigned column, unsigned row);
/** Move the cursor by columns and rows; it stays on the screen, and within the region's edges if it was there. */
void grid_step(struct terminal *t, int columns, int rows);
/** One row down or up; at the region's edge the region scrolls. Only a line that leaves the whole screen this way is kept in the history. */
void grid_line_feed(struct terminal *t);
void grid_line_reverse(struct terminal *t);
/** To the next tab stop, or the last column. */
void grid_tab(struct terminal *t);
/** Show a character at the cursor. */
void grid_put(struct terminal *t, uint32_t code);
/** Blank columns [from, to) of a row, in the pen's colours. */
void grid_erase(struct terminal *t, unsigned row, unsigned from, unsigned to);
/** Move the content of rows from..to (inclusive) up or down by `count` rows. */
void grid_scroll_up(struct terminal *t, unsigned from, unsigned to, unsigned count);
void grid_scroll_down(struct terminal *t, unsigned from, unsigned to, unsigned count);
/** Insert blanks at the cursor, or take characters out there. */
void grid_insert(struct terminal *t, unsigned count);
void grid_delete(struct terminal *t, unsigned count);
/** The whole screen full of E (DECALN). */
void grid_align(struct terminal *t);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A PC display in text mode, 80 columns by 25 rows, as the firmware leaves it: a character of code page 437 and an attribute for each place.
 *
 * Source: IBM Video Subsystem Technical Reference (VGA), alphanumeric modes; CRT controller registers 0x0a, 0x0e, 0x0f. Character codes: the Unicode Consortium's table of code page 437.
 */
#ifndef CONSOLE_VGA_H
#define CONSOLE_VGA_H

#include "terminal.h"

enum { VGA_COLUMNS = 80, VGA_ROWS = 25, VGA_BYTES = VGA_COLUMNS * VGA_ROWS * 2, VGA_PORT = 0x3d4 };

/** What a place of the display holds for a cell: attribute << 8 | character. */
uint16_t vga_place(const struct terminal *t, const struct terminal_cell *cell);
/** Draw row `row` of a terminal, `back` lines up in its history, into the display's memory. */
void vga_row(volatile uint16_t *display, const struct terminal *t, unsigned row, unsigned back);
/** Write the bottom row: text in black on grey, the part from..to bright on blue. */
void vga_status(volatile uint16_t *display, const char *text, unsigned from, unsigned to);
/** Show the cursor, or hide it. */
void vga_cursor(bool is_shown, unsigned column, unsigned row);

#endif

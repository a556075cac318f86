/* SPDX-License-Identifier: MIT */
/* One of two displays (display.h). */
#include "display.h"

#include "bochs.h"

void display_open(struct display *d, volatile uint16_t *text, volatile uint32_t *frame)
{
    d->text = text;
    d->has_frame = frame && bochs_open(FRAME_WIDTH, FRAME_HEIGHT);
    d->columns = d->has_frame ? FRAME_COLUMNS : VGA_COLUMNS;
    d->rows = d->has_frame ? FRAME_ROWS : VGA_ROWS;
    if (d->has_frame) {
        frame_open(&d->frame, frame);
    }
}

void display_forget(struct display *d)
{
    if (d->has_frame) {
        frame_forget(&d->frame);
    }
}

void display_row(struct display *d, const struct terminal *t, unsigned row, unsigned back)
{
    if (d->has_frame) {
        frame_row(&d->frame, t, row, back);
    } else {
        vga_row(d->text, t, row, back);
    }
}

void display_status(struct display *d, const char *text, unsigned from, unsigned to)
{
    if (d->has_frame) {
        frame_status(&d->frame, FRAME_ROWS - 1, text, from, to);
    } else {
        vga_status(d->text, text, from, to);
    }
}

void display_cursor(struct display *d, bool is_shown, unsigned column, unsigned row)
{
    if (d->has_frame) {
        frame_cursor(&d->frame, is_shown, column, row);
    } else {
        vga_cursor(is_shown, column, row);
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * A guest's screen on the board's display: rows that the guest's task marked are copied to the frame while the screen is visible, centred, cut where the frame ends.
 *
 * The task is not trusted: its size is checked at each look, its pixels are numbers without a meaning, and a turn copies a bounded number of rows whatever it marks.
 */
#ifndef CONSOLE_PICTURE_H
#define CONSOLE_PICTURE_H

#include "devsrv/screen.h"
#include "frame.h"

enum { PICTURE_TURN_ROWS = 64 }; /* copied in one turn */

struct picture {
    struct ds_screen_page *page;
    const volatile uint32_t *pixels;
    uint32_t width, height;            /* as it was shown last; 0: it was off */
    uint32_t pending[DS_SCREEN_WORDS]; /* rows to copy */
    uint64_t rows_copied;              /* since the start */
};

/** Memory by devsrv/screen.h, DS_SCREEN_BYTES long. */
void picture_open(struct picture *p, void *memory);
/** It becomes visible, or is left. */
void picture_show(struct picture *p, struct frame *f, bool is_visible);
/** Copy what changed; true when rows are left for another turn. */
bool picture_turn(struct picture *p, struct frame *f);

#endif

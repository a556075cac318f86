/* SPDX-License-Identifier: MIT */
/* Pieces of pictures for the workstation: cells of a terminal or pixels of a guest's screen, in runs of equal ones, row after row (formats/link.py). A piece looks at a bounded part. */
#ifndef CONSOLE_SHOT_H
#define CONSOLE_SHOT_H

#include "picture.h"

enum { SHOT_PIXELS = 65536 }; /* that one piece looks at */

/** Runs of the terminal's cells from `offset` on, into `room` bytes behind a head; returns the bytes. An offset behind the end gives a head without runs. */
uint32_t shot_cells(uint8_t *data, uint32_t room, const struct terminal *t, uint32_t offset);
/** The same of a screen's pixels; 0 by 0 when it is off. */
uint32_t shot_pixels(uint8_t *data, uint32_t room, const struct picture *p, uint32_t offset);

#endif

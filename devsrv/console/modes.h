/* SPDX-License-Identifier: MIT */
/*
 * Colours, styles and modes of a terminal: the CSI functions SGR, SM, RM with the numbers in t->parameter[0 .. t->parameters).
 */
#ifndef CONSOLE_MODES_H
#define CONSOLE_MODES_H

#include "grid.h"

/** SGR: colours and styles of what is written from now on. */
void modes_rendition(struct terminal *t);
/** SM and RM: insert (4), line feed is new line (20). */
void modes_set(struct terminal *t, bool is_set);
/** DECSET and DECRST: cursor keys (1), reversed screen (5), origin (6), wrap (7), cursor shown (25). */
void modes_private(struct terminal *t, bool is_set);
/** The 16 colours as at power on. */
void modes_palette_reset(struct terminal *t);

#endif

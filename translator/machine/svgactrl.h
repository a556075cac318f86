/* SPDX-License-Identifier: MIT */
/*
 * SVGACTRL, the display controller of GRLIB: registers that say where a frame lies in RAM and how large it is; screen.h shows it.
 *
 * Source: GRLIB IP Core User's Manual, SVGACTRL.
 */
#ifndef XL_SVGACTRL_H
#define XL_SVGACTRL_H

#include "machine/screen.h"

struct svgactrl {
    struct screen *screen;
    uint32_t status, video_length, front_porch, sync_length, line_length, frame;
};
void svgactrl_init(struct svgactrl *d, struct screen *screen);
extern const struct xl_device_ops svgactrl_ops;

#endif

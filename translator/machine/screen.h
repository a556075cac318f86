/* SPDX-License-Identifier: MIT */
/*
 * A frame of pixels in guest RAM, shown in the port's shadow: 0x00rrggbb, row after row without gaps.
 *
 * About 25 times a second of guest time every row is converted and compared with the shadow; rows that differ are stored and told of, so a picture that stands still costs reading
 * alone, and nothing when nobody looks. A pass is cut into steps of at most SCREEN_STEP_PIXELS, between which the guest runs. The guest sees none of it: its memory is read only.
 *
 * Rules. The mode is the guest's to lie about: a size beyond XL_SCREEN_* shows nothing, a row that is not all RAM is black.
 * Source: none of its own; the formats are those of svgactrl.h and of the simple-framebuffer binding, numbers in the guest's byte order, which is big-endian on every machine that has one.
 */
#ifndef XL_SCREEN_H
#define XL_SCREEN_H

#include "machine/machine.h"

enum { SCREEN_FRAME_NS = 40000000, SCREEN_STEP_PIXELS = 32768 };
enum screen_format { SCREEN_OFF, SCREEN_PALETTE8, SCREEN_RGB565, SCREEN_RGB888 /* in 32 bits */ };

struct screen_mode {
    enum screen_format format;
    uint32_t width, height; /* pixels */
    uint64_t frame;         /* guest-physical, of the first row; rows follow without gaps */
};
struct screen {
    struct xl_vm *vm;
    struct screen_mode mode;
    uint32_t palette[256]; /* 0x00rrggbb */
    unsigned row;          /* the next one of this pass */
    unsigned untold;       /* so many rows are told of even if the shadow has them already: the outside does not know them */
    struct xl_event step;
    uint8_t line[XL_SCREEN_WIDTH_MAX * 4];
};

void screen_init(struct screen *s, struct xl_vm *vm);
void screen_reset(struct screen *s);
/* From now on this is shown; a mode that cannot be shows nothing. */
void screen_show(struct screen *s, const struct screen_mode *mode);
/* Bring the whole shadow up to date. Not inside xl_run: it takes longer than a step. */
void screen_refresh(struct screen *s);

#endif

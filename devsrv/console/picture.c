/* SPDX-License-Identifier: MIT */
/* A guest's screen on the frame (picture.h). */
#include "picture.h"

enum { PICTURE_HEIGHT = FRAME_HEIGHT - FRAME_HEIGHT / FRAME_ROWS }; /* above the bottom row */

void picture_open(struct picture *p, void *memory)
{
    *p = (struct picture){.page = memory, .pixels = (const volatile uint32_t *)(void *)((uint8_t *)memory + DS_SCREEN_PIXELS)};
    ds_screen_want(p->page, false);
}

static void mark_all(struct picture *p)
{
    for (unsigned i = 0; i < DS_SCREEN_WORDS; i++) {
        p->pending[i] = ~0u;
    }
}

void picture_show(struct picture *p, struct frame *f, bool is_visible)
{
    ds_screen_want(p->page, is_visible);
    p->width = p->height = 0;
    if (is_visible) {
        frame_clear(f);
    }
}

/* The size of now; a change of it begins the picture anew. */
static bool look(struct picture *p, struct frame *f)
{
    uint32_t width, height;
    if (!ds_screen_size(p->page, &width, &height)) {
        width = height = 0;
    }
    if (width != p->width || height != p->height) {
        frame_clear(f);
        p->width = width;
        p->height = height;
        mark_all(p);
    }
    for (unsigned i = 0; i < DS_SCREEN_WORDS; i++) {
        p->pending[i] |= ds_screen_take(p->page, i);
    }
    return width != 0;
}

bool picture_turn(struct picture *p, struct frame *f)
{
    if (!look(p, f)) {
        return false;
    }
    unsigned x = (FRAME_WIDTH - p->width) / 2, y = p->height < PICTURE_HEIGHT ? (PICTURE_HEIGHT - p->height) / 2 : 0, copied = 0;
    for (unsigned row = 0; row < p->height; row++) {
        uint32_t bit = 1u << row % 32;
        if (!(p->pending[row / 32] & bit)) {
            continue;
        }
        if (copied == PICTURE_TURN_ROWS) {
            return true;
        }
        p->pending[row / 32] &= ~bit;
        frame_pixels(f, x, y + row, p->pixels + (size_t)row * p->width, p->width);
        p->rows_copied++;
        copied++;
    }
    return false;
}

/* SPDX-License-Identifier: MIT */
/*
 * Guest frames to the port's shadow. See screen.h for the rules.
 *
 * Source: none; include/xl/xl.h says what the port is promised.
 */
#include "machine/screen.h"

static unsigned pixel_bytes(enum screen_format format)
{
    return format == SCREEN_PALETTE8 ? 1 : format == SCREEN_RGB565 ? 2 : 4;
}

/* 5 and 6 bits to 8 so that all ones stay all ones. */
static uint32_t rgb_of_565(uint32_t v)
{
    uint32_t red = v >> 11, green = v >> 5 & 63, blue = v & 31;

    return (red << 3 | red >> 2) << 16 | (green << 2 | green >> 4) << 8 | (blue << 3 | blue >> 2);
}

/* Put a pixel where it goes; returns the bits in which it differs from what was there. */
static inline uint32_t put(uint32_t *to, uint32_t rgb)
{
    uint32_t different = *to ^ rgb;

    *to = rgb;
    return different;
}

/* Convert the line into a row of the shadow; did it differ? */
static bool line_put(const struct screen *s, uint32_t *to)
{
    const uint8_t *p = s->line;
    uint32_t different = 0, *end = to + s->mode.width;

    switch (s->mode.format) {
    case SCREEN_PALETTE8:
        for (; to < end; to++, p++)
            different |= put(to, s->palette[*p]);
        break;
    case SCREEN_RGB565:
        for (; to < end; to++, p += 2)
            different |= put(to, rgb_of_565((uint32_t)p[0] << 8 | p[1]));
        break;
    default:
        for (; to < end; to++, p += 4)
            different |= put(to, (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);
        break;
    }
    return different;
}

/* A row of the frame into the shadow; did it differ? */
static bool row_put(struct screen *s, unsigned y)
{
    uint32_t bytes = s->mode.width * pixel_bytes(s->mode.format), different = 0;
    uint32_t *to = xl_screen_shadow(s->vm) + (uint64_t)y * s->mode.width;

    if (xl_read(s->vm, s->mode.frame + (uint64_t)y * bytes, s->line, bytes) == XL_OK)
        return line_put(s, to);
    for (unsigned x = 0; x < s->mode.width; x++)
        different |= put(to + x, 0);
    return different;
}

/* The next rows of the pass, told of as one stretch from the first that differed to the last. */
static void rows_put(struct screen *s, unsigned count)
{
    unsigned first = 0, end = 0;

    for (; count > 0; count--, s->row++) {
        bool is_news = row_put(s, s->row);
        if (s->untold) {
            s->untold--;
            is_news = true;
        }
        if (is_news && !end)
            first = s->row;
        if (is_news)
            end = s->row + 1;
    }
    if (end)
        xl_screen_changed(s->vm, first, end - first);
    if (s->row >= s->mode.height)
        s->row = 0;
}

/* Tell the outside of the size; when it is another, every row of the next pass is news. */
static void size_tell(struct screen *s)
{
    if (xl_screen_size(s->vm, s->mode.width, s->mode.height)) {
        s->row = 0;
        s->untold = s->mode.height;
    }
}

static void step(void *arg)
{
    struct screen *s = arg;
    uint64_t wait_ns = SCREEN_FRAME_NS;

    if (xl_screen_is_wanted(s->vm)) {
        size_tell(s);
        if (s->mode.height) {
            unsigned rows = SCREEN_STEP_PIXELS / s->mode.width, height = s->mode.height, left = height - s->row;
            wait_ns = (uint64_t)SCREEN_FRAME_NS * (rows < height ? rows : height) / height;
            rows_put(s, rows < left ? rows : left);
        }
    }
    xl_event_arm(s->vm, &s->step, xl_time_ns(s->vm) + wait_ns);
}

void screen_refresh(struct screen *s)
{
    size_tell(s);
    if (!s->mode.height)
        return;
    s->row = 0;
    rows_put(s, s->mode.height);
}

void screen_show(struct screen *s, const struct screen_mode *mode)
{
    bool can_be = mode->format != SCREEN_OFF && mode->width && mode->width <= XL_SCREEN_WIDTH_MAX && mode->height && mode->height <= XL_SCREEN_HEIGHT_MAX;

    s->mode = can_be ? *mode : (struct screen_mode){0};
    if (s->row >= s->mode.height)
        s->row = 0;
}

void screen_reset(struct screen *s)
{
    for (unsigned i = 0; i < sizeof s->palette / sizeof s->palette[0]; i++)
        s->palette[i] = 0;
    screen_show(s, &(struct screen_mode){0});
    xl_event_arm(s->vm, &s->step, xl_time_ns(s->vm) + SCREEN_FRAME_NS);
}

void screen_init(struct screen *s, struct xl_vm *vm)
{
    s->vm = vm;
    s->step.fn = step;
    s->step.arg = s;
}

/* SPDX-License-Identifier: MIT */
/*
 * SVGACTRL. The lengths of porches and pulses are kept and read back; of the timing only the visible size matters to a screen without a beam.
 *
 *   0x00 status         0 EN | 1 RST | 3 running | 5..4 pixels: 1 palette of 8 bits, 2 565 in 16, 3 888 in 32 | 7..6 clock | 8 H polarity | 9 V polarity
 *   0x04 video length   31..16 rows - 1 | 15..0 columns - 1
 *   0x08 front porch    0x0c sync length    0x10 line length    (31..16 vertical | 15..0 horizontal)
 *   0x14 frame          address of the first pixel
 *   0x18..0x24          periods of the four pixel clocks in ps, read only
 *   0x28 palette        31..24 entry | 23..16 red | 15..8 green | 7..0 blue, write only
 *
 * Source: GRLIB IP Core User's Manual, SVGACTRL.
 */
#include "machine/svgactrl.h"

enum { STATUS = 0x00, VIDEO_LENGTH = 0x04, FRONT_PORCH = 0x08, SYNC_LENGTH = 0x0c, LINE_LENGTH = 0x10, FRAME = 0x14, CLOCK0 = 0x18, CLOCK3 = 0x24, PALETTE = 0x28 };
enum { EN = 1, RST = 2, RUNNING = 8, STATUS_BITS = 0x3f1, STATUS_KEPT = 0x330 /* over RST: pixels, polarities */ };

/* 25 MHz for 640x480 at 60 Hz, 40 and 50 for 800x600 at 60 and 72, 65 for 1024x768 at 60. */
static const uint32_t clock_ps[4] = {40000, 25000, 20000, 15385};

static void mode_put(const struct svgactrl *d)
{
    static const enum screen_format format[4] = {SCREEN_OFF, SCREEN_PALETTE8, SCREEN_RGB565, SCREEN_RGB888};
    const struct screen_mode mode = {
        .format = d->status & EN ? format[d->status >> 4 & 3] : SCREEN_OFF,
        .width = (d->video_length & 0xffff) + 1,
        .height = (d->video_length >> 16) + 1,
        .frame = d->frame & ~3u,
    };

    screen_show(d->screen, &mode);
}

static uint32_t svgactrl_read(void *dev, uint32_t off, unsigned size)
{
    const struct svgactrl *d = dev;

    (void)size;
    off &= ~3u;
    if (off >= CLOCK0 && off <= CLOCK3)
        return clock_ps[(off - CLOCK0) / 4];
    switch (off) {
    case STATUS: return d->status | (d->status & EN ? RUNNING : 0);
    case VIDEO_LENGTH: return d->video_length;
    case FRONT_PORCH: return d->front_porch;
    case SYNC_LENGTH: return d->sync_length;
    case LINE_LENGTH: return d->line_length;
    case FRAME: return d->frame;
    default: return 0;
    }
}

/* The palette is RAM of the core: it keeps its colours. */
static void registers_clear(struct svgactrl *d)
{
    d->status &= STATUS_KEPT;
    d->video_length = d->front_porch = d->sync_length = d->line_length = d->frame = 0;
}

static void svgactrl_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    struct svgactrl *d = dev;

    (void)size;
    switch (off & ~3u) {
    case STATUS:
        d->status = value & STATUS_BITS;
        if (value & RST)
            registers_clear(d);
        break;
    case VIDEO_LENGTH: d->video_length = value; break;
    case FRONT_PORCH: d->front_porch = value; break;
    case SYNC_LENGTH: d->sync_length = value; break;
    case LINE_LENGTH: d->line_length = value; break;
    case FRAME: d->frame = value; break;
    case PALETTE: d->screen->palette[value >> 24] = value & 0xffffff; return;
    default: return;
    }
    mode_put(d);
}

static void svgactrl_reset(void *dev)
{
    struct svgactrl *d = dev;

    registers_clear(d);
    d->status = 0;
    screen_reset(d->screen);
}

void svgactrl_init(struct svgactrl *d, struct screen *screen)
{
    d->screen = screen;
}

const struct xl_device_ops svgactrl_ops = {"SVGACTRL", svgactrl_read, svgactrl_write, svgactrl_reset};

/* SPDX-License-Identifier: MIT */
/*
 * Universal interrupt controller: 32 lines, each level or edge, each critical or noncritical.
 *
 *   0 SR status, written 1 clears   1 SRS, written 1 sets   2 ER enable   3 CR critical   4 PR polarity, 1 high   5 TR trigger, 1 edge
 *   6 MSR status and enable         7 VR vector              8 VCR 31..2 base | 0 PRO: 1 line 0 first
 *
 * Source: PPC440EP User's Manual, "Interrupt controller operations".
 */
#include "machine/ppc4xx.h"

enum { SR, SRS, ER, CR, PR, TR, MSR, VR, VCR };
enum { PRO = 1, VECTOR_BYTES = 512 };

static uint32_t line_bit(unsigned line)
{
    return 0x80000000u >> (line & 31);
}

static uint32_t active(const struct uic *d)
{
    return ~(d->input ^ d->polarity);
}

/* A level line's status follows the line; an edge stays until it is cleared. */
static void update(struct uic *d)
{
    d->status |= active(d) & ~d->trigger;
    uint32_t pending = d->status & d->enable;
    d->output(d->arg, (pending & ~d->critical) != 0, (pending & d->critical) != 0);
}

void uic_line(struct uic *d, unsigned line, bool high)
{
    uint32_t bit = line_bit(line), was = active(d);

    d->input = high ? d->input | bit : d->input & ~bit;
    d->status |= active(d) & ~was & d->trigger;
    update(d);
}

static uint32_t vector(const struct uic *d)
{
    uint32_t pending = d->status & d->enable & d->critical;

    for (unsigned i = 0; i < 32; i++)
        if (pending & line_bit(d->vector_config & PRO ? i : 31 - i))
            return (d->vector_config & ~3u) + i * VECTOR_BYTES;
    return 0;
}

uint32_t uic_read(const struct uic *d, unsigned reg)
{
    switch (reg) {
    case SR: return d->status;
    case ER: return d->enable;
    case CR: return d->critical;
    case PR: return d->polarity;
    case TR: return d->trigger;
    case MSR: return d->status & d->enable;
    case VR: return vector(d);
    default: return 0; /* SRS and VCR are written only */
    }
}

void uic_write(struct uic *d, unsigned reg, uint32_t value)
{
    switch (reg) {
    case SR: d->status &= ~value; break;
    case SRS: d->status |= value; break;
    case ER: d->enable = value; break;
    case CR: d->critical = value; break;
    case PR: d->polarity = value; break;
    case TR: d->trigger = value; break;
    case VCR: d->vector_config = value & ~2u; break;
    default: break;
    }
    update(d);
}

void uic_reset(struct uic *d)
{
    d->status = d->enable = d->critical = d->trigger = d->vector_config = 0;
    d->polarity = 0xffffffff; /* so that undriven lines are not active */
    update(d);
}

/* SPDX-License-Identifier: MIT */
/*
 * IRQMP, the multiprocessor interrupt controller, for one CPU.
 *
 *   0x00 level     31..1: 1 = line has the upper priority level
 *   0x04 pending   15..1
 *   0x08 force     15..1 of CPU 0
 *   0x0c clear     written ones clear pending
 *   0x10 status    31..28 number of CPUs - 1, low bits: CPUs powered down
 *   0x40 mask      15..1 of CPU 0; 15 is not maskable by the CPU but is by this register
 *   0x80 force     31..17 clear force (write), 15..1 force
 *
 * Source: GRLIB IP Core User's Manual, IRQMP.
 */
#include "machine/grlib.h"

enum { LEVEL = 0x00, PENDING = 0x04, FORCE0 = 0x08, CLEAR = 0x0c, STATUS = 0x10, MASK = 0x40, FORCE = 0x80 };
enum { LINES = 0xfffe };

/* Tell the CPU the highest line that is pending or forced, and unmasked: the upper level first, then the higher number. */
static void update(struct irqmp *d)
{
    uint32_t active = (d->pending | d->force) & d->mask, upper = active & d->level;
    uint32_t from = upper ? upper : active;

    xl_irq_set(d->vm, from ? 31u - (uint32_t)__builtin_clz(from) : 0);
}

void irqmp_raise(struct irqmp *d, unsigned irq)
{
    d->pending |= (1u << irq) & LINES;
    update(d);
}

void irqmp_ack(struct irqmp *d, unsigned level)
{
    uint32_t bit = (1u << (level & 15)) & LINES;

    if (d->force & bit)
        d->force &= ~bit;
    else
        d->pending &= ~bit;
    update(d);
}

static uint32_t irqmp_read(void *dev, uint32_t off, unsigned size)
{
    const struct irqmp *d = dev;

    (void)size;
    switch (off) {
    case LEVEL: return d->level;
    case PENDING: return d->pending;
    case FORCE0:
    case FORCE: return d->force;
    case MASK: return d->mask;
    default: return 0; /* STATUS: one CPU, running */
    }
}

static void irqmp_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    struct irqmp *d = dev;

    (void)size;
    switch (off) {
    case LEVEL: d->level = value & LINES; break;
    case PENDING: d->pending = value & LINES; break;
    case FORCE0: d->force = value & LINES; break;
    case CLEAR: d->pending &= ~value; break;
    case MASK: d->mask = value & LINES; break;
    case FORCE: d->force = (d->force | (value & LINES)) & ~(value >> 16); break;
    default: return;
    }
    update(d);
}

static void irqmp_reset(void *dev)
{
    struct irqmp *d = dev;

    d->level = d->pending = d->force = d->mask = 0;
    update(d);
}

void irqmp_init(struct irqmp *d, struct xl_vm *vm)
{
    d->vm = vm;
}

const struct xl_device_ops irqmp_ops = {"IRQMP", irqmp_read, irqmp_write, irqmp_reset};

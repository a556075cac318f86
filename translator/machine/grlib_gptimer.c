/* SPDX-License-Identifier: MIT */
/*
 * GPTIMER, the general purpose timer unit: a scaler and up to 7 timers. Nothing ticks: counters are computed from guest time when they are read, and one event stands at
 * each running timer's underflow.
 *
 *   0x00 scaler value   0x04 scaler reload   0x08 configuration   0x10 * n: counter, reload, control of timer n
 *   configuration: 2..0 timers | 7..3 interrupt | 8 SI separate interrupts | 9 DF
 *   control: 0 EN | 1 RS restart | 2 LD load (reads 0) | 3 IE | 4 IP pending, written 1 clears | 5 CH chain | 6 DH
 *
 * Source: GRLIB IP Core User's Manual, GPTIMER.
 */
#include "machine/grlib.h"

enum { SCALER = 0x00, SCALER_RELOAD = 0x04, CONFIG = 0x08, COUNTER = 0x0, RELOAD = 0x4, CONTROL = 0x8 };
enum { EN = 1, RS = 2, LD = 4, IE = 8, IP = 16, CH = 32, SEPARATE = 1 << 8 };

static uint64_t tick_ns(const struct gptimer *d)
{
    return ((uint64_t)d->scaler_reload + 1) * d->clock_ns;
}

/* Runs by itself, not by the underflows of its neighbour? */
static bool is_free_running(const struct gptimer_timer *t)
{
    return (t->control & (EN | CH)) == EN;
}

static uint32_t counter(const struct gptimer_timer *t)
{
    if (!is_free_running(t))
        return t->value;
    uint64_t ticks = (xl_time_ns(t->unit->vm) - t->start_ns) / tick_ns(t->unit);
    return ticks <= t->value ? t->value - (uint32_t)ticks : 0;
}

static void arm(struct gptimer_timer *t)
{
    if (is_free_running(t))
        xl_event_arm(t->unit->vm, &t->event, t->start_ns + ((uint64_t)t->value + 1) * tick_ns(t->unit));
    else
        xl_event_cancel(t->unit->vm, &t->event);
}

/* Go on from `value` at `now`. */
static void restart(struct gptimer_timer *t, uint32_t value, uint64_t now)
{
    t->value = value;
    t->start_ns = now;
    arm(t);
}

static void underflow(struct gptimer_timer *t, uint64_t now);

/* A chained timer counts its neighbour's underflows. */
static void chain_tick(struct gptimer_timer *t, uint64_t now)
{
    if ((t->control & (EN | CH)) != (EN | CH))
        return;
    if (t->value)
        t->value--;
    else
        underflow(t, now);
}

static void underflow(struct gptimer_timer *t, uint64_t now)
{
    struct gptimer *d = t->unit;
    unsigned index = (unsigned)(t - d->timer);

    if (t->control & IE) {
        t->control |= IP;
        irqmp_raise(d->irqmp, d->irq + index);
    }
    if (t->control & RS) {
        restart(t, t->reload, now);
    } else {
        t->control &= ~(uint32_t)EN;
        restart(t, 0xffffffff, now);
    }
    if (index + 1 < d->timers)
        chain_tick(&d->timer[index + 1], now);
}

static void expire(void *arg)
{
    struct gptimer_timer *t = arg;

    underflow(t, t->event.when_ns);
}

static uint32_t gptimer_read(void *dev, uint32_t off, unsigned size)
{
    const struct gptimer *d = dev;
    unsigned n = off >> 4;

    (void)size;
    if (n == 0) {
        switch (off) {
        case SCALER:
            return d->scaler_reload - (uint32_t)((xl_time_ns(d->vm) - d->scaler_start_ns) / d->clock_ns % ((uint64_t)d->scaler_reload + 1));
        case SCALER_RELOAD: return d->scaler_reload;
        case CONFIG: return d->timers | d->irq << 3 | SEPARATE;
        default: return 0;
        }
    }
    if (n > d->timers)
        return 0;
    const struct gptimer_timer *t = &d->timer[n - 1];
    switch (off & 15) {
    case COUNTER: return counter(t);
    case RELOAD: return t->reload;
    case CONTROL: return t->control;
    default: return 0;
    }
}

static void control_write(struct gptimer_timer *t, uint32_t value)
{
    uint64_t now = xl_time_ns(t->unit->vm);
    uint32_t at = counter(t);
    uint32_t kept = t->control & IP & ~value;
    bool same = is_free_running(t) && (value & (EN | LD | CH)) == EN;

    if (value & LD)
        at = t->reload;
    t->control = (value & (EN | RS | IE | CH)) | kept;
    if (!same)
        restart(t, at, now); /* a running timer that keeps running loses no fraction of a tick */
}

void gptimer_scaler_set(struct gptimer *d, uint32_t reload)
{
    uint64_t now = xl_time_ns(d->vm);
    uint32_t at[GPTIMER_TIMERS_MAX];

    for (unsigned i = 0; i < d->timers; i++)
        at[i] = counter(&d->timer[i]);
    d->scaler_reload = reload & 0xffff;
    d->scaler_start_ns = now;
    for (unsigned i = 0; i < d->timers; i++)
        restart(&d->timer[i], at[i], now);
}

static void gptimer_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    struct gptimer *d = dev;
    unsigned n = off >> 4;

    (void)size;
    if (n == 0 && off == SCALER_RELOAD)
        gptimer_scaler_set(d, value);
    if (n == 0 || n > d->timers)
        return;
    struct gptimer_timer *t = &d->timer[n - 1];
    switch (off & 15) {
    case COUNTER: restart(t, value, xl_time_ns(d->vm)); break;
    case RELOAD: t->reload = value; break;
    case CONTROL: control_write(t, value); break;
    default: break;
    }
}

static void gptimer_reset(void *dev)
{
    struct gptimer *d = dev;

    d->scaler_reload = 0xffff;
    d->scaler_start_ns = xl_time_ns(d->vm);
    for (unsigned i = 0; i < d->timers; i++) {
        struct gptimer_timer *t = &d->timer[i];
        xl_event_cancel(d->vm, &t->event);
        t->reload = t->control = t->value = 0;
    }
}

void gptimer_init(struct gptimer *d, struct xl_vm *vm, struct irqmp *irqmp, unsigned irq, unsigned timers, uint64_t clock_hz)
{
    d->vm = vm;
    d->irqmp = irqmp;
    d->irq = irq;
    d->timers = timers < GPTIMER_TIMERS_MAX ? timers : GPTIMER_TIMERS_MAX;
    d->clock_ns = 1000000000 / clock_hz;
    for (unsigned i = 0; i < d->timers; i++) {
        d->timer[i].unit = d;
        d->timer[i].event.fn = expire;
        d->timer[i].event.arg = &d->timer[i];
    }
}

const struct xl_device_ops gptimer_ops = {"GPTIMER", gptimer_read, gptimer_write, gptimer_reset};

/* SPDX-License-Identifier: MIT */
/*
 * MC146818 real-time clock.
 *
 *   0 seconds 2 minutes 4 hours, each with its alarm behind it | 6 weekday 7 day 8 month 9 year
 *   A  7 UIP | 6..4 DV, 2: runs from 32768 Hz, 6 and 7: held in reset | 3..0 RS: periodic every 2^(RS-1) of those
 *   B  7 SET | 6 PIE 5 AIE 4 UIE | 3 SQWE | 2 DM, 1: binary, 0: BCD | 1 24 hours | 0 DSE
 *   C  7 IRQF | 6 PF 5 AF 4 UF, reading clears          D  7 VRT
 *
 * UIP is set 244 us before an update cycle of 1984 us, at the end of which the time is a second later. Whoever does nothing but read UIP waits, as a CPU that sleeps:
 * after READS_A_WAIT readings guest time goes on to the next change (xl_time_skip). Not there: daylight saving.
 * Source: Motorola MC146818 data sheet.
 */
#include "machine/mc146818.h"

enum { SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY, MONTH, YEAR, A, B, C, D };
enum { UIP = 0x80, DV = 0x70, DV_RUNS = 0x20, RS = 0xf, SET = 0x80, PIE = 0x40, AIE = 0x20, UIE = 0x10, DM = 4, H24 = 2, IRQF = 0x80, PF = 0x40, AF = 0x20, UF = 0x10, VRT = 0x80, PM = 0x80 };
enum { ANY_ALARM = 0xc0, UPDATE_NS = (244 + 1984) * 1000, FIRST_UPDATE_NS = 500000000, CRYSTAL_HZ = 32768, READS_A_WAIT = 16, READ_TO_READ_NS = 100000 };
#define SECOND_NS 1000000000ull

static bool is_held(const struct mc146818 *d)
{
    return (d->byte[A] & DV) != DV_RUNS;
}

static bool is_set(const struct mc146818 *d)
{
    return d->byte[B] & SET;
}

static unsigned days_of(unsigned month, unsigned year)
{
    if (month == 2)
        return year % 4 ? 28 : 29;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* One second later; what was set out of range goes up to its byte's end, as the counters do. */
static void date_next(struct mc146818_date *t)
{
    if (++t->second != 60)
        return;
    t->second = 0;
    if (++t->minute != 60)
        return;
    t->minute = 0;
    if (++t->hour != 24)
        return;
    t->hour = 0;
    t->weekday = t->weekday == 7 ? 1 : t->weekday + 1;
    if (t->day++ != days_of(t->month, t->year))
        return;
    t->day = 1;
    if (t->month++ != 12)
        return;
    t->month = 1;
    t->year = t->year == 99 ? 0 : t->year + 1;
}

static uint8_t coded(const struct mc146818 *d, unsigned value)
{
    return (uint8_t)(d->byte[B] & DM ? value : value / 10 % 10 << 4 | value % 10);
}

static uint8_t plain(const struct mc146818 *d, uint8_t value)
{
    return d->byte[B] & DM ? value : (uint8_t)((value >> 4) * 10 + (value & 15));
}

static uint8_t hour_coded(const struct mc146818 *d, unsigned hour)
{
    if (d->byte[B] & H24)
        return coded(d, hour);
    return (uint8_t)(coded(d, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? PM : 0));
}

static uint8_t hour_plain(const struct mc146818 *d, uint8_t value)
{
    if (d->byte[B] & H24)
        return plain(d, value);
    return (uint8_t)(plain(d, value & (uint8_t)~PM) % 12 + (value & PM ? 12 : 0));
}

static bool matches(uint8_t alarm, uint8_t now)
{
    return (alarm & ANY_ALARM) == ANY_ALARM || alarm == now;
}

static bool is_alarm(const struct mc146818 *d)
{
    const struct mc146818_date *t = &d->date;

    return matches(d->byte[SECONDS_ALARM], coded(d, t->second)) && matches(d->byte[MINUTES_ALARM], coded(d, t->minute)) && matches(d->byte[HOURS_ALARM], hour_coded(d, t->hour));
}

/* 0: no periodic interrupts. The two fastest settings repeat two slower ones at this crystal. */
static uint64_t period_ns(const struct mc146818 *d)
{
    unsigned rs = d->byte[A] & RS;

    return rs ? SECOND_NS * (1u << ((rs < 3 ? rs + 7 : rs) - 1)) / CRYSTAL_HZ : 0;
}

static void flags_update(struct mc146818 *d)
{
    bool asks = d->byte[C] & d->byte[B] & (PF | AF | UF);

    d->byte[C] = (uint8_t)((d->byte[C] & ~IRQF) | (asks ? IRQF : 0));
    d->line(d->line_arg, d->line_number, asks);
}

static void seconds_pass(struct mc146818 *d, uint64_t seconds)
{
    d->second_ns += seconds * SECOND_NS;
    if (is_set(d))
        return;
    d->byte[C] |= UF;
    for (; seconds; seconds--) {
        date_next(&d->date);
        if (is_alarm(d))
            d->byte[C] |= AF;
    }
}

/* Bring everything up to now, and arm the next event that interrupts. */
static void update(struct mc146818 *d)
{
    uint64_t now = xl_time_ns(d->vm), period = period_ns(d), next = UINT64_MAX;

    if (is_held(d)) {
        xl_event_cancel(d->vm, &d->event);
        flags_update(d);
        return;
    }
    if (now - d->second_ns >= SECOND_NS)
        seconds_pass(d, (now - d->second_ns) / SECOND_NS);
    if (period && now - d->periodic_ns >= period) {
        d->byte[C] |= PF;
        d->periodic_ns = now - now % period;
    }
    flags_update(d);
    if (d->byte[B] & PIE && period)
        next = now - now % period + period;
    if (d->byte[B] & (AIE | UIE) && d->second_ns + SECOND_NS < next)
        next = d->second_ns + SECOND_NS;
    if (next == UINT64_MAX)
        xl_event_cancel(d->vm, &d->event);
    else
        xl_event_arm(d->vm, &d->event, next);
}

static void event(void *arg)
{
    update(arg);
}

static uint64_t update_begins_ns(const struct mc146818 *d)
{
    return d->second_ns + SECOND_NS - UPDATE_NS;
}

static bool is_updating(struct mc146818 *d)
{
    return !is_held(d) && !is_set(d) && xl_time_ns(d->vm) >= update_begins_ns(d);
}

static uint8_t a_read(struct mc146818 *d)
{
    uint64_t now = xl_time_ns(d->vm);
    bool updating = is_updating(d);

    if (now - d->polled_ns > READ_TO_READ_NS)
        d->polls = 0;
    d->polled_ns = now;
    if (!is_held(d) && !is_set(d) && ++d->polls == READS_A_WAIT) {
        d->polls = 0;
        xl_time_skip(d->vm, updating ? d->second_ns + SECOND_NS : update_begins_ns(d));
    }
    return (uint8_t)(d->byte[A] | (updating ? UIP : 0));
}

static uint8_t c_read(struct mc146818 *d)
{
    uint8_t flags = d->byte[C];

    d->byte[C] = 0;
    flags_update(d);
    return flags;
}

static uint8_t byte_read(struct mc146818 *d, unsigned at)
{
    update(d);
    if (at != A)
        d->polls = 0;
    switch (at) {
    case SECONDS: return coded(d, d->date.second);
    case MINUTES: return coded(d, d->date.minute);
    case HOURS: return hour_coded(d, d->date.hour);
    case WEEKDAY: return coded(d, d->date.weekday);
    case DAY: return coded(d, d->date.day);
    case MONTH: return coded(d, d->date.month);
    case YEAR: return coded(d, d->date.year);
    case A: return a_read(d);
    case C: return c_read(d);
    case D: return VRT;
    default: return d->byte[at];
    }
}

/* The first update comes half a second after the divider is let go. */
static void a_write(struct mc146818 *d, uint8_t value)
{
    bool was_held = is_held(d);

    d->byte[A] = value & (DV | RS);
    if (was_held && !is_held(d)) {
        d->periodic_ns = xl_time_ns(d->vm);
        d->second_ns = d->periodic_ns - FIRST_UPDATE_NS;
    }
}

static void byte_write(struct mc146818 *d, unsigned at, uint8_t value)
{
    update(d);
    d->polls = 0;
    switch (at) {
    case SECONDS: d->date.second = plain(d, value); break;
    case MINUTES: d->date.minute = plain(d, value); break;
    case HOURS: d->date.hour = hour_plain(d, value); break;
    case WEEKDAY: d->date.weekday = plain(d, value); break;
    case DAY: d->date.day = plain(d, value); break;
    case MONTH: d->date.month = plain(d, value); break;
    case YEAR: d->date.year = plain(d, value); break;
    case A: a_write(d, value); break;
    case B: d->byte[B] = value & SET ? value & (uint8_t)~UIE : value; break;
    case C:
    case D: break;
    default: d->byte[at] = value;
    }
    update(d);
}

/* Ports: index and data of the lower half, index and data of the upper one. */
static uint32_t mc146818_read(void *dev, uint32_t off, unsigned size)
{
    struct mc146818 *d = dev;
    unsigned half = off >> 1 & 1;

    (void)size;
    return off & 1 ? byte_read(d, half * 128u + d->index[half]) : d->index[half];
}

static void mc146818_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    struct mc146818 *d = dev;
    unsigned half = off >> 1 & 1;

    (void)size;
    if (off & 1)
        byte_write(d, half * 128u + d->index[half], (uint8_t)value);
    else
        d->index[half] = value & 127;
}

/* The clock itself goes on over a reset of the board: only interrupts are off. */
static void mc146818_reset(void *dev)
{
    struct mc146818 *d = dev;

    d->byte[B] &= (uint8_t)~(PIE | AIE | UIE);
    d->byte[C] = 0;
    d->polls = 0;
    update(d);
}

void mc146818_init(struct mc146818 *d, struct xl_vm *vm, void (*line)(void *, unsigned, bool), void *line_arg, unsigned line_number)
{
    d->vm = vm;
    d->line = line;
    d->line_arg = line_arg;
    d->line_number = line_number;
    d->event.fn = event;
    d->event.arg = d;
    d->date = (struct mc146818_date){.weekday = 7, .day = 1, .month = 1};
    d->byte[A] = DV_RUNS | 6;
    d->byte[B] = H24;
}

const struct xl_device_ops mc146818_ops = {"MC146818", mc146818_read, mc146818_write, mc146818_reset};

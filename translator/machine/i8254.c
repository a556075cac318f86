/* SPDX-License-Identifier: MIT */
/*
 * 8254 interval timer. Nothing ticks: counters and outputs are functions of the ticks since they were loaded, and one event stands at the next edge of counter 0's output.
 *
 *   0..2 counters   3 control: 7..6 counter, 3: read back | 5..4 access, 0: latch | 3..1 mode | 0 BCD         read back: 5 no count | 4 no status | 3..1 counters
 *   status: 7 output | 6 null count | 5..4 access | 3..1 mode | 0 BCD
 *
 * A count is taken at the next tick, not one later; a new one for a counter in mode 2 or 3 begins at once, not behind the period.
 * Source: Intel 8254 data sheet.
 */
#include "machine/i8254.h"

enum { CONTROL = 3, READ_BACK = 3, LATCH = 0, LOW = 1, HIGH = 2, BOTH = 3, NO_COUNT = 0x20, NO_STATUS = 0x10, COUNT_MAX = 65536, BCD_MAX = 10000, HZ = 1193182 };
enum { TERMINAL_COUNT, ONE_SHOT, RATE, SQUARE, STROBE, HARDWARE_STROBE };
#define SECOND_NS 1000000000ull

static uint64_t ticks_now(struct i8254 *d)
{
    uint64_t ns = xl_time_ns(d->vm);

    return ns / SECOND_NS * HZ + ns % SECOND_NS * HZ / SECOND_NS;
}

/* The first nanosecond at which so many ticks have passed. */
static uint64_t ns_of(uint64_t ticks)
{
    return ticks / HZ * SECOND_NS + (ticks % HZ * SECOND_NS + HZ - 1) / HZ;
}

/* Modes 1 and 5 begin when the gate rises, and then count whatever it does. */
static bool is_triggered(const struct i8254_counter *c)
{
    return c->mode == ONE_SHOT || c->mode == HARDWARE_STROBE;
}

static bool counts(const struct i8254_counter *c)
{
    return c->gate || is_triggered(c);
}

static uint64_t ran(struct i8254 *d, const struct i8254_counter *c)
{
    return counts(c) ? ticks_now(d) - c->start : c->start;
}

static void run_put(struct i8254 *d, struct i8254_counter *c, uint64_t run)
{
    c->start = counts(c) ? ticks_now(d) - run : run;
}

static bool is_periodic(const struct i8254_counter *c)
{
    return c->mode == RATE || c->mode == SQUARE;
}

static bool output_at(const struct i8254_counter *c, uint64_t run)
{
    if (!c->is_loaded)
        return c->mode != TERMINAL_COUNT;
    switch (c->mode) {
    case TERMINAL_COUNT:
    case ONE_SHOT: return run >= c->count;
    case RATE: return run % c->count != c->count - 1;
    case SQUARE: return run % c->count < (c->count + 1) / 2;
    default: return run != c->count;
    }
}

static uint32_t count_at(const struct i8254_counter *c, uint64_t run)
{
    uint32_t all = c->is_bcd ? BCD_MAX : COUNT_MAX;

    if (c->mode == RATE)
        return c->count - (uint32_t)(run % c->count);
    if (c->mode == SQUARE) { /* by two, twice a period */
        uint32_t high = (c->count + 1) / 2, at = (uint32_t)(run % c->count);
        return (c->count & ~1u) - 2 * (at < high ? at : at - high);
    }
    return (uint32_t)((c->count + all - run % all) % all);
}

static uint16_t count_read(struct i8254 *d, const struct i8254_counter *c)
{
    uint32_t count = c->is_loaded ? count_at(c, ran(d, c)) : 0;

    if (!c->is_bcd)
        return (uint16_t)count;
    return (uint16_t)(count / 1000 % 10 << 12 | count / 100 % 10 << 8 | count / 10 % 10 << 4 | count % 10);
}

/* An event at the next rising edge of counter 0's output. */
static void edge_find(struct i8254 *d)
{
    const struct i8254_counter *c = &d->counter[0];
    uint64_t run = ran(d, c), next = c->count;

    if (is_periodic(c))
        next = (run / c->count + 1) * c->count;
    else if (c->mode == STROBE)
        next++;
    if (!c->is_loaded || !counts(c) || run >= next)
        xl_event_cancel(d->vm, &d->event);
    else
        xl_event_arm(d->vm, &d->event, ns_of(c->start + next));
}

/* However late the event comes, the output has risen: that it may be low again is not seen on the line. */
static void edge(void *arg)
{
    struct i8254 *d = arg;

    d->line(d->line_arg, d->line_number, false);
    d->line(d->line_arg, d->line_number, true);
    edge_find(d);
}

/* Counter 0 was told something: the level now, and when it rises next. */
static void line_update(struct i8254 *d)
{
    d->line(d->line_arg, d->line_number, i8254_output(d, 0));
    edge_find(d);
}

static void load(struct i8254 *d, struct i8254_counter *c, uint16_t value)
{
    uint32_t count = c->is_bcd ? (value >> 12) * 1000u + (value >> 8 & 15) * 100u + (value >> 4 & 15) * 10u + (value & 15) : value;

    c->count = count ? count : c->is_bcd ? BCD_MAX : COUNT_MAX;
    c->is_loaded = true;
    run_put(d, c, is_triggered(c) ? c->count + 1 : 0);
    if (c == &d->counter[0])
        line_update(d);
}

static uint8_t status_of(struct i8254 *d, const struct i8254_counter *c)
{
    bool output = output_at(c, ran(d, c));

    return (uint8_t)((output ? 0x80 : 0) | (c->is_loaded ? 0 : 0x40) | c->access << 4 | c->mode << 1 | c->is_bcd);
}

static void latch(struct i8254 *d, struct i8254_counter *c)
{
    if (!c->count_latched)
        c->latched = count_read(d, c);
    c->count_latched = true;
}

static void read_back(struct i8254 *d, uint8_t value)
{
    for (unsigned i = 0; i < I8254_COUNTERS; i++) {
        struct i8254_counter *c = &d->counter[i];
        if (!(value >> (i + 1) & 1))
            continue;
        if (!(value & NO_COUNT))
            latch(d, c);
        if (!(value & NO_STATUS) && !c->status_latched) {
            c->status = status_of(d, c);
            c->status_latched = true;
        }
    }
}

static void control(struct i8254 *d, uint8_t value)
{
    unsigned number = value >> 6, access = value >> 4 & 3, mode = value >> 1 & 7;

    if (number == READ_BACK) {
        read_back(d, value);
        return;
    }
    struct i8254_counter *c = &d->counter[number];
    if (access == LATCH) {
        latch(d, c);
        return;
    }
    *c = (struct i8254_counter){.mode = (uint8_t)(mode > HARDWARE_STROBE ? mode & 3 : mode), .access = (uint8_t)access, .is_bcd = value & 1, .gate = c->gate, .count = COUNT_MAX};
    if (!number)
        line_update(d);
}

static uint32_t i8254_read(void *dev, uint32_t off, unsigned size)
{
    struct i8254 *d = dev;

    (void)size;
    if (off == CONTROL)
        return 0xff; /* is only written */
    struct i8254_counter *c = &d->counter[off];
    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    uint16_t count = c->count_latched ? c->latched : count_read(d, c);
    bool high = c->access == HIGH || (c->access == BOTH && c->second_read);
    c->second_read = c->access == BOTH && !c->second_read;
    if (!c->second_read)
        c->count_latched = false;
    return high ? count >> 8 : count & 255;
}

static void i8254_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    struct i8254 *d = dev;

    (void)size;
    if (off == CONTROL) {
        control(d, (uint8_t)value);
        return;
    }
    struct i8254_counter *c = &d->counter[off];
    if (c->access == BOTH && !c->second_write) {
        c->low_byte = (uint8_t)value;
        c->second_write = true;
        return;
    }
    uint32_t count = c->access == BOTH ? value << 8 | c->low_byte : c->access == HIGH ? value << 8 : value;
    c->second_write = false;
    load(d, c, (uint16_t)count);
}

bool i8254_output(struct i8254 *d, unsigned counter)
{
    const struct i8254_counter *c = &d->counter[counter];

    return output_at(c, ran(d, c));
}

/* A gate that goes off stops the counter; one that rises lets it go on, or starts it anew in the modes that say so. */
void i8254_gate(struct i8254 *d, unsigned counter, bool gate)
{
    struct i8254_counter *c = &d->counter[counter];
    uint64_t run = ran(d, c);

    if (gate == c->gate)
        return;
    c->gate = gate;
    run_put(d, c, gate && c->mode != TERMINAL_COUNT && c->mode != STROBE ? 0 : run);
}

static void i8254_reset(void *dev)
{
    struct i8254 *d = dev;

    for (unsigned i = 0; i < I8254_COUNTERS; i++)
        d->counter[i] = (struct i8254_counter){.access = BOTH, .count = COUNT_MAX, .gate = i < 2};
    xl_event_cancel(d->vm, &d->event);
    d->line(d->line_arg, d->line_number, false);
}

void i8254_init(struct i8254 *d, struct xl_vm *vm, void (*line)(void *, unsigned, bool), void *line_arg, unsigned line_number)
{
    d->vm = vm;
    d->line = line;
    d->line_arg = line_arg;
    d->line_number = line_number;
    d->event.fn = edge;
    d->event.arg = d;
}

const struct xl_device_ops i8254_ops = {"8254", i8254_read, i8254_write, i8254_reset};

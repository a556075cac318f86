/* SPDX-License-Identifier: MIT */
/*
 * 8259A programmable interrupt controllers, first and second.
 *
 *   port 0 written   ICW1  4 1 | 3 LTIM | 1 SNGL | 0 IC4
 *                    OCW2  7..5 what: 1 EOI, 3 EOI of 2..0, 5 and 7 the same and rotate, 6 set lowest, 4 and 0 rotate at automatic EOI on and off | 4..3 00 | 2..0 input
 *                    OCW3  7 0 | 6 ESMM 5 SMM | 4..3 01 | 2 poll | 1 RR 0 RIS
 *   port 0 read      requests, or those in service (OCW3), or the poll's answer: 7 there is one | 2..0 which
 *   port 1 written   ICW2 the first vector, ICW3 cascading, ICW4 1 AEOI; then OCW1 the mask
 *
 * Not there: the vectors of the 8080 and buffered mode, which no board with an ISA bus uses; special fully nested mode. A request that goes away before it is acknowledged
 * is answered with input 7, which then is not in service.
 * Source: Intel 8259A data sheet.
 */
#include "machine/i8259.h"

enum { ICW1 = 0x10, LTIM = 8, SNGL = 2, IC4 = 1, OCW3 = 8, ESMM = 0x40, SMM = 0x20, POLL = 4, RR = 2, RIS = 1, AEOI = 2, POLL_FOUND = 0x80, INPUTS = 8, SPURIOUS = 7 };
enum { ICW2 = 2, ICW3, ICW4 };
enum { OCW2_EOI = 1, OCW2_SET_LOWEST = 6, OCW2_SPECIFIC = 2, OCW2_ROTATE = 4 };

/* The input of the highest priority among bits; INPUTS: none. */
static unsigned highest(const struct i8259 *c, uint8_t bits)
{
    for (unsigned i = 1; i <= INPUTS; i++) {
        unsigned input = (c->lowest + i) % INPUTS;
        if (bits >> input & 1)
            return input;
    }
    return INPUTS;
}

static unsigned rank(const struct i8259 *c, unsigned input)
{
    return (input + INPUTS - 1 - c->lowest) % INPUTS;
}

/* The request that is to interrupt now: none that is masked, or no higher than what is in service; in special mask mode only the input itself holds one back. */
static unsigned winner(const struct i8259 *c)
{
    unsigned input = highest(c, c->request & (uint8_t)~c->mask & (uint8_t)~(c->special_mask ? c->in_service : 0));
    unsigned busy = c->special_mask ? INPUTS : highest(c, c->in_service);

    if (input == INPUTS || busy == INPUTS)
        return input;
    return rank(c, input) < rank(c, busy) ? input : INPUTS;
}

static void input_put(struct i8259 *c, unsigned input, bool high)
{
    uint8_t bit = (uint8_t)(1u << input);
    bool is_level = c->all_level || c->level & bit, rises = high && !(c->input & bit);

    c->input = (uint8_t)(high ? c->input | bit : c->input & ~bit);
    if (!high)
        c->request &= (uint8_t)~bit; /* an edge's request, too, must stay high until it is acknowledged */
    else if (is_level || rises)
        c->request |= bit;
}

static void update(struct i8259_pair *d)
{
    input_put(&d->chip[0], I8259_CASCADE, winner(&d->chip[1]) != INPUTS);
    d->output(d->arg, d->line, winner(&d->chip[0]) != INPUTS);
}

void i8259_input(void *pair, unsigned irq, bool high)
{
    struct i8259_pair *d = pair;

    input_put(&d->chip[irq / INPUTS & 1], irq % INPUTS, high);
    update(d);
}

static void serve(struct i8259 *c, unsigned input)
{
    uint8_t bit = (uint8_t)(1u << input);

    if (!(c->all_level || c->level & bit))
        c->request &= (uint8_t)~bit;
    if (!c->auto_eoi)
        c->in_service |= bit;
    else if (c->rotates_in_aeoi)
        c->lowest = (uint8_t)input;
}

static uint8_t chip_acknowledge(struct i8259 *c)
{
    unsigned input = winner(c);

    if (input == INPUTS)
        return c->vector | SPURIOUS;
    serve(c, input);
    return (uint8_t)(c->vector | input);
}

uint8_t i8259_acknowledge(struct i8259_pair *d)
{
    bool cascaded = winner(&d->chip[0]) == I8259_CASCADE;
    uint8_t vector = chip_acknowledge(&d->chip[0]);

    if (cascaded) {
        vector = chip_acknowledge(&d->chip[1]);
        input_put(&d->chip[0], I8259_CASCADE, false); /* the second's output drops with each acknowledge, also when it has more */
    }
    update(d);
    return vector;
}

static uint8_t poll_answer(struct i8259 *c)
{
    unsigned input = winner(c);

    c->polled = false;
    if (input == INPUTS)
        return 0;
    serve(c, input);
    return (uint8_t)(POLL_FOUND | input);
}

static void initialise(struct i8259 *c, uint8_t icw1)
{
    uint8_t input = c->input, level = c->level;

    *c = (struct i8259){
        .input = input, .level = level, .vector = c->vector, .lowest = INPUTS - 1, .all_level = icw1 & LTIM, .is_single = icw1 & SNGL, .wants_icw4 = icw1 & IC4, .expects = ICW2};
    c->request = input & (c->all_level ? 0xff : level);
}

static void end_of_interrupt(struct i8259 *c, unsigned what, unsigned input)
{
    if (!(what & OCW2_SPECIFIC))
        input = highest(c, c->in_service & (uint8_t)~(c->special_mask ? c->mask : 0));
    if (input == INPUTS)
        return;
    c->in_service &= (uint8_t)~(1u << input);
    if (what & OCW2_ROTATE)
        c->lowest = (uint8_t)input;
}

static void command(struct i8259 *c, uint8_t value)
{
    unsigned what = value >> 5;

    if (value & ICW1) {
        initialise(c, value);
    } else if (value & OCW3) {
        if (value & ESMM)
            c->special_mask = value & SMM;
        if (value & RR)
            c->reads_in_service = value & RIS;
        c->polled = value & POLL;
    } else if (what & OCW2_EOI) {
        end_of_interrupt(c, what, value & 7);
    } else if (what == OCW2_SET_LOWEST) {
        c->lowest = value & 7;
    } else if (!(what & OCW2_SPECIFIC)) {
        c->rotates_in_aeoi = what & OCW2_ROTATE;
    }
}

/* Whoever is alone has no third word. */
static void data(struct i8259 *c, uint8_t value)
{
    switch (c->expects) {
    case ICW2:
        c->vector = value & I8259_FIRST_VECTOR_BITS;
        c->expects = c->is_single ? (c->wants_icw4 ? ICW4 : 0) : ICW3;
        break;
    case ICW3: c->expects = c->wants_icw4 ? ICW4 : 0; break;
    case ICW4:
        c->auto_eoi = value & AEOI;
        c->expects = 0;
        break;
    default: c->mask = value;
    }
}

static uint32_t chip_read(struct i8259_pair *d, unsigned chip, uint32_t port)
{
    struct i8259 *c = &d->chip[chip];
    uint32_t value = c->polled ? poll_answer(c) : port & 1 ? c->mask : c->reads_in_service ? c->in_service : c->request;

    update(d);
    return value;
}

static void chip_write(struct i8259_pair *d, unsigned chip, uint32_t port, uint32_t value)
{
    if (port & 1)
        data(&d->chip[chip], (uint8_t)value);
    else
        command(&d->chip[chip], (uint8_t)value);
    update(d);
}

static uint32_t first_read(void *dev, uint32_t off, unsigned size)
{
    (void)size;
    return chip_read(dev, 0, off);
}

static void first_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    (void)size;
    chip_write(dev, 0, off, value);
}

static uint32_t second_read(void *dev, uint32_t off, unsigned size)
{
    (void)size;
    return chip_read(dev, 1, off);
}

static void second_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    (void)size;
    chip_write(dev, 1, off, value);
}

const struct xl_device_ops i8259_first_ops = {"8259 first", first_read, first_write, 0};
const struct xl_device_ops i8259_second_ops = {"8259 second", second_read, second_write, 0};

/* Inputs of the timer, the cascade, the keyboard, the clock and the FPU are edges always. */
static uint32_t elcr_read(void *dev, uint32_t off, unsigned size)
{
    const struct i8259_pair *d = dev;

    (void)size;
    return d->chip[off & 1].level;
}

static void elcr_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    static const uint8_t may_be_level[2] = {0xf8, 0xde};
    struct i8259_pair *d = dev;
    struct i8259 *c = &d->chip[off & 1];

    (void)size;
    c->level = (uint8_t)value & may_be_level[off & 1];
    c->request |= c->input & c->level;
    update(d);
}

const struct xl_device_ops i8259_elcr_ops = {"ELCR", elcr_read, elcr_write, 0};

void i8259_reset(struct i8259_pair *d)
{
    for (unsigned i = 0; i < 2; i++)
        d->chip[i] = (struct i8259){.lowest = INPUTS - 1};
    update(d);
}

void i8259_init(struct i8259_pair *d, void (*output)(void *, unsigned, bool), void *arg, unsigned line)
{
    d->output = output;
    d->arg = arg;
    d->line = line;
}

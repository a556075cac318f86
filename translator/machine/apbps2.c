/* SPDX-License-Identifier: MIT */
/*
 * APBPS2. One byte at a time goes over the wire, in either direction, the host's first; each takes the time that it takes a keyboard.
 *
 *   0x00 data     read: the next byte received, 0 when there is none; write: a byte to be sent, lost when the FIFO is full
 *   0x04 status   0 DR received data | 1 PE | 2 FE | 3 KI keyboard held back | 4 RF receive FIFO full | 5 TF transmit FIFO full | 26..22 TCNT | 31..27 RCNT
 *   0x08 control  0 RE | 1 TE | 2 RI | 3 TI
 *   0x0c reload   16..0, kept: how long the clock line is pulled before a byte is sent
 *
 * Source: GRLIB IP Core User's Manual, APBPS2.
 */
#include "machine/apbps2.h"

enum { DATA = 0x00, STATUS = 0x04, CONTROL = 0x08, RELOAD = 0x0c };
enum { DR = 1, KI = 8, RF = 16, TF = 32, TCNT_BIT = 22, RCNT_BIT = 27, ERROR_BITS = 0xe /* PE, FE, KI: as the driver writes them */ };
enum { RE = 1, TE = 2, RI = 4, TI = 8, CONTROL_BITS = 0xf, RELOAD_BITS = 0x1ffff };
enum { BYTE_NS = 1000000 /* 11 bits at 11 kHz */ };

static bool sends(const struct apbps2 *d)
{
    return d->control & TE && d->tx_count;
}

static bool receives(const struct apbps2 *d)
{
    return d->control & RE && d->rx_count < APBPS2_FIFO && ps2_keyboard_has_byte(&d->keyboard);
}

/* Something changed: is there a byte to go over the wire? */
static void wire_look(struct apbps2 *d)
{
    if (!d->wire.armed && (sends(d) || receives(d)))
        xl_event_arm(d->vm, &d->wire, xl_time_ns(d->vm) + BYTE_NS);
}

static uint8_t take(uint8_t *fifo, unsigned *count)
{
    uint8_t byte = fifo[0];

    --*count;
    for (unsigned i = 0; i < *count; i++)
        fifo[i] = fifo[i + 1];
    return byte;
}

/* What came to nothing meanwhile, because the driver switched a direction off, is not done. */
static void wire(void *arg)
{
    struct apbps2 *d = arg;
    uint32_t cause = 0;

    if (sends(d)) {
        ps2_keyboard_command(&d->keyboard, take(d->tx, &d->tx_count));
        cause = TI;
    } else if (receives(d)) {
        d->rx[d->rx_count++] = ps2_keyboard_send(&d->keyboard);
        if (d->rx_count == APBPS2_FIFO)
            d->errors |= KI;
        cause = RI;
    }
    if (d->control & cause)
        d->pulse(d->pulse_arg, d->irq);
    wire_look(d);
}

static uint32_t status(const struct apbps2 *d)
{
    return d->errors | (d->rx_count ? DR : 0) | (d->rx_count == APBPS2_FIFO ? RF : 0) | (d->tx_count == APBPS2_FIFO ? TF : 0) | d->tx_count << TCNT_BIT | d->rx_count << RCNT_BIT;
}

static uint32_t apbps2_read(void *dev, uint32_t off, unsigned size)
{
    struct apbps2 *d = dev;

    (void)size;
    switch (off & ~3u) {
    case DATA: {
        uint32_t byte = d->rx_count ? take(d->rx, &d->rx_count) : 0;
        wire_look(d);
        return byte;
    }
    case STATUS: return status(d);
    case CONTROL: return d->control;
    case RELOAD: return d->reload;
    default: return 0;
    }
}

static void apbps2_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    struct apbps2 *d = dev;

    (void)size;
    switch (off & ~3u) {
    case DATA:
        if (d->tx_count < APBPS2_FIFO)
            d->tx[d->tx_count++] = (uint8_t)value;
        break;
    case STATUS: d->errors = value & ERROR_BITS; break;
    case CONTROL: d->control = value & CONTROL_BITS; break;
    case RELOAD: d->reload = value & RELOAD_BITS; break;
    default: break;
    }
    wire_look(d);
}

static void apbps2_reset(void *dev)
{
    struct apbps2 *d = dev;

    d->control = d->reload = d->errors = 0;
    d->rx_count = d->tx_count = 0;
    ps2_keyboard_reset(&d->keyboard);
    xl_event_cancel(d->vm, &d->wire);
}

unsigned apbps2_keys(struct apbps2 *d, const uint8_t *codes, unsigned count)
{
    unsigned taken = ps2_keyboard_codes(&d->keyboard, codes, count);

    wire_look(d);
    return taken;
}

void apbps2_init(struct apbps2 *d, struct xl_vm *vm, void (*pulse)(void *arg, unsigned irq), void *pulse_arg, unsigned irq)
{
    d->vm = vm;
    d->pulse = pulse;
    d->pulse_arg = pulse_arg;
    d->irq = irq;
    d->wire.fn = wire;
    d->wire.arg = d;
}

const struct xl_device_ops apbps2_ops = {"APBPS2", apbps2_read, apbps2_write, apbps2_reset};

/* SPDX-License-Identifier: MIT */
/*
 * APBUART. A character leaves as soon as it is written, if the transmitter is on and the console has room; else it waits in the FIFO and is tried again.
 *
 *   0x00 data   0x04 status   0x08 control   0x0c scaler   0x10 FIFO debug
 *   status: 0 DR | 1 TS shift register empty | 2 TE FIFO empty | 3 BR | 4 OV | 5 PE | 6 FE | 7 TH | 8 RH | 9 TF | 10 RF | 25..20 TCNT | 31..26 RCNT
 *   control: 0 RE | 1 TE | 2 RI | 3 TI | 4 PS | 5 PE | 6 FL | 7 LB loop back | 8 EC | 9 TF | 10 RF | 11 DB | 31 FA FIFOs available
 *
 * Source: GRLIB IP Core User's Manual, APBUART.
 */
#include "machine/grlib.h"

enum { DATA = 0x00, STATUS = 0x04, CONTROL = 0x08, SCALER = 0x0c, FIFO_DEBUG = 0x10 };
enum { DR = 1, TS = 2, STATUS_TE = 4, OV = 16, TH = 1 << 7, RH = 1 << 8, STATUS_TF = 1 << 9, STATUS_RF = 1 << 10 };
enum { RE = 1, TE = 2, RI = 4, TI = 8, LB = 1 << 7, TF = 1 << 9, RF = 1 << 10, DB = 1 << 11 };
enum { CONTROL_BITS = 0x7fff, RETRY_NS = 200000 };

static unsigned receive(struct apbuart *d, const uint8_t *bytes, unsigned count)
{
    unsigned taken = 0;

    if (!(d->control & RE))
        return 0;
    while (taken < count && d->rx_count < d->fifo_bytes)
        d->rx[d->rx_count++] = bytes[taken++];
    if (taken && (d->control & (RI | RF)))
        irqmp_raise(d->irqmp, d->irq);
    return taken;
}

unsigned apbuart_receive(struct apbuart *d, const uint8_t *bytes, unsigned count)
{
    return d->control & LB ? 0 : receive(d, bytes, count);
}

/* Send what can be sent; a character that leaves the FIFO raises the interrupt that the guest asked for. */
static void drain(struct apbuart *d)
{
    unsigned sent = 0;

    if (!(d->control & TE))
        return;
    while (sent < d->tx_count) {
        if (d->control & LB) {
            if (!receive(d, &d->tx[sent], 1))
                d->sticky |= OV;
        } else if (!xl_console_out(d->vm, d->console, d->tx[sent])) {
            break;
        }
        sent++;
    }
    d->tx_count -= sent;
    for (unsigned i = 0; i < d->tx_count; i++)
        d->tx[i] = d->tx[sent + i];
    if (sent && (d->control & (TI | TF)))
        irqmp_raise(d->irqmp, d->irq);
    if (d->tx_count)
        xl_event_arm(d->vm, &d->retry, xl_time_ns(d->vm) + RETRY_NS);
}

static void retry(void *arg)
{
    drain(arg);
}

static uint32_t status(const struct apbuart *d)
{
    uint32_t s = d->sticky | d->tx_count << 20 | d->rx_count << 26;

    if (d->rx_count)
        s |= DR;
    if (!d->tx_count)
        s |= TS | STATUS_TE;
    if (d->tx_count < d->fifo_bytes / 2)
        s |= TH;
    if (d->rx_count >= d->fifo_bytes / 2)
        s |= RH;
    if (d->tx_count == d->fifo_bytes)
        s |= STATUS_TF;
    if (d->rx_count == d->fifo_bytes)
        s |= STATUS_RF;
    return s;
}

static uint32_t take(struct apbuart *d)
{
    if (!d->rx_count)
        return 0;
    uint32_t byte = d->rx[0];
    d->rx_count--;
    for (unsigned i = 0; i < d->rx_count; i++)
        d->rx[i] = d->rx[i + 1];
    return byte;
}

static uint32_t apbuart_read(void *dev, uint32_t off, unsigned size)
{
    struct apbuart *d = dev;

    (void)size;
    switch (off & ~3u) { /* byte accesses reach the register's low byte at +3 */
    case DATA: return take(d);
    case STATUS: return status(d);
    case CONTROL: return d->control | 1u << 31;
    case SCALER: return d->scaler;
    case FIFO_DEBUG: return d->tx_count ? d->tx[0] : 0;
    default: return 0;
    }
}

static void put(struct apbuart *d, uint8_t byte)
{
    if (d->tx_count == d->fifo_bytes)
        return; /* a full FIFO loses it, as the hardware does */
    d->tx[d->tx_count++] = byte;
    drain(d);
}

static void apbuart_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    struct apbuart *d = dev;

    (void)size;
    switch (off & ~3u) {
    case DATA: put(d, (uint8_t)value); break;
    case STATUS: d->sticky &= value; break; /* error bits are cleared by writing 0 */
    case CONTROL:
        d->control = value & CONTROL_BITS;
        drain(d);
        break;
    case SCALER: d->scaler = value & 0xfff; break;
    case FIFO_DEBUG:
        if (d->control & DB) {
            uint8_t byte = (uint8_t)value;
            receive(d, &byte, 1);
        }
        break;
    default: break;
    }
}

static void apbuart_reset(void *dev)
{
    struct apbuart *d = dev;

    d->control = d->scaler = d->sticky = 0;
    d->rx_count = d->tx_count = 0;
    xl_event_cancel(d->vm, &d->retry);
}

void apbuart_enable(struct apbuart *d)
{
    d->control = RE | TE;
}

void apbuart_init(struct apbuart *d, struct xl_vm *vm, struct irqmp *irqmp, unsigned irq, unsigned console, unsigned fifo_bytes)
{
    d->vm = vm;
    d->irqmp = irqmp;
    d->irq = irq;
    d->console = console;
    d->fifo_bytes = fifo_bytes < APBUART_FIFO_MAX ? fifo_bytes : APBUART_FIFO_MAX - 1;
    d->retry.fn = retry;
    d->retry.arg = d;
}

const struct xl_device_ops apbuart_ops = {"APBUART", apbuart_read, apbuart_write, apbuart_reset};

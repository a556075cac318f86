/* SPDX-License-Identifier: MIT */
/*
 * The 16550 UART, registers one byte apart. A character leaves as soon as it is written if the console has room; else it waits in the FIFO and is tried again.
 *
 *   0 RBR/THR, DLL when LCR.7   1 IER, DLM when LCR.7   2 IIR/FCR   3 LCR   4 MCR   5 LSR   6 MSR   7 SCR
 *   IER: 0 data | 1 transmitter empty | 2 line status        IIR: 6 line status, 4 data, c data below the trigger level, 2 transmitter empty, 1 none
 *   LSR: 0 DR | 1 OE | 5 THRE | 6 TEMT                        MCR: 0 DTR | 1 RTS | 2 OUT1 | 3 OUT2 | 4 loop back
 *
 * Received characters below the trigger level are told of at once, not after four character times.
 * Source: National Semiconductor PC16550D data sheet, sections 8.1 to 8.9.
 */
#include "machine/ns16550.h"

enum { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCRATCH };
enum { IER_DATA = 1, IER_THRE = 2, IER_LINE = 4, LCR_DLAB = 0x80, MCR_LOOP = 0x10, MCR_BITS = 0x1f, IER_BITS = 0xf };
enum { IIR_LINE = 6, IIR_DATA = 4, IIR_TIMEOUT = 0xc, IIR_THRE = 2, IIR_NONE = 1, IIR_FIFO = 0xc0 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_CLEAR_TX = 4, LSR_DR = 1, LSR_OE = 2, LSR_THRE = 0x20, LSR_TEMT = 0x40 };
enum { MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80, RETRY_NS = 200000 };

static unsigned fifo_bytes(const struct ns16550 *d)
{
    return d->fcr & FCR_ENABLE ? NS16550_FIFO : 1;
}

static unsigned trigger_level(const struct ns16550 *d)
{
    static const uint8_t level[4] = {1, 4, 8, 14};

    return d->fcr & FCR_ENABLE ? level[d->fcr >> 6] : 1;
}

static unsigned cause(const struct ns16550 *d)
{
    if (d->ier & IER_LINE && d->overrun)
        return IIR_LINE;
    if (d->ier & IER_DATA && d->rx_count)
        return d->rx_count >= trigger_level(d) ? IIR_DATA : IIR_TIMEOUT;
    return d->ier & IER_THRE && d->thre ? IIR_THRE : IIR_NONE;
}

static void line_update(struct ns16550 *d)
{
    d->line(d->line_arg, d->line_number, cause(d) != IIR_NONE);
}

static unsigned take_in(struct ns16550 *d, const uint8_t *bytes, unsigned count)
{
    unsigned taken = 0;

    while (taken < count && d->rx_count < fifo_bytes(d))
        d->rx[d->rx_count++] = bytes[taken++];
    return taken;
}

unsigned ns16550_receive(struct ns16550 *d, const uint8_t *bytes, unsigned count)
{
    unsigned taken = d->mcr & MCR_LOOP ? 0 : take_in(d, bytes, count);

    line_update(d);
    return taken;
}

static void drain(struct ns16550 *d)
{
    unsigned sent = 0;

    while (sent < d->tx_count) {
        if (d->mcr & MCR_LOOP)
            d->overrun |= !take_in(d, &d->tx[sent], 1);
        else if (!xl_console_out(d->vm, d->console, d->tx[sent]))
            break;
        sent++;
    }
    d->tx_count -= sent;
    for (unsigned i = 0; i < d->tx_count; i++)
        d->tx[i] = d->tx[sent + i];
    if (sent && !d->tx_count)
        d->thre = true;
    if (d->tx_count)
        xl_event_arm(d->vm, &d->retry, xl_time_ns(d->vm) + RETRY_NS);
    line_update(d);
}

static void retry(void *arg)
{
    drain(arg);
}

static uint8_t take_out(struct ns16550 *d)
{
    uint8_t byte = d->rx[0];

    if (!d->rx_count)
        return 0;
    d->rx_count--;
    for (unsigned i = 0; i < d->rx_count; i++)
        d->rx[i] = d->rx[i + 1];
    return byte;
}

static uint8_t line_status(struct ns16550 *d)
{
    unsigned status = (d->rx_count ? LSR_DR : 0) | (d->overrun ? LSR_OE : 0) | (d->tx_count ? 0 : LSR_THRE | LSR_TEMT);

    d->overrun = false; /* told */
    return (uint8_t)status;
}

/* Nobody hangs on the line's other end: ready and carrier are there; looped back, they are what the guest drives. */
static uint8_t modem_status(const struct ns16550 *d)
{
    if (!(d->mcr & MCR_LOOP))
        return MSR_CTS | MSR_DSR | MSR_DCD;
    return (uint8_t)((d->mcr & 1 ? MSR_DSR : 0) | (d->mcr & 2 ? MSR_CTS : 0) | (d->mcr & 4 ? MSR_RI : 0) | (d->mcr & 8 ? MSR_DCD : 0));
}

static uint8_t identify(struct ns16550 *d)
{
    unsigned what = cause(d);

    if (what == IIR_THRE)
        d->thre = false;
    return (uint8_t)(what | (d->fcr & FCR_ENABLE ? IIR_FIFO : 0));
}

static uint8_t byte_read(struct ns16550 *d, uint32_t off)
{
    switch (off) {
    case DATA: return d->lcr & LCR_DLAB ? d->dll : take_out(d);
    case IER: return d->lcr & LCR_DLAB ? d->dlm : d->ier;
    case IIR_FCR: return identify(d);
    case LCR: return d->lcr;
    case MCR: return d->mcr;
    case LSR: return line_status(d);
    case MSR: return modem_status(d);
    default: return d->scratch;
    }
}

/* Where byte i of an access lies in its value. */
static unsigned byte_shift(const struct ns16550 *d, unsigned i, unsigned size)
{
    return 8 * (xl_is_big_endian(d->vm) ? size - 1 - i : i);
}

static uint32_t ns16550_read(void *dev, uint32_t off, unsigned size)
{
    struct ns16550 *d = dev;
    uint32_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)byte_read(d, (off + i) & 7) << byte_shift(d, i, size);
    line_update(d);
    return value;
}

static void put(struct ns16550 *d, uint8_t byte)
{
    d->thre = false;
    if (d->tx_count < fifo_bytes(d)) /* a full FIFO loses it, as the hardware does */
        d->tx[d->tx_count++] = byte;
    drain(d);
}

static void fifo_control(struct ns16550 *d, uint8_t value)
{
    bool toggled = ((d->fcr ^ value) & FCR_ENABLE) != 0;

    if (toggled || value & FCR_CLEAR_RX)
        d->rx_count = 0;
    if (toggled || value & FCR_CLEAR_TX) {
        d->tx_count = 0;
        d->thre = true;
    }
    d->fcr = value & 0xc9;
}

static void byte_write(struct ns16550 *d, uint32_t off, uint8_t value)
{
    bool latch = (d->lcr & LCR_DLAB) != 0;

    switch (off) {
    case DATA:
        if (latch)
            d->dll = value;
        else
            put(d, value);
        break;
    case IER:
        if (latch) {
            d->dlm = value;
        } else {
            if (value & ~d->ier & IER_THRE && !d->tx_count)
                d->thre = true; /* enabling it tells of an empty transmitter */
            d->ier = value & IER_BITS;
        }
        break;
    case IIR_FCR: fifo_control(d, value); break;
    case LCR: d->lcr = value; break;
    case MCR: d->mcr = value & MCR_BITS; break;
    case SCRATCH: d->scratch = value; break;
    default: break; /* LSR, MSR: read only */
    }
}

static void ns16550_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    struct ns16550 *d = dev;

    for (unsigned i = 0; i < size; i++)
        byte_write(d, (off + i) & 7, (uint8_t)(value >> byte_shift(d, i, size)));
    line_update(d);
}

static void ns16550_reset(void *dev)
{
    struct ns16550 *d = dev;

    d->ier = d->fcr = d->lcr = d->mcr = d->scratch = d->dll = d->dlm = 0;
    d->overrun = false;
    d->thre = true;
    d->rx_count = d->tx_count = 0;
    xl_event_cancel(d->vm, &d->retry);
    line_update(d);
}

void ns16550_init(struct ns16550 *d, struct xl_vm *vm, unsigned console, void (*line)(void *, unsigned, bool), void *line_arg, unsigned line_number)
{
    d->vm = vm;
    d->console = console;
    d->line = line;
    d->line_arg = line_arg;
    d->line_number = line_number;
    d->retry.fn = retry;
    d->retry.arg = d;
}

const struct xl_device_ops ns16550_ops = {"NS16550", ns16550_read, ns16550_write, ns16550_reset};

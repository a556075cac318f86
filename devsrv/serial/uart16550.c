/* SPDX-License-Identifier: MIT */
/* The 16550 (uart16550.h). Registers and bits are spelled as in the data sheet's table II. */
#include "uart16550.h"

#include "devsrv/port_io.h"

#include <stddef.h>

enum {
    RBR = 0, THR = 0, DLL = 0, /* DLL with LCR.DLAB */
    IER = 1, DLM = 1,
    IIR = 2, FCR = 2,
    LCR = 3,
    MCR = 4,
    LSR = 5,
    MSR = 6,
    SCR = 7,
};

enum {
    IER_ERBFI = 0x01, IER_ETBEI = 0x02, IER_ELSI = 0x04,
    IIR_NONE = 0x01, IIR_ID = 0x0e, IIR_ID_LINE = 0x06, IIR_ID_MODEM = 0x00, IIR_FIFOS = 0xc0,
    FCR_ENABLE = 0x01, FCR_CLEAR_RX = 0x02, FCR_CLEAR_TX = 0x04, FCR_TRIGGER_8 = 0x80,
    LCR_8N1 = 0x03, LCR_DLAB = 0x80,
    MCR_DTR = 0x01, MCR_RTS = 0x02, MCR_OUT2 = 0x08, /* OUT2 lets the interrupt out on a PC */
    LSR_DR = 0x01, LSR_OE = 0x02, LSR_PE = 0x04, LSR_FE = 0x08, LSR_BI = 0x10, LSR_THRE = 0x20,
};

/* Trigger level 8 leaves 8 bytes, 0.7 ms at 115200 baud, until an overrun, which the link repairs. */
enum { FIFO_BYTES = 16, CAUSES_MAX = 8, CLOCKS_PER_BIT = 16, PERCENT_OFF = 3 };

static uint8_t reg_read(const struct uart16550 *uart, unsigned reg)
{
    return port_read8((uint16_t)(uart->port + reg));
}

static void reg_write(const struct uart16550 *uart, unsigned reg, unsigned value)
{
    port_write8((uint16_t)(uart->port + reg), (uint8_t)value);
}

/* LSR with its errors counted: reading it clears them. */
static uint8_t line_status(struct uart16550 *uart)
{
    uint8_t lsr = reg_read(uart, LSR);
    uart->overruns += (lsr & LSR_OE) != 0;
    return lsr;
}

/* Nothing there reads as ones; a 16550 keeps what is written to its scratch register. */
static bool answers(const struct uart16550 *uart)
{
    reg_write(uart, SCR, 0x5a);
    bool is_kept = reg_read(uart, SCR) == 0x5a;
    reg_write(uart, SCR, 0xa5);
    return is_kept && reg_read(uart, SCR) == 0xa5;
}

/* The divisor nearest to the rate, or 0 when none comes within PERCENT_OFF. */
static unsigned divisor_of(uint32_t clock_hz, uint32_t baud)
{
    uint64_t unit = (uint64_t)baud * CLOCKS_PER_BIT;
    if (baud == 0 || unit > 2ull * clock_hz) {
        return 0;
    }
    uint64_t divisor = (clock_hz + unit / 2) / unit, made = divisor * unit;
    uint64_t off = made > clock_hz ? made - clock_hz : clock_hz - made;
    return divisor > 0 && divisor <= UINT16_MAX && off * 100 <= (uint64_t)clock_hz * PERCENT_OFF ? (unsigned)divisor : 0;
}

const char *uart16550_open(struct uart16550 *uart, uint16_t port, uint32_t clock_hz, uint32_t baud)
{
    unsigned divisor = divisor_of(clock_hz, baud);
    *uart = (struct uart16550){.port = port, .fifo_bytes = 1};
    if (divisor == 0) {
        return "the UART's clock cannot make this baud rate to 3 %; change uart.clock_hz in the board's file or the baud rate";
    }
    if (!answers(uart)) {
        return "no 16550 UART answers at this port; correct uart.port in the board's file";
    }
    reg_write(uart, IER, 0);
    reg_write(uart, LCR, LCR_8N1 | LCR_DLAB);
    reg_write(uart, DLL, divisor & 0xff);
    reg_write(uart, DLM, divisor >> 8);
    reg_write(uart, LCR, LCR_8N1);
    reg_write(uart, FCR, FCR_ENABLE | FCR_CLEAR_RX | FCR_CLEAR_TX | FCR_TRIGGER_8);
    if ((reg_read(uart, IIR) & IIR_FIFOS) == IIR_FIFOS) {
        uart->fifo_bytes = FIFO_BYTES;
    }
    reg_write(uart, MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
    reg_write(uart, IER, IER_ERBFI | IER_ETBEI | IER_ELSI);
    return NULL;
}

bool uart16550_settle(struct uart16550 *uart)
{
    for (unsigned i = 0; i < CAUSES_MAX; i++) {
        uint8_t iir = reg_read(uart, IIR); /* takes "transmitter empty" away */
        if (iir & IIR_NONE) {
            return true;
        }
        if ((iir & IIR_ID) == IIR_ID_LINE) {
            line_status(uart);
        } else if ((iir & IIR_ID) == IIR_ID_MODEM) {
            reg_read(uart, MSR);
        } else if (iir & 0x04) {
            return false; /* received bytes: uart16550_read takes them away */
        }
    }
    return false;
}

unsigned uart16550_read(struct uart16550 *uart, uint8_t *bytes, unsigned room)
{
    unsigned count = 0;
    while (count < room) {
        uint8_t lsr = line_status(uart);
        if (!(lsr & LSR_DR)) {
            break;
        }
        uint8_t byte = reg_read(uart, RBR);
        /* A bad byte must not vanish: without it the rest could pass as a frame only by a CRC's luck, with it the frame is surely garbage. */
        bytes[count++] = lsr & (LSR_PE | LSR_FE | LSR_BI) ? 0xff : byte;
    }
    return count;
}

unsigned uart16550_room(struct uart16550 *uart)
{
    return line_status(uart) & LSR_THRE ? uart->fifo_bytes : 0;
}

void uart16550_write(struct uart16550 *uart, const uint8_t *bytes, unsigned count)
{
    for (unsigned i = 0; i < count && i < uart->fifo_bytes; i++) {
        reg_write(uart, THR, bytes[i]);
    }
}

uint32_t uart16550_take_overruns(struct uart16550 *uart)
{
    uint32_t overruns = uart->overruns;
    uart->overruns = 0;
    return overruns;
}

/* SPDX-License-Identifier: MIT */
/* The model (uart_model.h). Time passes by a pseudo-random number of steps at each access of a register, always the same from start to end of a test. */
#include "uart_model.h"

#include "devsrv/port_io.h"

#include <stdlib.h>
#include <string.h>

enum { FIFO = 16, TRIGGER = 8, LINE = 1 << 21 };

static struct {
    uint8_t ier, lcr, mcr, scr, lsr_errors;
    uint8_t rx[FIFO], line_in[LINE], line_out[LINE];
    uint8_t tx[FIFO];
    unsigned rx_count, tx_count, in_at, in_count, out_at, out_count;
    bool thre_pending, timeout, was_up, masked, latched, may_overrun, is_gone;
    uint32_t random;
} u = {.random = 1};

static unsigned irq_cause(void)
{
    if ((u.ier & 4) && u.lsr_errors) {
        return 6;
    }
    if ((u.ier & 1) && u.rx_count >= TRIGGER) {
        return 4;
    }
    if ((u.ier & 1) && u.timeout && u.rx_count) {
        return 0xc;
    }
    return (u.ier & 2) && u.thre_pending ? 2 : 1;
}

static void irq_update(void)
{
    bool is_up = irq_cause() != 1 && (u.mcr & 8);
    if (is_up && !u.was_up && !u.masked) {
        u.latched = u.masked = true;
    }
    u.was_up = is_up;
}

static void receive_one(void)
{
    if (u.in_at == u.in_count) {
        u.timeout = u.rx_count != 0;
        return;
    }
    if (u.rx_count < FIFO) {
        u.rx[u.rx_count++] = u.line_in[u.in_at++];
    } else if (u.may_overrun) {
        u.in_at++;
        u.lsr_errors |= 2;
    }
}

static void send_one(void)
{
    if (u.tx_count == 0) {
        return;
    }
    if (u.out_count == LINE) {
        abort();
    }
    u.line_out[u.out_count++] = u.tx[0];
    memmove(u.tx, u.tx + 1, --u.tx_count);
    u.thre_pending = u.tx_count == 0;
}

static void time_step(void)
{
    u.random = u.random * 1664525 + 1013904223;
    /* A line that may overrun is slower than the server, but now and then the server does not run for 40 bytes. */
    unsigned bytes = !u.may_overrun ? u.random >> 31 : u.random >> 20 == 0 ? 40 : u.random >> 29 == 0;
    while (bytes--) {
        receive_one();
    }
    if (u.random >> 30 & 1) {
        send_one();
    }
    irq_update();
}

static void time_pass(void)
{
    for (unsigned n = u.random >> 28 & 3; n; n--) {
        time_step();
    }
}

uint8_t port_read8(uint16_t port)
{
    uint8_t value = 0;
    time_pass();
    switch (port - UART_MODEL_PORT) {
    case 0:
        if (u.rx_count) {
            value = u.rx[0];
            memmove(u.rx, u.rx + 1, --u.rx_count);
        }
        u.timeout = false;
        break;
    case 2:
        value = (uint8_t)(irq_cause() | 0xc0);
        if (irq_cause() == 2) {
            u.thre_pending = false;
        }
        break;
    case 5:
        value = (uint8_t)((u.rx_count ? 1 : 0) | u.lsr_errors | (u.tx_count ? 0 : 0x60));
        u.lsr_errors = 0;
        break;
    case 7:
        value = u.is_gone ? 0xff : u.scr;
        break;
    default:
        break;
    }
    irq_update();
    return value;
}

static void fifo_control(uint8_t byte)
{
    u.rx_count = byte & 2 ? 0 : u.rx_count;
    u.tx_count = byte & 4 ? 0 : u.tx_count;
}

void port_write8(uint16_t port, uint8_t byte)
{
    time_pass();
    switch (port - UART_MODEL_PORT) {
    case 0:
        if (!(u.lcr & 0x80)) {
            if (u.tx_count == FIFO) {
                abort(); /* the driver promised to look first */
            }
            u.tx[u.tx_count++] = byte;
            u.thre_pending = false;
        }
        break;
    case 1:
        if (!(u.lcr & 0x80)) {
            u.thre_pending |= (byte & 2) && !(u.ier & 2) && !u.tx_count;
            u.ier = byte;
        }
        break;
    case 2:
        fifo_control(byte);
        break;
    case 3:
        u.lcr = byte;
        break;
    case 4:
        u.mcr = byte;
        break;
    case 7:
        u.scr = byte;
        break;
    default:
        abort();
    }
    irq_update();
}

void uart_model_feed(const uint8_t *bytes, unsigned count)
{
    if (u.in_at == u.in_count) {
        u.in_at = u.in_count = 0;
    }
    if (count > LINE - u.in_count) {
        abort();
    }
    memcpy(u.line_in + u.in_count, bytes, count);
    u.in_count += count;
}

unsigned uart_model_take(uint8_t *bytes, unsigned room)
{
    unsigned left = u.out_count - u.out_at, n = left < room ? left : room;
    memcpy(bytes, u.line_out + u.out_at, n);
    u.out_at += n;
    if (u.out_at == u.out_count) {
        u.out_at = u.out_count = 0;
    }
    return n;
}

void uart_model_run(void)
{
    /* Enough for both FIFOs and the line's timeout, whatever the numbers say. */
    for (unsigned i = 0; i < 1000 && !u.latched; i++) {
        time_step();
    }
}

bool uart_model_interrupted(void)
{
    bool was_latched = u.latched;
    u.latched = false;
    return was_latched;
}

void uart_model_unmask(void)
{
    u.masked = false;
}

void uart_model_overrun(bool is_allowed)
{
    u.may_overrun = is_allowed;
}

void uart_model_remove(bool is_gone)
{
    u.is_gone = is_gone;
}

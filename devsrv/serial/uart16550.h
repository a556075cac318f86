/* SPDX-License-Identifier: MIT */
/*
 * A 16550 UART, 8N1, by interrupts. Source: National Semiconductor PC16550D data sheet (TL/C/8652), section 8.
 *
 * Rules of use: one thread. Its interrupt line may be edge triggered: it rises once and stays up until every cause is taken away. So after each interrupt the owner
 * acknowledges it first, and then calls uart16550_settle, _read and _room in this order until settle is true, nothing was read and nothing written. Then
 * the line was down after the acknowledgement, and whatever comes later raises it again.
 */
#ifndef SERIAL_UART16550_H
#define SERIAL_UART16550_H

#include <stdbool.h>
#include <stdint.h>

struct uart16550 {
    uint16_t port;
    unsigned fifo_bytes; /* of the transmitter; 1 without FIFO */
    uint32_t overruns;   /* receive overruns that nobody took note of yet */
};

/**
 * Set the line up: interrupts for received bytes, line errors and an empty transmitter.
 *
 * clock_hz  the input clock, 1843200 on a PC
 * Errors:   a sentence without the task's name: no UART answers, or the baud rate cannot be made to 3 %; NULL: fine
 */
const char *uart16550_open(struct uart16550 *uart, uint16_t port, uint32_t clock_hz, uint32_t baud);

/** Take note of interrupt causes; true when there is none (any more). */
bool uart16550_settle(struct uart16550 *uart);

/** Received bytes, at most `room`; one with a line error reads as 0xff, so that its frame fails. */
unsigned uart16550_read(struct uart16550 *uart, uint8_t *bytes, unsigned room);

/** How many bytes the transmitter takes now: its FIFO, when that is empty, else 0; an interrupt comes when it is. */
unsigned uart16550_room(struct uart16550 *uart);

/** Send up to uart16550_room bytes. */
void uart16550_write(struct uart16550 *uart, const uint8_t *bytes, unsigned count);

/** Overruns since the last call. */
uint32_t uart16550_take_overruns(struct uart16550 *uart);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A 16550 as the PC16550D data sheet describes it, with an edge triggered interrupt line: an edge that comes while the interrupt is masked is lost.
 * The kernel masks at each interrupt until irq_ack. So a driver that misses a cause is caught: its line stays up and nothing ever comes again.
 */
#ifndef UART_MODEL_H
#define UART_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum { UART_MODEL_PORT = 0x3f8 };

/** Bytes onto the line towards the UART; bytes that it sent, at most `room`. */
void uart_model_feed(const uint8_t *bytes, unsigned count);
unsigned uart_model_take(uint8_t *bytes, unsigned room);
/** Let time pass until an interrupt is latched or nothing is left to happen. */
void uart_model_run(void);
/** Was an interrupt latched since the last call? */
bool uart_model_interrupted(void);
/** The kernel's acknowledgement: interrupts come through again. */
void uart_model_unmask(void);
/** The line does not wait for the server: bytes overrun its FIFO. */
void uart_model_overrun(bool is_allowed);
/** A scratch register that keeps nothing: no UART. */
void uart_model_remove(bool is_gone);

#endif

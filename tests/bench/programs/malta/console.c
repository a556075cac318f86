/* SPDX-License-Identifier: MIT */
/* The console of a Malta: COM1, a 16550 behind the PCI bus's I/O window. Source: PC16550D data sheet, 8.5; MIPS Malta User's Manual, memory map. */
#include "bench.h"

enum { UART = 0xb80003f8u, THR = 0, LSR = 5, LSR_THRE = 0x20 };

void console_put(char c)
{
    volatile uint8_t *uart = (volatile uint8_t *)UART;
    while (!(uart[LSR] & LSR_THRE)) {
    }
    uart[THR] = (uint8_t)c;
}

/* SPDX-License-Identifier: MIT */
/* The console of a Bamboo: UART0 of the 440EP, a 16550. Source: PC16550D data sheet, 8.5; PPC440EP User's Manual, memory map. */
#include "bench.h"

enum { UART = 0xef600300u, THR = 0, LSR = 5, LSR_THRE = 0x20 };

void console_put(char c)
{
    volatile uint8_t *uart = (volatile uint8_t *)UART;
    while (!(uart[LSR] & LSR_THRE)) {
    }
    uart[THR] = (uint8_t)c;
}

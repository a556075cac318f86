/* SPDX-License-Identifier: MIT */
/* The console of a LEON3: its APBUART. Source: GRLIB IP Core User's Manual, APBUART. */
#include "bench.h"

enum { UART = 0x80000100u, STATUS_TE = 4 };

void console_put(char c)
{
    volatile uint32_t *uart = (volatile uint32_t *)UART;
    while (!(uart[1] & STATUS_TE)) {
    }
    uart[0] = (uint8_t)c;
}

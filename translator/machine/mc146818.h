/* SPDX-License-Identifier: MIT */
/*
 * MC146818 real-time clock with 242 bytes of memory behind its registers: an index port and a data port, twice: the first pair reaches the lower 128 bytes, the second the upper ones.
 *
 * Its battery was empty: at power on it is Saturday, 1 January 2000, 0:00:00. A second is one of guest time.
 * Source: Motorola MC146818 data sheet; Intel 82371AB (PIIX4) data sheet, 8.5 (ports 70 to 73).
 */
#ifndef XL_MC146818_H
#define XL_MC146818_H

#include "machine/machine.h"

enum { MC146818_BYTES = 256 };

/* Calendar, in plain numbers; weekday 1 Sunday, month and day from 1, year of the century. */
struct mc146818_date {
    uint8_t second, minute, hour, weekday, day, month, year;
};
struct mc146818 {
    struct xl_vm *vm;
    struct mc146818_date date; /* at the begin of the second that began at second_ns */
    uint64_t second_ns;
    uint64_t periodic_ns;      /* up to when periodic interrupts were looked for */
    uint8_t index[2];
    uint8_t byte[MC146818_BYTES];
    unsigned polls;            /* how often register A was read in a row, each time shortly after the last */
    uint64_t polled_ns;
    void (*line)(void *arg, unsigned number, bool high);
    void *line_arg;
    unsigned line_number;
    struct xl_event event;
};
void mc146818_init(struct mc146818 *d, struct xl_vm *vm, void (*line)(void *, unsigned, bool), void *line_arg, unsigned line_number);
extern const struct xl_device_ops mc146818_ops;

#endif

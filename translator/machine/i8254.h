/* SPDX-License-Identifier: MIT */
/*
 * 8254 interval timer: three counters of a 1.193182 MHz clock, four bytes of registers. Counter 0 drives an interrupt line, 2 has a gate (the south bridge's port 61).
 *
 * Source: Intel 8254 data sheet (231164).
 */
#ifndef XL_I8254_H
#define XL_I8254_H

#include "machine/machine.h"

enum { I8254_COUNTERS = 3 };

struct i8254_counter {
    uint8_t mode, access;          /* access: 1 low byte, 2 high byte, 3 both */
    bool is_bcd, is_loaded, gate;
    bool second_read, second_write; /* of a pair of bytes the high one is next */
    bool count_latched, status_latched;
    uint8_t low_byte, status;
    uint16_t latched;
    uint32_t count;                /* 1..65536 */
    uint64_t start;                /* tick at which it was loaded; while the gate is off, how many it had run */
};
struct i8254 {
    struct xl_vm *vm;
    struct i8254_counter counter[I8254_COUNTERS];
    void (*line)(void *arg, unsigned number, bool high);
    void *line_arg;
    unsigned line_number;
    struct xl_event event;
};
void i8254_init(struct i8254 *d, struct xl_vm *vm, void (*line)(void *, unsigned, bool), void *line_arg, unsigned line_number);
bool i8254_output(struct i8254 *d, unsigned counter);
void i8254_gate(struct i8254 *d, unsigned counter, bool gate);
extern const struct xl_device_ops i8254_ops;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Two 8259A interrupt controllers as boards with an ISA bus have them: inputs 0 to 7 at the first, 8 to 15 at the second, whose output is input 2 of the first.
 *
 * Each has two bytes, at its command port and the port behind it. What chooses level or edge for each input (ELCR) is the south bridge's, and is here too.
 * Source: Intel 8259A data sheet (231468); Intel 82371AB (PIIX4) data sheet, 8.2 (ELCR).
 */
#ifndef XL_I8259_H
#define XL_I8259_H

#include "machine/machine.h"

enum { I8259_CASCADE = 2, I8259_FIRST_VECTOR_BITS = 0xf8 };

struct i8259 {
    uint8_t input;               /* levels as they are driven */
    uint8_t request, in_service, mask, vector;
    uint8_t level;               /* ELCR: 1 level, 0 edge */
    uint8_t lowest;              /* the input with the lowest priority */
    uint8_t expects;             /* which initialisation word comes next at the second port; 0: none */
    bool all_level, is_single, wants_icw4, auto_eoi, rotates_in_aeoi, reads_in_service, special_mask, polled;
};
struct i8259_pair {
    struct i8259 chip[2];
    void (*output)(void *arg, unsigned line, bool high);
    void *arg;
    unsigned line;
};
void i8259_init(struct i8259_pair *d, void (*output)(void *, unsigned, bool), void *arg, unsigned line);
void i8259_reset(struct i8259_pair *d);
void i8259_input(void *pair, unsigned irq, bool high); /* irq 0..15 */
uint8_t i8259_acknowledge(struct i8259_pair *d);      /* the interrupt acknowledge cycle: the vector */
/* Ports: of each chip `chip * 2 + port`, port 0 commands, 1 mask. */
extern const struct xl_device_ops i8259_first_ops, i8259_second_ops, i8259_elcr_ops;

#endif

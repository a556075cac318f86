/* SPDX-License-Identifier: MIT */
/*
 * APBPS2, the PS/2 interface of GRLIB, with a keyboard at its other end. It lies in the Bamboo, too, where a guest has a screen: its driver asks for registers alone.
 *
 * Source: GRLIB IP Core User's Manual, APBPS2.
 */
#ifndef XL_APBPS2_H
#define XL_APBPS2_H

#include "machine/machine.h"
#include "machine/ps2_keyboard.h"

enum { APBPS2_FIFO = 16 };

struct apbps2 {
    struct xl_vm *vm;
    void (*pulse)(void *arg, unsigned irq); /* the interrupt is an edge, as on the APB bus */
    void *pulse_arg;
    unsigned irq;
    uint32_t control, reload, errors;
    uint8_t rx[APBPS2_FIFO], tx[APBPS2_FIFO];
    unsigned rx_count, tx_count;
    struct ps2_keyboard keyboard;
    struct xl_event wire; /* a byte has gone over it */
};
void apbps2_init(struct apbps2 *d, struct xl_vm *vm, void (*pulse)(void *arg, unsigned irq), void *pulse_arg, unsigned irq);
/* Keys were pressed or released: scan codes of set 2; how many were taken. */
unsigned apbps2_keys(struct apbps2 *d, const uint8_t *codes, unsigned count);
extern const struct xl_device_ops apbps2_ops;

#endif

/* SPDX-License-Identifier: MIT */
/* The 16550 UART: a level interrupt line, 16 characters of FIFO each way. Source: National Semiconductor PC16550D data sheet. */
#ifndef XL_NS16550_H
#define XL_NS16550_H

#include "machine/machine.h"

enum { NS16550_FIFO = 16 };

struct ns16550 {
    struct xl_vm *vm;
    unsigned console;
    void (*line)(void *arg, unsigned line, bool high); /* the interrupt output */
    void *line_arg;
    unsigned line_number;
    uint8_t ier, fcr, lcr, mcr, scratch, dll, dlm;
    bool overrun, thre; /* thre: the transmitter ran empty and nobody was told yet */
    uint8_t rx[NS16550_FIFO], tx[NS16550_FIFO];
    unsigned rx_count, tx_count;
    struct xl_event retry; /* the console had no room */
};
void ns16550_init(struct ns16550 *d, struct xl_vm *vm, unsigned console, void (*line)(void *, unsigned, bool), void *line_arg, unsigned line_number);
unsigned ns16550_receive(struct ns16550 *d, const uint8_t *bytes, unsigned count);
extern const struct xl_device_ops ns16550_ops;

#endif

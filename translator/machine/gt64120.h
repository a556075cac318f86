/* SPDX-License-Identifier: MIT */
/*
 * GT-64120 system controller: address decoding, its side of the PCI bus, interrupt causes.
 *
 * Its DMA engines, counters and SDRAM parameters are not there. Decoders read as YAMON leaves them and keep what is written; the machine's map does not follow them.
 * Source: Galileo GT-64120 data sheet.
 */
#ifndef XL_GT64120_H
#define XL_GT64120_H

#include "machine/pci.h"

enum { GT64120_WORDS = 24 };

/* What else is on the bus: the function of a device on bus 0, NULL when nobody answers. */
struct gt64120 {
    struct pci_function *(*function)(void *arg, unsigned device, unsigned number);
    uint8_t (*acknowledge)(void *arg); /* an interrupt acknowledge cycle */
    void (*line)(void *arg, unsigned number, bool high);
    void *arg;
    unsigned line_number;
    struct pci_function bridge;
    uint32_t word[GT64120_WORDS];
    uint32_t address;
};
void gt64120_init(struct gt64120 *d);
extern const struct xl_device_ops gt64120_ops;

#endif

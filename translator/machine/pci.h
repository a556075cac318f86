/* SPDX-License-Identifier: MIT */
/*
 * A PCI function's configuration registers, by a table: what each register is after reset, and which bits a write changes or clears.
 *
 * PCI is little-endian: a register's lowest byte lies at the lowest address. A register that is not in the table reads as 0 and takes nothing.
 * Source: PCI Local Bus Specification 2.2, chapter 6.
 */
#ifndef XL_PCI_H
#define XL_PCI_H

#include "machine/machine.h"

enum { PCI_FUNCTION_BYTES = 256 };

struct pci_register {
    uint8_t at, bytes;               /* 1, 2 or 4; does not cross a multiple of 4 */
    uint32_t reset, writable, clears; /* clears: bits that a written 1 clears */
};
struct pci_function {
    const struct pci_register *table;
    unsigned registers;
    uint8_t byte[PCI_FUNCTION_BYTES];
};
void pci_function_reset(struct pci_function *f);
/* The 32 bits at `at`, a multiple of 4 below PCI_FUNCTION_BYTES. */
uint32_t pci_function_read(const struct pci_function *f, unsigned at);
/* Write the bits of `lanes`, whole bytes. */
void pci_function_write(struct pci_function *f, unsigned at, uint32_t lanes, uint32_t value);

#endif

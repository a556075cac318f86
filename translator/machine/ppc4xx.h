/* SPDX-License-Identifier: MIT */
/*
 * Devices of the PowerPC 4xx family as the Bamboo uses them; those with DCRs are read and written by register number.
 *
 * Source: AMCC PPC440EP User's Manual, a chapter each.
 */
#ifndef XL_PPC4XX_H
#define XL_PPC4XX_H

#include "machine/machine.h"

/* Universal interrupt controller. Line 0 is the most significant bit; outputs are levels. */
struct uic {
    void (*output)(void *arg, bool noncritical, bool critical);
    void *arg;
    uint32_t input; /* levels of the lines as they are driven */
    uint32_t status, enable, critical, polarity, trigger, vector_config;
};
void uic_reset(struct uic *d);
void uic_line(struct uic *d, unsigned line, bool high);
uint32_t uic_read(const struct uic *d, unsigned reg);
void uic_write(struct uic *d, unsigned reg, uint32_t value);

/* An address register and a data register before configuration registers that only keep what is written. */
enum { DCR_WINDOW_WORDS = 32 };
struct dcr_window {
    uint32_t address;
    unsigned used;
    uint32_t key[DCR_WINDOW_WORDS], value[DCR_WINDOW_WORDS];
};
uint32_t dcr_window_read(const struct dcr_window *d, unsigned reg);
void dcr_window_write(struct dcr_window *d, unsigned reg, uint32_t value);

/* The PLB to PCI bridge: configuration access and its own registers. The bus behind it is empty. */
enum { PCI_HEADER_BYTES = 64, PCI_REGISTER_BYTES = 64, PCI_CONFIG_BYTES = 8 };
struct pci_bridge {
    uint8_t address[4]; /* little-endian: 31 enable | 23..16 bus | 15..11 device | 10..8 function | 7..2 register */
    uint8_t header[PCI_HEADER_BYTES];
    uint8_t registers[PCI_REGISTER_BYTES];
};
extern const struct xl_device_ops pci_config_ops, pci_register_ops;

#endif

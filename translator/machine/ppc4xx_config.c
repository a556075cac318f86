/* SPDX-License-Identifier: MIT */
/*
 * Configuration registers of the 440EP: the address/data windows of CPR, SDR, SDRAM and EBC, and the PCI bridge with nothing behind it.
 *
 * PCI is little-endian: a register's lowest byte lies at the lowest address, so everything here is kept as bytes and put together in the guest's order.
 * Source: PPC440EP User's Manual, "Clocking", "Chip control", "PCI"; PCI Local Bus Specification 2.2, chapter 6.
 */
#include "machine/ppc4xx.h"

enum { VENDOR_IBM = 0x1014, DEVICE_440 = 0x027f, COMMAND = 4, CLASS = 8, CACHE_LINE = 12, INTERRUPT = 60, NONE = 0xff };

static unsigned find(const struct dcr_window *d)
{
    unsigned i = 0;

    while (i < d->used && d->key[i] != d->address)
        i++;
    return i;
}

uint32_t dcr_window_read(const struct dcr_window *d, unsigned reg)
{
    if (!reg)
        return d->address;
    unsigned i = find(d);
    return i < d->used ? d->value[i] : 0;
}

void dcr_window_write(struct dcr_window *d, unsigned reg, uint32_t value)
{
    if (!reg) {
        d->address = value;
        return;
    }
    unsigned i = find(d);
    if (i == DCR_WINDOW_WORDS)
        return; /* more than anything configures: forgotten */
    if (i == d->used)
        d->key[d->used++] = d->address;
    d->value[i] = value;
}

static bool is_bridge_selected(const struct pci_bridge *d)
{
    return d->address[3] & 0x80 && !d->address[2] && !d->address[1];
}

static uint8_t *config_byte(struct pci_bridge *d, uint32_t off)
{
    if (off < 4)
        return &d->address[off];
    uint32_t reg = (d->address[0] & ~3u) + (off & 3);
    return is_bridge_selected(d) && reg < PCI_HEADER_BYTES ? &d->header[reg] : 0;
}

static uint32_t config_read(void *dev, uint32_t off, unsigned size)
{
    struct pci_bridge *d = dev;
    uint32_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        const uint8_t *byte = config_byte(d, (off + i) & 7);
        uint8_t absent = is_bridge_selected(d) ? 0 : NONE; /* nobody answers: all ones */
        value = value << 8 | (byte ? *byte : absent);
    }
    return value;
}

/* Of the bridge's header the command, the cache line's bytes and the interrupt line can be written; its base registers ask for nothing. */
static void config_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    struct pci_bridge *d = dev;

    for (unsigned i = 0; i < size; i++) {
        uint8_t *byte = config_byte(d, (off + i) & 7);
        uint32_t reg = byte && byte >= d->header && byte < d->header + PCI_HEADER_BYTES ? (uint32_t)(byte - d->header) : COMMAND;
        if (byte && ((reg & ~1u) == COMMAND || (reg & ~1u) == CACHE_LINE || reg == INTERRUPT))
            *byte = (uint8_t)(value >> 8 * (size - 1 - i));
    }
}

static void bridge_reset(void *dev)
{
    struct pci_bridge *d = dev;

    *d = (struct pci_bridge){.header = {VENDOR_IBM & 0xff, VENDOR_IBM >> 8, DEVICE_440 & 0xff, DEVICE_440 >> 8, [CLASS + 2] = 0x80, [CLASS + 3] = 0x06}};
}

const struct xl_device_ops pci_config_ops = {"440EP PCI configuration", config_read, config_write, bridge_reset};

static uint32_t register_read(void *dev, uint32_t off, unsigned size)
{
    const struct pci_bridge *d = dev;
    uint32_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value = value << 8 | d->registers[(off + i) % PCI_REGISTER_BYTES];
    return value;
}

/* Windows between PLB and PCI: with nothing on the bus they only keep what is written. */
static void register_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    struct pci_bridge *d = dev;

    for (unsigned i = 0; i < size; i++)
        d->registers[(off + i) % PCI_REGISTER_BYTES] = (uint8_t)(value >> 8 * (size - 1 - i));
}

const struct xl_device_ops pci_register_ops = {"440EP PCI registers", register_read, register_write, 0};

/* SPDX-License-Identifier: MIT */
/* Configuration registers of PCI functions: pci.h. */
#include "machine/pci.h"

static void word_put(struct pci_function *f, unsigned at, uint32_t word)
{
    for (unsigned i = 0; i < 4; i++)
        f->byte[at + i] = (uint8_t)(word >> 8 * i);
}

void pci_function_reset(struct pci_function *f)
{
    for (unsigned i = 0; i < PCI_FUNCTION_BYTES; i++)
        f->byte[i] = 0;
    for (unsigned i = 0; i < f->registers; i++)
        for (unsigned j = 0; j < f->table[i].bytes; j++)
            f->byte[f->table[i].at + j] = (uint8_t)(f->table[i].reset >> 8 * j);
}

uint32_t pci_function_read(const struct pci_function *f, unsigned at)
{
    uint32_t word = 0;

    for (unsigned i = 0; i < 4; i++)
        word |= (uint32_t)f->byte[at + i] << 8 * i;
    return word;
}

void pci_function_write(struct pci_function *f, unsigned at, uint32_t lanes, uint32_t value)
{
    uint32_t word = pci_function_read(f, at);

    for (unsigned i = 0; i < f->registers; i++) {
        const struct pci_register *r = &f->table[i];
        if ((r->at & ~3u) != at)
            continue;
        unsigned shift = 8 * (r->at & 3u);
        uint32_t writable = r->writable << shift & lanes, clears = r->clears << shift & lanes;
        word = ((word & ~writable) | (value & writable)) & ~(value & clears);
    }
    word_put(f, at, word);
}

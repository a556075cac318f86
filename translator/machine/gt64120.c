/* SPDX-License-Identifier: MIT */
/*
 * GT-64120 system controller.
 *
 *   CPU address decoders: low address 31..21, and high address below 128 of them; PCI remapping in the same unit
 *   c18 interrupt cause: 18 master abort, 19 target abort; a written 0 clears      c1c mask for the CPU
 *   c34 reading it is an interrupt acknowledge cycle
 *   cf8 configuration address: 31 enable | 23..16 bus | 15..11 device | 10..8 function | 7..2 register      cfc configuration data
 *
 * Nobody answers: all ones and a master abort. The GT itself is device 0. Source: Galileo GT-64120 data sheet.
 */
#include "machine/gt64120.h"

enum { CAUSE = 0xc18, CPU_MASK = 0xc1c, ACKNOWLEDGE = 0xc34, CONFIG_ADDRESS = 0xcf8, CONFIG_DATA = 0xcfc, MASTER_ABORT = 1 << 18, ADDRESS_BITS = 0x00fffffc, REGISTER = 0xfc };
enum { DECODE_LOW = 0x7fff, DECODE_HIGH = 0x7f, DECODE_REMAP = 0x7ff };
#define ENABLE 0x80000000u
#define ONES 0xffffffffu

/* Registers that only keep what is written: offset, value as YAMON leaves it, bits. */
static const struct {
    uint16_t off;
    uint32_t start, mask;
} words[] = {
    {0x000, 0, 0x0007f1ffu},                                                      /* CPU interface */
    {0x008, 0x000, DECODE_LOW}, {0x010, 0x07, DECODE_HIGH},                       /* SCS[1:0] */
    {0x018, 0x008, DECODE_LOW}, {0x020, 0x0f, DECODE_HIGH},                       /* SCS[3:2] */
    {0x028, 0x0e0, DECODE_LOW}, {0x030, 0x70, DECODE_HIGH},                       /* CS[2:0] */
    {0x038, 0x0f8, DECODE_LOW}, {0x040, 0x7f, DECODE_HIGH},                       /* CS[3] and boot */
    {0x048, 0x0c0, DECODE_LOW}, {0x050, 0x40, DECODE_HIGH}, {0x0f0, 0x000, DECODE_REMAP}, /* PCI I/O: 18000000, 2 MiB */
    {0x058, 0x080, DECODE_LOW}, {0x060, 0x3f, DECODE_HIGH}, {0x0f8, 0x080, DECODE_REMAP}, /* PCI memory 0: 10000000, 128 MiB */
    {0x080, 0x0c1, DECODE_LOW}, {0x088, 0x5e, DECODE_HIGH}, {0x100, 0x0c1, DECODE_REMAP}, /* PCI memory 1 */
    {0x068, 0x0df, DECODE_LOW},                                                   /* these registers: 1be00000 */
    {0xc00, 0, 0x00f3ffffu},                                                      /* PCI command: byte order, which the bus has right already */
    {0xc04, 0x00ffffffu, 0x00ffffffu},                                            /* PCI time-out and retry */
    {CAUSE, 0, 0}, {CPU_MASK, 0, 0x3ffffffeu},
};
enum { WORDS = sizeof words / sizeof words[0] };
_Static_assert(sizeof words / sizeof words[0] <= GT64120_WORDS, "gt64120.h");

static const struct pci_register bridge_table[] = {
    {0x00, 4, 0x462011ab, 0, 0},                      /* vendor, device */
    {0x04, 2, 0x0007, 0x0157, 0},                     /* command */
    {0x06, 2, 0x0280, 0, 0xf900},                     /* status */
    {0x08, 4, 0x06000002, 0, 0},                      /* host bridge */
    {0x0c, 2, 0, 0xffff, 0},                          /* cache line, latency */
    {0x10, 4, 0x00000008, 0xfffff000u, 0},            /* SCS[1:0] */
    {0x14, 4, 0x01000008, 0xfffff000u, 0},            /* SCS[3:2] */
    {0x18, 4, 0x1c000000, 0xfffff000u, 0},            /* CS[2:0] */
    {0x1c, 4, 0x1f000000, 0xfffff000u, 0},            /* CS[3] and boot */
    {0x20, 4, 0x1be00000, 0xfffff000u, 0},            /* registers in memory */
    {0x24, 4, 0x14000001, 0xfffff000u, 0},            /* registers in I/O */
    {0x3c, 2, 0x0100, 0x00ff, 0},                     /* interrupt line and pin */
};

static int word_index(uint32_t off)
{
    for (unsigned i = 0; i < WORDS; i++)
        if (words[i].off == off)
            return (int)i;
    return -1;
}

static uint32_t *word_at(struct gt64120 *d, uint32_t off)
{
    return &d->word[word_index(off)];
}

static void line_update(struct gt64120 *d)
{
    d->line(d->arg, d->line_number, (*word_at(d, CAUSE) & *word_at(d, CPU_MASK)) != 0);
}

static struct pci_function *selected(struct gt64120 *d)
{
    unsigned bus = d->address >> 16 & 255, device = d->address >> 11 & 31, number = d->address >> 8 & 7;

    if (!(d->address & ENABLE) || bus)
        return NULL;
    return device ? d->function(d->arg, device, number) : number ? NULL : &d->bridge;
}

static struct pci_function *selected_or_abort(struct gt64120 *d)
{
    struct pci_function *f = selected(d);

    if (!f) {
        *word_at(d, CAUSE) |= MASTER_ABORT;
        line_update(d);
    }
    return f;
}

static uint32_t word_read(struct gt64120 *d, uint32_t off)
{
    int i = word_index(off);

    if (off == ACKNOWLEDGE)
        return d->acknowledge(d->arg);
    if (off == CONFIG_ADDRESS)
        return d->address;
    if (off == CONFIG_DATA) {
        const struct pci_function *f = selected_or_abort(d);
        return f ? pci_function_read(f, d->address & REGISTER) : ONES;
    }
    return i < 0 ? 0 : d->word[i];
}

static void config_data_write(struct gt64120 *d, uint32_t lanes, uint32_t value)
{
    struct pci_function *f = selected_or_abort(d);

    if (!f)
        return;
    pci_function_write(f, d->address & REGISTER, lanes, value);
}

static void word_write(struct gt64120 *d, uint32_t off, uint32_t lanes, uint32_t value)
{
    int i = word_index(off);

    if (off == CONFIG_DATA)
        config_data_write(d, lanes, value);
    else if (off == CONFIG_ADDRESS)
        d->address = (d->address & ~lanes) | (value & lanes & (ENABLE | ADDRESS_BITS));
    else if (off == CAUSE)
        *word_at(d, CAUSE) &= value | ~lanes;
    else if (i >= 0)
        d->word[i] = (d->word[i] & ~(words[i].mask & lanes)) | (value & words[i].mask & lanes);
    line_update(d);
}

static uint32_t lanes_of(uint32_t off, unsigned size)
{
    return (uint32_t)((1ull << 8 * size) - 1) << 8 * (off & 3);
}

static uint32_t gt64120_read(void *dev, uint32_t off, unsigned size)
{
    return (word_read(dev, off & ~3u) & lanes_of(off, size)) >> 8 * (off & 3);
}

static void gt64120_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    word_write(dev, off & ~3u, lanes_of(off, size), value << 8 * (off & 3));
}

static void gt64120_reset(void *dev)
{
    struct gt64120 *d = dev;

    for (unsigned i = 0; i < WORDS; i++)
        d->word[i] = words[i].start;
    d->address = 0;
    pci_function_reset(&d->bridge);
    line_update(d);
}

void gt64120_init(struct gt64120 *d)
{
    d->bridge.table = bridge_table;
    d->bridge.registers = sizeof bridge_table / sizeof bridge_table[0];
}

const struct xl_device_ops gt64120_ops = {"GT-64120", gt64120_read, gt64120_write, gt64120_reset};

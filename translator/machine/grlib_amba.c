/* SPDX-License-Identifier: MIT */
/*
 * The AMBA side of a LEON: APB bridge with plug&play records, AHB plug&play area, memory controller registers.
 *
 * Source: GRLIB IP Library User's Manual, "Plug&play"; GRLIB IP Core User's Manual, APBCTRL and MCTRL.
 */
#include "machine/grlib.h"
#include <stddef.h>

bool apb_add(struct apb *d, uint32_t base, uint32_t bytes, uint32_t id, const struct xl_device_ops *ops, void *dev)
{
    uint32_t off = base - d->base, end = d->pnp - d->base;

    if (d->slots == APB_DEVICES_MAX || !bytes || off >= end || bytes > end - off)
        return false;
    for (unsigned i = 0; i < d->slots; i++)
        if (off < d->slot[i].base + d->slot[i].bytes && d->slot[i].base < off + bytes)
            return false;
    d->slot[d->slots++] = (struct apb_slot){off, bytes, id, ops, dev};
    return true;
}

static const struct apb_slot *slot_at(const struct apb *d, uint32_t off)
{
    for (unsigned i = 0; i < d->slots; i++)
        if (off >= d->slot[i].base && off - d->slot[i].base < d->slot[i].bytes)
            return &d->slot[i];
    return NULL;
}

/* Two words a device: identification; 31..20 address, 15..4 mask, 3..0 type 1 (APB I/O). */
static uint32_t apb_record(const struct apb *d, uint32_t off)
{
    unsigned i = off / 8;

    if (i >= d->slots)
        return 0;
    return off & 4 ? (d->slot[i].base >> 8 & 0xfff) << 20 | 0xfffu << 4 | 1 : d->slot[i].id;
}

static uint32_t apb_read(void *dev, uint32_t off, unsigned size)
{
    const struct apb *d = dev;
    const struct apb_slot *s = slot_at(d, off);

    if (s)
        return s->ops->read(s->dev, off - s->base, size);
    return off >= d->pnp - d->base ? apb_record(d, off - (d->pnp - d->base)) : 0;
}

static void apb_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    const struct apb *d = dev;
    const struct apb_slot *s = slot_at(d, off);

    if (s)
        s->ops->write(s->dev, off - s->base, size, value);
}

static void apb_reset(void *dev)
{
    const struct apb *d = dev;

    for (unsigned i = 0; i < d->slots; i++)
        if (d->slot[i].ops->reset)
            d->slot[i].ops->reset(d->slot[i].dev);
}

const struct xl_device_ops apb_ops = {"APBCTRL", apb_read, apb_write, apb_reset};

static uint32_t ahb_read(void *dev, uint32_t off, unsigned size)
{
    const struct ahb_pnp *d = dev;
    uint32_t word = d->word[off / 4 % 1024];

    return size == 4 ? word : word >> (8 * (4 - size - (off & 3 & ~(size - 1u)))) & ((1u << 8 * size) - 1);
}

static void ahb_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    (void)dev;
    (void)off;
    (void)size;
    (void)value; /* read-only */
}

const struct xl_device_ops ahb_pnp_ops = {"AHB plug&play", ahb_read, ahb_write, NULL};

/* MCFG1..: storage only; the RAM behind them is always there. */
static uint32_t mctrl_read(void *dev, uint32_t off, unsigned size)
{
    const struct mctrl *d = dev;

    (void)size;
    return d->mcfg[off / 4 % 8];
}

static void mctrl_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    struct mctrl *d = dev;

    (void)size;
    d->mcfg[off / 4 % 8] = value;
}

static void mctrl_reset(void *dev)
{
    struct mctrl *d = dev;

    for (unsigned i = 0; i < 8; i++)
        d->mcfg[i] = 0;
}

const struct xl_device_ops mctrl_ops = {"MCTRL", mctrl_read, mctrl_write, mctrl_reset};

/* SPDX-License-Identifier: MIT */
/*
 * The guest's physical map: RAM ranges and devices, a handful of regions in creation order.
 *
 * A lookup is a short linear search; it happens on a soft TLB miss and at device accesses only.
 */
#include "rt/cpu.h"

static bool overlaps(const struct xl_vm *vm, uint64_t base, uint64_t bytes)
{
    for (unsigned i = 0; i < vm->regions; i++) {
        const struct xl_region *r = &vm->region[i];
        if (base < r->base + r->bytes && r->base < base + bytes)
            return true;
    }
    return false;
}

static struct xl_region *region_new(struct xl_vm *vm, uint64_t base, uint64_t bytes)
{
    if (!bytes || base + bytes < base || vm->regions == XL_REGIONS_MAX || overlaps(vm, base, bytes))
        return NULL;
    struct xl_region *r = &vm->region[vm->regions++];
    *r = (struct xl_region){.base = base, .bytes = bytes};
    return r;
}

bool xl_map_ram(struct xl_vm *vm, uint64_t base, uint64_t bytes)
{
    uint64_t offset = 0;

    if ((base | bytes) & XL_PAGE_MASK)
        return false;
    for (unsigned i = 0; i < vm->regions; i++)
        if (vm->region[i].ram)
            offset += vm->region[i].bytes;
    if (offset + bytes > vm->config.ram_bytes)
        return false;
    struct xl_region *r = region_new(vm, base, bytes);
    if (!r)
        return false;
    r->ram = vm->port.ram + offset;
    r->ram_offset = offset;
    return true;
}

bool xl_map_device(struct xl_vm *vm, uint64_t base, uint32_t bytes, const struct xl_device_ops *ops, void *dev)
{
    struct xl_region *r = region_new(vm, base, bytes);

    if (!r)
        return false;
    r->ops = ops;
    r->dev = dev;
    return true;
}

struct xl_region *xl_region_at(struct xl_vm *vm, uint64_t pa)
{
    for (unsigned i = 0; i < vm->regions; i++) {
        struct xl_region *r = &vm->region[i];
        if (pa >= r->base && pa - r->base < r->bytes)
            return r;
    }
    return NULL;
}

uint8_t *xl_ram_at(struct xl_vm *vm, uint64_t pa, uint64_t bytes)
{
    struct xl_region *r = xl_region_at(vm, pa);

    if (!r || !r->ram || bytes > r->bytes || pa - r->base > r->bytes - bytes)
        return NULL;
    return r->ram + (pa - r->base);
}

/* Index of the RAM page at pa for the code marks; UINT64_MAX when it is not RAM. */
uint64_t xl_ram_page(struct xl_vm *vm, uint64_t pa)
{
    struct xl_region *r = xl_region_at(vm, pa);

    return r && r->ram ? (r->ram_offset + (pa - r->base)) >> XL_PAGE_BITS : UINT64_MAX;
}

bool xl_device_load(struct xl_vm *vm, struct xl_region *r, uint64_t pa, unsigned size, uint64_t *value)
{
    uint32_t off = (uint32_t)(pa - r->base);

    vm->stats.mmio++;
    if (off > r->bytes - size)
        return false;
    if (size == 8) {
        uint64_t high = r->ops->read(r->dev, off, 4);
        *value = high << 32 | r->ops->read(r->dev, off + 4, 4);
    } else {
        *value = r->ops->read(r->dev, off, size);
    }
    if (xl_is_hooked(vm, XL_ON_DEVICE_READ, pa, size))
        xl_hook_note(vm->cpu, XL_ON_DEVICE_READ, pa, size, *value);
    return true;
}

bool xl_device_store(struct xl_vm *vm, struct xl_region *r, uint64_t pa, unsigned size, uint64_t value)
{
    uint32_t off = (uint32_t)(pa - r->base);

    vm->stats.mmio++;
    if (off > r->bytes - size)
        return false;
    if (size == 8) {
        r->ops->write(r->dev, off, 4, (uint32_t)(value >> 32));
        r->ops->write(r->dev, off + 4, 4, (uint32_t)value);
    } else {
        r->ops->write(r->dev, off, size, (uint32_t)value);
    }
    if (xl_is_hooked(vm, XL_ON_DEVICE_WRITE, pa, size))
        xl_hook_note(vm->cpu, XL_ON_DEVICE_WRITE, pa, size, value);
    return true;
}

static uint64_t ram_get(const uint8_t *p, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value = value << 8 | p[i];
    return value;
}

static void ram_set(uint8_t *p, unsigned size, uint64_t value)
{
    for (unsigned i = size; i-- > 0; value >>= 8)
        p[i] = (uint8_t)value;
}

bool xl_phys_load(struct xl_cpu *cpu, gpa_t pa, unsigned size, uint64_t *value)
{
    struct xl_region *r = xl_region_at(cpu->vm, pa.v);

    if (!r || pa.v - r->base > r->bytes - size || r->bytes < size)
        return false;
    if (!r->ram)
        return xl_device_load(cpu->vm, r, pa.v, size, value);
    *value = ram_get(r->ram + (pa.v - r->base), size);
    return true;
}

bool xl_phys_store(struct xl_cpu *cpu, gpa_t pa, unsigned size, uint64_t value)
{
    struct xl_region *r = xl_region_at(cpu->vm, pa.v);

    if (!r || pa.v - r->base > r->bytes - size || r->bytes < size)
        return false;
    if (!r->ram)
        return xl_device_store(cpu->vm, r, pa.v, size, value);
    unsigned first = (unsigned)(pa.v & XL_PAGE_MASK);
    ram_set(r->ram + (pa.v - r->base), size, value);
    xl_block_drop_range(cpu, pa.v & ~(uint64_t)XL_PAGE_MASK, first, first + size - 1);
    return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * The virtio devices of a machine: made from its configuration and the table of places in its .def file, reset together.
 *
 * Source: none of its own; see virtio.h.
 */
#include "machine/virtio.h"

#define VERSION_1 (1ull << 32)

static const struct virtio_place *place_of(const struct virtio_place *places, unsigned count, enum virtio_kind kind, unsigned n)
{
    for (unsigned i = 0; i < count; i++)
        if (places[i].kind == kind && places[i].n == n)
            return &places[i];
    return NULL;
}

static bool device_map(struct virtio *v, struct xl_vm *vm, const struct virtio_place *at, virtio_irq_fn *irq, void *irq_arg)
{
    if (!at)
        return false;
    v->vm = vm;
    v->features |= VERSION_1;
    v->irq = at->irq;
    v->irq_set = irq;
    v->irq_arg = irq_arg;
    v->is_big_endian = xl_is_big_endian(vm);
    return xl_map_device(vm, at->base, VIRTIO_REGISTER_BYTES, &virtio_mmio_ops, v);
}

bool virtio_create(struct xl_vm *vm, const struct xl_config *config, const struct virtio_place *places, unsigned count, virtio_irq_fn *irq, void *irq_arg)
{
    struct virtio_set *set = xl_alloc(vm, sizeof *set);

    if (!set)
        return false;
    for (; set->disks < config->disks; set->disks++) {
        struct virtio_disk *d = set->disk[set->disks] = xl_alloc(vm, sizeof *d);
        if (!d)
            return false;
        virtio_disk_init(d, set->disks, &config->disk[set->disks]);
        if (!device_map(&d->v, vm, place_of(places, count, VIRTIO_DISK, set->disks), irq, irq_arg))
            return false;
    }
    for (; set->nets < config->nets; set->nets++) {
        struct virtio_net *d = set->net[set->nets] = xl_alloc(vm, sizeof *d);
        if (!d)
            return false;
        virtio_net_init(d, set->nets, &config->net[set->nets]);
        if (!device_map(&d->v, vm, place_of(places, count, VIRTIO_NET, set->nets), irq, irq_arg))
            return false;
    }
    xl_virtio_set(vm, set);
    return true;
}

void virtio_set_reset(struct virtio_set *set)
{
    for (unsigned i = 0; i < set->disks; i++)
        virtio_reset(&set->disk[i]->v);
    for (unsigned i = 0; i < set->nets; i++)
        virtio_reset(&set->net[i]->v);
}

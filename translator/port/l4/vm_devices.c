/* SPDX-License-Identifier: MIT */
/* Disks and networks between the guest and the board's servers (vm_devices.h). */
#include "vm_devices.h"

#include "devsrv/args.h"
#include "l4/l4.h"

#include <string.h>

_Static_assert((int)XL_DISK_TAGS == (int)DS_BLOCK_TAGS && (int)XL_DISK_REQUEST_BYTES == (int)DS_BLOCK_BUFFER, "the server's buffers are the port's");
_Static_assert((int)XL_FRAME_MAX == (int)DS_NET_FRAME_MAX, "a frame is a frame");

enum { SETTLE_NS = 10000000, FRAMES_AT_ONCE = DS_NET_ENTRIES };

/* The argument RING `kind`n, or NULL. */
static const struct arg_entry *ring(const char *kind, unsigned n)
{
    char name[8] = {0};
    unsigned at = 0;

    for (; kind[at]; at++)
        name[at] = kind[at];
    name[at] = (char)('0' + n);
    return ds_args_find(ARG_KIND_RING, name);
}

static bool disk_open(struct vm_devices *d, const struct arg_entry *a, struct xl_l4_config *config)
{
    struct vm_disk *disk = &d->disk[d->disks];
    struct xl_disk *facts = &config->vm.disk[d->disks];
    char name[8] = "disk0";

    if (!ds_block_open(&disk->block, (void *)a->va, a->bytes))
        return false;
    disk->server = a->slot;
    facts->sectors = a->value >> 1;
    facts->is_read_only = a->value & DS_BLOCK_READ_ONLY;
    name[4] = (char)('0' + d->disks);
    const char *id = ds_args_text(name);
    for (unsigned i = 0; i < XL_DISK_ID_BYTES && id[i]; i++)
        facts->id[i] = (uint8_t)id[i];
    config->disk_data[d->disks++] = &disk->block.memory->buffer[0][0];
    return true;
}

static bool net_open(struct vm_devices *d, const struct arg_entry *a, struct xl_l4_config *config)
{
    struct vm_net *net = &d->net[d->nets];

    if (!ds_net_open(&net->net, (void *)a->va, a->bytes, a->value))
        return false;
    net->server = a->slot;
    memcpy(config->vm.net[d->nets++].mac, net->net.mac, DS_NET_MAC_BYTES);
    return true;
}

const char *vm_devices_open(struct vm_devices *d, struct xl_l4_config *config)
{
    const struct arg_entry *a;

    while (d->disks < XL_DISKS_MAX && (a = ring("disk", d->disks)))
        if (!disk_open(d, a, config))
            return "the image gives this guest's task a disk whose ring is too small; build it again";
    while (d->nets < XL_NETS_MAX && (a = ring("net", d->nets)))
        if (!net_open(d, a, config))
            return "the image gives this guest's task a network whose ring is too small; build it again";
    config->vm.disks = d->disks;
    config->vm.nets = d->nets;
    return NULL;
}

void vm_devices_settle(struct vm_devices *d, uint32_t wake)
{
    for (unsigned n = 0; n < d->disks; n++)
        while (!ds_block_is_idle(&d->disk[n].block)) {
            l4_signal(d->disk[n].server, 1);
            l4_wait(wake, l4_now_ns() + SETTLE_NS, NULL);
        }
}

enum xl_disk_answer vm_devices_request(struct vm_devices *d, unsigned n, unsigned tag, enum xl_disk_op op, uint64_t sector, uint32_t sectors)
{
    static const enum ds_block_op ops[] = {[XL_DISK_READ] = DS_BLOCK_READ, [XL_DISK_WRITE] = DS_BLOCK_WRITE, [XL_DISK_FLUSH] = DS_BLOCK_FLUSH};

    if (!ds_block_ask(&d->disk[n].block, tag, ops[op], sector, sectors))
        return XL_DISK_FAILED; /* more requests than tags: cannot be */
    d->disk[n].news = true;
    return XL_DISK_LATER;
}

void vm_devices_send(struct vm_devices *d, unsigned n, const uint8_t *frame, unsigned bytes)
{
    ds_net_send(&d->net[n].net, frame, bytes);
    d->net[n].news = true;
}

static bool frames_offer(struct vm_devices *d, struct xl_vm *vm, unsigned n)
{
    struct ds_net *net = &d->net[n].net;
    unsigned given = 0, bytes;
    const uint8_t *frame;

    while (given < FRAMES_AT_ONCE && (frame = ds_net_first(net, &bytes)) && xl_net_in(vm, n, frame, bytes)) {
        ds_net_take(net);
        given++;
    }
    return given;
}

bool vm_devices_offer(struct vm_devices *d, struct xl_vm *vm)
{
    bool is_taken = false, is_good;
    unsigned tag;

    for (unsigned n = 0; n < d->disks; n++)
        for (unsigned i = 0; i < DS_BLOCK_ENTRIES && ds_block_answer(&d->disk[n].block, &tag, &is_good); i++) {
            xl_disk_done(vm, n, tag, is_good);
            is_taken = true;
        }
    for (unsigned n = 0; n < d->nets; n++)
        is_taken = frames_offer(d, vm, n) || is_taken;
    return is_taken;
}

static void signal_if(uint32_t server, bool *news)
{
    if (*news)
        l4_signal(server, 0); /* its capability's badge says who */
    *news = false;
}

void vm_devices_signal(struct vm_devices *d)
{
    for (unsigned n = 0; n < d->disks; n++)
        signal_if(d->disk[n].server, &d->disk[n].news);
    for (unsigned n = 0; n < d->nets; n++)
        signal_if(d->net[n].server, &d->net[n].news);
}

/* SPDX-License-Identifier: MIT */
/*
 * The guest's disks and networks on the board: its virtio devices at one end, queues to the block and the net server at the other (devsrv/block.h, devsrv/net.h).
 *
 * A disk's buffers are the ones that lie in its queue's memory, so nothing is copied on the way to the server but once. A request is always answered XL_DISK_LATER; answers and
 * frames are looked for between slices, and servers are signalled at a slice's end, once for all that happened in it.
 */
#ifndef VM_DEVICES_H
#define VM_DEVICES_H

#include "devsrv/block.h"
#include "devsrv/net.h"
#include "xl_l4.h"

struct vm_devices {
    unsigned disks, nets;
    struct vm_disk {
        struct ds_block block;
        uint32_t server; /* its notification */
        bool news;       /* for it, since the last signal */
    } disk[XL_DISKS_MAX];
    struct vm_net {
        struct ds_net net;
        uint32_t server;
        bool news;
    } net[XL_NETS_MAX];
};

/** Open what the arguments RING disk0.., net0.. give, and put it into the configuration. NULL, or what is wrong. */
const char *vm_devices_open(struct vm_devices *d, struct xl_l4_config *config);
/** Wait on the notification `wake` until requests of this task's last life, which use the same buffers, are done. */
void vm_devices_settle(struct vm_devices *d, uint32_t wake);
/** The port's functions (xl/xl.h), with `d` in the first argument's place. */
enum xl_disk_answer vm_devices_request(struct vm_devices *d, unsigned n, unsigned tag, enum xl_disk_op op, uint64_t sector, uint32_t sectors);
void vm_devices_send(struct vm_devices *d, unsigned n, const uint8_t *frame, unsigned bytes);
/** Give the guest what came for it; true when it took something. */
bool vm_devices_offer(struct vm_devices *d, struct xl_vm *vm);
/** Signal the servers that have something to do. */
void vm_devices_signal(struct vm_devices *d);

#endif

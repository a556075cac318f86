/* SPDX-License-Identifier: MIT */
/*
 * virtio devices behind memory-mapped registers: disks and networks for guests whose boards never had them.
 *
 * virtio_mmio.c is the transport (registers, features, status, interrupts), virtio_queue.c the split rings, virtio_blk.c and virtio_net.c the devices,
 * virtio.c makes those that a machine's configuration asks for and hands them what the port brings. A machine has one table of places and one call.
 *
 * Rules. Whatever lies in guest memory is the guest's to lie about: a descriptor is read once, checked against RAM, and only the copy is used; a chain has at
 * most as many descriptors as its ring; a visit to a ring handles at most as many chains as it has entries, even when data written by a chain changes the ring.
 * A guest that breaks the protocol gets DEVICE_NEEDS_RESET and is not listened to before it resets the device; nobody else notices.
 *
 * Source: OASIS, Virtual I/O Device (VIRTIO) 1.2: 2 facilities, 2.7 split virtqueues, 4.2 MMIO, 5.1 network, 5.2 block.
 */
#ifndef XL_VIRTIO_H
#define XL_VIRTIO_H

#include "machine/machine.h"
#include "xl/xl.h"

enum virtio_kind { VIRTIO_NET = 1, VIRTIO_DISK = 2 }; /* the device IDs of section 5 */
enum { VIRTIO_REGISTER_BYTES = 0x200, VIRTIO_CONFIG_BYTES = 32, VIRTQ_ENTRIES_MAX = 64, VIRTQ_COUNT_MAX = 2 };

/* Where a machine has room for a device: registers at base, interrupt line irq. */
struct virtio_place {
    enum virtio_kind kind;
    unsigned n, irq;
    uint32_t base;
};
/* An interrupt line went high or low. Called with high at every cause, also when it is high already, so that a controller for edges takes it as a pulse. */
typedef void virtio_irq_fn(void *arg, unsigned irq, bool is_high);

/* Make the disks and networks of the configuration at their places; false when a place or memory is missing. The machine's only call. */
bool virtio_create(struct xl_vm *vm, const struct xl_config *config, const struct virtio_place *places, unsigned count, virtio_irq_fn *irq, void *irq_arg);

/* --- rings --- */
struct virtq {
    uint64_t desc, driver, device; /* guest-physical: descriptor table, available ring, used ring */
    uint32_t entries;
    bool ready;
    uint16_t taken, used;          /* running indices of both rings */
};
struct virtq_piece {
    uint64_t gpa;
    uint32_t bytes;
};
/* A descriptor chain as it was when it was taken: first what the device may read, then what it may write. All of it is RAM. */
struct virtq_chain {
    uint16_t head;
    unsigned count, readable_count;
    uint64_t readable_bytes, writable_bytes;
    struct virtq_piece piece[VIRTQ_ENTRIES_MAX];
};

struct virtio;
struct virtio_ops {
    enum virtio_kind id;
    unsigned queues;
    void (*notify)(struct virtio *v, unsigned queue); /* the driver is ready and so is the queue */
    void (*reset)(struct virtio *v);                  /* forget every chain */
};
/* The transport's state; first member of every device. */
struct virtio {
    struct xl_vm *vm;
    const struct virtio_ops *ops;
    uint64_t features, driver_features;
    uint32_t feature_select, driver_select, queue_select, status, interrupt;
    unsigned irq;
    virtio_irq_fn *irq_set;
    void *irq_arg;
    bool is_big_endian; /* the guest: registers are little-endian whatever it is */
    struct virtq queue[VIRTQ_COUNT_MAX];
    uint8_t config[VIRTIO_CONFIG_BYTES];
};
enum { VIRTIO_USED = 1, VIRTIO_CONFIG_CHANGED = 2 };

extern const struct xl_device_ops virtio_mmio_ops;
void virtio_reset(struct virtio *v);
/* The driver broke the protocol: ask for a reset and take nothing more. */
void virtio_break(struct virtio *v);
bool virtio_is_running(const struct virtio *v, unsigned queue);
void virtio_interrupt(struct virtio *v, uint32_t cause);

/* Is every part of the ring in RAM, aligned, and of a legal size? */
bool virtq_is_sound(struct virtio *v, const struct virtq *q);
/* Take the next chain; false when there is none or the device broke over it. */
bool virtq_take(struct virtio *v, unsigned queue, struct virtq_chain *out);
/* Give a chain back of which `written` bytes were filled, and interrupt if the driver wants it. */
void virtq_give(struct virtio *v, unsigned queue, uint16_t head, uint32_t written);
/* Copy between a chain's readable or writable bytes from `offset` on and memory of ours; the caller checked that the chain has as many. */
void virtq_read(struct virtio *v, const struct virtq_chain *c, uint64_t offset, void *to, uint64_t bytes);
void virtq_write(struct virtio *v, const struct virtq_chain *c, uint64_t offset, const void *from, uint64_t bytes);

/* --- devices --- */
enum disk_slot_state { SLOT_FREE, SLOT_BUSY, SLOT_FORGOTTEN /* the driver reset the device; the port is not done yet */ };
struct virtio_disk_slot {
    enum disk_slot_state state;
    uint32_t type, bytes;
    struct virtq_chain chain;
};
struct virtio_disk {
    struct virtio v;
    unsigned n;
    struct xl_disk facts;
    struct virtio_disk_slot slot[XL_DISK_TAGS];
};
void virtio_disk_init(struct virtio_disk *d, unsigned n, const struct xl_disk *facts);
bool virtio_disk_done(struct virtio_disk *d, unsigned tag, bool is_good); /* false: nothing was asked under this tag */

struct virtio_net {
    struct virtio v;
    unsigned n;
    struct virtq_chain chain;
    uint8_t frame[XL_FRAME_MAX];
};
void virtio_net_init(struct virtio_net *d, unsigned n, const struct xl_net *facts);
bool virtio_net_receive(struct virtio_net *d, const uint8_t *frame, unsigned bytes); /* false: no room now */

/* All of a machine; what the core keeps and the port's news go to. */
struct virtio_set {
    unsigned disks, nets;
    struct virtio_disk *disk[XL_DISKS_MAX];
    struct virtio_net *net[XL_NETS_MAX];
};
void virtio_set_reset(struct virtio_set *set);

static inline uint64_t virtio_le(const uint8_t *p, unsigned bytes)
{
    uint64_t value = 0;

    while (bytes-- > 0)
        value = value << 8 | p[bytes];
    return value;
}

static inline void virtio_le_put(uint8_t *p, unsigned bytes, uint64_t value)
{
    for (unsigned i = 0; i < bytes; i++, value >>= 8)
        p[i] = (uint8_t)value;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The virtio block device: requests of up to XL_DISK_REQUEST_BYTES, XL_DISK_TAGS of them at the port at a time; further ones wait in the guest's ring.
 *
 *   request: type:32 reserved:32 sector:64 | data | status:8            in any division into descriptors (2.7.4.1)
 *   configuration: 0x00 capacity:64   0x08 size_max:32   0x0c seg_max:32   0x14 blk_size:32
 *
 * Data passes through the port's own buffers: a server never sees guest memory, and a guest that reuses a page too early harms only itself. A request that the
 * port answers at once is complete at the very access that notified the device, so guest time stays a function of the guest; one that it answers later completes
 * when xl_disk_done says so. A reset forgets requests; their tags come free when the port is done with them.
 *
 * Source: VIRTIO 1.2, 5.2.
 */
#include "machine/virtio.h"
#include <string.h>

enum { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4, TYPE_GET_ID = 8 };
enum { STATUS_OK = 0, STATUS_IOERR = 1, STATUS_UNSUPP = 2 };
enum { F_SIZE_MAX = 1 << 1, F_SEG_MAX = 1 << 2, F_RO = 1 << 5, F_BLK_SIZE = 1 << 6, F_FLUSH = 1 << 9 };
enum { SECTOR_BYTES = 512, HEADER_BYTES = 16, PIECE_BYTES = 4096, REQUEST_QUEUE = 0 };

/* Write data and status and give the chain back. `written` counts from the first writable byte without a gap (2.7.8.2). */
static void request_end(struct virtio_disk *d, unsigned tag, uint8_t status, const void *data, uint64_t bytes)
{
    struct virtio_disk_slot *s = &d->slot[tag];
    const struct virtq_chain *c = &s->chain;
    uint64_t room = c->writable_bytes - 1;

    if (bytes)
        virtq_write(&d->v, c, 0, data, bytes);
    virtq_write(&d->v, c, room, &status, 1);
    s->state = SLOT_FREE;
    virtq_give(&d->v, REQUEST_QUEUE, c->head, (uint32_t)(bytes == room ? bytes + 1 : bytes));
}

static void request_done(struct virtio_disk *d, unsigned tag, bool is_good)
{
    const struct virtio_disk_slot *s = &d->slot[tag];
    bool has_data = is_good && s->type == TYPE_IN;

    request_end(d, tag, is_good ? STATUS_OK : STATUS_IOERR, xl_disk_data(d->v.vm, d->n, tag), has_data ? s->bytes : 0);
}

/* Does the disk have these sectors, and the buffer room for them? */
static bool is_in_range(const struct virtio_disk *d, uint64_t sector, uint64_t bytes)
{
    if (!bytes || bytes % SECTOR_BYTES || bytes > XL_DISK_REQUEST_BYTES)
        return false;
    return sector <= d->facts.sectors && bytes / SECTOR_BYTES <= d->facts.sectors - sector;
}

static void request_ask(struct virtio_disk *d, unsigned tag, enum xl_disk_op op, uint64_t sector)
{
    struct virtio_disk_slot *s = &d->slot[tag];
    enum xl_disk_answer answer = xl_disk_start(d->v.vm, d->n, tag, op, sector, s->bytes / SECTOR_BYTES);

    if (answer != XL_DISK_LATER)
        request_done(d, tag, answer == XL_DISK_DONE);
}

static void transfer(struct virtio_disk *d, unsigned tag, uint64_t sector, uint64_t bytes)
{
    struct virtio_disk_slot *s = &d->slot[tag];
    bool is_write = s->type == TYPE_OUT;

    if (!is_in_range(d, sector, bytes) || (is_write && d->facts.is_read_only)) {
        request_end(d, tag, STATUS_IOERR, NULL, 0);
        return;
    }
    s->bytes = (uint32_t)bytes;
    if (is_write)
        virtq_read(&d->v, &s->chain, HEADER_BYTES, xl_disk_data(d->v.vm, d->n, tag), bytes);
    request_ask(d, tag, is_write ? XL_DISK_WRITE : XL_DISK_READ, sector);
}

static void request_start(struct virtio_disk *d, unsigned tag)
{
    struct virtio_disk_slot *s = &d->slot[tag];
    const struct virtq_chain *c = &s->chain;
    uint8_t header[HEADER_BYTES];

    if (c->readable_bytes < HEADER_BYTES || !c->writable_bytes) {
        virtio_break(&d->v); /* no request, or nowhere to answer */
        return;
    }
    virtq_read(&d->v, c, 0, header, HEADER_BYTES);
    s->state = SLOT_BUSY;
    s->type = (uint32_t)virtio_le(header, 4);
    s->bytes = 0;
    uint64_t sector = virtio_le(header + 8, 8), room = c->writable_bytes - 1;
    switch (s->type) {
    case TYPE_IN: transfer(d, tag, sector, room); break;
    case TYPE_OUT: transfer(d, tag, sector, c->readable_bytes - HEADER_BYTES); break;
    case TYPE_FLUSH: request_ask(d, tag, XL_DISK_FLUSH, 0); break;
    case TYPE_GET_ID: request_end(d, tag, STATUS_OK, d->facts.id, room < XL_DISK_ID_BYTES ? room : XL_DISK_ID_BYTES); break;
    default: request_end(d, tag, STATUS_UNSUPP, NULL, 0); break;
    }
}

static unsigned free_tag(const struct virtio_disk *d)
{
    unsigned tag = 0;

    while (tag < XL_DISK_TAGS && d->slot[tag].state != SLOT_FREE)
        tag++;
    return tag;
}

static void disk_notify(struct virtio *v, unsigned queue)
{
    struct virtio_disk *d = (struct virtio_disk *)v;

    for (unsigned i = 0, tag; i < VIRTQ_ENTRIES_MAX && (tag = free_tag(d)) < XL_DISK_TAGS; i++) {
        if (!virtq_take(v, queue, &d->slot[tag].chain))
            break;
        request_start(d, tag);
    }
}

static void disk_reset(struct virtio *v)
{
    struct virtio_disk *d = (struct virtio_disk *)v;

    for (unsigned tag = 0; tag < XL_DISK_TAGS; tag++)
        if (d->slot[tag].state == SLOT_BUSY)
            d->slot[tag].state = SLOT_FORGOTTEN;
}

bool virtio_disk_done(struct virtio_disk *d, unsigned tag, bool is_good)
{
    if (tag >= XL_DISK_TAGS || d->slot[tag].state == SLOT_FREE)
        return false;
    if (d->slot[tag].state == SLOT_FORGOTTEN)
        d->slot[tag].state = SLOT_FREE;
    else
        request_done(d, tag, is_good);
    disk_notify(&d->v, REQUEST_QUEUE); /* one that waited for a tag */
    return true;
}

static const struct virtio_ops disk_ops = {VIRTIO_DISK, 1, disk_notify, disk_reset};

void virtio_disk_init(struct virtio_disk *d, unsigned n, const struct xl_disk *facts)
{
    d->n = n;
    d->facts = *facts;
    d->v.ops = &disk_ops;
    d->v.features = F_SIZE_MAX | F_SEG_MAX | F_BLK_SIZE | F_FLUSH | (facts->is_read_only ? F_RO : 0);
    virtio_le_put(d->v.config + 0x00, 8, facts->sectors);
    virtio_le_put(d->v.config + 0x08, 4, PIECE_BYTES);
    virtio_le_put(d->v.config + 0x0c, 4, XL_DISK_REQUEST_BYTES / PIECE_BYTES);
    virtio_le_put(d->v.config + 0x14, 4, SECTOR_BYTES);
}

/* SPDX-License-Identifier: MIT */
/*
 * The virtio network device: one pair of queues, no offloads, one chain a frame.
 *
 *   queue 0 receives, queue 1 transmits; each frame follows a header of 12 bytes: flags:8 gso_type:8 hdr_len:16 gso_size:16 csum_start:16 csum_offset:16 buffers:16
 *   configuration: 0x00 mac[6]   0x06 status:16 (1 link up)
 *
 * A sent frame is the port's at once; a port without room drops it, as a switch does. A frame that comes when the driver has no buffer stays with the port.
 *
 * Source: VIRTIO 1.2, 5.1.
 */
#include "machine/virtio.h"
#include <string.h>

enum { F_MAC = 1 << 5, F_STATUS = 1 << 16 };
enum { RECEIVE_QUEUE = 0, TRANSMIT_QUEUE = 1, HEADER_BYTES = 12, BUFFERS_AT = 10, FRAME_MIN = 14, STATUS_AT = 6 };

static void net_notify(struct virtio *v, unsigned queue)
{
    struct virtio_net *d = (struct virtio_net *)v;

    if (queue != TRANSMIT_QUEUE)
        return; /* new room to receive: the port offers again by itself */
    for (unsigned i = 0; i < VIRTQ_ENTRIES_MAX && virtq_take(v, queue, &d->chain); i++) {
        const struct virtq_chain *c = &d->chain;
        if (c->readable_bytes >= HEADER_BYTES + FRAME_MIN && c->readable_bytes <= HEADER_BYTES + XL_FRAME_MAX) {
            unsigned bytes = (unsigned)(c->readable_bytes - HEADER_BYTES);
            virtq_read(v, c, HEADER_BYTES, d->frame, bytes);
            xl_net_out(v->vm, d->n, d->frame, bytes);
        }
        virtq_give(v, queue, c->head, 0);
    }
}

bool virtio_net_receive(struct virtio_net *d, const uint8_t *frame, unsigned bytes)
{
    uint8_t header[HEADER_BYTES] = {[BUFFERS_AT] = 1};

    if (bytes < FRAME_MIN || bytes > XL_FRAME_MAX)
        return true; /* no frame: gone */
    if (!virtq_take(&d->v, RECEIVE_QUEUE, &d->chain))
        return false;
    if (d->chain.writable_bytes < HEADER_BYTES + bytes) {
        virtio_break(&d->v); /* every receive buffer has room for a whole frame (5.1.6.3.1) */
        return false;
    }
    virtq_write(&d->v, &d->chain, 0, header, HEADER_BYTES);
    virtq_write(&d->v, &d->chain, HEADER_BYTES, frame, bytes);
    virtq_give(&d->v, RECEIVE_QUEUE, d->chain.head, HEADER_BYTES + bytes);
    return true;
}

static void net_reset(struct virtio *v)
{
    (void)v; /* no chain is kept between two calls */
}

static const struct virtio_ops net_ops = {VIRTIO_NET, 2, net_notify, net_reset};

void virtio_net_init(struct virtio_net *d, unsigned n, const struct xl_net *facts)
{
    d->n = n;
    d->v.ops = &net_ops;
    d->v.features = F_MAC | F_STATUS;
    memcpy(d->v.config, facts->mac, sizeof facts->mac);
    virtio_le_put(d->v.config + STATUS_AT, 2, 1);
}

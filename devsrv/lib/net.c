/* SPDX-License-Identifier: MIT */
/* Frames in queues, and a port's client side (devsrv/net.h). */
#include "devsrv/net.h"

#include "l4/string.h"

bool ds_net_put(struct ds_queue *q, const void *frame, unsigned bytes)
{
    struct ds_net_frame *slot = bytes >= DS_NET_FRAME_MIN && bytes <= DS_NET_FRAME_MAX ? ds_queue_free(q) : NULL;
    if (!slot) {
        ds_queue_drop(q);
        return false;
    }
    slot->bytes = bytes;
    memcpy(slot->data, frame, bytes);
    ds_queue_put(q);
    return true;
}

const uint8_t *ds_net_look(struct ds_queue *q, unsigned *bytes)
{
    struct ds_net_frame *slot;
    for (unsigned i = 0; i < DS_NET_ENTRIES && (slot = ds_queue_first(q)); i++) {
        uint32_t length = __atomic_load_n(&slot->bytes, __ATOMIC_RELAXED); /* read once: the peer may change it */
        if (length >= DS_NET_FRAME_MIN && length <= DS_NET_FRAME_MAX) {
            *bytes = length;
            return slot->data;
        }
        ds_queue_take(q);
    }
    return NULL;
}

void ds_net_mac(uint64_t value, uint8_t mac[DS_NET_MAC_BYTES])
{
    for (unsigned i = 0; i < DS_NET_MAC_BYTES; i++) {
        mac[i] = (uint8_t)(value >> 8 * i);
    }
}

bool ds_net_open(struct ds_net *n, void *memory, uint64_t bytes, uint64_t value)
{
    struct ds_net_memory *m = memory;
    ds_net_mac(value, n->mac);
    return bytes >= sizeof *m && ds_queue_open_producer(&n->out, &m->out, sizeof m->out, sizeof m->out.frame[0], DS_NET_ENTRIES) &&
           ds_queue_open_consumer(&n->in, &m->in, sizeof m->in, sizeof m->in.frame[0], DS_NET_ENTRIES);
}

bool ds_net_send(struct ds_net *n, const void *frame, unsigned bytes)
{
    return ds_net_put(&n->out, frame, bytes);
}

const uint8_t *ds_net_first(struct ds_net *n, unsigned *bytes)
{
    return ds_net_look(&n->in, bytes);
}

void ds_net_take(struct ds_net *n)
{
    ds_queue_take(&n->in);
}

unsigned ds_net_receive(struct ds_net *n, void *frame, unsigned room)
{
    unsigned bytes = 0;
    const uint8_t *from = ds_net_first(n, &bytes);
    if (!from) {
        return 0;
    }
    if (bytes <= room) {
        memcpy(frame, from, bytes);
    }
    ds_net_take(n);
    return bytes <= room ? bytes : 0;
}

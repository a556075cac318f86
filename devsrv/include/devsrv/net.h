/* SPDX-License-Identifier: MIT */
/*
 * Networks: what a client and the net server share, and the client's side.
 *
 *   struct ds_net_memory   two queues of Ethernet frames without their checksum: `out` to the switch, `in` from it; root's memory, one for each port
 *
 * A queue that is full drops the frame and counts it, as a switch does; nobody waits for room. A server that is ended while it hands a frame on may hand it on twice.
 *
 * The argument RING of both sides has as value: the port's address in bits 0..47 (its first byte lowest), the number of its network in bits 48..63.
 *
 *     struct ds_net net;
 *     const struct arg_entry *arg = ds_args_find(ARG_KIND_RING, "net0");
 *     if (!arg || !ds_net_open(&net, (void *)(uintptr_t)arg->va, arg->bytes, arg->value)) ...
 *     ds_net_send(&net, frame, bytes);
 *     l4_signal(arg->slot, 1);
 *     unsigned got = ds_net_receive(&net, frame, sizeof frame);  // 0: none
 */
#ifndef DEVSRV_NET_H
#define DEVSRV_NET_H

#include "devsrv/queue.h"

enum { DS_NET_FRAME_MIN = 14, DS_NET_FRAME_MAX = 1518, DS_NET_ENTRIES = 64, DS_NET_MAC_BYTES = 6, DS_NET_GROUP_AT = 48 };

struct ds_net_frame {
    uint32_t bytes;
    uint8_t data[1532];
};
_Static_assert(sizeof(struct ds_net_frame) == 1536, "one layout for both sides");

struct ds_net_queue {
    struct ds_queue_page page;
    struct ds_net_frame frame[DS_NET_ENTRIES];
    uint8_t pad[4096 - DS_QUEUE_SLOTS];
};

struct ds_net_memory {
    struct ds_net_queue out, in;
};
_Static_assert(sizeof(struct ds_net_memory) == 2 * (4096 + DS_NET_ENTRIES * 1536), "description/resolve.py: NET_BYTES");

/* The client's side; private to it. */
struct ds_net {
    struct ds_queue out, in;
    uint8_t mac[DS_NET_MAC_BYTES]; /* the port's */
};

/** Open a port's memory; false when it is too small. */
bool ds_net_open(struct ds_net *n, void *memory, uint64_t bytes, uint64_t value);
/** Send a frame of DS_NET_FRAME_MIN to DS_NET_FRAME_MAX bytes; false when it was dropped. Signal the server afterwards. */
bool ds_net_send(struct ds_net *n, const void *frame, unsigned bytes);
/** The oldest frame that came, where it lies, and its length; NULL: none. It stays until ds_net_take. */
const uint8_t *ds_net_first(struct ds_net *n, unsigned *bytes);
void ds_net_take(struct ds_net *n);
/** Copy the oldest frame and take it; its length, 0 when there is none. A frame longer than `room` is gone. */
unsigned ds_net_receive(struct ds_net *n, void *frame, unsigned room);

/** For both sides: put a frame into a queue, or drop and count it. */
bool ds_net_put(struct ds_queue *q, const void *frame, unsigned bytes);
/** For both sides: the oldest frame of good length; others are taken and forgotten. */
const uint8_t *ds_net_look(struct ds_queue *q, unsigned *bytes);
/** The address in an argument's value. */
void ds_net_mac(uint64_t value, uint8_t mac[DS_NET_MAC_BYTES]);

#endif

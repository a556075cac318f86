/* SPDX-License-Identifier: MIT */
/*
 * A pair of byte rings in shared memory between one client and one server: `out` runs from the client to the server (towards the workstation), `in` back.
 *
 *   page 0      struct ds_ring_page: layout, epoch, four indices on cache lines of their own
 *   page 1 ..   out_bytes of `out`, then in_bytes of `in`; both powers of two
 *
 * The memory is root's and outlives both sides. Root lays the page out (ds_ring_format) before the first start and adds 1 to the epoch when it restarts either side.
 * An index counts bytes modulo 2^32 and only grows; producer - consumer is what lies in the ring. The producer's index moves when the bytes are written, the
 * consumer's only when they are done with: on `out` the serial server moves it when the workstation acknowledged. So an index is the link's byte offset too.
 *
 * Rules of use: single producer, single consumer. Each side reads the layout once, at ds_ring_open, and holds it to the size of its mapping; after that it trusts
 * only its own index. A peer's index that claims more than the ring holds is taken as "empty" (consumer) or "full" (producer) and counted. Nothing here waits.
 */
#ifndef DEVSRV_RING_H
#define DEVSRV_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DS_RING_MAGIC 0x31474e524d56344cull /* "L4VMRNG1" */
enum { DS_RING_DATA = 4096, DS_RING_MIN_BYTES = 1024 };

struct ds_ring_index {
    uint32_t at; /* atomic */
    uint32_t pad[15];
};

struct ds_ring_page {
    uint64_t magic;
    uint32_t epoch; /* atomic; root's */
    uint32_t out_bytes, in_bytes;
    uint32_t dropped; /* atomic; bytes of `out` that the server gave up because nobody listened */
    uint32_t reserved[10];
    struct ds_ring_index out_producer, out_consumer, in_producer, in_consumer;
};
_Static_assert(sizeof(struct ds_ring_page) == 320, "one layout for both sides");

/* One direction, as one side sees it. Private to its task; `at` is the side's own index. */
struct ds_ring {
    uint32_t *own, *other; /* shared indices: this side's and the peer's */
    uint8_t *data;
    uint32_t bytes;        /* a power of two */
    uint32_t at;           /* own index, the truth of *own */
    uint32_t broken;       /* how often the peer's index made no sense */
};

struct ds_ring_pair {
    struct ds_ring_page *page;
    struct ds_ring out, in;
    uint32_t epoch; /* last seen */
};

/** Lay out a fresh pair in `bytes` of zeroed memory: `in_bytes` for in, the largest power of two that fits for out. False: too small or no power of two. */
bool ds_ring_format(void *memory, uint64_t bytes, uint32_t in_bytes);
/** Open a pair as client or server; false when magic or layout do not fit `bytes`. Goes on from the indices it finds. */
bool ds_ring_open_client(struct ds_ring_pair *pair, void *memory, uint64_t bytes);
bool ds_ring_open_server(struct ds_ring_pair *pair, void *memory, uint64_t bytes);

/** Producer: free bytes. */
uint32_t ds_ring_room(struct ds_ring *ring);
/** Producer: write up to `count` bytes; returns how many fitted. */
uint32_t ds_ring_write(struct ds_ring *ring, const void *bytes, uint32_t count);
/** Consumer: bytes that lie there. */
uint32_t ds_ring_used(struct ds_ring *ring);
/** Consumer: copy up to `count` bytes from `skip` bytes behind the own index, without consuming; returns how many. */
uint32_t ds_ring_peek(struct ds_ring *ring, uint32_t skip, void *bytes, uint32_t count);
/** Consumer: done with `count` bytes (at most ds_ring_used). */
void ds_ring_consume(struct ds_ring *ring, uint32_t count);
/** Consumer: peek and consume. */
uint32_t ds_ring_read(struct ds_ring *ring, void *bytes, uint32_t count);
/** Has root restarted a side since the last call? */
bool ds_ring_new_epoch(struct ds_ring_pair *pair);

#endif

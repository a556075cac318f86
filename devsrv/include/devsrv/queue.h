/* SPDX-License-Identifier: MIT */
/*
 * A queue of records of one size in shared memory, from one producer to one consumer: requests to a block server, frames to and from a switch.
 *
 *   struct ds_queue_page   both indices and a counter, on cache lines of their own
 *   slots                  `entries` records of `slot_bytes`, from DS_QUEUE_SLOTS on; entries is a power of two
 *
 * The memory is root's and outlives both sides; zeroed memory is an empty queue, so nobody lays it out. An index counts records modulo 2^32 and only grows. The consumer's moves
 * when a record is done with, by one store: that store is the acknowledgement. A consumer that is ended before it finds the record again at its next start, so what
 * it does with a record must be the same when it is done twice.
 *
 * Rules of use: single producer, single consumer. The layout is the code's, never read from the page; each side trusts only its own index. A peer's index that claims more than the
 * queue holds is taken as "empty" (consumer) or "full" (producer) and counted. A record may change while it is looked at: copy it, then check the copy. Nothing here waits.
 */
#ifndef DEVSRV_QUEUE_H
#define DEVSRV_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

enum { DS_QUEUE_SLOTS = 256 };

struct ds_queue_index {
    uint32_t at; /* atomic */
    uint32_t pad[15];
};

struct ds_queue_page {
    struct ds_queue_index producer, consumer;
    struct ds_queue_index dropped; /* records that the producer had no room for; its own count, for others to read */
    struct ds_queue_index reserved;
};
_Static_assert(sizeof(struct ds_queue_page) == DS_QUEUE_SLOTS, "one layout for both sides");

/* One side's view; private to its task. `at` is its own index. */
struct ds_queue {
    struct ds_queue_page *page;
    uint32_t *own, *other;
    uint8_t *slots;
    uint32_t slot_bytes, entries;
    uint32_t at;
    uint32_t broken; /* how often the peer's index made no sense */
};

/** Open `bytes` of memory as producer or consumer; goes on from the own index it finds. False: too little memory, or entries is no power of two. */
bool ds_queue_open_producer(struct ds_queue *q, void *memory, uint64_t bytes, uint32_t slot_bytes, uint32_t entries);
bool ds_queue_open_consumer(struct ds_queue *q, void *memory, uint64_t bytes, uint32_t slot_bytes, uint32_t entries);

/** Producer: records that the consumer is not done with. */
uint32_t ds_queue_underway(struct ds_queue *q);
/** Producer: the slot to fill next, or NULL when the queue is full. */
void *ds_queue_free(struct ds_queue *q);
/** Producer: hand over the slot that ds_queue_free returned. */
void ds_queue_put(struct ds_queue *q);
/** Producer: count a record that found no room. */
void ds_queue_drop(struct ds_queue *q);

/** Consumer: the oldest record, or NULL when there is none. */
void *ds_queue_first(struct ds_queue *q);
/** Consumer: done with the record that ds_queue_first returned. */
void ds_queue_take(struct ds_queue *q);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Queues of records in shared memory (devsrv/queue.h).
 *
 * ORDER: queue-records. A producer's record is in memory before its index says so (release), and a consumer reads the index before the record (acquire); whatever a consumer
 * did with a record is in memory before its own index says so.
 */
#include "devsrv/queue.h"

#include <stddef.h>

static uint32_t index_load(const uint32_t *index)
{
    return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static bool queue_open(struct ds_queue *q, void *memory, uint64_t bytes, uint32_t slot_bytes, uint32_t entries)
{
    if (!memory || !slot_bytes || !entries || (entries & (entries - 1)) || bytes < DS_QUEUE_SLOTS || (uint64_t)slot_bytes * entries > bytes - DS_QUEUE_SLOTS) {
        return false;
    }
    *q = (struct ds_queue){.page = memory, .slots = (uint8_t *)memory + DS_QUEUE_SLOTS, .slot_bytes = slot_bytes, .entries = entries};
    return true;
}

static bool side_open(struct ds_queue *q, uint32_t *own, uint32_t *other)
{
    q->own = own;
    q->other = other;
    q->at = index_load(own);
    return true;
}

bool ds_queue_open_producer(struct ds_queue *q, void *memory, uint64_t bytes, uint32_t slot_bytes, uint32_t entries)
{
    return queue_open(q, memory, bytes, slot_bytes, entries) && side_open(q, &q->page->producer.at, &q->page->consumer.at);
}

bool ds_queue_open_consumer(struct ds_queue *q, void *memory, uint64_t bytes, uint32_t slot_bytes, uint32_t entries)
{
    return queue_open(q, memory, bytes, slot_bytes, entries) && side_open(q, &q->page->consumer.at, &q->page->producer.at);
}

/* Records between the two indices, or `nonsense` when the peer's index cannot be true. */
static uint32_t distance(struct ds_queue *q, uint32_t later, uint32_t earlier, uint32_t nonsense)
{
    if (later - earlier > q->entries) {
        q->broken++;
        return nonsense;
    }
    return later - earlier;
}

static void *slot(struct ds_queue *q)
{
    return q->slots + (uint64_t)(q->at & (q->entries - 1)) * q->slot_bytes;
}

static void index_advance(struct ds_queue *q)
{
    q->at++;
    __atomic_store_n(q->own, q->at, __ATOMIC_RELEASE); /* ORDER: queue-records */
}

uint32_t ds_queue_underway(struct ds_queue *q)
{
    return distance(q, q->at, index_load(q->other), q->entries);
}

void *ds_queue_free(struct ds_queue *q)
{
    return ds_queue_underway(q) < q->entries ? slot(q) : NULL;
}

void ds_queue_put(struct ds_queue *q)
{
    index_advance(q);
}

void ds_queue_drop(struct ds_queue *q)
{
    __atomic_fetch_add(&q->page->dropped.at, 1, __ATOMIC_RELAXED);
}

void *ds_queue_first(struct ds_queue *q)
{
    return distance(q, index_load(q->other), q->at, 0) ? slot(q) : NULL;
}

void ds_queue_take(struct ds_queue *q)
{
    index_advance(q);
}

/* SPDX-License-Identifier: MIT */
/*
 * Byte rings in shared memory (devsrv/ring.h).
 *
 * ORDER: ring-bytes. A producer's bytes are in memory before its index says so (release), and a consumer reads the index before the bytes (acquire). Everything
 * that a side believes of the layout lies in its private struct; of the shared page it reads only the peer's index, and holds that to the ring's size.
 */
#include "devsrv/ring.h"

#include "l4/string.h"

static uint32_t index_load(const uint32_t *index)
{
    return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static bool is_power_of_two(uint64_t n)
{
    return n && (n & (n - 1)) == 0;
}

static bool layout_fits(uint64_t bytes, uint64_t out_bytes, uint64_t in_bytes)
{
    return is_power_of_two(out_bytes) && is_power_of_two(in_bytes) && out_bytes >= DS_RING_MIN_BYTES &&
           in_bytes >= DS_RING_MIN_BYTES && bytes >= DS_RING_DATA && out_bytes + in_bytes <= bytes - DS_RING_DATA;
}

bool ds_ring_format(void *memory, uint64_t bytes, uint32_t in_bytes)
{
    struct ds_ring_page *page = memory;
    if (bytes < (uint64_t)DS_RING_DATA + in_bytes + DS_RING_MIN_BYTES) {
        return false;
    }
    uint64_t room = bytes - DS_RING_DATA - in_bytes;
    uint32_t out_bytes = DS_RING_MIN_BYTES;
    while (out_bytes < 1u << 30 && out_bytes * 2ull <= room) {
        out_bytes *= 2;
    }
    if (!layout_fits(bytes, out_bytes, in_bytes)) {
        return false;
    }
    page->out_bytes = out_bytes;
    page->in_bytes = in_bytes;
    __atomic_store_n(&page->magic, DS_RING_MAGIC, __ATOMIC_RELEASE);
    return true;
}

/* `own` and `other` as this side sees them; goes on from its own index. */
static void side_open(struct ds_ring *ring, uint32_t *own, uint32_t *other, uint8_t *data, uint32_t bytes)
{
    *ring = (struct ds_ring){.own = own, .other = other, .data = data, .bytes = bytes, .at = index_load(own)};
}

static bool pair_open(struct ds_ring_pair *pair, void *memory, uint64_t bytes, bool server)
{
    struct ds_ring_page *page = memory;
    if (bytes < DS_RING_DATA || __atomic_load_n(&page->magic, __ATOMIC_ACQUIRE) != DS_RING_MAGIC) {
        return false;
    }
    uint32_t out_bytes = index_load(&page->out_bytes), in_bytes = index_load(&page->in_bytes);
    if (!layout_fits(bytes, out_bytes, in_bytes)) {
        return false;
    }
    uint8_t *out = (uint8_t *)memory + DS_RING_DATA, *in = out + out_bytes;
    uint32_t *out_head = &page->out_producer.at, *out_tail = &page->out_consumer.at;
    uint32_t *in_head = &page->in_producer.at, *in_tail = &page->in_consumer.at;
    pair->page = page;
    side_open(&pair->out, server ? out_tail : out_head, server ? out_head : out_tail, out, out_bytes);
    side_open(&pair->in, server ? in_head : in_tail, server ? in_tail : in_head, in, in_bytes);
    pair->epoch = index_load(&page->epoch);
    return true;
}

bool ds_ring_open_client(struct ds_ring_pair *pair, void *memory, uint64_t bytes)
{
    return pair_open(pair, memory, bytes, false);
}

bool ds_ring_open_server(struct ds_ring_pair *pair, void *memory, uint64_t bytes)
{
    return pair_open(pair, memory, bytes, true);
}

/* Bytes between the two indices, or `nonsense` when the peer's index cannot be true. */
static uint32_t distance(struct ds_ring *ring, uint32_t later, uint32_t earlier, uint32_t nonsense)
{
    uint32_t bytes = later - earlier;
    if (bytes > ring->bytes) {
        ring->broken++;
        return nonsense;
    }
    return bytes;
}

uint32_t ds_ring_room(struct ds_ring *ring)
{
    return ring->bytes - distance(ring, ring->at, index_load(ring->other), ring->bytes);
}

uint32_t ds_ring_used(struct ds_ring *ring)
{
    return distance(ring, index_load(ring->other), ring->at, 0);
}

/* Move the own index and publish it. */
static void index_advance(struct ds_ring *ring, uint32_t count)
{
    ring->at += count;
    __atomic_store_n(ring->own, ring->at, __ATOMIC_RELEASE); /* ORDER: ring-bytes */
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint32_t ds_ring_write(struct ds_ring *ring, const void *bytes, uint32_t count)
{
    const uint8_t *from = bytes;
    count = least(count, ds_ring_room(ring));
    if (count == 0) {
        return 0;
    }
    uint32_t start = ring->at & (ring->bytes - 1), first = least(count, ring->bytes - start);
    memcpy(ring->data + start, from, first);
    memcpy(ring->data, from + first, count - first);
    index_advance(ring, count);
    return count;
}

uint32_t ds_ring_peek(struct ds_ring *ring, uint32_t skip, void *bytes, uint32_t count)
{
    uint8_t *to = bytes;
    uint32_t used = ds_ring_used(ring);
    if (skip >= used) {
        return 0;
    }
    count = least(count, used - skip);
    uint32_t start = (ring->at + skip) & (ring->bytes - 1), first = least(count, ring->bytes - start);
    memcpy(to, ring->data + start, first);
    memcpy(to + first, ring->data, count - first);
    return count;
}

void ds_ring_consume(struct ds_ring *ring, uint32_t count)
{
    index_advance(ring, count);
}

uint32_t ds_ring_read(struct ds_ring *ring, void *bytes, uint32_t count)
{
    count = ds_ring_peek(ring, 0, bytes, count);
    ds_ring_consume(ring, count);
    return count;
}

bool ds_ring_new_epoch(struct ds_ring_pair *pair)
{
    uint32_t epoch = index_load(&pair->page->epoch);
    bool is_new = epoch != pair->epoch;
    pair->epoch = epoch;
    return is_new;
}

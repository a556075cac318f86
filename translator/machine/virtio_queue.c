/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues, seen from the device.
 *
 *   descriptor table   16 bytes each: address:64 length:32 flags:16 next:16        flags: 1 NEXT | 2 WRITE | 4 INDIRECT (not offered)
 *   available ring     flags:16 index:16 head:16[entries]                          flags: 1 NO_INTERRUPT
 *   used ring          flags:16 index:16 {head:32 written:32}[entries]
 *
 * The parts are checked when the driver enables the queue. RAM never moves, so a ring that was RAM stays RAM, and so does a chain.
 *
 * Source: VIRTIO 1.2, 2.7 (2.7.4.2 readable before writable, 2.7.5.3 no indirect chain unless agreed, 2.7.7 suppression).
 */
#include "machine/virtio.h"

enum { DESC_BYTES = 16, DESC_NEXT = 1, DESC_WRITE = 2, USED_BYTES = 8, RING_INDEX = 2, RING_ENTRIES = 4, NO_INTERRUPT = 1 };

static uint16_t ram_get16(struct virtio *v, uint64_t gpa)
{
    uint8_t bytes[2] = {0};

    xl_read(v->vm, gpa, bytes, sizeof bytes);
    return (uint16_t)virtio_le(bytes, sizeof bytes);
}

bool virtq_is_sound(struct virtio *v, const struct virtq *q)
{
    uint32_t n = q->entries;

    if (!n || n > VIRTQ_ENTRIES_MAX || n & (n - 1) || q->desc & 15 || q->driver & 1 || q->device & 3)
        return false;
    return xl_is_ram(v->vm, q->desc, (uint64_t)DESC_BYTES * n) && xl_is_ram(v->vm, q->driver, RING_ENTRIES + 2ull * n) &&
           xl_is_ram(v->vm, q->device, RING_ENTRIES + (uint64_t)USED_BYTES * n);
}

/* Follow a chain from its head; false when it is not one. */
static bool chain_read(struct virtio *v, const struct virtq *q, struct virtq_chain *c)
{
    uint16_t index = c->head, flags;

    do {
        uint8_t desc[DESC_BYTES];
        if (index >= q->entries || c->count == q->entries)
            return false; /* a loop has more descriptors than the table */
        xl_read(v->vm, q->desc + (uint64_t)DESC_BYTES * index, desc, sizeof desc);
        struct virtq_piece piece = {virtio_le(desc, 8), (uint32_t)virtio_le(desc + 8, 4)};
        flags = (uint16_t)virtio_le(desc + 12, 2);
        index = (uint16_t)virtio_le(desc + 14, 2);
        bool is_writable = flags & DESC_WRITE;
        if (flags & ~(DESC_NEXT | DESC_WRITE) || !piece.bytes || !xl_is_ram(v->vm, piece.gpa, piece.bytes) || (!is_writable && c->writable_bytes))
            return false;
        c->piece[c->count++] = piece;
        if (is_writable) {
            c->writable_bytes += piece.bytes;
        } else {
            c->readable_bytes += piece.bytes;
            c->readable_count = c->count;
        }
    } while (flags & DESC_NEXT);
    return true;
}

bool virtq_take(struct virtio *v, unsigned queue, struct virtq_chain *out)
{
    struct virtq *q = &v->queue[queue];

    if (!virtio_is_running(v, queue))
        return false;
    uint16_t waiting = (uint16_t)(ram_get16(v, q->driver + RING_INDEX) - q->taken);
    if (!waiting)
        return false;
    out->head = ram_get16(v, q->driver + RING_ENTRIES + 2ull * (q->taken & (q->entries - 1)));
    out->count = out->readable_count = 0;
    out->readable_bytes = out->writable_bytes = 0;
    if (waiting > q->entries || !chain_read(v, q, out)) {
        virtio_break(v);
        return false;
    }
    q->taken++;
    return true;
}

void virtq_give(struct virtio *v, unsigned queue, uint16_t head, uint32_t written)
{
    struct virtq *q = &v->queue[queue];
    uint8_t entry[USED_BYTES], index[2];

    if (!virtio_is_running(v, queue))
        return;
    virtio_le_put(entry, 4, head);
    virtio_le_put(entry + 4, 4, written);
    xl_write(v->vm, q->device + RING_ENTRIES + (uint64_t)USED_BYTES * (q->used & (q->entries - 1)), entry, sizeof entry);
    q->used++;
    virtio_le_put(index, 2, q->used);
    xl_write(v->vm, q->device + RING_INDEX, index, sizeof index);
    if (!(ram_get16(v, q->driver) & NO_INTERRUPT))
        virtio_interrupt(v, VIRTIO_USED);
}

/* Walk pieces [first, end) over `bytes` bytes from `offset` on; exactly one of `to` and `from` is given. */
static void copy(struct virtio *v, const struct virtq_piece *piece, const struct virtq_piece *end, uint64_t offset, uint8_t *to, const uint8_t *from, uint64_t bytes)
{
    for (; piece < end && bytes; piece++) {
        if (offset >= piece->bytes) {
            offset -= piece->bytes;
            continue;
        }
        uint64_t part = piece->bytes - offset < bytes ? piece->bytes - offset : bytes;
        if (to) {
            xl_read(v->vm, piece->gpa + offset, to, part);
            to += part;
        } else {
            xl_write(v->vm, piece->gpa + offset, from, part);
            from += part;
        }
        bytes -= part;
        offset = 0;
    }
}

void virtq_read(struct virtio *v, const struct virtq_chain *c, uint64_t offset, void *to, uint64_t bytes)
{
    copy(v, c->piece, c->piece + c->readable_count, offset, to, NULL, bytes);
}

void virtq_write(struct virtio *v, const struct virtq_chain *c, uint64_t offset, const void *from, uint64_t bytes)
{
    copy(v, c->piece + c->readable_count, c->piece + c->count, offset, NULL, from, bytes);
}

/* SPDX-License-Identifier: MIT */
/*
 * The virtio MMIO transport, version 2 only: registers, feature negotiation, device status, interrupts.
 *
 * Registers are 32 bits wide, little-endian, and answer to aligned 32-bit accesses only; the configuration space from 0x100 on to any size. Status bits once set
 * stay until a reset, and FEATURES_OK is not kept unless the driver took VERSION_1 and nothing that was not offered.
 *
 * Source: VIRTIO 1.2, 2.1 device status, 2.2 feature bits, 3.1.1 driver requirements, 4.2.2 MMIO device register layout.
 */
#include "machine/virtio.h"

enum { MAGIC_VALUE = 0x74726976, VERSION = 2, VENDOR = 0x4d56344c /* "L4VM" */ };
enum {
    MAGIC = 0x000, VERSION_AT = 0x004, DEVICE_ID = 0x008, VENDOR_ID = 0x00c,
    DEVICE_FEATURES = 0x010, DEVICE_FEATURES_SEL = 0x014, DRIVER_FEATURES = 0x020, DRIVER_FEATURES_SEL = 0x024,
    QUEUE_SEL = 0x030, QUEUE_NUM_MAX = 0x034, QUEUE_NUM = 0x038, QUEUE_READY = 0x044, QUEUE_NOTIFY = 0x050,
    INTERRUPT_STATUS = 0x060, INTERRUPT_ACK = 0x064, STATUS = 0x070,
    QUEUE_DESC = 0x080, QUEUE_DRIVER = 0x090, QUEUE_DEVICE = 0x0a0, /* low word, and the high one behind it */
    SHM_LEN = 0x0b0, SHM_BASE = 0x0b8, CONFIG_GENERATION = 0x0fc, CONFIG = 0x100,
};
enum { DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64, DRIVER_BITS = 1 | 2 | DRIVER_OK | FEATURES_OK | 128 };
#define VERSION_1 (1ull << 32)

void virtio_interrupt(struct virtio *v, uint32_t cause)
{
    v->interrupt |= cause;
    v->irq_set(v->irq_arg, v->irq, true);
}

void virtio_break(struct virtio *v)
{
    bool is_told = v->status & DRIVER_OK;

    v->status |= NEEDS_RESET;
    if (is_told)
        virtio_interrupt(v, VIRTIO_CONFIG_CHANGED);
}

bool virtio_is_running(const struct virtio *v, unsigned queue)
{
    return (v->status & (DRIVER_OK | NEEDS_RESET)) == DRIVER_OK && queue < v->ops->queues && v->queue[queue].ready;
}

void virtio_reset(struct virtio *v)
{
    v->driver_features = 0;
    v->feature_select = v->driver_select = v->queue_select = v->status = v->interrupt = 0;
    for (unsigned i = 0; i < VIRTQ_COUNT_MAX; i++)
        v->queue[i] = (struct virtq){0};
    v->irq_set(v->irq_arg, v->irq, false);
    v->ops->reset(v);
}

static struct virtq *selected(struct virtio *v)
{
    return v->queue_select < v->ops->queues ? &v->queue[v->queue_select] : NULL;
}

static uint32_t register_read(struct virtio *v, uint32_t off)
{
    const struct virtq *q = selected(v);

    switch (off) {
    case MAGIC: return MAGIC_VALUE;
    case VERSION_AT: return VERSION;
    case DEVICE_ID: return v->ops->id;
    case VENDOR_ID: return VENDOR;
    case DEVICE_FEATURES: return v->feature_select < 2 ? (uint32_t)(v->features >> 32 * v->feature_select) : 0;
    case QUEUE_NUM_MAX: return q ? VIRTQ_ENTRIES_MAX : 0;
    case QUEUE_READY: return q && q->ready;
    case INTERRUPT_STATUS: return v->interrupt;
    case STATUS: return v->status;
    case SHM_LEN:
    case SHM_LEN + 4:
    case SHM_BASE:
    case SHM_BASE + 4: return 0xffffffff; /* there is no shared memory */
    default: return 0; /* CONFIG_GENERATION among them: the configuration never changes */
    }
}

static void status_write(struct virtio *v, uint32_t value)
{
    if (!value) {
        virtio_reset(v);
        return;
    }
    bool is_agreed = !(v->driver_features & ~v->features) && v->driver_features & VERSION_1;
    if (!((v->status | value) & FEATURES_OK) || (!(v->status & FEATURES_OK) && !is_agreed))
        value &= ~(uint32_t)(FEATURES_OK | DRIVER_OK);
    v->status |= value & DRIVER_BITS;
}

static void features_write(struct virtio *v, uint32_t value)
{
    unsigned shift = 32 * v->driver_select;

    if (v->driver_select < 2 && !(v->status & FEATURES_OK))
        v->driver_features = (v->driver_features & ~(0xffffffffull << shift)) | (uint64_t)value << shift;
}

/* A queue that is taken out of service may have chains on their way: the device forgets them, so that none returns to a later ring. */
static void ready_write(struct virtio *v, struct virtq *q, uint32_t value)
{
    if (!(value & 1)) {
        if (q->ready)
            v->ops->reset(v);
        q->ready = false;
    } else if (!q->ready) {
        q->taken = q->used = 0;
        if (virtq_is_sound(v, q))
            q->ready = true;
        else
            virtio_break(v);
    }
}

static void half_set(uint64_t *address, bool is_high, uint32_t value)
{
    *address = is_high ? (*address & 0xffffffff) | (uint64_t)value << 32 : (*address & ~0xffffffffull) | value;
}

static void queue_write(struct virtio *v, uint32_t off, uint32_t value)
{
    struct virtq *q = selected(v);

    if (!q || (q->ready && off != QUEUE_READY))
        return;
    switch (off) {
    case QUEUE_NUM: q->entries = value; break;
    case QUEUE_READY: ready_write(v, q, value); break;
    case QUEUE_DESC:
    case QUEUE_DESC + 4: half_set(&q->desc, off & 4, value); break;
    case QUEUE_DRIVER:
    case QUEUE_DRIVER + 4: half_set(&q->driver, off & 4, value); break;
    case QUEUE_DEVICE:
    case QUEUE_DEVICE + 4: half_set(&q->device, off & 4, value); break;
    default: break;
    }
}

static void register_write(struct virtio *v, uint32_t off, uint32_t value)
{
    switch (off) {
    case DEVICE_FEATURES_SEL: v->feature_select = value; break;
    case DRIVER_FEATURES_SEL: v->driver_select = value; break;
    case DRIVER_FEATURES: features_write(v, value); break;
    case QUEUE_SEL: v->queue_select = value; break;
    case QUEUE_NOTIFY:
        if (virtio_is_running(v, value))
            v->ops->notify(v, value);
        break;
    case INTERRUPT_ACK:
        v->interrupt &= ~value;
        if (!v->interrupt)
            v->irq_set(v->irq_arg, v->irq, false);
        break;
    case STATUS: status_write(v, value); break;
    default: queue_write(v, off, value); break;
    }
}

/* The number that a guest sees whose load covers these bytes in rising order. */
static uint32_t as_loaded(const struct virtio *v, const uint8_t *bytes, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value = value << 8 | bytes[v->is_big_endian ? i : size - 1 - i];
    return value;
}

static uint32_t mmio_read(void *dev, uint32_t off, unsigned size)
{
    struct virtio *v = dev;
    uint8_t bytes[4];

    if (off >= CONFIG)
        return off - CONFIG + size <= VIRTIO_CONFIG_BYTES ? as_loaded(v, v->config + (off - CONFIG), size) : 0;
    if (size != 4 || off & 3)
        return 0;
    virtio_le_put(bytes, 4, register_read(v, off));
    return as_loaded(v, bytes, 4);
}

static void mmio_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    struct virtio *v = dev;

    if (off >= CONFIG || size != 4 || off & 3)
        return; /* neither device has a writable configuration field */
    register_write(v, off, v->is_big_endian ? __builtin_bswap32(value) : value);
}

static void mmio_reset(void *dev)
{
    virtio_reset(dev);
}

const struct xl_device_ops virtio_mmio_ops = {"virtio-mmio", mmio_read, mmio_write, mmio_reset};

/* SPDX-License-Identifier: MIT */
/*
 * May the system table be used? Pure C over the image's bytes. The kernel has held the image's header and checksum before it started root; what is checked here is what
 * a packer of another version, or with a fault, could get wrong.
 */
#include "root.h"

#define TABLE_MAGIC 0x314241544d56344cull /* "L4VMTAB1" */
enum { ALIGNMENT = 4 }; /* of the table and its arrays */

static bool refuse(struct ds_text *why, const char *what, uint64_t found, uint64_t limit)
{
    ds_text_put(why, what);
    ds_text_put(why, " is ");
    ds_text_dec(why, found);
    ds_text_put(why, ", allowed is ");
    ds_text_dec(why, limit);
    return false;
}

static bool refuse_record(struct ds_text *why, const char *array, uint32_t i, const char *field, uint64_t found, uint64_t count)
{
    ds_text_put(why, array);
    ds_text_char(why, '[');
    ds_text_dec(why, i);
    ds_text_put(why, "].");
    ds_text_put(why, field);
    ds_text_put(why, " = ");
    ds_text_dec(why, found);
    ds_text_put(why, ", must be below ");
    ds_text_dec(why, count);
    return false;
}

static bool array_ok(const struct sys_table *h, const struct sys_array *a, const char *name, uint64_t record_bytes, uint32_t max, struct ds_text *why)
{
    if (a->count > max)
        return refuse(why, name, a->count, max);
    if (a->offset % ALIGNMENT || a->offset < sizeof *h || a->offset > h->total_bytes || a->count * record_bytes > h->total_bytes - a->offset)
        return refuse(why, name, a->offset, h->total_bytes);
    return true;
}

static bool arrays_ok(const struct sys_table *h, struct ds_text *why)
{
#define ARRAY(name, max) array_ok(h, &h->name, "the place of array " #name, sizeof(struct sys_##name), max, why)
    return ARRAY(task, MAX_TASK) && ARRAY(thread, MAX_THREAD) && ARRAY(sched, MAX_SCHED) && ARRAY(memory, MAX_MEMORY) && ARRAY(load, MAX_LOAD) &&
           ARRAY(map, MAX_MAP) && ARRAY(irq, MAX_IRQ) && ARRAY(ioport, MAX_IOPORT) && ARRAY(object, MAX_OBJECT) && ARRAY(cap, MAX_CAP) &&
           ARRAY(bind, MAX_BIND) && ARRAY(ring, MAX_RING) && ARRAY(realtime, MAX_REALTIME);
#undef ARRAY
}

static bool header_ok(const struct img_header *image, uint64_t bytes, struct ds_text *why)
{
    if (bytes < sizeof *image)
        return refuse(why, "the image's size", bytes, sizeof *image);
    if (image->version != IMG_VERSION)
        return refuse(why, "the image's version", image->version, IMG_VERSION);
    if (image->total_bytes > bytes)
        return refuse(why, "total_bytes", image->total_bytes, bytes);
    if (image->table_offset % ALIGNMENT || image->table_offset > image->total_bytes || image->table_bytes > image->total_bytes - image->table_offset || image->table_bytes < sizeof(struct sys_table))
        return refuse(why, "the system table's place", image->table_offset, image->total_bytes);
    if (image->blobs_offset > image->total_bytes || image->blobs_bytes > image->total_bytes - image->blobs_offset || image->blobs_offset % K_PAGE_BYTES)
        return refuse(why, "the blobs' place", image->blobs_offset, image->total_bytes);
    return true;
}

static bool table_header_ok(const struct sys_table *h, uint64_t bytes, struct ds_text *why)
{
    if (h->magic != TABLE_MAGIC) {
        ds_text_put(why, "the system table has no magic");
        return false;
    }
    if (h->version != SYS_VERSION)
        return refuse(why, "the system table's version", h->version, SYS_VERSION);
    if (h->header_bytes != sizeof *h)
        return refuse(why, "the system table's header_bytes", h->header_bytes, sizeof *h);
    if (h->total_bytes != bytes)
        return refuse(why, "the system table's total_bytes", h->total_bytes, bytes);
    if (h->arrays != SYS_ARRAYS)
        return refuse(why, "the number of arrays", h->arrays, SYS_ARRAYS);
    return true;
}

#define EACH(array) for (uint32_t i = 0; i < COUNT(t, array); i++)
#define BELOW(array, field, count)                                                                 \
    do {                                                                                           \
        if (TABLE(t, array)[i].field >= (count))                                                   \
            return refuse_record(why, #array, i, #field, TABLE(t, array)[i].field, (count));       \
    } while (0)

static bool blob_ok(const struct table *t, uint64_t blob, uint64_t bytes)
{
    return blob <= t->blobs_bytes && bytes <= t->blobs_bytes - blob;
}

static bool memories_ok(const struct table *t, struct ds_text *why)
{
    EACH(memory)
    {
        const struct sys_memory *m = &TABLE(t, memory)[i];
        if (!m->bytes || m->bytes % K_PAGE_BYTES)
            return refuse_record(why, "memory", i, "bytes", m->bytes, K_PAGE_BYTES);
        /* the blobs' last page is part of the image, whatever of it is used */
        if (m->flags & SYS_MEMORY_FLAG_IN_IMAGE && (m->blob % K_PAGE_BYTES || !blob_ok(t, m->blob, m->bytes - K_PAGE_BYTES + 1)))
            return refuse_record(why, "memory", i, "blob", m->blob, t->blobs_bytes);
        if (m->flags & SYS_MEMORY_FLAG_DISPLAY &&
            (m->blob < K_DISPLAY_BASE || m->blob % K_PAGE_BYTES || m->bytes > K_DISPLAY_BYTES || m->blob - K_DISPLAY_BASE > K_DISPLAY_BYTES - m->bytes))
            return refuse_record(why, "memory", i, "blob", m->blob, K_DISPLAY_BASE + K_DISPLAY_BYTES);
        if (m->flags & SYS_MEMORY_FLAG_FRAME && (m->blob > UINT32_MAX || m->flags & (SYS_MEMORY_FLAG_IN_IMAGE | SYS_MEMORY_FLAG_DISPLAY | SYS_MEMORY_FLAG_BOOT_INFO)))
            return refuse_record(why, "memory", i, "blob", m->blob, UINT32_MAX);
    }
    EACH(load)
    {
        BELOW(load, memory, COUNT(t, memory));
        const struct sys_load *l = &TABLE(t, load)[i];
        const struct sys_memory *m = &TABLE(t, memory)[l->memory];
        if (l->offset > m->bytes || l->bytes > m->bytes - l->offset || m->flags & (SYS_MEMORY_FLAG_IN_IMAGE | SYS_MEMORY_FLAG_DISPLAY | SYS_MEMORY_FLAG_FRAME))
            return refuse_record(why, "load", i, "offset", l->offset, m->bytes);
        if (!blob_ok(t, l->blob, l->bytes))
            return refuse_record(why, "load", i, "blob", l->blob, t->blobs_bytes);
    }
    return true;
}

static bool caps_ok(const struct table *t, struct ds_text *why)
{
    EACH(cap)
    {
        const struct sys_cap *c = &TABLE(t, cap)[i];
        BELOW(cap, task, COUNT(t, task));
        uint32_t count = c->kind == SYS_CAP_KIND_TASK     ? COUNT(t, task)
                         : c->kind == SYS_CAP_KIND_THREAD ? COUNT(t, thread)
                         : c->kind == SYS_CAP_KIND_OBJECT ? COUNT(t, object)
                         : c->kind == SYS_CAP_KIND_SCHED  ? COUNT(t, sched)
                         : c->kind == SYS_CAP_KIND_MEMORY ? COUNT(t, memory)
                         : c->kind == SYS_CAP_KIND_IRQ    ? COUNT(t, irq)
                         : c->kind == SYS_CAP_KIND_IOPORT ? COUNT(t, ioport)
                         : c->kind == SYS_CAP_KIND_SYSTEM ? UINT32_MAX
                                                          : 0;
        if (c->object >= count)
            return refuse_record(why, "cap", i, "object", c->object, count);
        if (!c->task && (c->slot < SLOT_OWN_FIRST || c->slot >= SLOT_OWN_END))
            return refuse_record(why, "cap", i, "slot", c->slot, SLOT_OWN_END);
    }
    EACH(bind)
    {
        const struct sys_bind *b = &TABLE(t, bind)[i];
        BELOW(bind, kind, SYS_BIND_KIND_IOPORT_TASK + 1);
        BELOW(bind, object, b->kind == SYS_BIND_KIND_IRQ_NOTIFICATION ? COUNT(t, irq) : b->kind == SYS_BIND_KIND_IOPORT_TASK ? COUNT(t, ioport) : COUNT(t, object));
        BELOW(bind, target, b->kind == SYS_BIND_KIND_NOTIFICATION_THREAD ? COUNT(t, thread) : b->kind == SYS_BIND_KIND_IRQ_NOTIFICATION ? COUNT(t, object) : COUNT(t, task));
    }
    return true;
}

static bool others_ok(const struct table *t, struct ds_text *why)
{
    EACH(task)
    {
        BELOW(task, kind, SYS_TASK_KIND_ROOT + 1);
        BELOW(task, restart, SYS_RESTART_IGNORE + 1);
    }
    EACH(thread)
    {
        BELOW(thread, task, COUNT(t, task));
        if (TABLE(t, thread)[i].sched != UINT32_MAX)
            BELOW(thread, sched, COUNT(t, sched));
    }
    EACH(map)
    {
        BELOW(map, task, COUNT(t, task));
        BELOW(map, memory, COUNT(t, memory));
    }
    EACH(ring)
    {
        BELOW(ring, memory, COUNT(t, memory));
        BELOW(ring, client, COUNT(t, task));
        BELOW(ring, server, COUNT(t, task));
    }
    EACH(realtime)
    {
        BELOW(realtime, task, COUNT(t, task));
        BELOW(realtime, memory, COUNT(t, memory));
    }
    return true;
}

bool table_open(struct table *t, const void *data, uint64_t bytes, struct ds_text *why)
{
    const struct img_header *image = data;

    if (!header_ok(image, bytes, why))
        return false;
    t->head = (const void *)((const uint8_t *)data + image->table_offset);
    t->blobs = (const uint8_t *)data + image->blobs_offset;
    t->blobs_offset = image->blobs_offset;
    t->blobs_bytes = image->blobs_bytes;
    if (!table_header_ok(t->head, image->table_bytes, why) || !arrays_ok(t->head, why))
        return false;
    if (!COUNT(t, task) || TABLE(t, task)[0].kind != SYS_TASK_KIND_ROOT || !COUNT(t, thread) || TABLE(t, thread)[0].task) {
        ds_text_put(why, "task 0 and thread 0 of the system table are not root's");
        return false;
    }
    return memories_ok(t, why) && caps_ok(t, why) && others_ok(t, why);
}

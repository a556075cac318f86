/* SPDX-License-Identifier: MIT */
/*
 * From the table to objects, in array order, verbatim. A call that fails stops the board with the record's name: half a system is none.
 *
 * Memory comes from the RAM objects by a mark per object that only rises; what a restart needs again is filled again, never given back.
 */
#include "root.h"

#include "l4/string.h"

enum { WINDOW_BYTES = 64 << 20, LARGE = 2 << 20, RAMS = 64, STARTS_AT = 1 };
#define WINDOW_VA 0x7000000000ull

static uint64_t used[RAMS];

#define EACH(array) for (uint32_t i = 0; i < COUNT(&root.table, array); i++)
#define REC(array) (&TABLE(&root.table, array)[i])

static void must(const char *what, uint32_t number, enum k_status status)
{
    if (status != K_OK)
        root_fail(what, number, status);
}

/* The task itself, or one it made. */
static uint32_t task_slot(uint32_t task)
{
    return task ? SLOT_TASK + task : K_SLOT_SELF;
}

static uint32_t thread_slot(uint32_t thread)
{
    return thread ? SLOT_THREAD + thread : K_SLOT_BOOT_THREAD;
}

/* A part of some RAM object; the first in which it fits. */
static void ram_take(uint32_t number, uint64_t bytes, uint64_t align)
{
    for (uint32_t r = 0; r < RAMS; r++) {
        struct l4_out info;
        if (l4_memory_info(K_SLOT_RAM_FIRST + r, &info) != K_OK)
            break;
        uint64_t at = ((info.v[1] + used[r] + align - 1) & ~(align - 1)) - info.v[1];
        if (at > info.v[0] || bytes > info.v[0] - at)
            continue;
        used[r] = at + bytes;
        must("memory", number, l4_memory_create(K_SLOT_RAM_FIRST + r, SLOT_MEMORY + number, at, bytes));
        return;
    }
    root_fail("no RAM is left for memory", number, K_NO_MEMORY);
}

/* Zero [from, to) of a memory and copy what of its loads lies there; the stretch is mapped at WINDOW_VA. */
static void stretch_fill(uint32_t number, uint64_t from, uint64_t to)
{
    uint8_t *window = (uint8_t *)WINDOW_VA;

    memset(window, 0, to - from);
    EACH(load)
    {
        const struct sys_load *l = REC(load);
        uint64_t first = l->offset > from ? l->offset : from, end = l->offset + l->bytes < to ? l->offset + l->bytes : to;
        if (l->memory == number && first < end)
            memcpy(window + (first - from), root.table.blobs + l->blob + (first - l->offset), end - first);
    }
}

void memory_fill(uint32_t number)
{
    uint64_t bytes = TABLE(&root.table, memory)[number].bytes;

    for (uint64_t from = 0; from < bytes; from += WINDOW_BYTES) {
        uint64_t to = bytes - from > WINDOW_BYTES ? from + WINDOW_BYTES : bytes;
        must("the window on memory", number, l4_map(K_SLOT_SELF, SLOT_MEMORY + number, WINDOW_VA, from, to - from, K_RIGHT_READ | K_RIGHT_WRITE));
        stretch_fill(number, from, to);
        must("the window on memory", number, l4_unmap(K_SLOT_SELF, WINDOW_VA, to - from));
    }
}

/* The frame of the display on the PCI bus; false when it is not there, or not where devices are. */
static bool frame_make(uint32_t number)
{
    const struct sys_memory *m = &TABLE(&root.table, memory)[number];
    struct l4_out devices;
    uint64_t pa;

    if (l4_memory_info(K_SLOT_DEVICES, &devices) != K_OK || !pci_memory((uint32_t)m->blob, m->bytes, &pa) || pa < devices.v[1] || pa - devices.v[1] >= devices.v[0])
        return false;
    return l4_memory_create(K_SLOT_DEVICES, SLOT_MEMORY + number, pa - devices.v[1], m->bytes) == K_OK;
}

static void memories_make(void)
{
    EACH(memory)
    {
        const struct sys_memory *m = REC(memory);
        if (m->flags & SYS_MEMORY_FLAG_IN_IMAGE) {
            must("memory in the image", i, l4_memory_create(K_SLOT_IMAGE, SLOT_MEMORY + i, root.table.blobs_offset + m->blob, m->bytes));
            continue;
        }
        if (m->flags & SYS_MEMORY_FLAG_DISPLAY) {
            must("display memory", i, l4_memory_create(K_SLOT_DISPLAY, SLOT_MEMORY + i, m->blob - K_DISPLAY_BASE, m->bytes));
            continue;
        }
        if (m->flags & SYS_MEMORY_FLAG_FRAME) {
            root.has_frame = frame_make(i);
            if (root.has_frame)
                continue;
        }
        ram_take(i, m->bytes, m->flags & SYS_MEMORY_FLAG_LARGE ? LARGE : K_PAGE_BYTES);
        memory_fill(i);
        if (m->flags & SYS_MEMORY_FLAG_BOOT_INFO)
            must("boot information in memory", i, l4_boot_info(SLOT_MEMORY + i));
    }
}

static void rings_format(void)
{
    EACH(ring)
    {
        uint64_t bytes = TABLE(&root.table, memory)[REC(ring)->memory].bytes;
        uint32_t slot = SLOT_MEMORY + REC(ring)->memory;
        must("the window on ring", i, l4_map(K_SLOT_SELF, slot, WINDOW_VA, 0, bytes, K_RIGHT_READ | K_RIGHT_WRITE));
        if (!ds_ring_format((void *)WINDOW_VA, bytes, ROOT_RING_IN_BYTES))
            root_fail("too little memory for ring", i, K_BAD_ARG);
        must("the window on ring", i, l4_unmap(K_SLOT_SELF, WINDOW_VA, bytes));
    }
}

static void objects_make(void)
{
    EACH(task)
    if (i)
        must("task", i, l4_task_create(K_SLOT_SELF, SLOT_TASK + i, REC(task)->account_bytes, REC(task)->cap_slots));
    EACH(thread)
    if (i)
        must("thread", i, l4_thread_create(task_slot(REC(thread)->task), SLOT_THREAD + i, REC(thread)->utcb_va));
    EACH(sched) must("sched", i, l4_sched_create(K_SLOT_SELF, SLOT_SCHED + i, REC(sched)->budget_us, REC(sched)->period_us));
    EACH(irq) must("irq", i, l4_irq_create(K_SLOT_IRQ_CONTROL, SLOT_IRQ + i, REC(irq)->gsi, REC(irq)->flags));
    EACH(ioport) must("ioport", i, l4_ioport_create(K_SLOT_IOPORT_CONTROL, SLOT_IOPORT + i, REC(ioport)->first, REC(ioport)->count));
    EACH(object)
    {
        uint32_t slot = SLOT_OBJECT + i;
        switch (REC(object)->kind) {
        case SYS_OBJECT_KIND_ENDPOINT: must("endpoint", i, l4_endpoint_create(K_SLOT_SELF, slot)); break;
        case SYS_OBJECT_KIND_REPLY: must("reply", i, l4_reply_create(K_SLOT_SELF, slot)); break;
        case SYS_OBJECT_KIND_NOTIFICATION: must("notification", i, l4_notification_create(K_SLOT_SELF, slot)); break;
        default: root_fail("object of unknown kind", i, K_BAD_TYPE);
        }
    }
}

static uint32_t object_slot(uint32_t kind, uint32_t object)
{
    switch (kind) {
    case SYS_CAP_KIND_TASK: return task_slot(object);
    case SYS_CAP_KIND_THREAD: return thread_slot(object);
    case SYS_CAP_KIND_OBJECT: return SLOT_OBJECT + object;
    case SYS_CAP_KIND_SCHED: return SLOT_SCHED + object;
    case SYS_CAP_KIND_MEMORY: return SLOT_MEMORY + object;
    case SYS_CAP_KIND_IRQ: return SLOT_IRQ + object;
    case SYS_CAP_KIND_IOPORT: return SLOT_IOPORT + object;
    default: return K_SLOT_SYSTEM;
    }
}

static void grants_make(void)
{
    EACH(map)
    must("map", i, l4_map(task_slot(REC(map)->task), SLOT_MEMORY + REC(map)->memory, REC(map)->va, REC(map)->offset, REC(map)->bytes, REC(map)->rights));
    EACH(cap)
    must("cap", i, l4_cap_copy(object_slot(REC(cap)->kind, REC(cap)->object), task_slot(REC(cap)->task), REC(cap)->slot, REC(cap)->rights, REC(cap)->badge));
    EACH(bind)
    {
        const struct sys_bind *b = REC(bind);
        switch (b->kind) {
        case SYS_BIND_KIND_NOTIFICATION_THREAD: must("bind", i, l4_notification_bind(SLOT_OBJECT + b->object, thread_slot(b->target))); break;
        case SYS_BIND_KIND_NOTIFICATION_VIEW: must("bind", i, l4_notification_map(SLOT_OBJECT + b->object, task_slot(b->target), b->value)); break;
        case SYS_BIND_KIND_IRQ_NOTIFICATION: must("bind", i, l4_irq_bind(SLOT_IRQ + b->object, SLOT_OBJECT + b->target, b->value)); break;
        default: must("bind", i, l4_ioport_grant(SLOT_IOPORT + b->object, task_slot(b->target))); break;
        }
    }
}

/* Everything but the threads' running. */
void build_all(void)
{
    memories_make();
    rings_format();
    objects_make();
    grants_make();
}

/* Start every thread, then take on root's own priority and budget. */
void build_start(void)
{
    for (uint32_t i = COUNT(&root.table, thread); i-- > STARTS_AT;) { /* servers come first in the table, so they run last here and find their clients ready */
        const struct sys_thread *t = REC(thread);
        must("fault handler of thread", i, l4_thread_fault_handler(thread_slot(i), root.endpoint, t->task));
        must("thread", i, l4_thread_configure(thread_slot(i), t->sched == UINT32_MAX ? K_SLOT_NONE : SLOT_SCHED + t->sched, t->priority, t->flags));
        must("thread", i, l4_thread_start(thread_slot(i), t->entry, t->stack_top, t->argument));
    }
    const struct sys_thread *own = TABLE(&root.table, thread);
    must("thread", 0, l4_thread_configure(K_SLOT_BOOT_THREAD, own->sched == UINT32_MAX ? K_SLOT_BOOT_SCHED : SLOT_SCHED + own->sched, own->priority, 0));
}

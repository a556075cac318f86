/* SPDX-License-Identifier: MIT */
/*
 * System calls: from registers to objects and back.
 *
 * Each function finds its capabilities, checks every argument, then commits. A long call returns K_RESTART with its progress in the objects or in its own argument
 * registers; the thread then executes its SYSCALL again. Register convention: abi/k_abi.h.
 *
 * Who may spend processor time: making or changing a scheduling context needs the system capability in the caller's slot K_SLOT_SYSTEM, and so does a priority above
 * the caller's own. A task that can make threads can thus only divide the time it was given.
 */
#include "kernel.h"

enum { DONE = -2, BATCH_BYTES_MAX = 2 << 20, US = 1000 };
#define PERIOD_US_MAX 3600000000ull
#define FIND(kind, slot, right, cap)                                              \
    do {                                                                          \
        enum k_status found = cap_find(current->task, (slot), K_KIND_##kind, (right), (cap)); \
        if (found != K_OK)                                                        \
            return found;                                                         \
    } while (0)
#define OBJECT(type, cap) CONTAINER((cap)->object, struct type, object)

static bool is_system(void)
{
    struct cap *cap;

    return cap_find(current->task, K_SLOT_SYSTEM, K_KIND_SYSTEM, K_RIGHT_CONTROL, &cap) == K_OK;
}

/* A slot number: 32 bits count, as the reply slot shares its register's upper half with nothing. */
static uint64_t reply_slot(const struct x64_frame *f)
{
    return f->rbp & 0xffffffff;
}

/* --- IPC --- */

static int send(struct x64_frame *f, bool call, bool wait)
{
    struct cap *cap;

    FIND(ENDPOINT, f->rdi, K_RIGHT_WRITE, &cap);
    return ipc_send(current, cap, call, wait);
}

static int receive(struct x64_frame *f, bool wait)
{
    struct cap *cap, *reply = NULL;

    FIND(ENDPOINT, f->rdi, K_RIGHT_READ, &cap);
    if (reply_slot(f) != K_SLOT_NONE)
        FIND(REPLY, reply_slot(f), 0, &reply);
    return ipc_recv(current, OBJECT(endpoint, cap), reply ? OBJECT(reply, reply) : NULL, wait ? f->rdx : 0, wait);
}

static int reply(struct x64_frame *f)
{
    struct cap *cap;

    FIND(REPLY, f->rdi, 0, &cap);
    return ipc_reply(current, OBJECT(reply, cap));
}

static int reply_receive(struct x64_frame *f)
{
    struct cap *cap, *held = NULL;

    FIND(ENDPOINT, f->rdi, K_RIGHT_READ, &cap);
    if (reply_slot(f) != K_SLOT_NONE)
        FIND(REPLY, reply_slot(f), 0, &held);
    struct reply *r = held ? OBJECT(reply, held) : NULL;
    if (r && r->caller) {
        int status = ipc_reply(current, r);
        if (status != K_OK)
            return status;
    }
    return ipc_recv(current, OBJECT(endpoint, cap), r, 0, true);
}

/* --- notifications --- */

static int signal(struct x64_frame *f)
{
    struct cap *cap;

    FIND(NOTIFICATION, f->rdi, K_RIGHT_WRITE, &cap);
    notification_signal(OBJECT(notification, cap), cap->badge ? cap->badge : f->rsi);
    return K_OK;
}

static int wait(struct x64_frame *f, bool block)
{
    struct cap *cap;

    FIND(NOTIFICATION, f->rdi, K_RIGHT_READ, &cap);
    return notification_wait(current, OBJECT(notification, cap), block ? f->rsi : 0, block);
}

static int notification_bind(struct x64_frame *f)
{
    struct cap *cap, *thread;

    FIND(NOTIFICATION, f->rdi, K_RIGHT_READ, &cap);
    struct notification *n = OBJECT(notification, cap);
    if (f->rsi == K_SLOT_NONE) {
        if (n->bound)
            n->bound->bound = NULL;
        n->bound = NULL;
        return K_OK;
    }
    FIND(THREAD, f->rsi, K_RIGHT_WRITE, &thread);
    struct thread *t = OBJECT(thread, thread);
    if (n->bound || t->bound)
        return K_BUSY;
    n->bound = t;
    t->bound = n;
    if (*n->word)
        notification_signal(n, 0);
    return K_OK;
}

static int notification_timer(struct x64_frame *f)
{
    struct cap *cap;

    FIND(NOTIFICATION, f->rdi, K_RIGHT_WRITE, &cap);
    struct notification *n = OBJECT(notification, cap);
    timer_stop(&n->timer);
    n->timer_bits = cap->badge ? cap->badge : f->rdx;
    if (f->rsi)
        timer_start(&n->timer, f->rsi);
    return K_OK;
}

static int notification_map(struct x64_frame *f)
{
    struct cap *cap, *task;

    FIND(NOTIFICATION, f->rdi, K_RIGHT_READ, &cap);
    FIND(TASK, f->rsi, K_RIGHT_WRITE, &task);
    return notification_view(OBJECT(notification, cap), OBJECT(task, task), f->rdx);
}

/* --- time --- */

static int clock(struct x64_frame *f)
{
    uint64_t tsc = x64_rdtsc();

    f->rdx = x64_ns_of(tsc);
    f->r10 = tsc;
    f->r8 = x64_tsc_hz;
    return K_OK;
}

static int sleep(struct x64_frame *f)
{
    sched_block(current, K_THREAD_SLEEPING);
    if (f->rdi != UINT64_MAX)
        timer_start(&current->timer, f->rdi);
    return K_OK;
}

/* --- capabilities --- */

static int cap_copy(struct x64_frame *f)
{
    struct cap *src, *task;

    if (cap_any(current->task, f->rdi, &src) != K_OK)
        return K_NO_CAP;
    FIND(TASK, f->rsi, K_RIGHT_WRITE, &task);
    struct task *to = OBJECT(task, task);
    if (to != current->task && !(src->rights & K_RIGHT_GRANT))
        return K_NO_RIGHT;
    bool takes_badge = src->object->kind == K_KIND_ENDPOINT || src->object->kind == K_KIND_NOTIFICATION;
    if (f->r8 && (src->badge || !takes_badge))
        return K_BAD_ARG;
    if (src->object->kind == K_KIND_REPLY && to != current->task)
        return K_BAD_TYPE; /* who answers must be whom the caller trusted */
    return cap_derive(src, to, f->rdx, src->rights & (uint8_t)f->r10, f->r8 ? f->r8 : src->badge);
}

static int cap_move_call(struct x64_frame *f)
{
    struct cap *src, *dst;

    if (cap_any(current->task, f->rdi, &src) != K_OK)
        return K_NO_CAP;
    if (src->weak)
        return K_BAD_ARG;
    enum k_status status = cap_room(current->task, f->rsi, &dst);
    return status == K_OK ? cap_move(src, dst) : status;
}

static int cap_delete_call(struct x64_frame *f)
{
    struct cap *task;
    unsigned steps = LONG_STEPS;

    FIND(TASK, f->rdi, K_RIGHT_WRITE, &task);
    struct cap *cap = cap_at(OBJECT(task, task), f->rsi);
    if (!cap || !cap->object)
        return K_NO_CAP;
    return cap_delete_called(cap, &steps);
}

static int cap_revoke_call(struct x64_frame *f)
{
    struct cap *cap;
    unsigned steps = LONG_STEPS;

    if (cap_any(current->task, f->rdi, &cap) != K_OK)
        return K_NO_CAP;
    return cap_revoke(cap, &steps);
}

static int cap_info(struct x64_frame *f)
{
    struct cap *task, *cap;

    FIND(TASK, f->rdi, K_RIGHT_READ, &task);
    if (cap_any(OBJECT(task, task), f->rsi, &cap) != K_OK)
        return K_NO_CAP;
    f->rdx = cap->object->kind;
    f->r10 = cap->rights;
    f->r8 = cap->badge;
    f->r9 = cap->object->kind == K_KIND_MEMORY ? OBJECT(memory, cap)->bytes : cap->object->kind == K_KIND_THREAD ? OBJECT(thread, cap)->state : 0;
    return K_OK;
}

/* --- making objects --- */

/* The paying task and the caller's empty slot. */
static int room_find(struct x64_frame *f, struct task **payer, struct cap **room)
{
    struct cap *cap;

    FIND(TASK, f->rdi, K_RIGHT_CONTROL, &cap);
    *payer = OBJECT(task, cap);
    return cap_room(current->task, f->rsi, room);
}

static int made(struct cap *room, struct object *object)
{
    if (!object)
        return K_NO_MEMORY;
    cap_set(room, current->task, object, K_RIGHT_ALL, 0, NULL);
    return K_OK;
}

static int task_create_call(struct x64_frame *f)
{
    struct task *payer, *task;
    struct cap *room;
    int status = room_find(f, &payer, &room);

    if (status != K_OK)
        return status;
    if (f->rdx & (PAGE_BYTES - 1))
        return K_BAD_ALIGN;
    if (f->r10 > UINT32_MAX)
        return K_BAD_ARG;
    status = task_create(payer, f->rdx, (uint32_t)f->r10, &task);
    if (status != K_OK)
        return status;
    status = made(room, &task->object);
    cap_adopt(room, cap_at(task, K_SLOT_SELF)); /* revoking the maker's capability takes the task's own too */
    return status;
}

static int thread_create_call(struct x64_frame *f)
{
    struct task *task;
    struct thread *t;
    struct cap *room;
    int status = room_find(f, &task, &room);

    if (status == K_OK)
        status = thread_create(task, f->rdx, &t);
    return status == K_OK ? made(room, &t->object) : status;
}

static int endpoint_create(struct x64_frame *f)
{
    struct task *payer;
    struct cap *room;
    int status = room_find(f, &payer, &room);

    if (status != K_OK)
        return status;
    struct endpoint *e = object_alloc(payer, sizeof *e, K_KIND_ENDPOINT);
    if (!e)
        return K_NO_MEMORY;
    list_init(&e->senders);
    list_init(&e->receivers);
    list_init(&e->handled);
    return made(room, &e->object);
}

static int notification_create_call(struct x64_frame *f)
{
    struct task *payer;
    struct cap *room;
    int status = room_find(f, &payer, &room);

    if (status != K_OK)
        return status;
    struct notification *n = notification_create(payer);
    return made(room, n ? &n->object : NULL);
}

static int reply_create(struct x64_frame *f)
{
    struct task *payer;
    struct cap *room;
    int status = room_find(f, &payer, &room);

    if (status != K_OK)
        return status;
    struct reply *r = object_alloc(payer, sizeof *r, K_KIND_REPLY);
    if (r)
        list_init(&r->in_donations);
    return made(room, r ? &r->object : NULL);
}

static int budget_check(uint64_t budget_us, uint64_t period_us)
{
    if (!is_system())
        return K_NO_RIGHT;
    return budget_us && budget_us <= period_us && period_us <= PERIOD_US_MAX ? K_OK : K_BAD_ARG;
}

static int sched_create(struct x64_frame *f)
{
    struct task *payer;
    struct cap *room;
    int status = room_find(f, &payer, &room);

    if (status == K_OK)
        status = budget_check(f->rdx, f->r10);
    if (status != K_OK)
        return status;
    struct sched *s = object_alloc(payer, sizeof *s, K_KIND_SCHED);
    if (!s)
        return K_NO_MEMORY;
    timer_init(&s->timer, TIMER_REFILL);
    list_init(&s->donations);
    sched_set(s, f->rdx * US, f->r10 * US);
    return made(room, &s->object);
}

static int memory_create_call(struct x64_frame *f)
{
    struct cap *src, *room;

    FIND(MEMORY, f->rdi, K_RIGHT_SPLIT, &src);
    struct memory *m = OBJECT(memory, src), *part;
    if ((f->rdx | f->r10) & (PAGE_BYTES - 1))
        return K_BAD_ALIGN;
    if (!f->r10 || f->rdx > m->bytes || f->r10 > m->bytes - f->rdx || m->depth + 1 >= DEPTH_MAX)
        return K_BAD_ARG;
    enum k_status status = cap_room(current->task, f->rsi, &room);
    if (status != K_OK)
        return status;
    part = memory_create(current->task, m, m->pa + f->rdx, f->r10);
    if (!part)
        return K_NO_MEMORY;
    cap_set(room, current->task, &part->object, src->rights, 0, src);
    return K_OK;
}

static int irq_create(struct x64_frame *f)
{
    struct cap *control, *room;

    FIND(IRQ_CONTROL, f->rdi, 0, &control);
    if (f->rdx >= x64_irq_count() || f->r10 & ~(uint64_t)(K_IRQ_LEVEL | K_IRQ_LOW))
        return K_BAD_ARG;
    if (irq_of_gsi[f->rdx])
        return K_BUSY;
    enum k_status status = cap_room(current->task, f->rsi, &room);
    if (status != K_OK)
        return status;
    struct irq *irq = object_alloc(current->task, sizeof *irq, K_KIND_IRQ);
    if (!irq)
        return K_NO_MEMORY;
    irq->gsi = (uint32_t)f->rdx, irq->flags = (uint32_t)f->r10;
    irq_of_gsi[irq->gsi] = irq;
    x64_irq_route(irq->gsi, irq->flags & K_IRQ_LEVEL, irq->flags & K_IRQ_LOW);
    cap_set(room, current->task, &irq->object, K_RIGHT_ALL, 0, control);
    return K_OK;
}

static int ioport_create(struct x64_frame *f)
{
    struct cap *control, *room;

    FIND(IOPORT_CONTROL, f->rdi, 0, &control);
    if (!f->r10 || f->rdx > 0xffff || f->r10 > 0x10000 - f->rdx)
        return K_BAD_ARG;
    enum k_status status = cap_room(current->task, f->rsi, &room);
    if (status != K_OK)
        return status;
    struct ioport *p = object_alloc(current->task, sizeof *p, K_KIND_IOPORT);
    if (!p)
        return K_NO_MEMORY;
    p->first = (uint32_t)f->rdx, p->count = (uint32_t)f->r10;
    list_init(&p->grants);
    cap_set(room, current->task, &p->object, K_RIGHT_ALL, 0, control);
    return K_OK;
}

/* --- threads --- */

static int thread_configure(struct x64_frame *f)
{
    struct cap *cap, *sched = NULL;

    FIND(THREAD, f->rdi, K_RIGHT_WRITE, &cap);
    struct thread *t = OBJECT(thread, cap);
    if (f->rsi != K_SLOT_NONE)
        FIND(SCHED, f->rsi, K_RIGHT_CONTROL, &sched);
    if (f->rdx > K_PRIORITY_MAX || f->r10 & ~(uint64_t)(K_THREAD_NO_FPU | K_THREAD_NO_SYSCALLS | K_THREAD_TIMEOUT_FAULT))
        return K_BAD_ARG;
    if (f->rdx > current->priority && !is_system())
        return K_NO_RIGHT;
    struct sched *s = sched ? OBJECT(sched, sched) : NULL;
    if (s && s->home && s->home != t)
        return K_BUSY;
    sched_priority(t, (uint8_t)f->rdx);
    t->flags = (uint32_t)f->r10;
    sched_home(t, s);
    thread_flags_changed(t);
    return K_OK;
}

static int thread_start_call(struct x64_frame *f)
{
    struct cap *cap;

    FIND(THREAD, f->rdi, K_RIGHT_WRITE, &cap);
    struct thread *t = OBJECT(thread, cap);
    if (t->state != K_THREAD_STOPPED)
        return K_BUSY;
    if (f->rsi >= USER_END - PAGE_BYTES || f->rdx >= USER_END)
        return K_BAD_ARG;
    thread_start(t, f->rsi, f->rdx, f->r10);
    return K_OK;
}

static int thread_stop(struct x64_frame *f)
{
    struct cap *cap;

    FIND(THREAD, f->rdi, K_RIGHT_WRITE, &cap);
    struct thread *t = OBJECT(thread, cap);
    ipc_cancel(t, K_CANCELLED);
    sched_block(t, K_THREAD_STOPPED);
    return K_OK;
}

static int thread_resume(struct x64_frame *f)
{
    struct cap *cap;

    FIND(THREAD, f->rdi, K_RIGHT_WRITE, &cap);
    struct thread *t = OBJECT(thread, cap);
    if (t->state != K_THREAD_STOPPED && t->state != K_THREAD_FAULTED)
        return K_OK;
    ipc_cancel(t, K_CANCELLED);
    sched_wake(t);
    return K_OK;
}

static int thread_regs(struct x64_frame *f)
{
    struct cap *cap;

    FIND(THREAD, f->rdi, f->rsi ? K_RIGHT_WRITE : K_RIGHT_READ, &cap);
    struct thread *t = OBJECT(thread, cap);
    thread_sync(t);
    if (!f->rsi) {
        thread_regs_get(t, &current->utcb->regs);
        return K_OK;
    }
    if (t->state != K_THREAD_STOPPED && t->state != K_THREAD_FAULTED)
        return K_BUSY;
    return thread_regs_set(t, &current->utcb->regs) ? K_OK : K_BAD_ARG;
}

static int thread_fault_handler(struct x64_frame *f)
{
    struct cap *cap, *ep = NULL;

    FIND(THREAD, f->rdi, K_RIGHT_WRITE, &cap);
    if (f->rsi != K_SLOT_NONE)
        FIND(ENDPOINT, f->rsi, K_RIGHT_WRITE, &ep);
    struct thread *t = OBJECT(thread, cap);
    if (t->fault_pending)
        return K_BUSY;
    ipc_handler(t, ep ? OBJECT(endpoint, ep) : NULL, f->rdx);
    return K_OK;
}

/* Of itself a thread may say where its faults go without a capability: it could as well not fault. */
static int thread_upcall(struct x64_frame *f)
{
    struct thread *t = current;
    struct cap *cap;

    if (f->rdi != K_SLOT_NONE) {
        FIND(THREAD, f->rdi, K_RIGHT_WRITE, &cap);
        t = OBJECT(thread, cap);
    }
    if (f->rsi >= USER_END - PAGE_BYTES || f->rdx >= USER_END)
        return K_BAD_ARG;
    t->upcall_entry = f->rsi;
    t->upcall_stack = f->rdx;
    return K_OK;
}

static int upcall_return(void)
{
    struct thread *t = current;

    thread_sync(t);
    if (!t->in_upcall || !thread_regs_set(t, &t->utcb->regs))
        return K_BAD_ARG;
    t->in_upcall = false;
    t->utcb->in_upcall = 0;
    return DONE;
}

static int thread_bases(struct x64_frame *f)
{
    struct k_regs regs;

    thread_sync(current);
    thread_regs_get(current, &regs);
    regs.fs_base = f->rdi, regs.gs_base = f->rsi;
    uint64_t vector = f->vector;
    bool ok = thread_regs_set(current, &regs);
    f->vector = vector;
    return ok ? K_OK : K_BAD_ARG;
}

static int thread_info(struct x64_frame *f)
{
    struct cap *cap;

    FIND(THREAD, f->rdi, K_RIGHT_READ, &cap);
    const struct thread *t = OBJECT(thread, cap);
    f->rdx = t->state;
    f->r10 = t->consumed_ns;
    f->r8 = t->last_fault;
    f->r9 = t->last_address;
    return K_OK;
}

static int sched_configure(struct x64_frame *f)
{
    struct cap *cap;

    FIND(SCHED, f->rdi, K_RIGHT_CONTROL, &cap);
    int status = budget_check(f->rsi, f->rdx);
    if (status == K_OK)
        sched_set(OBJECT(sched, cap), f->rsi * US, f->rdx * US);
    return status;
}

/* --- memory --- */

static int map(struct x64_frame *f)
{
    struct cap *task, *memory;
    struct k_map_entry e = {f->rdx, f->r10, f->r8, f->r9};
    uint64_t done = 0;

    FIND(TASK, f->rdi, K_RIGHT_WRITE, &task);
    FIND(MEMORY, f->rsi, 0, &memory);
    struct memory *m = OBJECT(memory, memory);
    int status = vspace_map_check(OBJECT(task, task), m, memory->rights, &e);
    if (status == K_OK)
        status = vspace_map(OBJECT(task, task), m, current->task, memory->rights, &e, &done);
    f->rdx += done, f->r10 += done, f->r8 -= done; /* what is left, for the next step */
    return status;
}

static int map_batch(struct x64_frame *f)
{
    struct k_map_entry e[K_MAP_BATCH_MAX];
    struct cap *task, *memory;
    uint64_t sum = 0, count = f->rdx;

    FIND(TASK, f->rdi, K_RIGHT_WRITE, &task);
    FIND(MEMORY, f->rsi, 0, &memory);
    if (count > K_MAP_BATCH_MAX)
        return K_BAD_ARG;
    struct task *t = OBJECT(task, task);
    struct memory *m = OBJECT(memory, memory);
    memcpy(e, current->utcb->bulk, count * sizeof e[0]);
    for (uint64_t i = 0; i < count; i++) {
        enum k_status status = vspace_map_check(t, m, memory->rights, &e[i]);
        if (status == K_OK && (sum += e[i].bytes) > BATCH_BYTES_MAX)
            status = K_BAD_ARG;
        if (status != K_OK)
            return status;
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t done = 0;
        int status = K_RESTART;
        while (status == K_RESTART)
            status = vspace_map(t, m, current->task, memory->rights, &e[i], &done);
        if (status == K_OK)
            continue;
        for (e[i].bytes = done; i != UINT64_MAX; i--) { /* take back all of this call */
            unsigned steps = UINT32_MAX;
            uint64_t va = e[i].va;
            vspace_unmap(t, &va, va + e[i].bytes, NULL, &steps);
        }
        return status;
    }
    return K_OK;
}

static int unmap(struct x64_frame *f)
{
    struct cap *task;
    unsigned steps = LONG_STEPS;
    uint64_t va = f->rsi;

    FIND(TASK, f->rdi, K_RIGHT_WRITE, &task);
    if ((f->rsi | f->rdx) & (PAGE_BYTES - 1))
        return K_BAD_ALIGN;
    if (!range_ok(f->rsi, f->rdx))
        return K_BAD_ARG;
    int status = vspace_unmap(OBJECT(task, task), &va, f->rsi + f->rdx, NULL, &steps);
    f->rdx -= va - f->rsi, f->rsi = va;
    return status;
}

static int protect(struct x64_frame *f)
{
    struct cap *task;
    uint64_t va = f->rsi;

    FIND(TASK, f->rdi, K_RIGHT_WRITE, &task);
    if ((f->rsi | f->rdx) & (PAGE_BYTES - 1))
        return K_BAD_ALIGN;
    if (!range_ok(f->rsi, f->rdx))
        return K_BAD_ARG;
    int status = vspace_protect(OBJECT(task, task), &va, f->rsi + f->rdx, f->r10);
    f->rdx -= va - f->rsi, f->rsi = va;
    return status;
}

static int memory_info(struct x64_frame *f)
{
    struct cap *cap;

    FIND(MEMORY, f->rdi, 0, &cap);
    const struct memory *m = OBJECT(memory, cap);
    f->rdx = m->bytes;
    f->r10 = cap->rights & K_RIGHT_PHYS ? m->pa : 0;
    f->r8 = m->pages;
    return K_OK;
}

static int account_info(struct x64_frame *f)
{
    struct cap *cap;

    FIND(TASK, f->rdi, K_RIGHT_READ, &cap);
    const struct task *t = OBJECT(task, cap);
    f->rdx = t->total;
    f->r10 = t->used;
    f->r8 = t->given;
    return K_OK;
}

static int account_give_call(struct x64_frame *f)
{
    struct cap *from, *to;

    FIND(TASK, f->rdi, K_RIGHT_CONTROL, &from);
    FIND(TASK, f->rsi, K_RIGHT_CONTROL, &to);
    return account_give(OBJECT(task, from), OBJECT(task, to), f->rdx);
}

/* --- devices --- */

static int irq_bind(struct x64_frame *f)
{
    struct cap *cap, *notification;

    FIND(IRQ, f->rdi, K_RIGHT_WRITE, &cap);
    FIND(NOTIFICATION, f->rsi, K_RIGHT_WRITE, &notification);
    struct irq *irq = OBJECT(irq, cap);
    x64_irq_mask(irq->gsi, true);
    irq->notification = OBJECT(notification, notification);
    irq->bits = notification->badge ? notification->badge : f->rdx;
    irq->waiting_ack = irq->pending = false;
    return K_OK;
}

static int irq_ack_call(struct x64_frame *f)
{
    struct cap *cap;

    FIND(IRQ, f->rdi, K_RIGHT_WRITE, &cap);
    irq_ack(OBJECT(irq, cap));
    return K_OK;
}

static int irq_mask(struct x64_frame *f)
{
    struct cap *cap;

    FIND(IRQ, f->rdi, K_RIGHT_WRITE, &cap);
    x64_irq_mask(OBJECT(irq, cap)->gsi, true);
    return K_OK;
}

static int ioport_grant_call(struct x64_frame *f)
{
    struct cap *cap, *task;

    FIND(IOPORT, f->rdi, 0, &cap);
    FIND(TASK, f->rsi, K_RIGHT_WRITE, &task);
    return ioport_grant(OBJECT(ioport, cap), OBJECT(task, task));
}

/* --- system --- */

static int debug_puts(struct x64_frame *f)
{
    uint64_t first = current->utcb_va + offsetof(struct k_utcb, bulk), room = sizeof current->utcb->bulk;

    if (!is_system())
        return K_NO_RIGHT;
    if (f->rdi < first || f->rdi - first > room || f->rsi > room - (f->rdi - first))
        return K_BAD_ARG;
    early_puts((const char *)current->utcb->bulk + (f->rdi - first), f->rsi);
    return K_OK;
}

static int shutdown(struct x64_frame *f)
{
    if (!is_system())
        return K_NO_RIGHT;
    if (f->rdi > K_SHUTDOWN_RESET)
        return K_BAD_ARG;
    kernel_shutdown(f->rdi);
}

/* The kernel itself reaches RAM only. */
static bool is_ram(uint64_t pa)
{
    for (uint32_t i = 0; i < boot_facts.ram_count; i++)
        if (pa - boot_facts.ram[i].base < boot_facts.ram[i].bytes)
            return true;
    return false;
}

static int boot_info(struct x64_frame *f)
{
    struct cap *cap;

    if (!is_system())
        return K_NO_RIGHT;
    FIND(MEMORY, f->rdi, K_RIGHT_WRITE, &cap);
    if (!is_ram(OBJECT(memory, cap)->pa))
        return K_BAD_ARG;
    memcpy(direct(OBJECT(memory, cap)->pa), &boot_facts, sizeof boot_facts);
    return K_OK;
}

static int dispatch(struct x64_frame *f)
{
    switch (f->rax) {
    case K_SYS_CALL:
        return send(f, true, true);
    case K_SYS_REPLY_RECV:
        return reply_receive(f);
    case K_SYS_SEND:
        return send(f, false, true);
    case K_SYS_NB_SEND:
        return send(f, false, false);
    case K_SYS_RECV:
        return receive(f, true);
    case K_SYS_NB_RECV:
        return receive(f, false);
    case K_SYS_REPLY:
        return reply(f);
    case K_SYS_SIGNAL:
        return signal(f);
    case K_SYS_WAIT:
        return wait(f, true);
    case K_SYS_POLL:
        return wait(f, false);
    case K_SYS_YIELD:
        sched_yield();
        return K_OK;
    case K_SYS_CLOCK:
        return clock(f);
    case K_SYS_SLEEP:
        return sleep(f);
    case K_SYS_NEXT_PERIOD:
        return sched_next_period(current);
    case K_SYS_CAP_COPY:
        return cap_copy(f);
    case K_SYS_CAP_MOVE:
        return cap_move_call(f);
    case K_SYS_CAP_DELETE:
        return cap_delete_call(f);
    case K_SYS_CAP_REVOKE:
        return cap_revoke_call(f);
    case K_SYS_CAP_INFO:
        return cap_info(f);
    case K_SYS_TASK_CREATE:
        return task_create_call(f);
    case K_SYS_THREAD_CREATE:
        return thread_create_call(f);
    case K_SYS_ENDPOINT_CREATE:
        return endpoint_create(f);
    case K_SYS_NOTIFICATION_CREATE:
        return notification_create_call(f);
    case K_SYS_REPLY_CREATE:
        return reply_create(f);
    case K_SYS_SCHED_CREATE:
        return sched_create(f);
    case K_SYS_MEMORY_CREATE:
        return memory_create_call(f);
    case K_SYS_IRQ_CREATE:
        return irq_create(f);
    case K_SYS_IOPORT_CREATE:
        return ioport_create(f);
    case K_SYS_THREAD_CONFIGURE:
        return thread_configure(f);
    case K_SYS_THREAD_START:
        return thread_start_call(f);
    case K_SYS_THREAD_STOP:
        return thread_stop(f);
    case K_SYS_THREAD_RESUME:
        return thread_resume(f);
    case K_SYS_THREAD_REGS:
        return thread_regs(f);
    case K_SYS_THREAD_FAULT_HANDLER:
        return thread_fault_handler(f);
    case K_SYS_THREAD_UPCALL:
        return thread_upcall(f);
    case K_SYS_UPCALL_RETURN:
        return upcall_return();
    case K_SYS_THREAD_BASES:
        return thread_bases(f);
    case K_SYS_THREAD_INFO:
        return thread_info(f);
    case K_SYS_NOTIFICATION_BIND:
        return notification_bind(f);
    case K_SYS_NOTIFICATION_TIMER:
        return notification_timer(f);
    case K_SYS_SCHED_CONFIGURE:
        return sched_configure(f);
    case K_SYS_MAP:
        return map(f);
    case K_SYS_UNMAP:
        return unmap(f);
    case K_SYS_PROTECT:
        return protect(f);
    case K_SYS_MAP_BATCH:
        return map_batch(f);
    case K_SYS_MEMORY_INFO:
        return memory_info(f);
    case K_SYS_ACCOUNT_INFO:
        return account_info(f);
    case K_SYS_ACCOUNT_GIVE:
        return account_give_call(f);
    case K_SYS_IRQ_BIND:
        return irq_bind(f);
    case K_SYS_IRQ_ACK:
        return irq_ack_call(f);
    case K_SYS_IRQ_MASK:
        return irq_mask(f);
    case K_SYS_IOPORT_GRANT:
        return ioport_grant_call(f);
    case K_SYS_NOTIFICATION_MAP:
        return notification_map(f);
    case K_SYS_DEBUG_PUTS:
        return debug_puts(f);
    case K_SYS_SHUTDOWN:
        return shutdown(f);
    case K_SYS_BOOT_INFO:
        return boot_info(f);
    default:
        return K_NO_SYSCALL;
    }
}

_Noreturn void kernel_syscall(struct x64_frame *f)
{
    struct thread *t = current;

    if (t->flags & K_THREAD_NO_SYSCALLS) {
        thread_fault(t, K_FAULT_SYSCALL, f->rax, 0, 0);
        kernel_exit();
    }
    int status = dispatch(f);
    if (status == K_RESTART)
        f->rip -= 2; /* SYSCALL is two bytes long */
    else if (status != DONE && current == t)
        f->rax = (uint64_t)status;
    kernel_exit();
}

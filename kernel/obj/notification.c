/* SPDX-License-Identifier: MIT */
/*
 * Notifications: 64 bits that are OR-ed together, taken and cleared at once.
 *
 * A bound thread that receives on an endpoint gets the word as a message; else the first of the waiters gets it. The word can be mapped read-only in one task,
 * from then on it lives in a page of its own.
 */
#include "kernel.h"

struct notification *notification_create(struct task *payer)
{
    struct notification *n = object_alloc(payer, sizeof *n, K_KIND_NOTIFICATION);

    if (!n)
        return NULL;
    n->word = &n->own;
    list_init(&n->waiters);
    list_init(&n->in_view);
    timer_init(&n->timer, TIMER_NOTIFICATION);
    return n;
}

static uint64_t take(struct notification *n)
{
    uint64_t word = *n->word;

    *n->word = 0;
    return word;
}

void notification_signal(struct notification *n, uint64_t bits)
{
    struct thread *t = n->bound;

    *n->word |= bits;
    if (!*n->word)
        return;
    if (t && t->state == K_THREAD_RECEIVING) {
        ipc_cancel(t, K_OK);
        t->frame.rdi = take(n);
        t->frame.rsi = K_TAG_NOTIFICATION;
        sched_wake(t);
    } else if (!list_empty(&n->waiters)) {
        t = CONTAINER(n->waiters.next, struct thread, queue);
        ipc_cancel(t, K_OK);
        t->frame.rdx = take(n);
        sched_wake(t);
    }
}

/* For WAIT and POLL; the word arrives in rdx. */
int notification_wait(struct thread *t, struct notification *n, uint64_t deadline, bool wait)
{
    if (*n->word || !wait) {
        t->frame.rdx = take(n);
        return K_OK;
    }
    t->waiting = n;
    sched_block(t, K_THREAD_WAITING);
    waiters_insert(&n->waiters, t);
    if (deadline)
        timer_start(&t->timer, deadline);
    return K_OK;
}

/* K_BUSY: it is mapped already, or something else is there. */
enum k_status notification_view(struct notification *n, struct task *task, uint64_t va)
{
    if (n->view)
        return K_BUSY;
    uint64_t *page = n->word == &n->own ? page_alloc(n->object.payer) : n->word;
    if (!page)
        return K_NO_MEMORY;
    enum k_status status = vspace_map_kernel_page(task, va, page, false);
    if (status != K_OK) {
        if (page != n->word)
            page_free(n->object.payer, page);
        return status;
    }
    if (page != n->word) {
        *page = n->own;
        n->word = page;
    }
    n->view = task;
    n->view_va = va;
    list_insert_before(&task->views, &n->in_view);
    return K_OK;
}

void notification_view_end(struct notification *n)
{
    vspace_unmap_kernel_page(n->view, n->view_va, n->word);
    list_remove(&n->in_view);
    n->view = NULL;
}

int notification_destroy(struct notification *n, unsigned *steps)
{
    while (!list_empty(&n->waiters)) {
        struct thread *t = CONTAINER(n->waiters.next, struct thread, queue);
        if (!*steps)
            return K_RESTART;
        --*steps;
        ipc_cancel(t, K_CANCELLED);
        sched_wake(t);
    }
    timer_stop(&n->timer);
    if (n->bound)
        n->bound->bound = NULL;
    if (n->view)
        notification_view_end(n);
    for (unsigned gsi = 0; gsi < X64_IRQS; gsi++)
        if (irq_of_gsi[gsi] && irq_of_gsi[gsi]->notification == n)
            irq_of_gsi[gsi]->notification = NULL;
    if (n->word != &n->own)
        page_free(n->object.payer, n->word);
    return K_OK;
}

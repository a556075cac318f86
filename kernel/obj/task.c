/* SPDX-License-Identifier: MIT */
/*
 * Tasks: made from a share of their payer's account, destroyed from the inside out.
 *
 * Nesting is bounded by DEPTH_MAX, so the end of a task with tasks in it finds its innermost in a bounded walk.
 */
#include "kernel.h"

/*
 * Make a task with an empty address space; its slot 0 names itself.
 *
 * Errors:  K_BAD_ARG    no capability slot, or more than the table can hold, or nested too deeply
 *          K_NO_MEMORY  the payer has not got account_bytes and a page, or account_bytes do not pay for the task's first tables
 */
enum k_status task_create(struct task *payer, uint64_t account_bytes, uint32_t cap_slots, struct task **out)
{
    if (!cap_slots || cap_slots > CAP_PAGES * CAPS_PER_PAGE || (payer && payer->depth + 1 >= DEPTH_MAX))
        return K_BAD_ARG;
    struct task *t = object_alloc(payer, sizeof *t, K_KIND_TASK);
    if (!t)
        return K_NO_MEMORY;
    if (payer->total - payer->used - payer->given < account_bytes) {
        object_free(&t->object, t);
        return K_NO_MEMORY;
    }
    payer->given += account_bytes;
    t->total = account_bytes;
    t->cap_slots = cap_slots;
    t->depth = payer->depth + 1;
    list_init(&t->objects);
    list_init(&t->threads);
    list_init(&t->views);
    struct cap *self;
    if (!vspace_init(t) || cap_room(t, K_SLOT_SELF, &self) != K_OK) {
        if (t->pml4)
            page_free(t, t->pml4);
        payer->given -= account_bytes;
        object_free(&t->object, t);
        return K_NO_MEMORY;
    }
    cap_set(self, t, &t->object, K_RIGHT_ALL, 0, NULL);
    self->weak = true;
    t->object.weight--;
    *out = t;
    return K_OK;
}

static struct task *child_of(const struct task *task)
{
    for (struct node *n = task->objects.next; n != &task->objects; n = n->next) {
        struct object *o = CONTAINER(n, struct object, mine);
        if (o->kind == K_KIND_TASK)
            return CONTAINER(o, struct task, object);
    }
    return NULL;
}

/* End all that a task without tasks in it holds, and every name it has but the one that is being deleted (`top`). */
static int innermost_destroy(struct task *t, bool top, unsigned *steps)
{
    t->object.dying = true;
    if (!top) {
        int status = object_delete_caps(&t->object, steps);
        if (status != K_OK)
            return status;
    }
    while (!list_empty(&t->threads)) { /* before the objects: nothing of the task runs any more */
        struct object *o = &CONTAINER(t->threads.next, struct thread, in_task)->object;
        o->dying = true;
        int status = object_delete_caps(o, steps);
        if (status != K_OK)
            return status;
        thread_destroy(CONTAINER(o, struct thread, object));
    }
    while (!list_empty(&t->objects)) {
        struct object *o = CONTAINER(t->objects.next, struct object, mine);
        o->dying = true;
        int status = object_delete_caps(o, steps);
        if (status == K_OK)
            status = object_destroy(o, steps);
        if (status != K_OK)
            return status;
    }
    for (; t->sweep_slot < t->cap_slots; t->sweep_slot++) {
        struct cap *cap = cap_at(t, t->sweep_slot);
        if (!cap)
            t->sweep_slot = (t->sweep_slot / CAPS_PER_PAGE + 1) * CAPS_PER_PAGE - 1;
        if (!cap || !cap->object)
            continue;
        if (!*steps)
            return K_RESTART;
        --*steps;
        int status = cap_delete(cap, steps);
        if (status != K_OK)
            return status;
    }
    while (!list_empty(&t->views))
        notification_view_end(CONTAINER(t->views.next, struct notification, in_view));
    task_ports_end(t);
    return vspace_destroy(t, steps);
}

int task_destroy(struct task *task, unsigned *steps)
{
    for (;;) {
        struct task *t = task;
        for (struct task *c = child_of(t); c; c = child_of(t))
            t = c;
        int status = innermost_destroy(t, t == task, steps);
        if (status != K_OK)
            return status;
        for (unsigned i = 0; i < CAP_PAGES; i++)
            if (t->cap_pages[i])
                page_free(t, t->cap_pages[i]);
        BUG_ON(t->used || t->given);
        t->object.payer->given -= t->total;
        object_free(&t->object, t);
        if (t == task)
            return K_OK;
    }
}

/* Move free bytes between a task and one it pays for, or between two that one task pays for. */
enum k_status account_give(struct task *from, struct task *to, uint64_t bytes)
{
    bool down = to->object.payer == from, up = from->object.payer == to;

    if (from == to || (!down && !up && (from->object.payer != to->object.payer || !from->object.payer)))
        return K_BAD_ARG;
    if (bytes & (PAGE_BYTES - 1))
        return K_BAD_ALIGN;
    if (from->total - from->used - from->given < bytes)
        return K_NO_MEMORY;
    if (down)
        from->given += bytes;
    else
        from->total -= bytes;
    if (up)
        to->given -= bytes;
    else
        to->total += bytes;
    return K_OK;
}

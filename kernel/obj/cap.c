/* SPDX-License-Identifier: MIT */
/*
 * Capability tables, the derivation tree, and the end of objects.
 *
 * A capability derived from another is its child; deleting a parent hands its children to the grandparent, so that what is above can still revoke them. An object dies
 * with the last capability that counts. Everything that can be long works in steps: what is done stays done, and the system call starts again.
 *
 * A mapping lives as long as the task that made it holds a capability to the memory; so deleting or revoking one may sweep mappings.
 */
#include "kernel.h"

struct cap *cap_at(struct task *task, uint64_t slot)
{
    if (slot >= task->cap_slots || !task->cap_pages[slot / CAPS_PER_PAGE])
        return NULL;
    return &task->cap_pages[slot / CAPS_PER_PAGE][slot % CAPS_PER_PAGE];
}

/* An empty slot to fill; pays for its page of the table. */
enum k_status cap_room(struct task *task, uint64_t slot, struct cap **out)
{
    if (slot >= task->cap_slots)
        return K_NO_CAP;
    struct cap **page = &task->cap_pages[slot / CAPS_PER_PAGE];
    if (!*page)
        *page = page_alloc(task);
    if (!*page)
        return K_NO_MEMORY;
    *out = &(*page)[slot % CAPS_PER_PAGE];
    return (*out)->object ? K_BUSY : K_OK;
}

void cap_set(struct cap *cap, struct task *holder, struct object *object, uint8_t rights, uint64_t badge, struct cap *parent)
{
    *cap = (struct cap){.object = object, .badge = badge, .rights = rights, .holder = holder, .parent = parent};
    list_insert_before(&object->caps, &cap->same);
    object->weight++;
    if (parent)
        cap_adopt(parent, cap);
}

enum k_status cap_any(struct task *task, uint64_t slot, struct cap **out)
{
    *out = cap_at(task, slot);
    return *out && (*out)->object && !(*out)->object->dying ? K_OK : K_NO_CAP;
}

enum k_status cap_find(struct task *task, uint64_t slot, enum k_kind kind, uint8_t rights, struct cap **out)
{
    if (cap_any(task, slot, out) != K_OK)
        return K_NO_CAP;
    if ((*out)->object->kind != kind)
        return K_BAD_TYPE;
    return ((*out)->rights & rights) == rights ? K_OK : K_NO_RIGHT;
}

enum k_status cap_derive(struct cap *from, struct task *holder, uint64_t slot, uint8_t rights, uint64_t badge)
{
    struct cap *to;
    enum k_status status = cap_room(holder, slot, &to);

    if (status == K_OK)
        cap_set(to, holder, from->object, rights, badge, from);
    return status;
}

static void tree_remove(struct cap *cap)
{
    if (cap->prev)
        cap->prev->next = cap->next;
    else if (cap->parent)
        cap->parent->child = cap->next;
    if (cap->next)
        cap->next->prev = cap->prev;
    cap->next = cap->prev = NULL;
}

/* Make a capability that has no parent the child of one. */
void cap_adopt(struct cap *parent, struct cap *cap)
{
    cap->parent = parent;
    cap->next = parent->child;
    if (cap->next)
        cap->next->prev = cap;
    parent->child = cap;
}

/* K_BUSY: more than LONG_STEPS capabilities were derived from it, whose parent would have to change at once. */
enum k_status cap_move(struct cap *from, struct cap *to)
{
    struct node *at = from->same.next;
    unsigned children = 0;

    for (const struct cap *c = from->child; c && children <= LONG_STEPS; c = c->next)
        children++;
    if (children > LONG_STEPS)
        return K_BUSY;
    *to = *from;
    list_remove(&from->same);
    list_insert_before(at, &to->same);
    if (to->prev)
        to->prev->next = to;
    else if (to->parent)
        to->parent->child = to;
    if (to->next)
        to->next->prev = to;
    for (struct cap *c = to->child; c; c = c->next)
        c->parent = to;
    *from = (struct cap){0};
    return K_OK;
}

/* The children of cap become its parent's, one a step. */
static int children_up(struct cap *cap, unsigned *steps)
{
    struct cap *parent = cap->parent;

    while (cap->child) {
        if (!*steps)
            return K_RESTART;
        --*steps;
        struct cap *c = cap->child;
        cap->child = c->next;
        if (c->next)
            c->next->prev = NULL;
        c->prev = NULL, c->next = NULL, c->parent = parent;
        if (parent) { /* behind `cap`, which is its brother now */
            c->next = cap->next, c->prev = cap;
            if (c->next)
                c->next->prev = c;
            cap->next = c;
        }
    }
    return K_OK;
}

/* Does another capability to the same object lie in this holder's table? */
static bool held_elsewhere(const struct cap *cap)
{
    for (const struct node *n = cap->object->caps.next; n != &cap->object->caps; n = n->next) {
        const struct cap *c = CONTAINER(n, const struct cap, same);
        if (c != cap && c->holder == cap->holder)
            return true;
    }
    return false;
}

/* Sweep the mappings that the holder of a memory capability made, when this was its last. */
static int mappings_end(struct cap *cap, unsigned *steps)
{
    struct memory *m = CONTAINER(cap->object, struct memory, object);

    if (cap->object->kind != K_KIND_MEMORY || !m->pages || held_elsewhere(cap))
        return K_OK;
    for (struct node *n = m->links.next; n != &m->links;) {
        struct link *l = CONTAINER(n, struct link, node);
        n = n->next;
        if (l->by != cap->holder)
            continue;
        int status = link_sweep(l, steps);
        if (status != K_OK)
            return status;
    }
    return K_OK;
}

static void cap_empty(struct cap *cap)
{
    tree_remove(cap);
    *cap = (struct cap){0};
}

/* Take a capability without children out of its slot; its object lives on. */
static void cap_drop(struct cap *cap)
{
    cap->object->weight -= !cap->weak;
    list_remove(&cap->same);
    cap_empty(cap);
}

/*
 * Empty the slot; the object ends with its last capability that counts. A task ends so only by CAP_DELETE (`caller`); one whose last capability goes in another
 * way lives on until its payer ends, so that no chain of tasks holding each other can nest here. K_RESTART: call again; the slot is still there.
 */
static int delete(struct cap *cap, bool caller, unsigned *steps)
{
    struct object *object = cap->object;
    bool last = object->weight == 1 && !cap->weak && (caller || object->kind != K_KIND_TASK);
    int status = children_up(cap, steps);

    if (status == K_OK)
        status = mappings_end(cap, steps);
    if (status == K_OK && last)
        status = object_destroy(object, steps);
    if (status != K_OK)
        return status;
    if (last)
        cap_empty(cap); /* the object is gone already */
    else
        cap_drop(cap);
    return K_OK;
}

int cap_delete(struct cap *cap, unsigned *steps)
{
    return delete(cap, false, steps);
}

/* As cap_delete, for CAP_DELETE. K_BAD_ARG: the last capability of the calling task itself, or of one that contains it. */
int cap_delete_called(struct cap *cap, unsigned *steps)
{
    if (cap->object->kind == K_KIND_TASK)
        for (const struct task *t = current->task; t; t = t->object.payer)
            if (&t->object == cap->object && (cap->weak || cap->object->weight == 1))
                return K_BAD_ARG;
    return delete(cap, true, steps);
}

/* Delete all that was derived from cap, in any table. */
int cap_revoke(struct cap *cap, unsigned *steps)
{
    while (cap->child) {
        if (!*steps)
            return K_RESTART;
        --*steps;
        int status = cap_delete(cap->child, steps); /* its children become ours first */
        if (status != K_OK)
            return status;
    }
    return K_OK;
}

/* Empty every slot that names the object, which is going for another reason than its last capability, and all that was derived from those. */
int object_delete_caps(struct object *object, unsigned *steps)
{
    while (!list_empty(&object->caps)) {
        struct cap *cap = CONTAINER(object->caps.next, struct cap, same);
        if (!*steps)
            return K_RESTART;
        --*steps;
        cap->object->weight += 2; /* so that no deletion below ends it: that is the caller's */
        int status = cap_revoke(cap, steps);
        object->weight -= 2;
        if (status != K_OK)
            return status;
        cap_drop(cap);
    }
    return K_OK;
}

/* End an object: what waits for it is woken, its memory goes back to its payer. Its last capability's slot is the caller's to empty. */
int object_destroy(struct object *object, unsigned *steps)
{
    int status = K_OK;

    object->dying = true;
    switch (object->kind) {
    case K_KIND_TASK:
        return task_destroy(CONTAINER(object, struct task, object), steps);
    case K_KIND_THREAD:
        thread_destroy(CONTAINER(object, struct thread, object));
        return K_OK;
    case K_KIND_ENDPOINT:
        status = endpoint_destroy(CONTAINER(object, struct endpoint, object), steps);
        break;
    case K_KIND_REPLY:
        reply_destroy(CONTAINER(object, struct reply, object));
        break;
    case K_KIND_NOTIFICATION:
        status = notification_destroy(CONTAINER(object, struct notification, object), steps);
        break;
    case K_KIND_SCHED:
        sched_destroy(CONTAINER(object, struct sched, object));
        break;
    case K_KIND_MEMORY:
        status = memory_destroy(CONTAINER(object, struct memory, object), steps);
        break;
    case K_KIND_IRQ:
        irq_destroy(CONTAINER(object, struct irq, object));
        break;
    case K_KIND_IOPORT:
        ioport_destroy(CONTAINER(object, struct ioport, object));
        break;
    case K_KIND_NONE:
    case K_KIND_IRQ_CONTROL:
    case K_KIND_IOPORT_CONTROL:
    case K_KIND_SYSTEM:
        break;
    }
    if (status == K_OK)
        object_free(object, object);
    return status;
}

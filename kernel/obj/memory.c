/* SPDX-License-Identifier: MIT */
/* Memory objects: physical ranges and their parts. A part knows what it is a part of, so that the W^X rule sees pages mapped through either. */
#include "kernel.h"

/* NULL: the account is exhausted. A part's depth must be checked before. */
struct memory *memory_create(struct task *payer, struct memory *parent, uint64_t pa, uint64_t bytes)
{
    struct memory *m = object_alloc(payer, sizeof *m, K_KIND_MEMORY);

    if (!m)
        return NULL;
    m->pa = pa, m->bytes = bytes, m->parent = parent;
    list_init(&m->links);
    list_init(&m->subs);
    list_init(&m->sub);
    if (parent) {
        m->depth = parent->depth + 1;
        list_insert_before(&parent->subs, &m->sub);
    }
    return m;
}

/* Unmap it everywhere; its parts become its parent's. */
int memory_destroy(struct memory *m, unsigned *steps)
{
    while (!list_empty(&m->links)) {
        int status = link_sweep(CONTAINER(m->links.next, struct link, node), steps);
        if (status != K_OK)
            return status;
    }
    while (!list_empty(&m->subs)) {
        struct memory *part = CONTAINER(m->subs.next, struct memory, sub);
        if (!*steps)
            return K_RESTART;
        --*steps;
        list_remove(&part->sub);
        part->parent = m->parent;
        if (m->parent)
            list_insert_before(&m->parent->subs, &part->sub);
    }
    list_remove(&m->sub);
    return K_OK;
}

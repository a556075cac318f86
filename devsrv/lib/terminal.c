/* SPDX-License-Identifier: MIT */
/* A client's way to its terminal (devsrv/terminal.h). */
#include "devsrv/terminal.h"

#include "devsrv/args.h"
#include "l4/l4.h"

bool ds_terminal_open(struct ds_terminal *t)
{
    const struct arg_entry *arg = ds_args_find(ARG_KIND_RING, "terminal");
    *t = (struct ds_terminal){0};
    if (!arg) {
        return true;
    }
    t->server = arg->slot;
    t->is_open = ds_ring_open_client(&t->ring, (void *)(uintptr_t)arg->va, arg->bytes);
    return t->is_open;
}

void ds_terminal_write(struct ds_terminal *t, const void *bytes, uint32_t count)
{
    if (!t->is_open || !count) {
        return;
    }
    uint32_t taken = ds_ring_write(&t->ring.out, bytes, count);
    if (taken < count) {
        __atomic_fetch_add(&t->ring.page->dropped, count - taken, __ATOMIC_RELAXED);
    }
    t->news = true;
}

uint32_t ds_terminal_read(struct ds_terminal *t, void *bytes, uint32_t room)
{
    return t->is_open ? ds_ring_read(&t->ring.in, bytes, room) : 0;
}

void ds_terminal_signal(struct ds_terminal *t)
{
    if (t->news) {
        l4_signal(t->server, 0); /* its capability's badge says who */
    }
    t->news = false;
}

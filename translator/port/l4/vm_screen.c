/* SPDX-License-Identifier: MIT */
/* Screen and keyboard between the guest and whoever shows it (vm_screen.h). */
#include "vm_screen.h"

#include "devsrv/args.h"
#include "l4/l4.h"

#include <string.h>

_Static_assert((int)XL_SCREEN_WIDTH_MAX == (int)DS_SCREEN_WIDTH_MAX && (int)XL_SCREEN_HEIGHT_MAX == (int)DS_SCREEN_HEIGHT_MAX, "a screen is a screen");

const char *vm_screen_open(struct vm_screen *s, struct xl_l4_config *config)
{
    const struct arg_entry *memory = ds_args_find(ARG_KIND_MEMORY, "screen"), *keys = ds_args_find(ARG_KIND_RING, "keys");

    if (!memory)
        return NULL;
    s->page = ds_screen_open((void *)memory->va, memory->bytes);
    if (!s->page)
        return "the image gives this guest's task too little memory for its screen; build it again";
    if (keys && !ds_ring_open_client(&s->keys, (void *)keys->va, keys->bytes))
        return "the image gives this guest's task no usable ring for its keyboard; build it again";
    s->server = keys ? keys->slot : 0;
    config->vm.screen = true;
    config->screen = (uint32_t *)(memory->va + DS_SCREEN_PIXELS);
    return NULL;
}

void vm_screen_changed(struct vm_screen *s, unsigned width, unsigned height, unsigned first, unsigned rows)
{
    ds_screen_tell(s->page, width, height, first, rows);
    s->news = true;
}

bool vm_screen_wanted(const struct vm_screen *s)
{
    return ds_screen_is_wanted(s->page);
}

bool vm_screen_offer(struct vm_screen *s, struct xl_vm *vm)
{
    if (!s->server)
        return false;
    unsigned got = ds_ring_read(&s->keys.in, s->pending + s->pending_count, VM_SCREEN_KEYS - s->pending_count);
    s->pending_count += got;
    s->news = s->news || got;
    if (!s->pending_count)
        return false;
    unsigned taken = xl_keys_in(vm, s->pending, s->pending_count);
    s->pending_count -= taken;
    memmove(s->pending, s->pending + taken, s->pending_count);
    return taken;
}

void vm_screen_signal(struct vm_screen *s)
{
    if (s->news && s->server)
        l4_signal(s->server, 0); /* its capability's badge says who */
    s->news = false;
}

/* SPDX-License-Identifier: MIT */
/* Root's first steps: look at the image, make the system, let it run. */
#include "root.h"

#include "devsrv/args.h"

#define IMAGE_VA 0x6000000000ull

struct root root;

_Noreturn void root_fail(const char *what, uint32_t number, enum k_status status)
{
    static char line[160];
    struct ds_text t = ds_text_on(line, sizeof line);

    ds_text_put(&t, "root: the system table cannot be made: ");
    ds_text_put(&t, what);
    ds_text_char(&t, ' ');
    ds_text_dec(&t, number);
    ds_text_put(&t, ": ");
    ds_text_put(&t, l4_status_name(status));
    ds_text_put(&t, "; build the image again for this board\n");
    l4_debug_puts(line);
    l4_shutdown(1);
    for (;;) {
    }
}

static _Noreturn void refuse(const char *why)
{
    l4_debug_puts("root: the packed image fails its check: ");
    l4_debug_puts(why);
    l4_debug_puts("; build and flash it again\n");
    l4_shutdown(1);
    for (;;) {
    }
}

/* NUL-terminated, valid until the next call. */
const char *task_name(uint32_t task)
{
    static char name[SYS_NAME_BYTES + 1];
    struct ds_text t = ds_text_on(name, sizeof name);

    ds_text_name(&t, TABLE(&root.table, task)[task].name, SYS_NAME_BYTES);
    return name;
}

static bool ring_open(const char *name, struct ds_ring_pair *pair, uint32_t *server)
{
    const struct arg_entry *a = ds_args_find(ARG_KIND_RING, name);

    if (!a)
        return false;
    *server = a->slot;
    return ds_ring_open_client(pair, (void *)a->va, a->bytes);
}

static uint32_t cap_slot(const char *name)
{
    const struct arg_entry *a = ds_args_find(ARG_KIND_CAP, name);

    if (!a)
        refuse("root's own capabilities are missing among its arguments");
    return a->slot;
}

int main(void)
{
    static char why[160];
    struct ds_text t = ds_text_on(why, sizeof why);
    struct l4_out image;

    if (l4_memory_info(K_SLOT_IMAGE, &image) != K_OK || l4_map(K_SLOT_SELF, K_SLOT_IMAGE, IMAGE_VA, 0, image.v[0], K_RIGHT_READ) != K_OK)
        refuse("it cannot be mapped");
    if (!table_open(&root.table, (const void *)IMAGE_VA, image.v[0], &t))
        refuse(why);
    build_all();
    if (!ds_args_open())
        refuse("root's arguments are of another version");
    root.endpoint = cap_slot("supervisor");
    root.wake = cap_slot("wake");
    root.has_log = ring_open("log", &root.log, &root.log_server);
    root.has_management = ring_open("management", &root.management, &root.management_server);
    ds_terminal_open(&root.terminal);
    const struct arg_entry *states = ds_args_find(ARG_KIND_MEMORY, "states");
    if (states && states->bytes > SYS_STATES_FRAME) {
        root.states = (uint8_t *)states->va;
        root.states[SYS_STATES_FRAME] = root.has_frame;
    }
    const struct arg_entry *shot = ds_args_find(ARG_KIND_MEMORY, "shot");
    if (shot && shot->bytes >= sizeof *root.shot)
        root.shot = (struct ds_shot *)shot->va;
    if (l4_reply_create(K_SLOT_SELF, SLOT_REPLY) != K_OK)
        root_fail("reply object", 0, K_NO_MEMORY);
    build_start();
    supervise();
}

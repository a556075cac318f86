/* SPDX-License-Identifier: MIT */
/*
 * Snapshots on the workstation: the core's state, guest RAM as sparse anonymous memory, and console bytes that wait to be read.
 *
 * RAM is compared and copied page by page, not mapped anew: its pages have one address for the whole life of a machine, whatever views of it there are.
 */
#define _GNU_SOURCE
#include "linux_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct xl_linux_snapshot {
    uint64_t ram_bytes;
    uint8_t *ram;
    unsigned out_count;
    uint8_t *out;
    uint64_t state[]; /* xl_snapshot_bytes() */
};

void xl_linux_snapshot_free(struct xl_linux_snapshot *s)
{
    if (!s)
        return;
    if (s->ram)
        munmap(s->ram, s->ram_bytes);
    free(s->out);
    free(s);
}

struct xl_linux_snapshot *xl_linux_snapshot_take(struct xl_linux *l)
{
    struct xl_linux_snapshot *s = calloc(1, sizeof *s + xl_snapshot_bytes(l->vm));

    if (!s)
        return NULL;
    s->ram_bytes = l->ram_bytes;
    s->out_count = l->out_count;
    s->out = malloc(l->out_count + 1u);
    s->ram = mmap(NULL, l->ram_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (s->ram == MAP_FAILED)
        s->ram = NULL;
    if (!s->ram || !s->out) {
        xl_linux_snapshot_free(s);
        return NULL;
    }
    memcpy(s->out, l->out, l->out_count);
    xl_snapshot_take(l->vm, s->state, s->ram);
    return s;
}

enum xl_status xl_linux_snapshot_restore(struct xl_linux *l, const struct xl_linux_snapshot *s)
{
    enum xl_status status = s->ram_bytes == l->ram_bytes ? xl_snapshot_restore(l->vm, s->state, s->ram) : XL_BAD_ARG;

    if (status)
        return status;
    l->out_count = s->out_count;
    memcpy(l->out, s->out, s->out_count);
    return XL_OK;
}

uint64_t xl_linux_ram_difference(const struct xl_linux *a, const struct xl_linux *b)
{
    enum { PIECE = 4096 };
    uint64_t shorter = a->ram_bytes < b->ram_bytes ? a->ram_bytes : b->ram_bytes;

    for (uint64_t at = 0; at < shorter; at += PIECE)
        if (memcmp(a->port.ram + at, b->port.ram + at, PIECE))
            while (true) {
                if (a->port.ram[at] != b->port.ram[at])
                    return at;
                at++;
            }
    return a->ram_bytes == b->ram_bytes ? UINT64_MAX : shorter;
}

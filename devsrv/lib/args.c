/* SPDX-License-Identifier: MIT */
/*
 * A task's arguments (devsrv/args.h, formats/args.py). The block is checked whole by ds_args_open, so that the other functions need only trust it:
 * it is mapped read-only and root built it, but a block of another version must be refused and not half read.
 */
#include "devsrv/args.h"

#include "l4/string.h"
#include "system_table_gen.h"

#include <stdbool.h>

#define ARGS_MAGIC 0x314752414d56344cull /* "L4VMARG1" */

static const struct arg_header *args_header;

static const uint8_t *args_base(void)
{
    return (const uint8_t *)(uintptr_t)SYS_ARGS_VA;
}

static const struct arg_entry *args_entry(uint32_t n)
{
    return (const struct arg_entry *)(args_base() + sizeof(struct arg_header)) + n;
}

/* Does the text lie in the block behind the entries, with its NUL? */
static bool text_is_inside(const struct arg_entry *entry, uint64_t texts, uint64_t total)
{
    uint64_t start = entry->va - SYS_ARGS_VA;
    return start >= texts && start < total && entry->bytes < total - start && args_base()[start + entry->bytes] == 0;
}

_Bool ds_args_open(void)
{
    const struct arg_header *header = (const struct arg_header *)args_base();
    args_header = NULL;
    if (header->magic != ARGS_MAGIC || header->version != ARG_VERSION || header->total_bytes > ARG_MAX_BYTES) {
        return false;
    }
    uint64_t texts = sizeof *header + (uint64_t)header->count * sizeof(struct arg_entry);
    if (texts > header->total_bytes) {
        return false;
    }
    for (uint32_t i = 0; i < header->count; i++) {
        const struct arg_entry *entry = args_entry(i);
        if (entry->kind == ARG_KIND_TEXT && !text_is_inside(entry, texts, header->total_bytes)) {
            return false;
        }
    }
    args_header = header;
    return true;
}

/* A name in the block has ARG_NAME_BYTES bytes, NUL padded; one of full length has no NUL. */
static bool name_is(const uint8_t *field, const char *name)
{
    for (unsigned i = 0; i < ARG_NAME_BYTES; i++) {
        if (field[i] != (uint8_t)name[i]) {
            return false;
        }
        if (name[i] == '\0') {
            return true;
        }
    }
    return name[ARG_NAME_BYTES] == '\0';
}

static uint32_t args_count(void)
{
    return args_header ? args_header->count : 0;
}

const struct arg_entry *ds_args_find(enum arg_kind kind, const char *name)
{
    for (uint32_t i = 0; i < args_count(); i++) {
        if (args_entry(i)->kind == (uint32_t)kind && name_is(args_entry(i)->name, name)) {
            return args_entry(i);
        }
    }
    return NULL;
}

const struct arg_entry *ds_args_nth(enum arg_kind kind, unsigned n)
{
    for (uint32_t i = 0; i < args_count(); i++) {
        if (args_entry(i)->kind == (uint32_t)kind && n-- == 0) {
            return args_entry(i);
        }
    }
    return NULL;
}

uint64_t ds_args_value(const char *name, uint64_t otherwise)
{
    const struct arg_entry *entry = ds_args_find(ARG_KIND_VALUE, name);
    return entry ? entry->value : otherwise;
}

const char *ds_args_text(const char *name)
{
    const struct arg_entry *entry = ds_args_find(ARG_KIND_TEXT, name);
    return entry ? (const char *)(uintptr_t)entry->va : "";
}

const char *ds_args_task(void)
{
    static char task[ARG_NAME_BYTES + 1];
    if (args_header) {
        memcpy(task, args_header->task, ARG_NAME_BYTES);
    }
    return task;
}

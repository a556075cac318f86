/* SPDX-License-Identifier: MIT */
/*
 * A task's arguments (formats/args.py): asked for by kind and name. The block is packed by the build kit and mapped read-only at SYS_ARGS_VA.
 */
#ifndef DEVSRV_ARGS_H
#define DEVSRV_ARGS_H

#include "args_gen.h"

#include <stdint.h>

/** Check the block; false when magic, version or sizes are wrong. Call it once, first. */
_Bool ds_args_open(void);
/** The argument of this kind and name (at most ARG_NAME_BYTES characters), or NULL. */
const struct arg_entry *ds_args_find(enum arg_kind kind, const char *name);
/** The n-th argument of a kind, or NULL past the last. */
const struct arg_entry *ds_args_nth(enum arg_kind kind, unsigned n);
/** A VALUE's value, or `otherwise` when there is none of that name. */
uint64_t ds_args_value(const char *name, uint64_t otherwise);
/** A TEXT's text (NUL-terminated, inside the block), or "" when there is none. */
const char *ds_args_text(const char *name);
/** The task's name, NUL-terminated. */
const char *ds_args_task(void);

#endif

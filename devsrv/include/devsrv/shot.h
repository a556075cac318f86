/* SPDX-License-Identifier: MIT */
/*
 * Pieces of a picture of what a place of the console server shows: asked for by root, on behalf of the workstation (LINK_OP_PICTURE), answered by that server. One page, both write.
 *
 * Root writes `name` and `offset`, then a new `asked`; the server copies them once, writes `status`, `bytes` and `data`, then `answered` = `asked`. One question at a time; root never waits: it
 * says BUSY until the answer is there, and the workstation asks again. Root
 * holds an answer's length to its range, and asks for what its head calls the next piece at once, since that will be wanted.
 */
#ifndef DEVSRV_SHOT_H
#define DEVSRV_SHOT_H

#include "link_gen.h"

#include <stdint.h>

enum { DS_SHOT_BYTES = LINK_MAX_PAYLOAD - sizeof(struct link_reply) };

struct ds_shot {
    uint32_t asked, answered; /* atomic */
    struct link_picture_args args;
    uint32_t status; /* enum link_reply_status */
    uint32_t bytes;
    uint8_t data[DS_SHOT_BYTES]; /* struct link_picture_head, then what its kind says */
};
_Static_assert(sizeof(struct ds_shot) <= 4096, "a page");

#endif

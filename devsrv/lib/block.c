/* SPDX-License-Identifier: MIT */
/* The client's side of a disk (devsrv/block.h): what was asked is kept here, so that a damaged slot cannot answer for another buffer. */
#include "devsrv/block.h"

#include <stddef.h>

bool ds_block_open(struct ds_block *b, void *memory, uint64_t bytes)
{
    if (bytes < sizeof *b->memory || !ds_queue_open_producer(&b->queue, memory, DS_QUEUE_SLOTS + sizeof b->memory->request, sizeof b->memory->request[0], DS_BLOCK_ENTRIES)) {
        return false;
    }
    b->memory = memory;
    b->answered = b->queue.at;
    return true;
}

bool ds_block_is_idle(struct ds_block *b)
{
    return ds_queue_underway(&b->queue) == 0;
}

bool ds_block_ask(struct ds_block *b, unsigned tag, enum ds_block_op op, uint64_t sector, uint32_t sectors)
{
    struct ds_block_request *slot = b->queue.at - b->answered < DS_BLOCK_ENTRIES ? ds_queue_free(&b->queue) : NULL;
    if (!slot) {
        return false;
    }
    b->tag[b->queue.at % DS_BLOCK_ENTRIES] = (uint8_t)tag;
    *slot = (struct ds_block_request){.op = op, .tag = tag, .sector = sector, .sectors = sectors};
    ds_queue_put(&b->queue);
    return true;
}

bool ds_block_answer(struct ds_block *b, unsigned *tag, bool *is_good)
{
    uint32_t left = ds_queue_underway(&b->queue), unseen = b->queue.at - b->answered;
    if (unseen <= left) {
        return false;
    }
    unsigned n = b->answered++ % DS_BLOCK_ENTRIES;
    *tag = b->tag[n];
    *is_good = b->memory->request[n].status == DS_BLOCK_OK;
    return true;
}

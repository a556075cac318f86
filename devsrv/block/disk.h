/* SPDX-License-Identifier: MIT */
/*
 * The block server's core: requests of one client on its part of a disk. No kernel, no clock.
 *
 * A client writes what it likes into its memory: a request is copied once and the copy is checked; only the client's own area is ever touched. A request that is not in
 * order is answered DS_BLOCK_REFUSED. A turn does at most BLOCK_TURN requests, so that a busy client delays another by that many buffers.
 */
#ifndef BLOCK_DISK_H
#define BLOCK_DISK_H

#include "devsrv/block.h"

enum { BLOCK_CLIENTS_MAX = 32, BLOCK_TURN = 4 };

struct block_client {
    struct ds_queue queue;
    struct ds_block_memory *memory;
    uint8_t *area; /* where its part of the disk lies */
    uint64_t sectors;
    bool is_read_only;
};

/** `value`: as in devsrv/block.h. False when the memory is too small or the area has fewer sectors than the value says. */
bool block_client_open(struct block_client *c, void *memory, uint64_t bytes, void *area, uint64_t area_bytes, uint64_t value);
/** Do what waits, at most BLOCK_TURN requests; returns how many. */
unsigned block_client_turn(struct block_client *c);

#endif

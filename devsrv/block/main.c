/* SPDX-License-Identifier: MIT */
/*
 * The block server: parts of RAM disks for clients, each over a queue of requests of its own (devsrv/block.h).
 *
 * Arguments: for client n the n-th RING (its memory; value: sectors and rights) and the n-th MEMORY (its part of a disk); CAP "wake", "supervisor".
 * Wake word: bit n the client of the n-th RING. Nothing is kept between two turns but in root's memory, so the server may be ended at any instruction.
 */
#include "devsrv/args.h"
#include "devsrv/server.h"
#include "disk.h"

#include <stddef.h>

struct block {
    struct ds_server server;
    struct block_client client[BLOCK_CLIENTS_MAX];
};

static void clients_open(struct block *b)
{
    const struct arg_entry *ring;
    for (unsigned n = 0; (ring = ds_args_nth(ARG_KIND_RING, n)); n++) {
        const struct arg_entry *area = ds_args_nth(ARG_KIND_MEMORY, n);
        if (n == BLOCK_CLIENTS_MAX || !area || !ds_server_add(&b->server, ring->slot) ||
            !block_client_open(&b->client[n], (void *)(uintptr_t)ring->va, ring->bytes, (void *)(uintptr_t)area->va, area->bytes, ring->value)) {
            ds_server_fail("a RING argument has no MEMORY, is too small, or there are more than 32");
        }
    }
}

static bool block_turn(void *arg, uint64_t word, uint64_t *signals)
{
    struct block *b = arg;
    bool is_more = false;
    (void)word;
    for (unsigned n = 0; n < b->server.clients; n++) {
        unsigned done = block_client_turn(&b->client[n]);
        *signals |= (uint64_t)(done > 0) << n;
        is_more = is_more || done == BLOCK_TURN;
    }
    return is_more;
}

int main(void)
{
    static struct block block;
    ds_server_open(&block.server);
    clients_open(&block);
    ds_server_run(&block.server, 0, block_turn, &block);
}

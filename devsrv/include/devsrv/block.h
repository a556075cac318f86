/* SPDX-License-Identifier: MIT */
/*
 * Disks: what a client and the block server share, and the client's side.
 *
 *   struct ds_block_memory   a queue of requests, then DS_BLOCK_TAGS buffers; root's memory, one for each client and disk
 *
 * A client fills a buffer (or leaves it to be filled), puts a request that names it by its tag, and signals the server. The server does requests in order: data first, then the
 * status in the request's slot, then its index. So an answered write is in the disk, which is root's memory as well: it is lost with the board's power only. A server that was
 * ended before it answered does the request again; nobody else can have used the buffer meanwhile. A buffer is the client's again with the answer.
 *
 * A client that was itself started anew first waits until what its last life asked for is done (ds_block_is_idle), for that still uses the buffers.
 *
 * The argument RING of both sides has as value: sectors << 1, and DS_BLOCK_READ_ONLY.
 */
#ifndef DEVSRV_BLOCK_H
#define DEVSRV_BLOCK_H

#include "devsrv/queue.h"

enum { DS_BLOCK_SECTOR = 512, DS_BLOCK_TAGS = 4, DS_BLOCK_BUFFER = 65536, DS_BLOCK_ENTRIES = 8, DS_BLOCK_READ_ONLY = 1 };
enum ds_block_op { DS_BLOCK_READ, DS_BLOCK_WRITE, DS_BLOCK_FLUSH };
enum ds_block_status { DS_BLOCK_OK = 1, DS_BLOCK_REFUSED = 2 };

struct ds_block_request {
    uint32_t op, tag;
    uint64_t sector;
    uint32_t sectors;
    uint32_t status; /* the server's; before its index moves */
    uint64_t reserved;
};
_Static_assert(sizeof(struct ds_block_request) == 32, "one layout for both sides");

struct ds_block_memory {
    struct ds_queue_page page;
    struct ds_block_request request[DS_BLOCK_ENTRIES];
    uint8_t pad[4096 - DS_QUEUE_SLOTS - DS_BLOCK_ENTRIES * 32];
    uint8_t buffer[DS_BLOCK_TAGS][DS_BLOCK_BUFFER];
};
_Static_assert(sizeof(struct ds_block_memory) == 4096 + DS_BLOCK_TAGS * DS_BLOCK_BUFFER, "description/resolve.py: BLOCK_BYTES");

/* The client's side; private to it. */
struct ds_block {
    struct ds_queue queue;
    struct ds_block_memory *memory;
    uint32_t answered;              /* index of the next answer to look at */
    uint8_t tag[DS_BLOCK_ENTRIES];  /* of each request underway, as it was asked */
};

/** Open a client's memory; false when it is too small. */
bool ds_block_open(struct ds_block *b, void *memory, uint64_t bytes);
/** Is nothing underway? */
bool ds_block_is_idle(struct ds_block *b);
/** Ask; false when the queue is full. The range is the server's to check. Signal the server afterwards. */
bool ds_block_ask(struct ds_block *b, unsigned tag, enum ds_block_op op, uint64_t sector, uint32_t sectors);
/** The next answer, in the order of the requests: its tag, and whether it was done. False when there is none yet. */
bool ds_block_answer(struct ds_block *b, unsigned *tag, bool *is_good);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The serial server on a workstation, driven over stdin and stdout.
 *
 * A request is {u8 op, u32 a, u32 b, u32 n, n bytes}, its answer {u32 n, n bytes}; board.py has the same list of ops. The server itself is one of
 *   board_link.c    the link core alone: it is called for each op
 *   board_server.c  the whole program with a modelled UART and kernel: it runs until it waits
 */
#ifndef BOARD_H
#define BOARD_H

#include "devsrv/ring.h"
#include "link.h"

struct board_channel {
    uint8_t number, kind;
    uint8_t name[LINK_NAME_BYTES];
    uint8_t *memory; /* root's; a guard page lies on either side */
    uint64_t bytes;
    struct ds_ring_pair client;
};

struct board {
    struct ds_link_state *state; /* in a page of its own */
    struct board_channel channel[LINK_MAX_CHANNELS];
    unsigned channel_count;
    uint32_t signals; /* clients that were signalled, by bit */
    uint64_t boots;
    char command_line[256]; /* the loader's; NUL-terminated when shorter */
};

extern struct board board;

/* What a server gives. start: (again) with board's memory; client: channel n's client changed its ring. */
void server_start(void);
void server_feed(const uint8_t *bytes, unsigned count);
unsigned server_take(uint8_t *bytes, unsigned room);
void server_client(unsigned n);

/* Ops until the server should run again (board_server.c), or until stdin ends (never returns then). */
void board_serve_ops(void);
/* Shall board_serve_ops return? */
bool server_is_woken(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The board's end of the serial link: wire bytes in, wire bytes out, and the rings of the clients between. No I/O, no clock, no kernel calls.
 *
 *     wire --> ds_link_receive --> rings `in`  --> clients        link_in.c
 *     wire <-- ds_link_send    <-- rings `out` <-- clients        link_out.c
 *
 * The protocol is formats/link.py. This side adds:
 *   - Offsets are ring indices. `out`'s consumer index is the first byte not acknowledged, `in`'s producer index the next byte expected; both live in the ring's page.
 *   - What else must outlive a restart of the server lies in struct ds_link_state, one page of root's. It is brought up to date before a byte goes out, and the
 *     session's number last, so that a restart between any two stores leaves a state the protocol repairs: bytes that were counted as sent and never left
 *     are asked for again, owed frames are asked for by the next HELLO, POLL or REQUEST.
 *   - Turns: HELLO_REPLY, STATUS, then ACK, REPLY, DATA. ACK and DATA go round the channels by frame; two ACKs never follow each other while DATA waits.
 *   - A POLL that comes before the last one's STATUS was built takes its place; the line gets one STATUS, for the newer.
 *   - An ACK for window that grew waits until DS_LINK_GROWTH bytes came free or the client has read everything.
 *   - A HELLO of another protocol version is answered with ours and no channels, and changes nothing.
 *   - A POLL entry grants no window: what the last ACK (or the HELLO) granted counts from its offset.
 *   - The management channel carries records (devsrv/management.h) and no DATA; its offsets and windows are 0. Nothing of a request is kept here: root holds
 *     its last reply, by session and id, and answers a repeated request from it.
 *
 * Rules of use: open, add every channel, then receive, send and turn in any order. All of it belongs to one thread. Work per call is bounded by the bytes handed
 * in or asked for, and by the number of channels.
 */
#ifndef SERIAL_LINK_H
#define SERIAL_LINK_H

#include "devsrv/ring.h"
#include "link_gen.h"

#include <stdbool.h>
#include <stdint.h>

#define DS_LINK_STATE_MAGIC 0x314b4e4c4d56344cull /* "L4VMLNK1" */

enum {
    DS_LINK_DATA_BYTES = 512, /* of a DATA frame: 45 ms at 115200 baud, the longest that another channel waits for its turn */
    DS_LINK_GROWTH = 256,
};

/* One channel in the state; `number` says whose it is. */
struct ds_link_channel_state {
    uint32_t number;
    uint32_t sent;    /* next byte of `out` to send */
    uint32_t limit;   /* first byte without credit */
    uint32_t granted; /* window that the workstation granted last */
    uint32_t told;    /* window towards the board that the workstation heard of last */
    uint32_t dropped;
};

struct ds_link_state {
    uint64_t magic; /* 0 in a zeroed page: no server was here yet */
    uint64_t boot_id;
    uint32_t epoch; /* starts of the server */
    uint32_t session, window;
    uint32_t frames_received, frames_sent, crc_errors, garbage_bytes, uart_overruns;
    uint32_t malformed; /* good frames without meaning */
    uint32_t stamped; /* the session's DATA carry board time: it was open from the start */
    struct ds_link_channel_state channel[LINK_MAX_CHANNELS];
};
_Static_assert(sizeof(struct ds_link_state) <= 4096, "root gives one page");

struct ds_link_channel {
    uint8_t number, kind;
    uint8_t name[LINK_NAME_BYTES];
    struct ds_ring_pair ring;
    struct ds_link_channel_state *state;
    bool ack_owed, retransmit;
    uint32_t retransmit_from;
};

struct ds_link {
    struct ds_link_state *state;
    struct ds_link_channel channel[LINK_MAX_CHANNELS];
    unsigned channel_count;
    uint32_t signals; /* bit n: the ring of channel n changed */
    /* receiving: the run since the last zero byte */
    uint32_t run_bytes; /* may pass what run[] keeps */
    bool run_is_text;
    uint8_t run[LINK_MAX_ENCODED];
    /* sending */
    bool hello_owed, hello_refused, status_owed, status_is_current, ack_was_last;
    uint32_t hello_session, status_sequence;
    unsigned ack_turn, data_turn;
    uint8_t frame[LINK_MAX_FRAME];
    unsigned wire_at, wire_bytes;
    uint8_t wire[LINK_MAX_ENCODED + 2];
};

/** Take up the state in `memory`, or begin one with this boot_id; false when it does not fit `bytes` or holds something else. */
bool ds_link_open(struct ds_link *link, void *memory, uint64_t bytes, uint64_t boot_id);

/**
 * Add a channel with its ring; `name` has LINK_NAME_BYTES bytes, NUL padded. Its index, as in ds_link_turn's bits, is the number of channels before it.
 *
 * Errors: false  number 0 or taken, no more than LINK_MAX_CHANNELS fit, or the ring's page is none
 */
bool ds_link_add(struct ds_link *link, uint8_t number, uint8_t kind, const uint8_t *name, void *memory, uint64_t bytes);

/** Begin with this session open, and say so by a HELLO_REPLY; nothing when there was a session already. After the last ds_link_add. */
void ds_link_preset(struct ds_link *link, uint32_t session, uint32_t window);

/** Take bytes from the wire. */
void ds_link_receive(struct ds_link *link, const uint8_t *bytes, unsigned count);

/** Fill `out` with up to `room` bytes for the wire; returns how many there are, 0: nothing to say. now_ns: board time, for STATUS. */
unsigned ds_link_send(struct ds_link *link, uint64_t now_ns, uint8_t *out, unsigned room);

/** Without a session make room in rings that fill up. Returns and forgets which clients to signal, by bit. Call it after receive and send. */
uint32_t ds_link_turn(struct ds_link *link);

/** Count receive overruns that the UART reported. */
void ds_link_count_overruns(struct ds_link *link, uint32_t count);

#endif

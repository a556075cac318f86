/* SPDX-License-Identifier: MIT */
/*
 * Records on the ring of the management channel, between the serial server and root (which is the ring's client).
 *
 *     in   server -> root   ds_management_head, then the payload of one REQUEST frame: struct link_request and its arguments
 *     out  root -> server   ds_management_head, then the payload of one REPLY frame: struct link_reply and its data
 *
 * A writer writes a record whole, by one ds_ring_write, or not at all; so a reader that sees a head sees its payload too.
 * A reader holds `bytes` to its range and to what lies in the ring; when either fails it consumes all that lies there and goes on with the next record.
 *
 * Retries: the workstation sends the same REQUEST again until it sees the REPLY, and either may be lost on the wire or by a restart of the server. The server
 * forwards every REQUEST and keeps nothing. Root keeps its last reply with session, id and op, and answers a REQUEST that repeats all three from there
 * (formats/link.py says for which ops it must). Ids start at 1 in every session: compare the session too. Root copies the session of the request
 * into the head of its reply; the server drops a reply whose session is not the current one.
 * A request for which `in` has no room is dropped: the workstation repeats it.
 */
#ifndef DEVSRV_MANAGEMENT_H
#define DEVSRV_MANAGEMENT_H

#include <stdint.h>

struct ds_management_head {
    uint16_t bytes; /* of the payload: sizeof(struct link_request) .. LINK_MAX_PAYLOAD */
    uint16_t reserved;
    uint32_t session; /* the link session that the request came in */
};
_Static_assert(sizeof(struct ds_management_head) == 8, "one layout for both sides");

#endif

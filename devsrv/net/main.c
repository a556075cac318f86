/* SPDX-License-Identifier: MIT */
/*
 * The net server: a switch between guests and real-time tasks, each at a port of its own (devsrv/net.h).
 *
 * Arguments: for port n the n-th RING (its memory; value: address and network); CAP "wake", "supervisor".
 * Wake word: bit n the client of port n. What was learned is lost with the server and learned again; frames in queues are root's memory and stay.
 */
#include "devsrv/args.h"
#include "devsrv/server.h"
#include "switch.h"

#include <stddef.h>

struct net {
    struct ds_server server;
    struct net_switch net_switch;
};

static bool net_turn(void *arg, uint64_t word, uint64_t *signals)
{
    struct net *n = arg;
    bool is_more = false;
    (void)word;
    for (unsigned port = 0; port < n->net_switch.ports; port++) {
        is_more = switch_turn(&n->net_switch, port, signals) == SWITCH_TURN || is_more;
    }
    return is_more;
}

int main(void)
{
    static struct net net;
    const struct arg_entry *ring;
    ds_server_open(&net.server);
    for (unsigned n = 0; (ring = ds_args_nth(ARG_KIND_RING, n)); n++) {
        if (!switch_add(&net.net_switch, (void *)(uintptr_t)ring->va, ring->bytes, ring->value) || !ds_server_add(&net.server, ring->slot)) {
            ds_server_fail("a RING argument is too small, or there are more than 32");
        }
    }
    ds_server_run(&net.server, 0, net_turn, &net);
}

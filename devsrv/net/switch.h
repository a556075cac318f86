/* SPDX-License-Identifier: MIT */
/*
 * The net server's core: a learning switch between ports, each on one network. No kernel, no clock.
 *
 * A frame goes to the port of its destination, to all ports of the network when that is not known or a group address, and never to another network. Each port has an address of its
 * own, which no other port can take; further addresses that it sends from (a guest that bridges) are learned, SWITCH_LEARNED for each port, the oldest forgotten first. So what a
 * port sends costs others nothing but room in their queues, and a turn takes at most SWITCH_TURN frames from it.
 *
 * Source: IEEE 802.1D-2004, 7.7 (forwarding), 7.8 (learning); IEEE 802-2014, 8.2 (group addresses).
 */
#ifndef NET_SWITCH_H
#define NET_SWITCH_H

#include "devsrv/net.h"

enum { SWITCH_PORTS_MAX = 32, SWITCH_TURN = 8, SWITCH_LEARNED = 8 };

struct switch_port {
    struct ds_queue out, in; /* out: from the client */
    uint16_t group;
    uint8_t mac[DS_NET_MAC_BYTES];
    uint8_t learned[SWITCH_LEARNED][DS_NET_MAC_BYTES]; /* zero: free */
    unsigned learned_next;
};

struct net_switch {
    unsigned ports;
    struct switch_port port[SWITCH_PORTS_MAX];
    uint8_t frame[DS_NET_FRAME_MAX]; /* the one that is handed on: checked and used is this copy */
};

/** Add a port; `value` as in devsrv/net.h. False: too little memory, or too many ports. */
bool switch_add(struct net_switch *s, void *memory, uint64_t bytes, uint64_t value);
/** Hand on what port n sent, at most SWITCH_TURN frames; returns how many, and adds the bits of ports that got some. */
unsigned switch_turn(struct net_switch *s, unsigned n, uint64_t *signals);

#endif

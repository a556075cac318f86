/* SPDX-License-Identifier: MIT */
/* Forwarding and learning (switch.h). */
#include "switch.h"

#include "l4/string.h"

enum { SOURCE_AT = DS_NET_MAC_BYTES, GROUP_ADDRESS = 1 };
static const uint8_t nobody[DS_NET_MAC_BYTES];

static bool is_same(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, DS_NET_MAC_BYTES) == 0;
}

bool switch_add(struct net_switch *s, void *memory, uint64_t bytes, uint64_t value)
{
    struct ds_net_memory *m = memory;
    if (s->ports == SWITCH_PORTS_MAX || bytes < sizeof *m) {
        return false;
    }
    struct switch_port *p = &s->port[s->ports];
    *p = (struct switch_port){.group = (uint16_t)(value >> DS_NET_GROUP_AT)};
    ds_net_mac(value, p->mac);
    if (!ds_queue_open_consumer(&p->out, &m->out, sizeof m->out, sizeof m->out.frame[0], DS_NET_ENTRIES) ||
        !ds_queue_open_producer(&p->in, &m->in, sizeof m->in, sizeof m->in.frame[0], DS_NET_ENTRIES)) {
        return false;
    }
    s->ports++;
    return true;
}

static uint8_t *learned_find(struct switch_port *p, const uint8_t *mac)
{
    for (unsigned i = 0; i < SWITCH_LEARNED; i++) {
        if (is_same(p->learned[i], mac)) {
            return p->learned[i];
        }
    }
    return NULL;
}

/* The port with this address in the network: its own, or learned; SWITCH_PORTS_MAX when there is none. */
static unsigned port_find(struct net_switch *s, uint16_t group, const uint8_t *mac)
{
    unsigned learned = SWITCH_PORTS_MAX;
    for (unsigned i = 0; i < s->ports; i++) {
        if (s->port[i].group != group) {
            continue;
        }
        if (is_same(s->port[i].mac, mac)) {
            return i;
        }
        if (learned_find(&s->port[i], mac)) {
            learned = i;
        }
    }
    return learned;
}

static void learn(struct net_switch *s, unsigned n, const uint8_t *mac)
{
    struct switch_port *p = &s->port[n];
    if ((mac[0] & GROUP_ADDRESS) || is_same(mac, nobody)) {
        return;
    }
    unsigned holder = port_find(s, p->group, mac);
    if (holder == n || (holder < SWITCH_PORTS_MAX && is_same(s->port[holder].mac, mac))) {
        return; /* known; or another port's own, which it keeps */
    }
    if (holder < SWITCH_PORTS_MAX) {
        memset(learned_find(&s->port[holder], mac), 0, DS_NET_MAC_BYTES); /* it moved here */
    }
    memcpy(p->learned[p->learned_next++ % SWITCH_LEARNED], mac, DS_NET_MAC_BYTES);
}

static void forward(struct net_switch *s, unsigned n, unsigned bytes, uint64_t *signals)
{
    const uint8_t *to = s->frame;
    unsigned only = (to[0] & GROUP_ADDRESS) || is_same(to, nobody) ? SWITCH_PORTS_MAX : port_find(s, s->port[n].group, to);
    for (unsigned i = 0; i < s->ports; i++) {
        bool is_meant = only == SWITCH_PORTS_MAX ? s->port[i].group == s->port[n].group : i == only;
        if (is_meant && i != n && ds_net_put(&s->port[i].in, s->frame, bytes)) {
            *signals |= 1ull << i;
        }
    }
}

unsigned switch_turn(struct net_switch *s, unsigned n, uint64_t *signals)
{
    struct ds_queue *out = &s->port[n].out;
    unsigned done = 0, bytes = 0;
    const uint8_t *frame;
    while (done < SWITCH_TURN && (frame = ds_net_look(out, &bytes))) {
        memcpy(s->frame, frame, bytes);
        learn(s, n, s->frame + SOURCE_AT);
        forward(s, n, bytes, signals);
        ds_queue_take(out);
        done++;
    }
    return done;
}

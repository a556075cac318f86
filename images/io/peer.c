/* SPDX-License-Identifier: MIT */
/*
 * Whom the guest of the benchmark talks to: it takes every frame when it comes, and sends a datagram for port 7 back to where it came from.
 *
 * It has no period of its own, so that a board at rest stays at rest. Swapped addresses leave both checksums as they are.
 *
 * Source: RFC 791 (IPv4 header), RFC 768 (ports), RFC 862 (echo).
 */
#include "devsrv/args.h"
#include "devsrv/net.h"
#include "l4/l4.h"
#include "l4/string.h"

enum { TO = 0, FROM = 6, MAC = DS_NET_MAC_BYTES, IP_FROM = 14 + 12, IP_TO = 14 + 16, IP = 4, PORT_TO = 14 + 20 + 2, LEAST = 14 + 20 + 8, ECHO = 7 };

static bool is_echo(const uint8_t *frame, unsigned bytes)
{
    return bytes >= LEAST && frame[12] == 8 && frame[13] == 0 && frame[14] == 0x45 && frame[14 + 9] == 17 && frame[PORT_TO] == 0 && frame[PORT_TO + 1] == ECHO;
}

static void turn_round(const struct ds_net *net, uint8_t *frame)
{
    uint8_t ip[IP];

    memcpy(frame + TO, frame + FROM, MAC);
    memcpy(frame + FROM, net->mac, MAC);
    memcpy(ip, frame + IP_FROM, IP);
    memcpy(frame + IP_FROM, frame + IP_TO, IP);
    memcpy(frame + IP_TO, ip, IP);
}

int main(void)
{
    static struct ds_net net;
    static uint8_t frame[DS_NET_FRAME_MAX];
    const struct arg_entry *port = ds_args_open() ? ds_args_find(ARG_KIND_RING, "net0") : NULL, *wake = ds_args_find(ARG_KIND_CAP, "wake");
    unsigned bytes;

    if (!port || !wake || !ds_net_open(&net, (void *)(uintptr_t)port->va, port->bytes, port->value))
        return 1;
    for (;;) {
        bool is_sent = false;
        while ((bytes = ds_net_receive(&net, frame, sizeof frame))) {
            if (!is_echo(frame, bytes))
                continue;
            turn_round(&net, frame);
            is_sent = ds_net_send(&net, frame, bytes) || is_sent;
        }
        if (is_sent)
            l4_signal(port->slot, 1);
        l4_wait(wake->slot, 0, NULL);
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * A real-time task on a network: each millisecond it answers what came, at most FRAMES of it, so that its time is bounded whatever guests send.
 *
 * It is 10.0.0.9 and answers two questions: who has this address (ARP), and echo requests (ICMP). Answers are made in the question's own frame.
 *
 * Source: RFC 826 (ARP), RFC 791 (IPv4 header), RFC 792 (echo), RFC 1624 (the checksum of a changed word).
 */
#include "devsrv/args.h"
#include "devsrv/net.h"
#include "devsrv/rt.h"
#include "l4/l4.h"
#include "l4/string.h"

enum { FRAMES = 4, REPORT_PERIODS = 10000 };
enum { TO = 0, FROM = 6, TYPE = 12, BODY = 14, MAC = DS_NET_MAC_BYTES, IP = 4 };
enum { ARP_BYTES = 28, ARP_OP = BODY + 6, ARP_SENDER = BODY + 8, ARP_TARGET = BODY + 18 };
enum { IP_PROTOCOL = BODY + 9, IP_FROM = BODY + 12, IP_TO = BODY + 16, ICMP = BODY + 20, ICMP_BYTES = 8, ECHO_REQUEST = 8 };

static const uint8_t own_ip[IP] = {10, 0, 0, 9};
static const uint8_t arp_question[8] = {0, 1, 8, 0, MAC, IP, 0, 1};

static bool has(const uint8_t *at, unsigned a, unsigned b)
{
    return at[0] == a && at[1] == b;
}

static bool arp_answer(const struct ds_net *net, uint8_t *frame, unsigned bytes)
{
    if (bytes < BODY + ARP_BYTES || !has(frame + TYPE, 0x08, 0x06) || memcmp(frame + BODY, arp_question, sizeof arp_question) != 0 ||
        memcmp(frame + ARP_TARGET + MAC, own_ip, IP) != 0)
        return false;
    frame[ARP_OP + 1] = 2;
    memcpy(frame + ARP_TARGET, frame + ARP_SENDER, MAC + IP);
    memcpy(frame + ARP_SENDER, net->mac, MAC);
    memcpy(frame + ARP_SENDER + MAC, own_ip, IP);
    return true;
}

static bool echo_answer(uint8_t *frame, unsigned bytes)
{
    if (bytes < ICMP + ICMP_BYTES || !has(frame + TYPE, 0x08, 0x00) || frame[BODY] != 0x45 || frame[IP_PROTOCOL] != 1 ||
        memcmp(frame + IP_TO, own_ip, IP) != 0 || frame[ICMP] != ECHO_REQUEST)
        return false;
    memcpy(frame + IP_TO, frame + IP_FROM, IP); /* both are in the header's checksum already */
    memcpy(frame + IP_FROM, own_ip, IP);
    uint32_t sum = (uint32_t)(frame[ICMP + 2] << 8 | frame[ICMP + 3]) + (ECHO_REQUEST << 8); /* type 8 became 0 */
    sum = (sum & 0xffff) + (sum >> 16);
    frame[ICMP] = 0;
    frame[ICMP + 2] = (uint8_t)(sum >> 8);
    frame[ICMP + 3] = (uint8_t)sum;
    return true;
}

/* Answer what came; true when the switch has something to do. */
static bool answer(struct ds_net *net)
{
    static uint8_t frame[DS_NET_FRAME_MAX];
    bool is_sent = false;
    unsigned bytes;

    for (unsigned i = 0; i < FRAMES && (bytes = ds_net_receive(net, frame, sizeof frame)); i++) {
        if (!arp_answer(net, frame, bytes) && !echo_answer(frame, bytes))
            continue;
        memcpy(frame + TO, frame + FROM, MAC);
        memcpy(frame + FROM, net->mac, MAC);
        is_sent = ds_net_send(net, frame, bytes) || is_sent;
    }
    return is_sent;
}

int main(void)
{
    static struct rt rt;
    static struct ds_net net;

    if (!rt_open(&rt))
        return 1;
    const struct arg_entry *port = ds_args_find(ARG_KIND_RING, "net0");
    if (!port || !ds_net_open(&net, (void *)(uintptr_t)port->va, port->bytes, port->value))
        return 2;
    for (uint32_t period = 1;; period++) {
        rt_wait(&rt);
        if (answer(&net))
            l4_signal(port->slot, 1);
        if (period % REPORT_PERIODS == 0)
            rt_report(&rt);
    }
}

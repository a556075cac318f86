/* SPDX-License-Identifier: MIT */
/*
 * The net server's switch and clients at its ports behind the pipe of board.py's Board: each op is a letter, two numbers and bytes; each answer a length and bytes.
 *
 *   o  a = ports, bytes = one network number each   begin anew; port n has the address 02:00:00:00:00:n+1. One byte: whether all could be added
 *   s  a = port, bytes                              a client sends a frame; one byte: whether there was room
 *   t                                               turns until nothing is left; the signals, a word of 64 bits
 *   r  a = port                                     what a client received next; nothing when there is none
 *   d  a = port                                     how many frames found no room at its `in`, a word of 32 bits
 */
#include "lives.h"
#include "switch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct net_switch net_switch;
static struct ds_net net[SWITCH_PORTS_MAX];
static struct ds_net_memory *memory[SWITCH_PORTS_MAX + 1];

static void answer(const void *bytes, uint32_t count)
{
    fwrite(&count, sizeof count, 1, stdout);
    fwrite(bytes, 1, count, stdout);
    fflush(stdout);
}

static void open_all(uint32_t ports, const uint8_t *network)
{
    bool is_open = true;
    memset(&net_switch, 0, sizeof net_switch);
    for (uint32_t n = 0; n < ports && n <= SWITCH_PORTS_MAX; n++) {
        uint64_t value = 2 | (uint64_t)(n + 1) << 40 | (uint64_t)network[n] << DS_NET_GROUP_AT;
        memory[n] = memory[n] ? memory[n] : memory_map(sizeof *memory[n]);
        memset(memory[n], 0, sizeof *memory[n]);
        is_open = switch_add(&net_switch, memory[n], sizeof *memory[n], value) && is_open;
        if (n < SWITCH_PORTS_MAX) {
            is_open = ds_net_open(&net[n], memory[n], sizeof *memory[n], value) && is_open;
        }
    }
    answer(&is_open, 1);
}

static void turns(void)
{
    uint64_t signals = 0;
    for (unsigned done = 1; done;) {
        done = 0;
        for (unsigned n = 0; n < net_switch.ports; n++) {
            unsigned one = switch_turn(&net_switch, n, &signals);
            check(one <= SWITCH_TURN, "a turn is too long");
            done += one;
        }
    }
    answer(&signals, sizeof signals);
}

static void op(char what, uint32_t a, const uint8_t *bytes, uint32_t count)
{
    uint8_t frame[DS_NET_FRAME_MAX];
    bool is_sent;
    switch (what) {
    case 'o': open_all(a, bytes); break;
    case 's':
        is_sent = ds_net_send(&net[a], bytes, count);
        answer(&is_sent, 1);
        break;
    case 't': turns(); break;
    case 'r': answer(frame, ds_net_receive(&net[a], frame, sizeof frame)); break;
    case 'd': answer(&memory[a]->in.page.dropped.at, 4); break;
    default: abort();
    }
}

int main(void)
{
    char what;
    uint32_t head[3];
    while (fread(&what, 1, 1, stdin) == 1 && fread(head, sizeof head, 1, stdin) == 1) {
        uint8_t *bytes = malloc(head[2] + 1u);
        if (!bytes || fread(bytes, 1, head[2], stdin) != head[2]) {
            return 1;
        }
        op(what, head[0], bytes, head[2]);
        free(bytes);
    }
    return 0;
}

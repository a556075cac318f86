/* SPDX-License-Identifier: MIT */
/* The link core alone as the test board's server (board.h). */
#include "board.h"
#include "preset.h"

#include <stdlib.h>
#include <string.h>

static struct ds_link link_core;

static void turn(void)
{
    board.signals |= ds_link_turn(&link_core);
}

void server_start(void)
{
    memset(&link_core, 0xa5, sizeof link_core); /* a fresh process inherits nothing */
    if (!ds_link_open(&link_core, board.state, 4096, 0x1000 + board.boots)) {
        abort();
    }
    for (unsigned i = 0; i < board.channel_count; i++) {
        struct board_channel *c = &board.channel[i];
        if (!ds_link_add(&link_core, c->number, c->kind, c->name, c->memory, c->bytes)) {
            abort();
        }
    }
    struct preset preset;
    if (preset_read(board.command_line, sizeof board.command_line, &preset)) {
        ds_link_preset(&link_core, preset.session, preset.window);
    }
    turn();
}

void server_feed(const uint8_t *bytes, unsigned count)
{
    ds_link_receive(&link_core, bytes, count);
    turn();
}

unsigned server_take(uint8_t *bytes, unsigned room)
{
    unsigned count = ds_link_send(&link_core, 123456789, bytes, room);
    turn();
    return count;
}

void server_client(unsigned n)
{
    (void)n;
    turn();
}

bool server_is_woken(void)
{
    return false;
}

int main(void)
{
    board_serve_ops();
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * A client's way to its terminal on the board's screen: a ring pair with the console server, beside the channel over the serial line. `out` carries what is shown, `in` what keys write.
 *
 * The screen never holds a client back: what the ring has no room for is dropped and counted in the ring page's `dropped`. A task without a terminal may call everything here.
 */
#ifndef DEVSRV_TERMINAL_H
#define DEVSRV_TERMINAL_H

#include "devsrv/ring.h"

/* In a RING argument's value beside the terminal's number: this client has the terminal's keys; the ring is a guest's keyboard, and the number that of its screen (devsrv/screen.h). */
enum { DS_TERMINAL_HEARS = 0x100, DS_TERMINAL_KEYBOARD = 0x200 };

struct ds_terminal {
    struct ds_ring_pair ring;
    uint32_t server; /* its notification */
    bool is_open;
    bool news;       /* for the server, since the last signal */
};

/** Open the argument RING "terminal"; false when there is one that cannot be used. */
bool ds_terminal_open(struct ds_terminal *t);
/** Show bytes, or drop what has no room. */
void ds_terminal_write(struct ds_terminal *t, const void *bytes, uint32_t count);
/** What keys wrote: at most `room` bytes. */
uint32_t ds_terminal_read(struct ds_terminal *t, void *bytes, uint32_t room);
/** Tell the server, if there is something to tell. */
void ds_terminal_signal(struct ds_terminal *t);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the files of the workstation's port share; its users see xl_linux.h.
 */
#ifndef XL_LINUX_PRIVATE_H
#define XL_LINUX_PRIVATE_H

#include "windows.h"
#include "xl_linux.h"

enum { OUT_BYTES = 1 << 16 /* at first, and for ever but in exact time */ };

struct xl_linux {
    struct xl_vm *vm;
    struct xl_port port;
    struct windows windows;
    struct xl_linux_io io;
    unsigned disks, nets;
    int place[XL_NETS_MAX]; /* at the hub */
    enum xl_time time;
    uint64_t ram_bytes;
    uint8_t *out; /* what the console said and nobody has read */
    unsigned out_count, out_room;
    unsigned screen_width, screen_height;
    uint64_t screen_changes;
};

/* xl_io.c: take what the config asks for, and give it back; false when there is no memory or no place at a hub. */
bool xl_linux_io_open(struct xl_linux *l, const struct xl_config *config, const struct xl_linux_io *io);
void xl_linux_io_close(struct xl_linux *l);
/* Offer the guest what waits for it at its hubs. */
void xl_linux_frames_offer(struct xl_linux *l);

#endif

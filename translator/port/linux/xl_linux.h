/* SPDX-License-Identifier: MIT */
/*
 * The workstation's port: one virtual machine in this process, its memory, its code cache, its console bytes, its disks and networks, its idling. Python reads
 * this header through cffi.
 *
 * One thread at a time may use a machine; xl_request_stop may come from anywhere.
 */
#ifndef XL_LINUX_H
#define XL_LINUX_H

#include "xl/xl.h"
#include "xl_hub.h"

struct xl_linux;

/* What the disks and networks of the config are made of. All of it is the caller's and must outlive the machine. */
struct xl_linux_io {
    int disk_fd[XL_DISKS_MAX]; /* a file or memfd of at least the disk's size */
    struct xl_hub *hub[XL_NETS_MAX];
};

/**
 * Make a machine. error gets a sentence when the result is NULL. io may be NULL when the config has neither disks nor networks.
 */
struct xl_linux *xl_linux_create(const struct xl_config *config, const struct xl_linux_io *io, char *error, size_t error_bytes);
void xl_linux_destroy(struct xl_linux *l);
struct xl_vm *xl_linux_vm(struct xl_linux *l);

/* xl_run, after the frames that wait were offered. */
enum xl_stop xl_linux_step(struct xl_linux *l, uint64_t insns);

/**
 * Run until one of these: `insns` guest instructions are done, `wall_ns` of host time have passed, console bytes wait to be read, the guest ended, a stop was
 * requested, or wake_fd (-1: none) becomes readable while the guest idles. Idling sleeps (time host, insn) or skips (exact); a frame ends the sleep.
 */
enum xl_stop xl_linux_run(struct xl_linux *l, uint64_t insns, uint64_t wall_ns, int wake_fd);

/* Take console bytes that the guest wrote; returns how many, at most `room`. */
unsigned xl_linux_console_read(struct xl_linux *l, uint8_t *out, unsigned room);

/* The pixels of the screen as they are now, 0x00rrggbb, row after row without gaps; width 0: it is off, or the guest has none. Good until the machine runs on or ends. */
const uint32_t *xl_linux_screen(struct xl_linux *l, unsigned *width, unsigned *height);
/* How often rows of it changed, or its size, since the machine was made. */
uint64_t xl_linux_screen_changes(const struct xl_linux *l);

/* Snapshots of a machine, with its RAM and the console bytes that were not read yet; any number of them. NULL: the workstation has no memory. */
struct xl_linux_snapshot;
struct xl_linux_snapshot *xl_linux_snapshot_take(struct xl_linux *l);
enum xl_status xl_linux_snapshot_restore(struct xl_linux *l, const struct xl_linux_snapshot *s); /* XL_BAD_ARG: it is another machine's */
void xl_linux_snapshot_free(struct xl_linux_snapshot *s);
/* The first byte of RAM in which two machines differ, counted in it; UINT64_MAX: they have the same. */
uint64_t xl_linux_ram_difference(const struct xl_linux *a, const struct xl_linux *b);

#endif

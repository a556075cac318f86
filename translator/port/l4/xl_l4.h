/* SPDX-License-Identifier: MIT */
/*
 * The board's port: one virtual machine in one task of the kernel, run by its only thread.
 *
 * The task hands in memory that is mapped already: guest RAM (zeroed, with the guest's program in it), the code cache twice (writable, executable), an arena.
 * Console bytes go through two functions of the task's, disks and networks through three, a screen through two. Whoever has news for the guest (input, room for output) signals the notification; the run loop looks at its
 * mapped word between slices and waits on it, with the guest's next event as deadline, while the guest idles.
 */
#ifndef XL_L4_H
#define XL_L4_H

#include "windows.h"
#include "xl/xl.h"

struct xl_l4_config {
    struct xl_config vm;
    uint8_t *ram, *code_rw, *code_rx; /* page aligned; vm.ram_bytes, vm.code_bytes long */
    void *arena;                      /* xl_arena_bytes(&vm) or more, zeroed */
    uint64_t arena_bytes;
    uint32_t ram_slot, arena_slot;    /* of their memory objects, for windows; 0: none */
    uint32_t notification;            /* its slot */
    const uint64_t *word;             /* its word, mapped read-only */
    void *arg;
    unsigned (*console_write)(void *arg, const uint8_t *bytes, unsigned count); /* how many were taken */
    unsigned (*console_read)(void *arg, uint8_t *bytes, unsigned room);         /* how many there are */
    uint8_t *disk_data[XL_DISKS_MAX]; /* for each disk of vm, as xl_port says; and the functions that serve disks and networks, NULL when vm has none */
    enum xl_disk_answer (*disk_request)(void *arg, unsigned n, unsigned tag, enum xl_disk_op op, uint64_t sector, uint32_t sectors);
    void (*net_send)(void *arg, unsigned n, const uint8_t *frame, unsigned bytes);
    uint32_t *screen; /* as xl_port says, and its functions; NULL when vm has none */
    void (*screen_changed)(void *arg, unsigned width, unsigned height, unsigned first, unsigned rows);
    bool (*screen_wanted)(void *arg);
    bool (*offer)(void *arg, struct xl_vm *vm); /* NULL, or give the guest answers, frames and keys; true when it took any */
    void (*slice_end)(void *arg); /* NULL, or called after each slice: the place to tell others of what happened in it */
    void (*log)(void *arg, const char *text);
};

enum { XL_L4_PENDING_BYTES = 256 };

struct xl_l4 {
    struct xl_l4_config config;
    struct xl_vm *vm;
    struct windows windows;
    uint8_t pending[XL_L4_PENDING_BYTES]; /* input that the guest's FIFO had no room for */
    unsigned pending_count;
};

/* Make the machine; false with a sentence in error. `l` must stay where it is. */
bool xl_l4_create(struct xl_l4 *l, const struct xl_l4_config *config, char *error, size_t error_bytes);

/* Run the guest from `entry` until it ends; returns its exit code. */
int xl_l4_run(struct xl_l4 *l, uint64_t entry);

#endif

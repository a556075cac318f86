/* SPDX-License-Identifier: MIT */
/*
 * The guest's screen and keyboard on the board: its devices at one end, memory that whoever shows it reads (devsrv/screen.h) and a ring of scan codes at the other.
 *
 * Arguments: MEMORY screen, when the guest has one; RING keys, when somebody gives it keys: scan codes of set 2 come in its `in`, and its `slot` is told of rows that changed
 * and keys that were taken. Without the ring the guest has a keyboard that nobody touches.
 */
#ifndef VM_SCREEN_H
#define VM_SCREEN_H

#include "devsrv/ring.h"
#include "devsrv/screen.h"
#include "xl_l4.h"

enum { VM_SCREEN_KEYS = 64 };

struct vm_screen {
    struct ds_screen_page *page; /* NULL: no screen */
    struct ds_ring_pair keys;
    uint32_t server;             /* notification of who shows it; 0: nobody */
    bool news;                   /* for it, since the last signal */
    uint8_t pending[VM_SCREEN_KEYS];
    unsigned pending_count;      /* codes that the guest's keyboard had no room for */
};

/** Open what the arguments give, and put it into the configuration. NULL, or what is wrong. */
const char *vm_screen_open(struct vm_screen *s, struct xl_l4_config *config);
/** The port's functions (xl/xl.h), with `s` in the first argument's place. */
void vm_screen_changed(struct vm_screen *s, unsigned width, unsigned height, unsigned first, unsigned rows);
bool vm_screen_wanted(const struct vm_screen *s);
/** Give the guest the keys that came for it; true when it took some. */
bool vm_screen_offer(struct vm_screen *s, struct xl_vm *vm);
/** Signal who shows it that there is something to do. */
void vm_screen_signal(struct vm_screen *s);

#endif

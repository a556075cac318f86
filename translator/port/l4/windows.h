/* SPDX-License-Identifier: MIT */
/*
 * Memory windows on the board: parts of the guest's RAM in the task's own space, by its own capabilities, and a fault there as an upcall of the task's only thread.
 *
 * Whatever the kernel has no memory for is not shown: its accesses fault and go on in their slow form, by the soft TLB. A window never shows what the translator had replaced.
 *
 * Source: xl/xl.h (windows), kernel/include/abi (MAP, UNMAP, THREAD_UPCALL), docs/adr/0009 and 0013.
 */
#ifndef L4_WINDOWS_H
#define L4_WINDOWS_H

#include "xl/xl.h"

struct windows {
    struct xl_vm *vm;    /* set by windows_enter */
    uint32_t ram, arena; /* slots of their memory objects; 0: there are no windows */
};

/* Make the views of the arena and put the windows into the port, or leave it without: no capabilities, or no kernel memory. port->arg is the struct xl_l4. */
void windows_offer(const struct windows *w, struct xl_port *port);
/* From now on faults of this thread in the windows are the machine's. */
void windows_enter(struct windows *w, struct xl_vm *vm);

#endif

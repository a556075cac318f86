/* SPDX-License-Identifier: MIT */
/*
 * Windows on the workstation: reserved ranges of addresses into which guest RAM and the arena, memfds both, are mapped; faults there are signals.
 *
 * One handler of SIGSEGV and SIGBUS for the process, installed with the first machine that has windows; what is not a fault of translated code goes to the handler that was there
 * before. Private to port/linux.
 */
#ifndef XL_LINUX_WINDOWS_H
#define XL_LINUX_WINDOWS_H

#include "xl/xl.h"

struct windows {
    struct xl_vm *vm;  /* of whose code faults are; set once it is made */
    int ram_fd;        /* guest RAM; -1 before it is made */
    uint8_t *reserved; /* all windows, each behind a view of the arena; NULL: there are none */
};

/** Offer windows in the port, whose arena is mapped from arena_fd, if the process has the addresses. */
void windows_offer(struct windows *w, struct xl_port *port, int arena_fd);
/** This thread is about to run the machine. */
void windows_enter(struct windows *w);
void windows_close(struct windows *w);

#endif

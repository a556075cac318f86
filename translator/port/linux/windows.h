/* SPDX-License-Identifier: MIT */
/*
 * Windows on the workstation: reserved ranges of address space into which guest RAM, a memfd, is mapped; faults there are signals.
 *
 * One handler of SIGSEGV and SIGBUS for the process, installed with the first machine that has windows; what is not a fault of translated code goes to the handler that was there
 * before. gs is the guest's while a machine runs and the caller's again when it returns. Private to port/linux.
 */
#ifndef XL_LINUX_WINDOWS_H
#define XL_LINUX_WINDOWS_H

#include "xl/xl.h"

struct windows {
    struct xl_vm *vm;              /* of whose code faults are; set once it is made */
    int ram_fd;                    /* guest RAM; -1 before it is made */
    uint8_t *base[XL_WINDOWS];     /* reserved when first mapped; NULL */
    uint64_t gs_before;
    bool selected;
};

/** Offer windows in the port if this kernel lets programs set gs (FSGSBASE); ram_fd is the RAM behind them. */
void windows_offer(struct windows *w, struct xl_port *port);
void windows_close(struct windows *w);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the files of the workstation's port share; its users see xl_linux.h.
 */
#ifndef XL_LINUX_PRIVATE_H
#define XL_LINUX_PRIVATE_H

#include "xl_linux.h"

enum { OUT_BYTES = 1 << 16 };

struct xl_linux {
    struct xl_vm *vm;
    struct xl_port port;
    enum xl_time time;
    uint64_t ram_bytes;
    uint8_t out[OUT_BYTES];
    unsigned out_count;
};

#endif

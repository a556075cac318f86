/* SPDX-License-Identifier: MIT */
/* How often a slow event is repeated on this machine: one to two seconds of an emulator. */
#ifndef PACE_H
#define PACE_H

enum { TRAPS = 12000000, DEVICE_ACCESSES = 15000000, CODE_CHANGES = 300000, TLB_ROUNDS = 20000, PAGE_FAULTS = 1600000, SWITCHES = 480000 };

#endif

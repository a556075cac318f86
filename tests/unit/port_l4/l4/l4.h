/* SPDX-License-Identifier: MIT */
/* The few kernel calls that the board's port uses, for a workstation: time is a number that goes on by waiting. */
#ifndef L4_L4_H
#define L4_L4_H

#include "../../../../kernel/include/abi/k_abi.h"

enum k_status l4_clock(uint64_t *ns, uint64_t *tsc, uint64_t *tsc_hz);
enum k_status l4_wait(uint32_t notification, uint64_t deadline_ns, uint64_t *word);
enum k_status l4_signal(uint32_t notification, uint64_t bits);
uint64_t l4_now_ns(void);
enum k_status l4_poll(uint32_t notification, uint64_t *word);
enum k_status l4_map(uint32_t task, uint32_t memory, uint64_t va, uint64_t offset, uint64_t bytes, uint64_t rights);
enum k_status l4_unmap(uint32_t task, uint64_t va, uint64_t bytes);
enum k_status l4_thread_upcall(uint32_t thread, uint64_t entry_va, uint64_t stack_top_va);

#endif

/* SPDX-License-Identifier: MIT */
/* The few kernel calls that the board's port uses, for a workstation: time is a number that goes on by waiting. */
#ifndef L4_L4_H
#define L4_L4_H

#include <stddef.h>
#include <stdint.h>

enum k_status { K_OK };
enum k_status l4_clock(uint64_t *ns, uint64_t *tsc, uint64_t *tsc_hz);
enum k_status l4_wait(uint32_t notification, uint64_t deadline_ns, uint64_t *word);
enum k_status l4_signal(uint32_t notification, uint64_t bits);
uint64_t l4_now_ns(void);
enum k_status l4_poll(uint32_t notification, uint64_t *word);

#endif

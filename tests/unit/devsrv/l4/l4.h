/* SPDX-License-Identifier: MIT */
/* The kernel calls that servers use, for a workstation: board_server.c answers them, or the driver of the test. */
#ifndef L4_L4_H
#define L4_L4_H

#include "abi/k_abi.h"

struct l4_msg {
    uint64_t tag, badge, mr[K_MR_REGISTERS];
};

extern struct k_utcb *l4_utcb;
_Noreturn void l4_main_ended(int code);
enum k_status l4_clock(uint64_t *ns, uint64_t *tsc, uint64_t *tsc_hz);
uint64_t l4_now_ns(void);
enum k_status l4_wait(uint32_t notification, uint64_t deadline_ns, uint64_t *word);
enum k_status l4_poll(uint32_t notification, uint64_t *word);
enum k_status l4_signal(uint32_t notification, uint64_t bits);
enum k_status l4_irq_ack(uint32_t irq);
enum k_status l4_send(uint32_t ep, struct l4_msg *msg);
enum k_status l4_call(uint32_t ep, struct l4_msg *msg);
enum k_status l4_sleep(uint64_t deadline_ns);
enum k_status l4_next_period(uint64_t *release_ns, uint64_t *skipped);

#endif

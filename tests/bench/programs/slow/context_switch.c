/* SPDX-License-Identifier: MIT */
/* Two threads with stacks and address contexts of their own take turns; each counts in a word of the same address. */
#include "slow.h"

const char bench_name[] = "context_switch";
enum { ROUNDS = SWITCHES / SLOW_SHARE };
const uint32_t bench_rounds = ROUNDS, bench_expected = ROUNDS * (1 + 256);
static struct slow_thread one, other;
static uint32_t stack[SLOW_STACK_WORDS];

static void run_other(void)
{
    for (;;) {
        SLOW_WINDOW[5][9] += 256;
        slow_switch(&other, &one, 0);
    }
}

uint32_t bench_run(uint32_t rounds)
{
    slow_begin();
    slow_thread_make(&other, stack, run_other);
    while (rounds--) {
        SLOW_WINDOW[5][9] += 1;
        slow_switch(&one, &other, 1);
    }
    return slow_memory[slow_page(0, 5)][9] + slow_memory[slow_page(1, 5)][9];
}

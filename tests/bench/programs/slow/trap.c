/* SPDX-License-Identifier: MIT */
/* A trap instruction, its handler of one instruction, and the way back. */
#include "slow.h"

const char bench_name[] = "trap";
enum { ROUNDS = TRAPS / SLOW_SHARE };
const uint32_t bench_rounds = ROUNDS, bench_expected = ROUNDS;

uint32_t bench_run(uint32_t rounds)
{
    uint32_t x = 0;
    slow_begin();
    while (rounds--)
        x = slow_trap(x);
    return x;
}

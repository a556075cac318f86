/* SPDX-License-Identifier: MIT */
/* An instruction is written, made visible and executed. */
#include "slow.h"

const char bench_name[] = "self_modifying";
enum { ROUNDS = CODE_CHANGES / SLOW_SHARE };
const uint32_t bench_rounds = ROUNDS, bench_expected = ROUNDS;

uint32_t bench_run(uint32_t rounds)
{
    uint32_t sum = 0;
    slow_begin();
    for (uint32_t r = 0; r < rounds; r++)
        sum += slow_code(r & 0xfff) + 1 - (r & 0xfff);
    return sum;
}

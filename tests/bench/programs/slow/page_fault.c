/* SPDX-License-Identifier: MIT */
/* A store into a page that is not there; the handler makes it and the store is done again. */
#include "slow.h"

const char bench_name[] = "page_fault";
enum { ROUNDS = PAGE_FAULTS / SLOW_SHARE };
const uint32_t bench_rounds = ROUNDS, bench_expected = 2 * ROUNDS;

uint32_t bench_run(uint32_t rounds)
{
    uint32_t sum = 0;
    slow_begin();
    for (uint32_t r = 0; r < rounds; r++) {
        slow_forbid(r % SLOW_PAGES);
        SLOW_WINDOW[r % SLOW_PAGES][7] = r;
        sum += slow_memory[r % SLOW_PAGES][7] + 1 - r;
    }
    return sum + slow_faults;
}

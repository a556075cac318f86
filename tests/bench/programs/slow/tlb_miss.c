/* SPDX-License-Identifier: MIT */
/* One load in each of more pages than the TLB holds. */
#include "slow.h"

const char bench_name[] = "tlb_miss";
enum { ROUNDS = TLB_ROUNDS / SLOW_SHARE };
const uint32_t bench_rounds = ROUNDS, bench_expected = ROUNDS * (SLOW_PAGES * (SLOW_PAGES + 1) / 2);

uint32_t bench_run(uint32_t rounds)
{
    uint32_t sum = 0;
    slow_begin();
    for (uint32_t page = 0; page < SLOW_PAGES; page++)
        slow_memory[page][page] = page + 1;
    while (rounds--) {
        slow_tlb_empty();
        for (uint32_t page = 0; page < SLOW_PAGES; page++)
            sum += SLOW_WINDOW[page][page];
    }
    return sum;
}

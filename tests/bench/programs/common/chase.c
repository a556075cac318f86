/* SPDX-License-Identifier: MIT */
/* A pointer chase around one cycle through 4 MiB in random order: each load waits for the one before it, and most miss caches and TLBs. */
#include "bench.h"

enum { NODES = 1 << 20, STEPS = 1 << 20 };
static uint32_t next[NODES];
const char bench_name[] = "chase";
const uint32_t bench_rounds = 30, bench_expected = 0xd8438df2;

uint32_t bench_run(uint32_t rounds)
{
    uint32_t seed = 7, sum = 0, at = 0;
    for (uint32_t i = 0; i < NODES; i++)
        next[i] = i;
    for (uint32_t i = NODES - 1; i; i--) { /* one cycle: exchange with an earlier one only (Sattolo) */
        uint32_t j = bench_next(&seed) % i, t = next[i];
        next[i] = next[j];
        next[j] = t;
    }
    for (uint32_t r = 0; r < rounds; r++) {
        for (uint32_t i = 0; i < STEPS; i++)
            at = next[at];
        sum = sum * 31 + at;
        at = (at + r) & (NODES - 1);
    }
    return sum;
}

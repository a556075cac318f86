/* SPDX-License-Identifier: MIT */
/* A benchmark program: runs a fixed number of rounds and returns a checksum that does not depend on the CPU. No libc, no floating point unless it says so. */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

extern const char bench_name[];
extern const uint32_t bench_rounds, bench_expected;
uint32_t bench_run(uint32_t rounds);
void console_put(char c); /* the machine's */

/* A repeatable sequence; not 0. */
static inline uint32_t bench_next(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

#endif

/* SPDX-License-Identifier: MIT */
/* Runs the program that is linked in and says on the console whether its checksum is right. */
#include "bench.h"

#ifndef BENCH_SHARE
#define BENCH_SHARE 1 /* only so much of the rounds, for tests; the checksum is then not known beforehand */
#endif

static void put(const char *text)
{
    for (; *text; text++)
        console_put(*text);
}

void bench_main(void)
{
    char hex[9];
    const uint32_t rounds = bench_rounds / BENCH_SHARE + (BENCH_SHARE > 1);
    uint32_t sum = bench_run(rounds);
    for (int i = 1; i < TIMES && sum == bench_expected; i++)
        sum = bench_run(rounds);
    for (int i = 0; i < 8; i++)
        hex[i] = "0123456789abcdef"[sum >> (28 - 4 * i) & 15];
    hex[8] = 0;
    put(bench_name);
    put(BENCH_SHARE > 1 ? " is " : sum == bench_expected ? " ok " : " BAD ");
    put(hex);
    put("\n");
}

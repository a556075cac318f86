/* SPDX-License-Identifier: MIT */
/* Quicksort with insertion at the bottom, 4096 words: recursion, swaps, compare-and-branch. */
#include "bench.h"

enum { WORDS = 4096 };
static uint32_t v[WORDS];
const char bench_name[] = "sort";
const uint32_t bench_rounds = 6000, bench_expected = 0xeb0ce8a6;

static void sort(uint32_t *low, uint32_t *high)
{
    while (high - low > 12) {
        uint32_t pivot = low[(high - low) / 2], *i = low, *j = high - 1;
        while (i <= j) {
            while (*i < pivot)
                i++;
            while (*j > pivot)
                j--;
            if (i <= j) {
                uint32_t t = *i;
                *i++ = *j;
                *j-- = t;
            }
        }
        sort(low, j + 1);
        low = i;
    }
    for (uint32_t *i = low + 1; i < high; i++) {
        uint32_t t = *i, *j = i;
        for (; j > low && j[-1] > t; j--)
            *j = j[-1];
        *j = t;
    }
}

uint32_t bench_run(uint32_t rounds)
{
    uint32_t seed = 31, sum = 0;
    for (uint32_t r = 0; r < rounds; r++) {
        for (int i = 0; i < WORDS; i++)
            v[i] = bench_next(&seed);
        sort(v, v + WORDS);
        for (int i = 0; i < WORDS; i += 64)
            sum = sum * 33 + v[i];
    }
    return sum;
}

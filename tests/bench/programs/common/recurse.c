/* SPDX-License-Identifier: MIT */
/* Recursion: Takeuchi's function, Fibonacci numbers, and a walk 200 calls deep. Calls, returns, register windows that spill. */
#include "bench.h"

const char bench_name[] = "recurse";
const uint32_t bench_rounds = 4000, bench_expected = 0x5ee72ec0;

static int tak(int x, int y, int z)
{
    return y < x ? tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y)) : z;
}

static uint32_t fibonacci(uint32_t n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

__attribute__((noinline)) static uint32_t deep(uint32_t depth, uint32_t x)
{
    uint32_t y = x * 69069 + depth;
    return depth ? deep(depth - 1, y) ^ y : y;
}

uint32_t bench_run(uint32_t rounds)
{
    uint32_t sum = 0;
    for (uint32_t r = 0; r < rounds; r++) {
        sum = sum * 31 + (uint32_t)tak(14, 8 + (int)(r & 1), 4);
        sum = sum * 31 + fibonacci(19);
        for (uint32_t i = 0; i < 40; i++)
            sum += deep(200, r + i);
    }
    return sum;
}

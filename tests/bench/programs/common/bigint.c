/* SPDX-License-Identifier: MIT */
/* Numbers of 2048 bits: multiplication, addition, shift and compare, word by word. Wide products and carries. */
#include "bench.h"

enum { WORDS = 64 };
static uint32_t a[WORDS], b[WORDS], product[2 * WORDS];
const char bench_name[] = "bigint";
const uint32_t bench_rounds = 50000, bench_expected = 0xb977a0bd;

static void multiply(void)
{
    for (int i = 0; i < 2 * WORDS; i++)
        product[i] = 0;
    for (int i = 0; i < WORDS; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < WORDS; j++) {
            carry += (uint64_t)a[i] * b[j] + product[i + j];
            product[i + j] = (uint32_t)carry;
            carry >>= 32;
        }
        product[i + WORDS] = (uint32_t)carry;
    }
}

static uint32_t add(uint32_t *to, const uint32_t *from)
{
    uint64_t carry = 0;
    for (int i = 0; i < WORDS; i++) {
        carry += (uint64_t)to[i] + from[i];
        to[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return (uint32_t)carry;
}

static void shift_left(uint32_t *number, unsigned bits)
{
    for (int i = WORDS - 1; i; i--)
        number[i] = number[i] << bits | number[i - 1] >> (32 - bits);
    number[0] <<= bits;
}

static int is_less(const uint32_t *x, const uint32_t *y)
{
    for (int i = WORDS - 1; i >= 0; i--)
        if (x[i] != y[i])
            return x[i] < y[i];
    return 0;
}

uint32_t bench_run(uint32_t rounds)
{
    uint32_t seed = 65537, sum = 0;
    for (int i = 0; i < WORDS; i++) {
        a[i] = bench_next(&seed);
        b[i] = bench_next(&seed);
    }
    for (uint32_t r = 0; r < rounds; r++) {
        multiply();
        sum = sum * 31 + add(a, product + WORDS) + (uint32_t)is_less(a, b);
        shift_left(b, 1 + r % 31);
        b[0] |= product[r % (2 * WORDS)] | 1;
        sum += b[WORDS - 1] ^ a[r % WORDS];
    }
    return sum;
}

/* SPDX-License-Identifier: MIT */
/* Integer matrix multiplication, 40 x 40. Multiplies and regular loads in nested loops. */
#include "bench.h"

enum { N = 40 };
static uint32_t a[N][N], b[N][N], c[N][N];
const char bench_name[] = "matrix";
const uint32_t bench_rounds = 20000, bench_expected = 0xa5aa841c;

uint32_t bench_run(uint32_t rounds)
{
    uint32_t seed = 99, sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = bench_next(&seed) & 0xfff;
            b[i][j] = bench_next(&seed) & 0xfff;
        }
    for (uint32_t r = 0; r < rounds; r++) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                uint32_t t = 0;
                for (int k = 0; k < N; k++)
                    t += a[i][k] * b[k][j];
                c[i][j] = t;
            }
        a[r % N][r / N % N] = c[r % N][r % N] & 0xfff;
        sum = sum * 17 + c[N - 1 - r % N][r % N];
    }
    return sum;
}

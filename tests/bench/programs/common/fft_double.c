/* SPDX-License-Identifier: MIT */
/* The transform in double precision. */
#include "bench.h"
#define REAL double
const char bench_name[] = "fft_double";
const uint32_t bench_rounds = 8000, bench_expected = 0xb4fc7400;
#include "fft.h"

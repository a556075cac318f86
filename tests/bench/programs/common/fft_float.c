/* SPDX-License-Identifier: MIT */
/* The transform in single precision. */
#include "bench.h"
#define REAL float
const char bench_name[] = "fft_float";
const uint32_t bench_rounds = 8000, bench_expected = 0xb4fc7400;
#include "fft.h"

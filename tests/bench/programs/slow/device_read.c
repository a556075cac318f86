/* SPDX-License-Identifier: MIT */
/* Reads of a device's register. */
#include "slow.h"

const char bench_name[] = "device_read";
enum { ROUNDS = DEVICE_ACCESSES / SLOW_SHARE };
const uint32_t bench_rounds = ROUNDS, bench_expected = ROUNDS * 0x5au;

uint32_t bench_run(uint32_t rounds)
{
    uint32_t sum = 0;
    slow_begin();
    slow_device_write(0x5a);
    while (rounds--)
        sum += slow_device_read();
    return sum;
}

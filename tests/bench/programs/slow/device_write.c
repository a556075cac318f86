/* SPDX-License-Identifier: MIT */
/* Writes to a device's register. */
#include "slow.h"

const char bench_name[] = "device_write";
enum { ROUNDS = DEVICE_ACCESSES / SLOW_SHARE };
const uint32_t bench_rounds = ROUNDS, bench_expected = 1; /* the last one written */

uint32_t bench_run(uint32_t rounds)
{
    slow_begin();
    while (rounds--)
        slow_device_write((rounds + 1) & 0xff);
    return slow_device_read();
}

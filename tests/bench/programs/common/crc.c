/* SPDX-License-Identifier: MIT */
/* CRC-32, one table look-up a byte. Byte loads, shifts, a chain of dependent operations. */
#include "bench.h"

enum { BYTES = 16384 };
static uint8_t data[BYTES];
static uint32_t table[256];
const char bench_name[] = "crc";
const uint32_t bench_rounds = 25000, bench_expected = 0xdce8bab1;

uint32_t bench_run(uint32_t rounds)
{
    uint32_t seed = 7, crc = 0xffffffffu;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
        table[i] = c;
    }
    for (int i = 0; i < BYTES; i++)
        data[i] = (uint8_t)bench_next(&seed);
    for (uint32_t r = 0; r < rounds; r++)
        for (int i = 0; i < BYTES; i++)
            crc = table[(crc ^ data[i]) & 255] ^ crc >> 8;
    return ~crc;
}

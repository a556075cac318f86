/* SPDX-License-Identifier: MIT */
/*
 * CRC-32 by a table of 256 words (devsrv/crc32.h). The table is made by the compiler from eight words: a CRC is linear over xor, so the entry of a byte is the xor
 * of the entries of its bits. BIT_n below is the polynomial 0xedb88320 shifted through eight steps for the byte 1 << n.
 */
#include "devsrv/crc32.h"

#define BIT_0 0x77073096u
#define BIT_1 0xee0e612cu
#define BIT_2 0x076dc419u
#define BIT_3 0x0edb8832u
#define BIT_4 0x1db71064u
#define BIT_5 0x3b6e20c8u
#define BIT_6 0x76dc4190u
#define BIT_7 0xedb88320u

#define T1(c) (c), (c) ^ BIT_0
#define T2(c) T1(c), T1((c) ^ BIT_1)
#define T3(c) T2(c), T2((c) ^ BIT_2)
#define T4(c) T3(c), T3((c) ^ BIT_3)
#define T5(c) T4(c), T4((c) ^ BIT_4)
#define T6(c) T5(c), T5((c) ^ BIT_5)
#define T7(c) T6(c), T6((c) ^ BIT_6)

static const uint32_t crc32_of_byte[256] = {T7(0u), T7(BIT_7)};

uint32_t ds_crc32(uint32_t crc, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    crc = ~crc;
    for (size_t i = 0; i < count; i++) {
        crc = crc >> 8 ^ crc32_of_byte[(crc ^ at[i]) & 0xff];
    }
    return ~crc;
}

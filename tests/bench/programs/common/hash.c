/* SPDX-License-Identifier: MIT */
/* A hash table with open addressing: insert, find, delete by words of text. Multiplies, masks, probes that end at random. */
#include "bench.h"

enum { SLOTS = 4096, KEYS = 2800, LENGTH = 12 };
static char keys[KEYS][LENGTH];
static uint16_t slot[SLOTS];
static uint32_t value[KEYS + 1];
const char bench_name[] = "hash";
const uint32_t bench_rounds = 1800, bench_expected = 0x83c0b9b3;

static uint32_t hash_of(const char *text)
{
    uint32_t h = 2166136261u;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return h ^ h >> 15;
}

static int same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

/* Where the key is, or the free slot where it would go. */
static uint32_t find(const char *key)
{
    uint32_t at = hash_of(key) & (SLOTS - 1);
    while (slot[at] && !same(keys[slot[at] - 1], key))
        at = (at + 1) & (SLOTS - 1);
    return at;
}

uint32_t bench_run(uint32_t rounds)
{
    uint32_t seed = 31337, sum = 0;
    for (int k = 0; k < KEYS; k++) {
        int length = 3 + (int)(bench_next(&seed) % (LENGTH - 4));
        for (int i = 0; i < LENGTH; i++)
            keys[k][i] = i < length ? (char)('a' + bench_next(&seed) % 26) : 0;
    }
    for (int k = 0; k <= KEYS; k++)
        value[k] = 0;
    for (uint32_t r = 0; r < rounds; r++) {
        for (int i = 0; i < SLOTS; i++)
            slot[i] = 0;
        for (int k = 0; k < KEYS; k++) {
            uint32_t at = find(keys[k]);
            if (!slot[at])
                slot[at] = (uint16_t)(k + 1);
            value[slot[at]] += r + (uint32_t)k;
        }
        for (int i = 0; i < KEYS; i++)
            sum = sum * 33 + value[slot[find(keys[bench_next(&seed) % KEYS])]];
    }
    return sum;
}

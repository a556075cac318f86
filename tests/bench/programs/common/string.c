/* SPDX-License-Identifier: MIT */
/* Text: length, copy, compare, search, change of case, reversal of words. Bytes one by one. */
#include "bench.h"

enum { TEXT = 6000 };
static char text[TEXT + 1], copy[TEXT + 1];
const char bench_name[] = "string";
const uint32_t bench_rounds = 12000, bench_expected = 0x1e1447f5;

static uint32_t length(const char *s)
{
    const char *end = s;
    while (*end)
        end++;
    return (uint32_t)(end - s);
}

static void copy_upper(char *to, const char *from)
{
    do
        *to++ = *from >= 'a' && *from <= 'z' ? (char)(*from - 32) : *from;
    while (*from++);
}

static int compare(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

static const char *search(const char *in, const char *what)
{
    for (; *in; in++) {
        const char *a = in, *b = what;
        while (*b && *a == *b)
            a++, b++;
        if (!*b)
            return in;
    }
    return 0;
}

static void reverse_words(char *s)
{
    while (*s) {
        char *end = s;
        while (*end && *end != ' ')
            end++;
        for (char *a = s, *b = end - 1; a < b; a++, b--) {
            char c = *a;
            *a = *b;
            *b = c;
        }
        s = *end ? end + 1 : end;
    }
}

uint32_t bench_run(uint32_t rounds)
{
    uint32_t seed = 271828, sum = 0;
    for (int i = 0; i < TEXT; i++)
        text[i] = bench_next(&seed) % 6 ? (char)('a' + bench_next(&seed) % 26) : ' ';
    for (uint32_t r = 0; r < rounds; r++) {
        char what[4] = {text[bench_next(&seed) % TEXT], text[bench_next(&seed) % TEXT], text[bench_next(&seed) % TEXT], 0};
        const char *at = search(text, what);
        copy_upper(copy, text);
        reverse_words(text);
        sum = sum * 31 + length(text) + (uint32_t)compare(text, copy) + (at ? (uint32_t)(at - text) : 7);
        text[bench_next(&seed) % TEXT] = (char)('a' + r % 26);
    }
    return sum;
}

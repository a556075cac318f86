/* SPDX-License-Identifier: MIT */
/* A state machine that reads numbers out of text: a switch by character class and state. Indirect jumps, unpredictable branches. */
#include "bench.h"

enum { TEXT = 4096 };
enum state { START, SIGN, INTEGER, POINT, FRACTION, EXPONENT, EXPONENT_SIGN, POWER, BAD, STATES };
static char text[TEXT];
const char bench_name[] = "state";
const uint32_t bench_rounds = 60000, bench_expected = 0x3855f3ce;

static enum state next(enum state s, char c)
{
    int digit = c >= '0' && c <= '9';
    switch (s) {
    case START: return digit ? INTEGER : c == '-' || c == '+' ? SIGN : c == '.' ? POINT : BAD;
    case SIGN: return digit ? INTEGER : c == '.' ? POINT : BAD;
    case INTEGER: return digit ? INTEGER : c == '.' ? FRACTION : c == 'e' ? EXPONENT : BAD;
    case POINT: return digit ? FRACTION : BAD;
    case FRACTION: return digit ? FRACTION : c == 'e' ? EXPONENT : BAD;
    case EXPONENT: return digit ? POWER : c == '-' || c == '+' ? EXPONENT_SIGN : BAD;
    case EXPONENT_SIGN: return digit ? POWER : BAD;
    case POWER: return digit ? POWER : BAD;
    default: return BAD;
    }
}

uint32_t bench_run(uint32_t rounds)
{
    static const char alphabet[] = "0123456789012345,,.e-+";
    uint32_t seed = 4711, count[STATES] = {0}, sum = 0;
    for (int i = 0; i < TEXT; i++)
        text[i] = alphabet[bench_next(&seed) % 22];
    for (uint32_t r = 0; r < rounds; r++) {
        enum state s = START;
        for (int i = 0; i < TEXT; i++) {
            if (text[i] == ',') {
                count[s]++;
                s = START;
            } else {
                s = next(s, text[i]);
            }
        }
        text[bench_next(&seed) % TEXT] = alphabet[r % 22];
    }
    for (int i = 0; i < STATES; i++)
        sum = sum * 131 + count[i];
    return sum;
}

/* SPDX-License-Identifier: MIT */
/*
 * A bare LEON3 program that uses up whatever its guest has: it prints without looking whether there is room, fills all its RAM with functions, each at an address of its
 * own, and calls every one, so that no cache of translated code holds them; and it never rests. It says "round N" when it has done all that once more.
 *
 * Source: GRLIB IP Core User's Manual, APBUART (data and status register); SPARC V8 B.32 (FLUSH).
 */
#include "bench.h"

#include <stdint.h>

enum { RAM = 0x40000000, PROGRAM_END = RAM + (2 << 20), RAM_END = RAM + (HOSTILE_RAM_MIB << 20) - 65536 /* the stack */, STEP = 256, WORDS = STEP / 4, FLOOD = 512 };
enum { ADD_1_TO_O0 = 0x90022001, RETURN = 0x81c3e008, NOTHING = 0x01000000 };

static volatile uint32_t *const uart_data = (volatile uint32_t *)0x80000100;

static void flood(void)
{
    for (int i = 0; i < FLOOD; i++)
        *uart_data = '#';
}

/* A function of WORDS words at `at`; its result is how many of them add. */
static uint32_t function_make_and_call(uint32_t at)
{
    volatile uint32_t *code = (volatile uint32_t *)at;

    for (int i = 0; i < WORDS - 2; i++)
        code[i] = ADD_1_TO_O0;
    code[WORDS - 2] = RETURN;
    code[WORDS - 1] = NOTHING;
    for (int i = 0; i < WORDS; i += 2)
        __asm__ volatile("flush %0" : : "r"(code + i) : "memory");
    return ((uint32_t(*)(uint32_t))at)(0);
}

static void say(uint32_t round)
{
    const char *text = "\nround ";

    while (*text)
        console_put(*text++);
    for (int shift = 28; shift >= 0; shift -= 4)
        console_put("0123456789abcdef"[round >> shift & 15]);
    console_put('\n');
}

void bench_main(void)
{
    for (uint32_t round = 1;; round++) {
        uint32_t wrong = 0;
        for (uint32_t at = PROGRAM_END; at < RAM_END; at += STEP) {
            wrong |= function_make_and_call(at) ^ (WORDS - 2);
            if (at % (STEP * 1024) == 0)
                flood();
        }
        say(wrong ? 0 : round);
    }
}

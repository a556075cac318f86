/* SPDX-License-Identifier: MIT */
/* An interpreter of a small stack machine that counts primes: a switch in a loop, an indirect jump for each instruction. */
#include "bench.h"

enum op { PUSH, LOAD, STORE, ADD, SUB, MUL, MOD, LESS, EQUAL, JUMP, JUMP_ZERO, DUP, DROP, HALT };
struct insn {
    uint8_t op;
    int16_t arg;
};
const char bench_name[] = "vm";
const uint32_t bench_rounds = 700, bench_expected = 0xdb9e0a76;

/* for (n = 2; n < limit; n++) { for (d = 2; d * d <= n && n % d; d++); count += d * d > n; }   variables: 0 n, 1 d, 2 count, 3 limit */
static const struct insn program[] = {
    {PUSH, 2}, {STORE, 0}, {PUSH, 0}, {STORE, 2},
    /* 4 */ {LOAD, 0}, {LOAD, 3}, {LESS, 0}, {JUMP_ZERO, 33}, {PUSH, 2}, {STORE, 1},
    /* 10 */ {LOAD, 0}, {LOAD, 1}, {DUP, 0}, {MUL, 0}, {LESS, 0}, {JUMP_ZERO, 18}, /* n < d * d: prime */
    /* 16 */ {JUMP, 27}, {HALT, 0},
    /* 18 */ {LOAD, 0}, {LOAD, 1}, {MOD, 0}, {JUMP_ZERO, 31}, {LOAD, 1}, {PUSH, 1}, {ADD, 0}, {STORE, 1}, {JUMP, 10},
    /* 27 */ {LOAD, 2}, {PUSH, 1}, {ADD, 0}, {STORE, 2},
    /* 31 */ {JUMP, 34}, {HALT, 0},
    /* 33 */ {HALT, 0},
    /* 34 */ {LOAD, 0}, {PUSH, 1}, {ADD, 0}, {STORE, 0}, {JUMP, 4},
};

static int32_t interpret(const struct insn *code, int32_t *variable)
{
    int32_t stack[32], *top = stack;
    for (const struct insn *i = code;; i++) {
        switch ((enum op)i->op) {
        case PUSH: *top++ = i->arg; break;
        case LOAD: *top++ = variable[i->arg]; break;
        case STORE: variable[i->arg] = *--top; break;
        case ADD: top--; top[-1] += *top; break;
        case SUB: top--; top[-1] -= *top; break;
        case MUL: top--; top[-1] *= *top; break;
        case MOD: top--; top[-1] %= *top; break;
        case LESS: top--; top[-1] = top[-1] < *top; break;
        case EQUAL: top--; top[-1] = top[-1] == *top; break;
        case JUMP: i = code + i->arg - 1; break;
        case JUMP_ZERO:
            if (!*--top)
                i = code + i->arg - 1;
            break;
        case DUP: *top = top[-1]; top++; break;
        case DROP: top--; break;
        default: return variable[2];
        }
    }
}

uint32_t bench_run(uint32_t rounds)
{
    uint32_t sum = 0;
    for (uint32_t r = 0; r < rounds; r++) {
        int32_t variable[4] = {0, 0, 0, 1500 + (int32_t)(r % 97)};
        sum = sum * 31 + (uint32_t)interpret(program, variable);
    }
    return sum;
}

/* SPDX-License-Identifier: MIT */
/*
 * Dead put elimination: a register or flags write that a later write of the same block overwrites, with nothing between that could look at it.
 *
 * Backwards over the block. What may look: reads, anything that may fault or leave (its state must be precise), helpers. Switch: XL_NO_DEAD_PUT; counter: dead_puts.
 * Pure ops whose value nobody uses any more are left to the emitter, which makes nothing of them.
 */
#include "rt/cpu.h"
#include <string.h>

enum { WORDS = 128 };

struct later {
    uint64_t word[XL_BANKS][WORDS / 64]; /* a bit a word: it will be written before anyone looks */
    bool flags;
};

static void all_seen(struct later *l)
{
    memset(l, 0, sizeof *l);
}

/* Turn an op into one that does nothing and names nothing. */
static void remove_op(struct ir_op *op)
{
    uint16_t insn = op->insn;

    *op = (struct ir_op){.opcode = IR_OP_CONST, .arg = {0xffff, 0xffff, 0xffff, 0xffff}, .insn = insn};
}

unsigned opt_dead_puts(struct ir_block *b)
{
    struct later l;
    unsigned removed = 0;

    all_seen(&l);
    for (unsigned i = b->count; i-- > 0;) {
        struct ir_op *op = &b->op[i];
        unsigned at = op->off / 4;
        bool tracked = op->cond < XL_BANKS && at < WORDS;
        uint64_t bit = 1ull << at % 64, *word = tracked ? &l.word[op->cond][at / 64] : NULL;
        switch (op->opcode) {
        case IR_OP_PUT:
            if (tracked && *word & bit) {
                remove_op(op);
                removed++;
            } else if (tracked) {
                *word |= bit;
            }
            break;
        case IR_OP_GET:
            if (tracked)
                *word &= ~bit;
            break;
        case IR_OP_FLAGS_SET:
            if (l.flags) {
                remove_op(op);
                removed++;
            }
            l.flags = true;
            break;
        case IR_OP_GETD:
            for (unsigned k = at; k < at + 2 && k < WORDS; k++)
                l.word[0][k / 64] &= ~(1ull << k % 64);
            break;
        case IR_OP_FLAGS_COND: l.flags = false; break;
        case IR_OP_LD:
        case IR_OP_LD64:
        case IR_OP_ST:
        case IR_OP_ST64:
        case IR_OP_CALL:
        case IR_OP_CALLW:
        case IR_OP_CALLD:
        case IR_OP_FP:
        case IR_OP_BANK:
        case IR_OP_EXIT:
        case IR_OP_EXIT_IF:
        case IR_OP_EXIT_IND:
        case IR_OP_EXIT_STATE:
        case IR_OP_RAISE_IF: all_seen(&l); break;
        default: break;
        }
    }
    return removed;
}

/* SPDX-License-Identifier: MIT */
/*
 * Homes: which guest registers live in host registers for a whole region, and their way in and out.
 *
 * Memory of the guest's state is behind what the homes hold; whatever leaves the region or calls C code that may look stores all that the region writes first.
 */
#include "host/x64/emit.h"

/* Callee-saved first, so that helpers find two of them untouched; three registers stay for other values. */
static const uint8_t home_regs[EMIT_HOMES] = {RBX, R15, R8, R9, R10, R11};

unsigned home_find(const struct emit *e, const struct ir_op *op)
{
    unsigned i = 0;

    while (i < e->homes && (e->home[i].bank != op->cond || e->home[i].off != op->off))
        i++;
    return i;
}

/* Count the block's accesses to guest registers. */
void homes_count(struct emit *e)
{
    for (unsigned i = 0; i < e->ir->count; i++) {
        const struct ir_op *op = &e->ir->op[i];
        bool get = op->opcode == IR_OP_GET, put = op->opcode == IR_OP_PUT;
        if (op->cond == 0 && op->off - e->cpu->guest->unhomed < e->cpu->guest->unhomed_bytes)
            continue;
        if ((!get && !put) || op->cond >= XL_BANKS || op->off / 4 >= EMIT_WORDS)
            continue;
        e->accesses[op->cond][op->off / 4]++;
        e->writes[op->cond][op->off / 4] |= put;
    }
}

/* The registers with the most accesses get the homes. */
void homes_choose(struct emit *e)
{
    e->homes = 0;
    e->home_mask = 0;
    while (e->homes < EMIT_HOMES) {
        unsigned most = 0, bank = 0, word = 0;
        for (unsigned b = 0; b < XL_BANKS; b++)
            for (unsigned w = 0; w < EMIT_WORDS; w++)
                if (e->accesses[b][w] > most)
                    most = e->accesses[b][w], bank = b, word = w;
        if (!most)
            break;
        struct emit_home *h = &e->home[e->homes];
        *h = (struct emit_home){.bank = (uint8_t)bank, .reg = home_regs[e->homes], .written = e->writes[bank][word], .off = word * 4};
        e->home_mask |= 1u << h->reg;
        e->accesses[bank][word] = 0;
        e->homes++;
    }
    e->vm->stats.region_homes += e->homes;
}

static int32_t base_of(const struct emit_home *h, unsigned *base)
{
    *base = h->bank == 1 ? R12 : h->bank == 2 ? R13 : RBP;
    return h->bank == 0 ? CPU(guest_state) + (int32_t)h->off : (int32_t)h->off;
}

void homes_load(struct emit *e)
{
    unsigned base;

    for (unsigned i = 0; i < e->homes; i++) {
        int32_t at = base_of(&e->home[i], &base);
        x64_load(&e->a, 0, e->home[i].reg, base, at);
    }
}

void homes_store(struct emit *e)
{
    unsigned base;

    for (unsigned i = 0; i < e->homes; i++) {
        int32_t at = base_of(&e->home[i], &base);
        if (e->home[i].written)
            x64_store(&e->a, 0, e->home[i].reg, base, at);
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * Homes: which guest registers live in host registers for a whole region, and their way in and out.
 *
 * Memory of the guest's state is behind what the homes hold; whatever leaves the region or calls C code that may look stores all that the region writes first.
 */
#include "host/x64/emit.h"

/* Callee-saved first, so that helpers find two of them untouched; three registers stay for other values. The last two are bases of banks 1 and 2 where those are reached without a home. */
static const uint8_t home_regs[EMIT_HOMES] = {RBX, R15, R8, R9, R10, R11, R12, R13};
static const uint8_t base_regs[XL_BANKS] = {RBP, R12, R13};

/* The host register that holds a bank's address; X64_NO_REG: none does in this region. */
static unsigned base_of(const struct emit *e, unsigned bank)
{
    bool away = bank && !(e->reserved >> base_regs[bank] & 1);

    for (unsigned i = 0; i < e->homes; i++)
        away |= e->home[i].reg == base_regs[bank];
    return away ? X64_NO_REG : base_regs[bank];
}

/* Where a guest register lies that has no home. */
struct emit_place place_of(const struct ir_op *op)
{
    switch (op->cond) {
    case 0: return (struct emit_place){RBP, CPU(guest_state) + (int32_t)op->off};
    case 1: return (struct emit_place){R12, (int32_t)op->off};
    case 2: return (struct emit_place){R13, (int32_t)op->off};
    default: return (struct emit_place){RBP, (int32_t)op->off};
    }
}

unsigned home_find(const struct emit *e, const struct ir_op *op)
{
    unsigned i = 0;

    while (i < e->homes && (e->home[i].bank != op->cond || e->home[i].off != op->off))
        i++;
    return i;
}

/* Does FP code, or C code that it calls, reach this register in memory? */
bool home_never(const struct emit *e, const struct ir_op *op)
{
    return op->cond == 0 && op->off - e->cpu->guest->unhomed < e->cpu->guest->unhomed_bytes;
}

/* Count the block's accesses to guest registers. A write counts twice: a home saves its store, and the next round's wait for it. */
void homes_count(struct emit *e)
{
    for (unsigned i = 0; i < e->ir->count; i++) {
        const struct ir_op *op = &e->ir->op[i];
        bool get = op->opcode == IR_OP_GET, put = op->opcode == IR_OP_PUT;
        if (home_never(e, op) || (!get && !put) || op->cond >= XL_BANKS || op->off / 4 >= EMIT_WORDS)
            continue;
        e->accesses[op->cond][op->off / 4] += put ? 2 : 1;
        e->writes[op->cond][op->off / 4] |= put;
    }
}

/* The register with the most accesses that has no home yet. */
static bool most_used(const struct emit *e, struct emit_home *h)
{
    unsigned most = 0;

    for (unsigned b = 0; b < XL_BANKS; b++)
        for (unsigned w = 0; w < EMIT_WORDS; w++)
            if (e->accesses[b][w] > most) {
                most = e->accesses[b][w];
                *h = (struct emit_home){.bank = (uint8_t)b, .written = e->writes[b][w], .off = w * 4, .accesses = most};
            }
    return most;
}

static bool is_reached(const struct emit *e, unsigned bank)
{
    for (unsigned w = 0; w < EMIT_WORDS; w++)
        if (e->accesses[bank][w])
            return true;
    return false;
}

/* The registers with the most accesses get the homes, as many as there are host registers for. */
void homes_choose(struct emit *e)
{
    struct emit_home h;
    unsigned used = 0;

    e->homes = 0;
    while (e->homes < EMIT_HOMES && most_used(e, &h)) {
        e->home[e->homes++] = h;
        e->accesses[h.bank][h.off / 4] = 0;
    }
    while (e->homes + is_reached(e, 1) + is_reached(e, 2) > EMIT_HOMES) {
        h = e->home[--e->homes];
        e->accesses[h.bank][h.off / 4] = h.accesses;
    }
    e->reserved = (uint32_t)is_reached(e, 1) << R12 | (uint32_t)is_reached(e, 2) << R13;
    for (unsigned i = 0; i < e->homes; i++) {
        while (e->reserved >> home_regs[used] & 1)
            used++;
        e->home[i].reg = home_regs[used++];
    }
    for (unsigned i = 0; i < e->homes; i++)
        e->reserved |= 1u << e->home[i].reg;
    e->vm->stats.region_homes += e->homes;
}

/* Where a home's guest register lies in memory; loads the bank's address to rcx when no register has it. */
static struct emit_place behind(struct emit *e, const struct emit_home *h)
{
    unsigned base = base_of(e, h->bank);

    if (base == X64_NO_REG) {
        base = RCX;
        x64_load(&e->a, 1, base, RBP, ENV(bank) + 8 * h->bank);
    }
    return (struct emit_place){(uint8_t)base, h->bank == 0 ? CPU(guest_state) + (int32_t)h->off : (int32_t)h->off};
}

/* Uses rcx, as do the others. */
void homes_load(struct emit *e)
{
    for (unsigned i = 0; i < e->homes; i++) {
        struct emit_place at = behind(e, &e->home[i]);
        x64_load(&e->a, 0, e->home[i].reg, at.base, at.disp);
    }
}

void homes_store(struct emit *e)
{
    for (unsigned i = 0; i < e->homes; i++) {
        if (!e->home[i].written)
            continue;
        struct emit_place at = behind(e, &e->home[i]);
        x64_store(&e->a, 0, e->home[i].reg, at.base, at.disp);
    }
}

/* The region is left for other translated code, which wants the banks' addresses where they belong. */
void homes_leave(struct emit *e)
{
    homes_store(e);
    for (unsigned b = 1; b < XL_BANKS; b++)
        if (base_of(e, b) == X64_NO_REG)
            x64_load(&e->a, 1, base_regs[b], RBP, ENV(bank) + 8 * (int32_t)b);
}

/* C code has moved the banks. */
void homes_bases(struct emit *e)
{
    for (unsigned b = 1; b < XL_BANKS; b++)
        if (base_of(e, b) != X64_NO_REG)
            x64_load(&e->a, 1, base_regs[b], RBP, ENV(bank) + 8 * (int32_t)b);
}

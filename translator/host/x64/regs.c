/* SPDX-License-Identifier: MIT */
/*
 * Registers of one block: a forward scan with known last uses; the value needed last is spilled when registers run out.
 *
 * Constants never occupy a stack slot: they are made again. Spilling and reloading use moves only, so host flags survive them.
 */
#include "host/x64/emit.h"

/* Order of choice: those without a REX prefix first; callee-saved ones last, so that calls find few values to save. */
static const uint8_t order[] = {RDX, RSI, RDI, RBX, R8, R9, R10, R11, R15, R12, R13};
#define CALLER_SAVED (1u << RDX | 1u << RSI | 1u << RDI | 1u << R8 | 1u << R9 | 1u << R10 | 1u << R11)

static bool droppable(const struct emit *e, unsigned i)
{
    uint8_t effect = ir_info[e->ir->op[i].opcode].effect;

    return (effect == IR_EFFECT_P || effect == IR_EFFECT_G) && !e->value[i].uses;
}

static void use(struct emit *e, uint16_t ref, unsigned at)
{
    struct emit_value *v = &e->value[ref];

    v->uses++;
    if (v->last < at)
        v->last = (uint16_t)at;
}

/* A comparison whose only user can test host flags is made there. */
static void plan_deferred(struct emit *e, unsigned i)
{
    const struct ir_op *op = &e->ir->op[i];
    struct emit_value *v = &e->value[i];

    if ((op->opcode != IR_OP_CMP && op->opcode != IR_OP_CMPADD) || v->uses != 1)
        return;
    const struct ir_op *user = &e->ir->op[v->last];
    bool tests = user->opcode == IR_OP_EXIT_IF || user->opcode == IR_OP_RAISE_IF || user->opcode == IR_OP_SELECT;
    if (!tests || user->arg[0] != i || (e->vm->config.switches & XL_NO_FUSE))
        return;
    v->deferred = true;
    e->vm->stats.fused++;
    for (unsigned k = 0; k < 2; k++)
        if (e->value[op->arg[k]].last < v->last)
            e->value[op->arg[k]].last = v->last;
}

/* An address made by adding a constant is made by the only access through it, when that goes through a window and has the alignment of the first summand. */
static void plan_address(struct emit *e, unsigned access, uint32_t pc)
{
    const struct ir_op *op = &e->ir->op[access], *sum = &e->ir->op[op->arg[0]];
    struct emit_value *v = &e->value[op->arg[0]];
    int32_t imm;

    if (sum->opcode != IR_OP_ADD || v->uses != 1 || !regs_imm(e, sum->arg[1], &imm) || imm < -XL_WINDOW_GUARD / 2 || imm > XL_WINDOW_GUARD / 2 - 8 || !emit_is_direct(e, op, pc) || (imm & (op->mem.size - 1) && !op->mem.unaligned))
        return;
    v->deferred = true;
    if (e->value[sum->arg[0]].last < access)
        e->value[sum->arg[0]].last = (uint16_t)access;
}

static void plan_addresses(struct emit *e)
{
    uint32_t pc = 0;

    for (unsigned i = 0; i < e->ir->count; i++) {
        const struct ir_op *op = &e->ir->op[i];
        if (op->opcode == IR_OP_INSN)
            pc = op->to.pc;
        else if (op->opcode == IR_OP_LD || op->opcode == IR_OP_LD64 || op->opcode == IR_OP_ST || op->opcode == IR_OP_ST64)
            plan_address(e, i, pc);
    }
}

/* May an op leave for C code that wants to know npc? */
static bool wants_npc(const struct ir_op *op)
{
    switch (op->opcode) {
    case IR_OP_LD: case IR_OP_LD64: case IR_OP_ST: case IR_OP_ST64: case IR_OP_RAISE_IF: case IR_OP_FP: return true;
    case IR_OP_CALL: case IR_OP_CALLW: case IR_OP_CALLD: return ((const struct xl_helper *)(uintptr_t)op->imm)->flags & XL_H_FAULTS;
    default: return false;
    }
}

/* What a dynamic npc is made from: the test when it chooses between two constants (cold code does the choosing), else the value itself. */
uint16_t regs_npc_source(const struct emit *e, const struct ir_op *insn)
{
    const struct ir_op *npc = &e->ir->op[insn->arg[0]];
    uint64_t unused;

    return npc->opcode == IR_OP_SELECT && regs_const(e, npc->arg[1], &unused) && regs_const(e, npc->arg[2], &unused) ? npc->arg[0] : insn->arg[0];
}

static bool looks_at_state(const struct ir_op *op)
{
    uint8_t effect = ir_info[op->opcode].effect;

    return effect == IR_EFFECT_M || effect == IR_EFFECT_E || effect == IR_EFFECT_B;
}

/* A value whose PUT comes before anything can see the old one may be made in the home itself. */
static void plan_hint(struct emit *e, unsigned put)
{
    const struct ir_op *op = &e->ir->op[put];
    unsigned home = home_find(e, op);
    uint16_t v = op->arg[0];

    if (home == e->homes || e->value[v].hint || ir_info[e->ir->op[v].opcode].result == IR_RESULT_N || e->ir->op[v].opcode == IR_OP_GET)
        return;
    for (unsigned i = v + 1u; i < put; i++) {
        const struct ir_op *between = &e->ir->op[i];
        bool same = (between->opcode == IR_OP_GET || between->opcode == IR_OP_PUT) && home_find(e, between) == home;
        if (same || looks_at_state(between))
            return;
    }
    e->value[v].hint = (uint8_t)(home + 1);
}

/* Uses are counted from the end, so that what only dead ops need is dead too. */
void regs_plan(struct emit *e)
{
    unsigned end_of_insn = e->ir->count;
    bool npc_wanted = false;

    for (unsigned i = 0; i < e->ir->count; i++)
        e->value[i] = (struct emit_value){.reg = X64_NO_REG, .slot = 0xff};
    for (unsigned i = 0; i < 16; i++)
        e->owner[i] = EMIT_NONE;
    memset(e->slot_used, 0, sizeof e->slot_used);
    backed_reset(e);
    for (unsigned i = e->ir->count; i-- > 0;) {
        const struct ir_op *op = &e->ir->op[i];
        if (op->opcode == IR_OP_INSN) {
            if (op->arg[0] != EMIT_NONE && npc_wanted)
                use(e, regs_npc_source(e, op), end_of_insn - 1);
            end_of_insn = i;
            npc_wanted = false;
            continue;
        }
        npc_wanted |= wants_npc(op);
        if (droppable(e, i))
            continue;
        for (unsigned k = 0; k < 4; k++)
            if (op->arg[k] != EMIT_NONE)
                use(e, op->arg[k], i);
    }
    for (unsigned i = 0; i < e->ir->count; i++)
        plan_deferred(e, i);
    plan_addresses(e);
    for (unsigned i = 0; i < e->ir->count && e->homes; i++)
        if (e->ir->op[i].opcode == IR_OP_PUT)
            plan_hint(e, i);
}

bool regs_const(const struct emit *e, uint16_t ref, uint64_t *value)
{
    const struct ir_op *op = &e->ir->op[ref];

    *value = op->opcode == IR_OP_CONST ? (uint32_t)op->imm : op->imm;
    return op->opcode == IR_OP_CONST || op->opcode == IR_OP_CONST64;
}

/* A constant that a 32-bit immediate gives: a word, or 64 bits that sign extension makes. */
bool regs_imm(const struct emit *e, uint16_t ref, int32_t *imm)
{
    uint64_t value;

    if (!regs_const(e, ref, &value))
        return false;
    *imm = (int32_t)(uint32_t)value;
    return e->ir->op[ref].opcode == IR_OP_CONST || (uint64_t)(int64_t)*imm == value;
}

/* Store the value, which is in reg, on the stack. */
void regs_to_slot(struct emit *e, uint16_t ref, unsigned reg)
{
    unsigned slot = 0;

    while (slot < EMIT_SLOTS && e->slot_used[slot])
        slot++;
    if (slot == EMIT_SLOTS) {
        e->failed = true;
        return;
    }
    e->slot_used[slot] = true;
    e->value[ref].slot = (uint8_t)slot;
    x64_store(&e->a, 1, reg, RSP, (int32_t)slot * 8);
}

/* The value's register will hold something else: it stays in memory, where it may be already. */
static void to_memory(struct emit *e, uint16_t ref)
{
    struct emit_value *v = &e->value[ref];
    uint64_t unused;

    if (v->slot == 0xff && !v->backed && !regs_const(e, ref, &unused))
        regs_to_slot(e, ref, v->reg);
}

/* Is the value in memory and in no register? Then where. */
bool regs_in_memory(const struct emit *e, uint16_t ref, struct emit_place *at)
{
    const struct emit_value *v = &e->value[ref];

    if (v->reg != X64_NO_REG || v->deferred || (v->slot == 0xff && !v->backed))
        return false;
    *at = v->slot != 0xff ? (struct emit_place){RSP, (int32_t)v->slot * 8} : v->back;
    return true;
}

/* May this op take the value from memory? A word that is needed later is better loaded. */
bool regs_operand(const struct emit *e, uint16_t ref, struct emit_place *at)
{
    return e->value[ref].last <= e->op && regs_in_memory(e, ref, at);
}

/* Load a value that is in no register: 32 bits from a guest register, all from the stack. */
static void reload(struct emit *e, unsigned reg, uint16_t ref)
{
    const struct emit_value *v = &e->value[ref];
    struct emit_place at = {RSP, 0};

    regs_in_memory(e, ref, &at);
    x64_load(&e->a, v->slot != 0xff, reg, at.base, at.disp);
}

/* The op that uses the value next, from here on; what is far away counts as its last use. */
static unsigned next_use(const struct emit *e, uint16_t ref)
{
    enum { NEAR = 64 };
    unsigned last = e->value[ref].last;

    for (unsigned i = e->op + 1; i < last && i < e->op + NEAR; i++)
        for (unsigned k = 0; k < 4; k++)
            if (e->ir->op[i].arg[k] == ref)
                return i;
    return last;
}

static unsigned take(struct emit *e)
{
    unsigned victim = X64_NO_REG, farthest = 0;
    uint32_t kept = e->pinned | e->reserved;

    for (unsigned i = 0; i < sizeof order; i++)
        if (e->owner[order[i]] == EMIT_NONE && !(kept >> order[i] & 1))
            return order[i];
    for (unsigned i = 0; i < sizeof order; i++) {
        unsigned r = order[i], next = kept >> r & 1 ? 0 : next_use(e, e->owner[r]);
        if (!(kept >> r & 1) && (victim == X64_NO_REG || next > farthest)) {
            victim = r;
            farthest = next;
        }
    }
    if (victim == X64_NO_REG) { /* one op wants more than there are: an error in the emitter, and no code */
        e->failed = true;
        return order[0];
    }
    to_memory(e, e->owner[victim]);
    e->value[e->owner[victim]].reg = X64_NO_REG;
    e->owner[victim] = EMIT_NONE;
    return victim;
}

/* The register that holds a value; it stays there for the rest of this op. */
unsigned regs_use(struct emit *e, uint16_t ref)
{
    struct emit_value *v = &e->value[ref];
    uint64_t constant;

    if (v->reg == X64_NO_REG) {
        unsigned r = take(e);
        if (regs_const(e, ref, &constant))
            x64_mov_imm(&e->a, r, constant);
        else
            reload(e, r, ref);
        v->reg = (uint8_t)r;
        e->owner[r] = ref;
    }
    e->pinned |= 1u << v->reg;
    return v->reg;
}

static unsigned own(struct emit *e, unsigned r)
{
    e->owner[r] = (uint16_t)e->op;
    e->value[e->op].reg = (uint8_t)r;
    e->pinned |= 1u << r;
    return r;
}

/* Does a value other than `but` live in the home and is needed after this op? */
static bool home_needed(const struct emit *e, unsigned home, uint16_t but)
{
    for (unsigned i = 0; i < e->op; i++)
        if (i != but && e->value[i].home == home + 1 && e->value[i].last > e->op)
            return true;
    return false;
}

/* Make the result in its home. */
static unsigned own_home(struct emit *e, unsigned home)
{
    struct emit_value *v = &e->value[e->op];

    v->reg = e->home[home].reg;
    v->home = (uint8_t)(home + 1);
    e->pinned |= 1u << v->reg;
    return v->reg;
}

/* A register for the result of this op, none of those in use by it. */
unsigned regs_make(struct emit *e)
{
    unsigned hint = e->value[e->op].hint;

    if (hint && !(e->pinned >> e->home[hint - 1].reg & 1) && !home_needed(e, hint - 1, EMIT_NONE))
        return own_home(e, hint - 1);
    return own(e, take(e));
}

/* May the operand's register become the result's? */
bool regs_dies(const struct emit *e, uint16_t ref)
{
    const struct emit_value *v = &e->value[ref];

    if (v->last > e->op)
        return false;
    return !v->home || (e->value[e->op].hint == v->home && !home_needed(e, v->home - 1u, ref));
}

/* A register for the result, that of an operand when it dies here; the operand's value is in it afterwards. */
unsigned regs_make_over(struct emit *e, uint16_t ref)
{
    unsigned from = regs_use(e, ref);

    if (regs_dies(e, ref)) {
        struct emit_value *v = &e->value[ref];
        v->reg = X64_NO_REG;
        if (!v->home)
            return own(e, from);
        v->home = 0;
        return own_home(e, e->value[e->op].hint - 1u);
    }
    unsigned to = regs_make(e);
    x64_mov64(&e->a, to, from);
    return to;
}

/* Is the operand's register the best one for the result? Not when the operand lives on, nor when the result is wanted in a home that is another register. */
bool regs_stays(const struct emit *e, uint16_t ref)
{
    return regs_dies(e, ref) && (!e->value[e->op].hint || e->value[ref].home == e->value[e->op].hint);
}

/* A register for the result, perhaps that of an operand which dies here and is read before anything is written. */
unsigned regs_make_for(struct emit *e, uint16_t ref)
{
    return regs_stays(e, ref) ? regs_make_over(e, ref) : regs_make(e);
}

static void release(struct emit *e, uint16_t ref)
{
    struct emit_value *v = &e->value[ref];

    if (v->reg != X64_NO_REG && e->owner[v->reg] == ref)
        e->owner[v->reg] = EMIT_NONE;
    v->reg = X64_NO_REG;
    v->home = 0;
    v->backed = false;
    if (v->slot != 0xff)
        e->slot_used[v->slot] = false;
    v->slot = 0xff;
}

static void release_dead(struct emit *e, const struct ir_op *op)
{
    for (unsigned k = 0; k < 4; k++) {
        uint16_t ref = op->arg[k];
        if (ref == EMIT_NONE)
            continue;
        if (e->value[ref].deferred)
            release_dead(e, &e->ir->op[ref]);
        else if (e->value[ref].last <= e->op)
            release(e, ref);
    }
}

/* End of an op: free what was used for the last time. */
void regs_done(struct emit *e)
{
    release_dead(e, &e->ir->op[e->op]);
    e->pinned = 0;
}

/* The result of this op is what its guest register's home holds. */
void regs_get_home(struct emit *e, unsigned home)
{
    own_home(e, home);
}

/* Values in a home that are needed after this op go elsewhere. */
static void home_clear(struct emit *e, unsigned home, uint16_t but)
{
    for (unsigned i = 0; i < e->op; i++) {
        struct emit_value *v = &e->value[i];
        if (i == but || v->home != home + 1)
            continue;
        v->home = 0;
        v->reg = X64_NO_REG;
        if (v->last <= e->op || v->backed || v->slot != 0xff)
            continue;
        unsigned r = take(e);
        x64_mov64(&e->a, r, e->home[home].reg);
        v->reg = (uint8_t)r;
        e->owner[r] = (uint16_t)i;
    }
}

void regs_put_home(struct emit *e, unsigned home, uint16_t ref)
{
    struct emit_value *v = &e->value[ref];
    unsigned reg = e->home[home].reg;
    uint64_t constant;

    if (v->home == home + 1)
        return;
    if (v->reg != X64_NO_REG)
        e->pinned |= 1u << v->reg;
    home_clear(e, home, EMIT_NONE);
    if (regs_const(e, ref, &constant)) {
        x64_mov_imm(&e->a, reg, constant);
        return;
    }
    if (v->reg == X64_NO_REG)
        reload(e, reg, ref);
    else
        x64_mov64(&e->a, reg, v->reg);
    if (v->home) /* it lives in another home and stays there */
        return;
    if (v->reg != X64_NO_REG)
        e->owner[v->reg] = EMIT_NONE;
    v->reg = (uint8_t)reg;
    v->home = (uint8_t)(home + 1);
}

/* Before a call: what lives in homes and is needed later goes to the stack. */
void regs_leave_homes(struct emit *e)
{
    for (unsigned i = 0; i < e->op; i++) {
        struct emit_value *v = &e->value[i];
        if (!v->home || v->last <= e->op)
            continue;
        to_memory(e, (uint16_t)i);
        v->reg = X64_NO_REG;
        v->home = 0;
    }
}

/* All values out of the caller-saved registers, operands of this op included. */
void regs_before_call(struct emit *e)
{
    for (unsigned r = 0; r < 16; r++) {
        uint16_t ref = e->owner[r];
        if (ref == EMIT_NONE || !(CALLER_SAVED >> r & 1))
            continue;
        to_memory(e, ref);
        e->value[ref].reg = X64_NO_REG;
        e->owner[r] = EMIT_NONE;
    }
}

void regs_load_arg(struct emit *e, unsigned reg, uint16_t ref)
{
    const struct emit_value *v = &e->value[ref];
    uint64_t constant;

    if (regs_const(e, ref, &constant))
        x64_mov_imm(&e->a, reg, constant);
    else if (v->reg != X64_NO_REG)
        x64_mov64(&e->a, reg, v->reg);
    else
        reload(e, reg, ref);
}

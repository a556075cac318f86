/* SPDX-License-Identifier: MIT */
/*
 * Floating point on SSE2, inline: the operands come from the guest's registers in memory, the result goes back there.
 *
 * The result is right when MXCSR rounds to nearest and masks everything, as the ABI has it; it is kept when it is a normal number with an exponent that is not the least or the greatest, so
 * that nothing but inexact can have happened. Cold code keeps an exact zero as well. Anything else is done again by the guest's own function. FMA only where the host has it.
 *
 * XL_FP_ROUNDED computes in double and rounds again. Of operands with a single's significand that is the same as rounding once: 53 >= 2 * 24 + 2. Of a multiply-add it
 * is unless the double lies half way between two singles. Operands are not narrowed: their exponents may be none of a single's.
 *
 * Operands and result of arithmetic lie in registers of copies.c; xmm0 to xmm2 are scratch, xmm4 is the double that a result is rounded from. Source: Intel SDM vol. 2.
 */
#include "host/x64/emit.h"

enum { SCALAR_D = 0xf2, SCALAR_S = 0xf3, WORD = 0x66 };
enum { SQRT = 0x0f51, MUL = 0x0f59, ADD = 0x0f58, CVT = 0x0f5a, SUB = 0x0f5c, DIV = 0x0f5e, LOAD = 0x0f10, STORE = 0x0f11, TO_GPR = 0x0f7e, FROM_INT = 0x0f2a, TO_INT = 0x0f2c, TO_NEAR = 0x0f2d };
enum { FMADD213 = 0xa9, FMSUB213 = 0xab };

static void sse(struct emit *e, unsigned prefix, unsigned op, unsigned to, unsigned from)
{
    x64_b(&e->a, prefix);
    x64_rr(&e->a, op, 0, to, from);
}

static void sse_memory(struct emit *e, unsigned prefix, unsigned op, unsigned reg, uint32_t off)
{
    x64_b(&e->a, prefix);
    x64_rm(&e->a, op, 0, reg, RBP, CPU(guest_state) + (int32_t)off);
}

static void copy(struct emit *e, unsigned to, unsigned from)
{
    x64_rr(&e->a, 0x0f28, 0, to, from); /* movaps */
}

/* to = to * by + plus, scalar: vfmadd213 or its like */
static void fused(struct emit *e, unsigned op, bool wide, unsigned to, unsigned by, unsigned plus)
{
    x64_b(&e->a, 0xc4);
    x64_b(&e->a, (to < 8) << 7 | 1 << 6 | (plus < 8) << 5 | 2); /* R, X, B inverted; 0f 38 */
    x64_b(&e->a, (unsigned)wide << 7 | (~by & 15) << 3 | 1);
    x64_b(&e->a, op);
    x64_b(&e->a, 0xc0 | (to & 7) << 3 | (plus & 7));
}

/* How an operation is done: operands read, and what must hold of which value. */
enum reads { FIRST = 1, SECOND = 2, THIRD = 4 };
enum looks { LOOK_NEVER, LOOK_RESULT, LOOK_SOURCE, LOOK_CUT, LOOK_INT };
/* When a value that did not look normal is an exact zero all the same. */
enum zeros { ZERO_NEVER, ZERO_SUM /* the result is */, ZERO_FIRST /* and so is the first operand */, ZERO_PRODUCT /* the first or second */, ZERO_FUSED /* the first or third */, ZERO_SOURCE /* the second is */ };
static const struct shape { uint8_t reads, looks, zeros; } shapes[] = {
    [XL_FP_ADD] = {FIRST | SECOND, LOOK_RESULT, ZERO_SUM},
    [XL_FP_SUB] = {FIRST | SECOND, LOOK_RESULT, ZERO_SUM},
    [XL_FP_MUL] = {FIRST | SECOND, LOOK_RESULT, ZERO_PRODUCT},
    [XL_FP_DIV] = {FIRST | SECOND, LOOK_RESULT, ZERO_FIRST},
    [XL_FP_SQRT] = {SECOND, LOOK_RESULT, ZERO_SUM},
    [XL_FP_MADD] = {FIRST | SECOND | THIRD, LOOK_RESULT, ZERO_FUSED},
    [XL_FP_MSUB] = {FIRST | SECOND | THIRD, LOOK_RESULT, ZERO_FUSED},
    [XL_FP_NMADD] = {FIRST | SECOND | THIRD, LOOK_RESULT, ZERO_FUSED},
    [XL_FP_NMSUB] = {FIRST | SECOND | THIRD, LOOK_RESULT, ZERO_FUSED},
    [XL_FP_MUL_WIDE] = {FIRST | SECOND, LOOK_RESULT, ZERO_PRODUCT},
    [XL_FP_NARROW] = {SECOND, LOOK_RESULT, ZERO_SOURCE},
    [XL_FP_WIDEN] = {SECOND, LOOK_SOURCE, ZERO_SOURCE},
    [XL_FP_CUT] = {SECOND, LOOK_CUT, ZERO_SOURCE},
    [XL_FP_FROM_INT] = {SECOND, LOOK_NEVER, ZERO_NEVER},
    [XL_FP_TO_INT] = {SECOND, LOOK_INT, ZERO_NEVER},
    [XL_FP_TO_NEAR] = {SECOND, LOOK_INT, ZERO_NEVER},
    [XL_FP_COMPARE] = {FIRST | SECOND, LOOK_NEVER, ZERO_NEVER},
    [XL_FP_SELECT] = {FIRST, LOOK_NEVER, ZERO_NEVER},
};

static bool is_fused(const struct xl_fp *fp)
{
    return fp->op >= XL_FP_MADD && fp->op <= XL_FP_NMSUB;
}

/* Is the second operand a double? */
static bool takes_wide(const struct xl_fp *fp)
{
    switch (fp->op) {
    case XL_FP_NARROW: case XL_FP_CUT: return true;
    case XL_FP_WIDEN: case XL_FP_FROM_INT: case XL_FP_MUL_WIDE: return false;
    default: return fp->form != XL_FP_SINGLE;
    }
}

/* Is what is looked at, or the result in xmm2, a double? */
static bool gives_wide(const struct xl_fp *fp)
{
    switch (fp->op) {
    case XL_FP_WIDEN: case XL_FP_MUL_WIDE: return true;
    default: return fp->form == XL_FP_DOUBLE;
    }
}

/* The xmm registers of an operation. */
struct places {
    unsigned first, second, third, result;
};

/* result = the arithmetic operation on scalars of the prefix's kind */
static void arithmetic(struct emit *e, const struct xl_fp *fp, unsigned prefix, struct places at)
{
    static const uint16_t plain[] = {[XL_FP_ADD] = ADD, [XL_FP_SUB] = SUB, [XL_FP_MUL] = MUL, [XL_FP_DIV] = DIV, [XL_FP_MUL_WIDE] = MUL};

    if (fp->op == XL_FP_SQRT) {
        sse(e, prefix, SQRT, at.result, at.second);
        return;
    }
    copy(e, at.result, at.first);
    if (is_fused(fp))
        fused(e, fp->op == XL_FP_MADD || fp->op == XL_FP_NMADD ? FMADD213 : FMSUB213, prefix == SCALAR_D, at.result, at.third, at.second);
    else
        sse(e, prefix, plain[fp->op], at.result, at.second);
}

static void compute(struct emit *e, const struct xl_fp *fp, unsigned prefix, struct places at)
{
    switch (fp->op) {
    case XL_FP_NARROW: sse(e, SCALAR_D, CVT, at.result, at.second); break;
    case XL_FP_WIDEN: sse(e, SCALAR_S, CVT, at.result, at.second); break;
    case XL_FP_FROM_INT:
        x64_b(&e->a, WORD);
        x64_rr(&e->a, TO_GPR, 0, at.second, RAX);
        x64_rr(&e->a, 0x0f57, 0, at.result, at.result); /* xorps: no wait for what the register held */
        sse(e, prefix, FROM_INT, at.result, RAX);
        break;
    case XL_FP_TO_INT: sse(e, prefix, TO_INT, RAX, at.second); break;
    case XL_FP_TO_NEAR: sse(e, prefix, TO_NEAR, RAX, at.second); break;
    case XL_FP_MUL_WIDE:
        sse(e, SCALAR_S, CVT, 0, at.first);
        sse(e, SCALAR_S, CVT, 1, at.second);
        arithmetic(e, fp, SCALAR_D, (struct places){.first = 0, .second = 1, .result = at.result});
        break;
    default: arithmetic(e, fp, prefix, at); break;
    }
}

/* Leave when rounding the double result again may differ from rounding once: plain is looked at before it is computed, fused after. */
static uint8_t *check_once(struct emit *e, const struct xl_fp *fp, uint32_t a, uint32_t b, unsigned result)
{
    if (is_fused(fp)) {
        x64_b(&e->a, WORD);
        x64_rr(&e->a, TO_GPR, 0, result, RAX);
        x64_shift_imm(&e->a, SHIFT_SHL, 0, RAX, 3); /* the bits that no single has: half? */
        x64_alu_imm(&e->a, ALU_CMP, 0, RAX, INT32_MIN);
        return x64_jcc(&e->a, CC_E);
    }
    x64_load(&e->a, 0, RAX, RBP, CPU(guest_state) + (int32_t)a);
    x64_rm(&e->a, 0x0b, 0, RAX, RBP, CPU(guest_state) + (int32_t)b);
    x64_shift_imm(&e->a, SHIFT_SHL, 0, RAX, 3);
    return x64_jcc(&e->a, CC_NE);
}

/* rax = the bits of a register without their sign, doubled */
static void magnitude(struct emit *e, unsigned xmm, bool wide)
{
    x64_b(&e->a, WORD);
    x64_rr(&e->a, TO_GPR, wide, xmm, RAX);
    x64_alu(&e->a, ALU_ADD, wide, RAX, RAX);
}

/* Leave when the register is no number of the exponents first..last, biased. */
static uint8_t *check(struct emit *e, unsigned xmm, bool wide, int32_t first, int32_t last)
{
    magnitude(e, xmm, wide);
    x64_shift_imm(&e->a, SHIFT_SHR, wide, RAX, wide ? 53 : 24);
    x64_alu_imm(&e->a, ALU_SUB, 0, RAX, first);
    x64_alu_imm(&e->a, ALU_CMP, 0, RAX, last - first);
    return x64_jcc(&e->a, CC_A);
}

/* Of a double that a single can hold, the single is the word. */
static bool cuts_single(const struct emit *e, const struct xl_fp *fp, struct places at)
{
    return fp->op == XL_FP_CUT && copies_single(e, at.second);
}

static uint8_t *look(struct emit *e, const struct xl_fp *fp, struct places at)
{
    bool wide = gives_wide(fp);

    if (cuts_single(e, fp, at)) {
        sse(e, SCALAR_D, CVT, 2, at.second);
        return check(e, 2, false, 2, 0xfd);
    }
    switch (shapes[fp->op].looks) {
    case LOOK_RESULT: return check(e, at.result, wide, 2, wide ? 0x7fd : 0xfd);
    case LOOK_SOURCE: return check(e, at.second, false, 2, 0xfd);
    case LOOK_CUT: return check(e, at.second, true, 897, 0x7ff);
    default: /* LOOK_INT: what the host gives when there is none */
        x64_alu_imm(&e->a, ALU_CMP, 0, RAX, INT32_MIN);
        return x64_jcc(&e->a, CC_E);
    }
}

static void negate(struct emit *e, unsigned xmm, bool wide)
{
    x64_b(&e->a, WORD);
    x64_rr(&e->a, TO_GPR, wide, xmm, RAX);
    x64_rex(&e->a, wide, 0, 0, RAX); /* btc */
    x64_b(&e->a, 0x0f);
    x64_b(&e->a, 0xba);
    x64_b(&e->a, 0xf8 | RAX);
    x64_b(&e->a, wide ? 63 : 31);
    x64_b(&e->a, WORD);
    x64_rr(&e->a, 0x0f6e, wide, xmm, RAX);
}

/* In cold code: go on behind the look when the value is an exact zero. */
void emit_fp_zero(struct emit *e, const struct xl_fp *fp, const struct emit_cold *c)
{
    enum zeros zeros = (enum zeros)shapes[fp->op].zeros;
    bool rounded = fp->form == XL_FP_ROUNDED, wide = fp->op == XL_FP_MUL_WIDE || fp->form != XL_FP_SINGLE;
    /* MUL_WIDE has its operands as doubles in scratch */
    unsigned first = fp->op == XL_FP_MUL_WIDE ? 0 : c->xmm[0], second = fp->op == XL_FP_MUL_WIDE ? 1 : c->xmm[1];
    uint8_t *other = NULL, *none = NULL;

    if (zeros == ZERO_SOURCE) {
        magnitude(e, second, takes_wide(fp));
        x64_fix(x64_jcc(&e->a, CC_E), c->accept);
        return;
    }
    magnitude(e, rounded ? 4 : c->xmm_result, wide);
    if (zeros != ZERO_SUM) {
        other = x64_jcc(&e->a, CC_NE);
        magnitude(e, first, wide);
        if (zeros != ZERO_FIRST) {
            x64_fix(x64_jcc(&e->a, CC_E), c->accept);
            magnitude(e, zeros == ZERO_FUSED ? c->xmm[2] : second, wide);
        }
    }
    none = x64_jcc(&e->a, CC_NE);
    x64_fix(x64_jmp(&e->a), c->accept);
    x64_fix(none, e->a.p);
    if (other)
        x64_fix(other, e->a.p);
}

/* eax = the code of how the first relates to the second; leaves when they do not. */
static uint8_t *compare(struct emit *e, const struct xl_fp *fp, struct places at)
{
    uint8_t *unordered;

    if (fp->form != XL_FP_SINGLE)
        x64_b(&e->a, WORD);
    x64_rr(&e->a, 0x0f2e, 0, at.first, at.second); /* ucomis */
    unordered = x64_jcc(&e->a, CC_P);
    x64_mov_imm(&e->a, RAX, fp->equal);
    x64_mov_imm(&e->a, RCX, fp->greater);
    x64_rr(&e->a, 0x0f47, 0, RAX, RCX); /* cmova */
    x64_mov_imm(&e->a, RCX, fp->less);
    x64_rr(&e->a, 0x0f42, 0, RAX, RCX); /* cmovb */
    return unordered;
}

static void select_one(struct emit *e, unsigned first, uint32_t b, uint32_t c)
{
    x64_rr(&e->a, 0x0f57, 0, 2, 2);
    x64_b(&e->a, WORD);
    x64_rr(&e->a, 0x0f2e, 0, first, 2);
    x64_load(&e->a, 1, RAX, RBP, CPU(guest_state) + (int32_t)b);
    x64_rm(&e->a, 0x0f43, 1, RAX, RBP, CPU(guest_state) + (int32_t)c); /* cmovae */
}

/* eax = the word of a double, its bits cut   Book E 5.6.3 */
static void cut(struct emit *e, const struct xl_fp *fp, struct places at)
{
    bool single = cuts_single(e, fp, at);

    x64_b(&e->a, WORD);
    x64_rr(&e->a, TO_GPR, !single, single ? 2 : at.second, RAX);
    if (single)
        return;
    x64_mov64(&e->a, RCX, RAX);
    x64_shift_imm(&e->a, SHIFT_SHR, 1, RCX, 29);
    x64_alu_imm(&e->a, ALU_AND, 0, RCX, 0x3fffffff);
    x64_shift_imm(&e->a, SHIFT_SHR, 1, RAX, 32);
    x64_alu_imm(&e->a, ALU_AND, 0, RAX, (int32_t)0xc0000000);
    x64_alu(&e->a, ALU_OR, 0, RAX, RCX);
}

/* --- what an operation leaves for whoever reads the flags --- */

static bool is_quiet(const struct ir_op *op)
{
    uint8_t effect = ir_info[op->opcode].effect;

    return op->opcode == IR_OP_INSN || op->opcode == IR_OP_PUT || op->opcode == IR_OP_PUTD || effect == IR_EFFECT_P || effect == IR_EFFECT_G;
}

/* Does an operation behind this one leave its own in the same place, before anybody can look? */
static bool is_overwritten(const struct emit *e, const struct xl_fp *fp)
{
    unsigned i = e->op + 1;

    if (!fp->whole || e->vm->config.switches & XL_NO_FP_COPY)
        return false;
    while (i < e->ir->count && is_quiet(&e->ir->op[i]))
        i++;
    if (i == e->ir->count || e->ir->op[i].opcode != IR_OP_FP)
        return false;
    const struct xl_fp *next = (const struct xl_fp *)(uintptr_t)e->ir->op[i].imm;
    return next->whole && next->number && next->late == fp->late;
}

static void leave_operands(struct emit *e, const struct xl_fp *fp, unsigned prefix, unsigned second, struct places at)
{
    uint8_t reads = fp->guard ? shapes[fp->op].reads : 0;

    if (!fp->number || is_overwritten(e, fp))
        return;
    if (reads & FIRST)
        sse_memory(e, prefix, STORE, at.first, fp->late + 8);
    if (reads & SECOND)
        sse_memory(e, second, STORE, at.second, fp->late + 16);
    if (reads & THIRD)
        sse_memory(e, prefix, STORE, at.third, fp->late + 24);
    x64_rm(&e->a, 0xc7, 1, 0, RBP, CPU(guest_state) + (int32_t)fp->late);
    x64_d(&e->a, fp->number);
}

/* --- the operation --- */

/* Its cold pieces, and how many. */
struct colds {
    struct emit_cold *list[4];
    unsigned count, npc;
};

static struct emit_cold *cold(struct emit *e, uint8_t *from, struct colds *colds, struct places at)
{
    struct emit_cold *c = emit_cold_new(e, COLD_FP, from);

    c->reg_npc = (uint8_t)colds->npc;
    c->xmm[0] = (uint8_t)at.first;
    c->xmm[1] = (uint8_t)at.second;
    c->xmm[2] = (uint8_t)at.third;
    c->xmm_result = (uint8_t)at.result;
    return colds->list[colds->count++] = c;
}

/* An operand in a register: the copy that is there, else a new one, or scratch for what is hardly read again. */
static unsigned operand(struct emit *e, uint32_t off, bool wide, bool once, uint32_t *kept)
{
    unsigned xmm = copies_find(e, off, wide);

    if (xmm == X64_NO_REG && once) {
        sse_memory(e, wide ? SCALAR_D : SCALAR_S, LOAD, 1, off);
        return 1;
    }
    if (xmm == X64_NO_REG) {
        xmm = copies_take(e, *kept);
        sse_memory(e, wide ? SCALAR_D : SCALAR_S, LOAD, xmm, off);
        copies_set(e, xmm, off, wide, false);
    }
    *kept |= 1u << xmm;
    return xmm;
}

/* The result into the guest's register, from eax, rax or the result's register. */
static void store_result(struct emit *e, const struct xl_fp *fp, uint32_t to, unsigned xmm, bool rounded)
{
    bool wide = rounded || gives_wide(fp);
    int32_t at = CPU(guest_state) + (int32_t)to;

    switch (fp->op) {
    case XL_FP_COMPARE:
    case XL_FP_CUT:
        copies_drop(e, to, 4);
        x64_store(&e->a, 0, RAX, RBP, at);
        break;
    case XL_FP_SELECT:
        copies_drop(e, to, 8);
        x64_store(&e->a, 1, RAX, RBP, at);
        break;
    case XL_FP_TO_INT:
    case XL_FP_TO_NEAR:
        copies_drop(e, to, fp->form == XL_FP_ROUNDED ? 8 : 4);
        x64_store(&e->a, 0, RAX, RBP, at);
        if (fp->form == XL_FP_ROUNDED)
            x64_store_imm(&e->a, fp->upper, RBP, at + 4);
        break;
    default:
        copies_drop(e, to, wide ? 8 : 4);
        sse_memory(e, wide ? SCALAR_D : SCALAR_S, STORE, xmm, to);
        copies_set(e, xmm, to, wide, rounded || fp->op == XL_FP_WIDEN);
        break;
    }
}

/* In xmm registers: does the operation have a result there? */
static bool in_xmm(const struct xl_fp *fp)
{
    switch (fp->op) {
    case XL_FP_COMPARE: case XL_FP_CUT: case XL_FP_SELECT: case XL_FP_TO_INT: case XL_FP_TO_NEAR: return false;
    default: return true;
    }
}

void emit_fp(struct emit *e, const struct ir_op *op)
{
    const struct xl_fp *fp = (const struct xl_fp *)(uintptr_t)op->imm;
    const struct shape *shape = &shapes[fp->op];
    uint32_t first = (uint32_t)e->ir->op[op->arg[0]].imm, other = (uint32_t)e->ir->op[op->arg[1]].imm, kept = 0;
    uint32_t to = first & 0xffff, a = first >> 16, b = other & 0xffff, c = other >> 16;
    unsigned prefix = fp->form == XL_FP_SINGLE ? SCALAR_S : SCALAR_D, second = takes_wide(fp) ? SCALAR_D : SCALAR_S;
    bool rounded = fp->form == XL_FP_ROUNDED && shape->looks == LOOK_RESULT, before = shape->looks == LOOK_SOURCE || shape->looks == LOOK_CUT;
    struct places at = {0};
    struct colds colds = {.npc = emit_npc_reg(e)};

    if (is_fused(fp) && !e->has_fma) {
        copies_drop(e, to, 8);
        emit_back(e, cold(e, x64_jmp(&e->a), &colds, at));
        return;
    }
    if (fp->guard) {
        x64_alu_mem_imm(&e->a, ALU_CMP, RBP, CPU(guest_state) + (int32_t)fp->guard, 0);
        cold(e, x64_jcc(&e->a, CC_NE), &colds, at);
    }
    if (shape->reads & FIRST)
        at.first = operand(e, a, fp->op != XL_FP_MUL_WIDE && prefix == SCALAR_D, false, &kept);
    if (shape->reads & SECOND)
        at.second = operand(e, b, second == SCALAR_D, fp->op == XL_FP_WIDEN || fp->op == XL_FP_FROM_INT, &kept);
    if (shape->reads & THIRD)
        at.third = operand(e, c, prefix == SCALAR_D, false, &kept);
    at.result = in_xmm(fp) ? copies_take(e, kept) : 2;
    if (rounded && !is_fused(fp) && fp->op != XL_FP_NARROW && !(copies_single(e, shape->reads & FIRST ? at.first : at.second) && copies_single(e, at.second)))
        cold(e, check_once(e, fp, a, b, 0), &colds, at);
    if (before)
        cold(e, look(e, fp, at), &colds, at)->accept = e->a.p;
    if (fp->op == XL_FP_COMPARE)
        cold(e, compare(e, fp, at), &colds, at);
    else if (fp->op == XL_FP_SELECT)
        select_one(e, at.first, b, c);
    else if (fp->op == XL_FP_CUT)
        cut(e, fp, at);
    else
        compute(e, fp, prefix, at);
    if (rounded && is_fused(fp))
        cold(e, check_once(e, fp, a, b, at.result), &colds, at);
    if (rounded && fp->op != XL_FP_NARROW) {
        copy(e, 4, at.result);
        sse(e, SCALAR_D, CVT, at.result, at.result);
    }
    if (!before && shape->looks != LOOK_NEVER) {
        struct emit_cold *looked = cold(e, look(e, fp, at), &colds, at);
        looked->accept = shape->zeros == ZERO_NEVER ? NULL : e->a.p;
    }
    if (is_fused(fp) && fp->op >= XL_FP_NMADD)
        negate(e, at.result, gives_wide(fp));
    if (rounded)
        sse(e, SCALAR_S, CVT, at.result, at.result);
    leave_operands(e, fp, prefix, second, at);
    store_result(e, fp, to, at.result, rounded);
    while (colds.count)
        emit_back(e, colds.list[--colds.count]);
}

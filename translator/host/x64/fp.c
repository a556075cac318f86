/* SPDX-License-Identifier: MIT */
/*
 * Floating point on SSE2, inline: the operands come from the guest's registers in memory, the result goes back there.
 *
 * The result is right when MXCSR rounds to nearest and masks everything, as the ABI has it; it is kept when it is a normal number with an exponent that is not the least or the greatest, so
 * that nothing but inexact can have happened. Anything else is done again by the guest's own function, in cold code. FMA only where the host has it.
 *
 * XL_FP_ROUNDED computes in double and rounds again. Of operands with a single's significand that is the same as rounding once: 53 >= 2 * 24 + 2. Of a multiply-add it
 * is unless the double lies half way between two singles. Operands are not narrowed: their exponents may be none of a single's.
 *
 * xmm0, xmm1, xmm3: operands; xmm2: result. Source: Intel SDM vol. 2.
 */
#include "host/x64/emit.h"

enum { SCALAR_D = 0xf2, SCALAR_S = 0xf3, WORD = 0x66 };
enum { SQRT = 0x0f51, MUL = 0x0f59, ADD = 0x0f58, CVT = 0x0f5a, SUB = 0x0f5c, DIV = 0x0f5e, LOAD = 0x0f10, STORE = 0x0f11, TO_GPR = 0x0f7e };
enum { FMADD213 = 0xa9, FMSUB213 = 0xab };
enum { EXP_D = 0x7fe - 3, EXP_S = 0xfe - 3 }; /* biased exponents 2 to the greatest but one, counted from 2 */

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

/* to = to * by + plus, scalar; registers below 8 */
static void fused(struct emit *e, unsigned op, bool wide, unsigned to, unsigned by, unsigned plus)
{
    x64_b(&e->a, 0xc4);
    x64_b(&e->a, 0xe2);
    x64_b(&e->a, (unsigned)wide << 7 | (~by & 15) << 3 | 1);
    x64_b(&e->a, op);
    x64_b(&e->a, 0xc0 | to << 3 | plus);
}

static bool is_fused(const struct xl_fp *fp)
{
    return fp->op >= XL_FP_MADD;
}

/* xmm2 = the operation on xmm0, xmm1, xmm3, which hold scalars of the prefix's kind */
static void compute(struct emit *e, const struct xl_fp *fp, unsigned prefix)
{
    static const uint16_t plain[] = {[XL_FP_ADD] = ADD, [XL_FP_SUB] = SUB, [XL_FP_MUL] = MUL, [XL_FP_DIV] = DIV};

    if (fp->op == XL_FP_SQRT) {
        sse(e, prefix, SQRT, 2, 1);
        return;
    }
    copy(e, 2, 0);
    if (is_fused(fp))
        fused(e, fp->op == XL_FP_MADD || fp->op == XL_FP_NMADD ? FMADD213 : FMSUB213, prefix == SCALAR_D, 2, 3, 1);
    else
        sse(e, prefix, plain[fp->op], 2, 1);
}

/* Leave when rounding the double result again may differ from rounding once: plain is looked at before it is computed, fused after. */
static uint8_t *check_once(struct emit *e, const struct xl_fp *fp, uint32_t a, uint32_t b)
{
    if (is_fused(fp)) {
        x64_b(&e->a, WORD);
        x64_rr(&e->a, TO_GPR, 0, 2, RAX);
        x64_shift_imm(&e->a, SHIFT_SHL, 0, RAX, 3); /* the bits that no single has: half? */
        x64_alu_imm(&e->a, ALU_CMP, 0, RAX, INT32_MIN);
        return x64_jcc(&e->a, CC_E);
    }
    x64_load(&e->a, 0, RAX, RBP, CPU(guest_state) + (int32_t)a);
    x64_rm(&e->a, 0x0b, 0, RAX, RBP, CPU(guest_state) + (int32_t)b);
    x64_shift_imm(&e->a, SHIFT_SHL, 0, RAX, 3);
    return x64_jcc(&e->a, CC_NE);
}

/* Leave when xmm2 is no number of the middle exponents. */
static uint8_t *check(struct emit *e, bool wide)
{
    x64_b(&e->a, WORD);
    x64_rr(&e->a, TO_GPR, wide, 2, RAX);
    x64_alu(&e->a, ALU_ADD, wide, RAX, RAX); /* without its sign */
    x64_shift_imm(&e->a, SHIFT_SHR, wide, RAX, wide ? 53 : 24);
    x64_alu_imm(&e->a, ALU_SUB, 0, RAX, 2);
    x64_alu_imm(&e->a, ALU_CMP, 0, RAX, wide ? EXP_D : EXP_S);
    return x64_jcc(&e->a, CC_A);
}

static void negate(struct emit *e, bool wide)
{
    x64_b(&e->a, WORD);
    x64_rr(&e->a, TO_GPR, wide, 2, RAX);
    x64_rex(&e->a, wide, 0, 0, RAX); /* btc */
    x64_b(&e->a, 0x0f);
    x64_b(&e->a, 0xba);
    x64_b(&e->a, 0xf8 | RAX);
    x64_b(&e->a, wide ? 63 : 31);
    x64_b(&e->a, WORD);
    x64_rr(&e->a, 0x0f6e, wide, 2, RAX);
}

static void cold(struct emit *e, uint8_t *from, unsigned npc, struct emit_cold **list, unsigned *count)
{
    struct emit_cold *c = emit_cold_new(e, COLD_FP, from);

    c->reg_npc = (uint8_t)npc;
    list[(*count)++] = c;
}

void emit_fp(struct emit *e, const struct ir_op *op)
{
    const struct xl_fp *fp = (const struct xl_fp *)(uintptr_t)op->imm;
    uint32_t first = (uint32_t)e->ir->op[op->arg[0]].imm, second = (uint32_t)e->ir->op[op->arg[1]].imm;
    uint32_t to = first & 0xffff, a = first >> 16, b = second & 0xffff, c = second >> 16;
    unsigned prefix = fp->form == XL_FP_SINGLE ? SCALAR_S : SCALAR_D, npc = emit_npc_reg(e), colds = 0;
    bool rounded = fp->form == XL_FP_ROUNDED, wide = fp->form == XL_FP_DOUBLE;
    struct emit_cold *list[3];

    if (is_fused(fp) && !e->has_fma) {
        cold(e, x64_jmp(&e->a), npc, list, &colds);
        list[0]->back = e->a.p;
        return;
    }
    x64_alu_mem_imm(&e->a, ALU_CMP, RBP, CPU(guest_state) + (int32_t)fp->guard, 0);
    cold(e, x64_jcc(&e->a, CC_NE), npc, list, &colds);
    sse_memory(e, prefix, LOAD, 0, a);
    sse_memory(e, prefix, LOAD, 1, b);
    if (is_fused(fp))
        sse_memory(e, prefix, LOAD, 3, c);
    if (rounded && !is_fused(fp))
        cold(e, check_once(e, fp, a, b), npc, list, &colds);
    compute(e, fp, prefix);
    if (rounded && is_fused(fp))
        cold(e, check_once(e, fp, a, b), npc, list, &colds);
    if (rounded)
        sse(e, SCALAR_D, CVT, 2, 2);
    cold(e, check(e, wide), npc, list, &colds);
    if (fp->op >= XL_FP_NMADD)
        negate(e, wide);
    if (rounded)
        sse(e, SCALAR_S, CVT, 2, 2);
    sse_memory(e, prefix, STORE, 0, fp->late + 8);
    sse_memory(e, prefix, STORE, 1, fp->late + 16);
    if (is_fused(fp))
        sse_memory(e, prefix, STORE, 3, fp->late + 24);
    x64_store_imm(&e->a, fp->number, RBP, CPU(guest_state) + (int32_t)fp->late);
    sse_memory(e, prefix, STORE, 2, to);
    while (colds)
        list[--colds]->back = e->a.p;
}

/* SPDX-License-Identifier: MIT */
/*
 * Integer arithmetic, logic, shifts, bit fields, multiply and divide, as IR. Source: II 3.2.
 */
#include "mips.h"

#define RS mips_get(x, d->rs)
#define RT mips_get(x, d->rt)
#define SEMANTICS(name) void mips_##name(struct xl_ctx *x, const struct mips_insn *d)

static struct ir_ref constant(struct xl_ctx *x, uint32_t value)
{
    return ir_const(x, value);
}

SEMANTICS(sll) { mips_put(x, d->rd, ir_shl(x, RT, constant(x, d->sa))); }
SEMANTICS(srl) { mips_put(x, d->rd, ir_shr(x, RT, constant(x, d->sa))); }
SEMANTICS(sra) { mips_put(x, d->rd, ir_sar(x, RT, constant(x, d->sa))); }
SEMANTICS(rotr) { mips_put(x, d->rd, ir_op2(x, IR_OP_ROTL, RT, constant(x, -d->sa & 31))); }
SEMANTICS(sllv) { mips_put(x, d->rd, ir_shl(x, RT, RS)); }
SEMANTICS(srlv) { mips_put(x, d->rd, ir_shr(x, RT, RS)); }
SEMANTICS(srav) { mips_put(x, d->rd, ir_sar(x, RT, RS)); }
SEMANTICS(rotrv) { mips_put(x, d->rd, ir_op2(x, IR_OP_ROTL, RT, ir_op1(x, IR_OP_NEG, RS))); }

/* ADD ADDI SUB: nothing is written when the result overflows */
static void add_checked(struct xl_ctx *x, unsigned to, struct ir_ref a, struct ir_ref b)
{
    ir_raise_if(x, ir_cmpadd(x, IR_VS, a, b), EXC_OVERFLOW);
    mips_put(x, to, ir_add(x, a, b));
}

SEMANTICS(add) { add_checked(x, d->rd, RS, RT); }
SEMANTICS(addi) { add_checked(x, d->rt, RS, constant(x, (uint32_t)d->imm)); }

SEMANTICS(sub)
{
    struct ir_ref a = RS, b = RT;

    ir_raise_if(x, ir_cmp(x, IR_VS, a, b), EXC_OVERFLOW);
    mips_put(x, d->rd, ir_sub(x, a, b));
}

SEMANTICS(addu) { mips_put(x, d->rd, ir_add(x, RS, RT)); }
SEMANTICS(addiu) { mips_put(x, d->rt, ir_add(x, RS, constant(x, (uint32_t)d->imm))); }
SEMANTICS(subu) { mips_put(x, d->rd, ir_sub(x, RS, RT)); }
SEMANTICS(and) { mips_put(x, d->rd, ir_and(x, RS, RT)); }
SEMANTICS(or) { mips_put(x, d->rd, ir_or(x, RS, RT)); }
SEMANTICS(xor) { mips_put(x, d->rd, ir_xor(x, RS, RT)); }
SEMANTICS(nor) { mips_put(x, d->rd, ir_op1(x, IR_OP_NOT, ir_or(x, RS, RT))); }
SEMANTICS(andi) { mips_put(x, d->rt, ir_and(x, RS, constant(x, d->uimm))); }
SEMANTICS(ori) { mips_put(x, d->rt, ir_or(x, RS, constant(x, d->uimm))); }
SEMANTICS(xori) { mips_put(x, d->rt, ir_xor(x, RS, constant(x, d->uimm))); }
SEMANTICS(lui) { mips_put(x, d->rt, constant(x, d->uimm << 16)); }
SEMANTICS(slt) { mips_put(x, d->rd, ir_cmp(x, IR_LT, RS, RT)); }
SEMANTICS(sltu) { mips_put(x, d->rd, ir_cmp(x, IR_LTU, RS, RT)); }
SEMANTICS(slti) { mips_put(x, d->rt, ir_cmp(x, IR_LT, RS, constant(x, (uint32_t)d->imm))); }
SEMANTICS(sltiu) { mips_put(x, d->rt, ir_cmp(x, IR_LTU, RS, constant(x, (uint32_t)d->imm))); }
SEMANTICS(movz) { mips_put(x, d->rd, ir_select(x, RT, mips_get(x, d->rd), RS)); }
SEMANTICS(movn) { mips_put(x, d->rd, ir_select(x, RT, RS, mips_get(x, d->rd))); }
SEMANTICS(clz) { mips_put(x, d->rd, ir_op1(x, IR_OP_CLZ, RS)); }
SEMANTICS(clo) { mips_put(x, d->rd, ir_op1(x, IR_OP_CLZ, ir_op1(x, IR_OP_NOT, RS))); }
SEMANTICS(seb) { mips_put(x, d->rd, ir_op1(x, IR_OP_SEXT8, RT)); }
SEMANTICS(seh) { mips_put(x, d->rd, ir_op1(x, IR_OP_SEXT16, RT)); }

SEMANTICS(wsbh)
{
    struct ir_ref a = RT, eight = constant(x, 8), odd = constant(x, 0xff00ff00u);

    mips_put(x, d->rd, ir_or(x, ir_and(x, ir_shl(x, a, eight), odd), ir_op2(x, IR_OP_ANDN, ir_shr(x, a, eight), odd)));
}

/* EXT: msb is the field's size - 1. A field that leaves the word is left open by the manual; it is reserved here. */
SEMANTICS(ext)
{
    if (d->lsb + d->msb > 31)
        mips_raise(x, EXC_RESERVED);
    else
        mips_put(x, d->rt, ir_and(x, ir_shr(x, RS, constant(x, d->lsb)), constant(x, 0xffffffffu >> (31 - d->msb))));
}

SEMANTICS(ins)
{
    if (d->msb < d->lsb) {
        mips_raise(x, EXC_RESERVED);
        return;
    }
    uint32_t mask = 0xffffffffu >> (31 - d->msb + d->lsb) << d->lsb;
    struct ir_ref kept = ir_and(x, RT, constant(x, ~mask)), in = ir_and(x, ir_shl(x, RS, constant(x, d->lsb)), constant(x, mask));
    mips_put(x, d->rt, ir_or(x, kept, in));
}

static void accumulator_put(struct xl_ctx *x, struct ir_ref both)
{
    ir_put(x, 0, MIPS_OFF(lo), ir_op1(x, IR_OP_LO, both));
    ir_put(x, 0, MIPS_OFF(hi), ir_op1(x, IR_OP_HI, both));
}

static struct ir_ref accumulator(struct xl_ctx *x)
{
    return ir_op2(x, IR_OP_PAIR, ir_get(x, 0, MIPS_OFF(hi)), ir_get(x, 0, MIPS_OFF(lo)));
}

#define PRODUCT(op) ir_op2(x, op, RS, RT)
SEMANTICS(mult) { accumulator_put(x, PRODUCT(IR_OP_MULS)); }
SEMANTICS(multu) { accumulator_put(x, PRODUCT(IR_OP_MULU)); }
SEMANTICS(madd) { accumulator_put(x, ir_op2(x, IR_OP_ADD64, accumulator(x), PRODUCT(IR_OP_MULS))); }
SEMANTICS(maddu) { accumulator_put(x, ir_op2(x, IR_OP_ADD64, accumulator(x), PRODUCT(IR_OP_MULU))); }
SEMANTICS(msub) { accumulator_put(x, ir_op2(x, IR_OP_SUB64, accumulator(x), PRODUCT(IR_OP_MULS))); }
SEMANTICS(msubu) { accumulator_put(x, ir_op2(x, IR_OP_SUB64, accumulator(x), PRODUCT(IR_OP_MULU))); }
SEMANTICS(mul) { mips_put(x, d->rd, PRODUCT(IR_OP_MUL)); } /* HI and LO, which it may spoil, are left alone */

/* LO the quotient, HI the remainder; what has no quotient gives the dividend and 0 (the manual leaves it open). */
static uint64_t divide_signed(struct xl_cpu *cpu, uint64_t dividend, uint64_t divisor)
{
    int32_t a = (int32_t)dividend, b = (int32_t)divisor;

    (void)cpu;
    if (!b || (b == -1 && a == INT32_MIN))
        return (uint32_t)a;
    return (uint64_t)(uint32_t)(a % b) << 32 | (uint32_t)(a / b);
}

static uint64_t divide_unsigned(struct xl_cpu *cpu, uint64_t dividend, uint64_t divisor)
{
    uint32_t a = (uint32_t)dividend, b = (uint32_t)divisor;

    (void)cpu;
    return b ? (uint64_t)(a % b) << 32 | a / b : a;
}

SEMANTICS(div)
{
    static const struct xl_helper helper = {"mips_div", (void *)divide_signed, 0};

    accumulator_put(x, ir_calld(x, &helper, 2, (struct ir_ref[]){RS, RT}));
}

SEMANTICS(divu)
{
    static const struct xl_helper helper = {"mips_divu", (void *)divide_unsigned, 0};

    accumulator_put(x, ir_calld(x, &helper, 2, (struct ir_ref[]){RS, RT}));
}

SEMANTICS(mfhi) { mips_put(x, d->rd, ir_get(x, 0, MIPS_OFF(hi))); }
SEMANTICS(mflo) { mips_put(x, d->rd, ir_get(x, 0, MIPS_OFF(lo))); }
SEMANTICS(mthi) { ir_put(x, 0, MIPS_OFF(hi), RS); }
SEMANTICS(mtlo) { ir_put(x, 0, MIPS_OFF(lo), RS); }

/* SPDX-License-Identifier: MIT */
/*
 * Integer arithmetic, compares, logic, rotates and shifts, as IR.
 *
 * A form with OE sets OV and, with it, SO; a form with Rc compares the result with 0 into CR field 0, after that. Source: Book E 3.3.
 */
#include "ppc.h"

static struct ir_ref constant(struct xl_ctx *x, uint32_t value)
{
    return ir_const(x, value);
}

static struct ir_ref word(struct xl_ctx *x, uint32_t off)
{
    return ir_get(x, 0, off);
}

/* The end of an instruction: CR field 0 and, with OE, the overflow. */
void ppc_finish(struct xl_ctx *x, const struct ppc_insn *d, struct ir_ref result, struct ir_ref ov)
{
    bool overflows = ov.i != IR_NONE.i;
    struct ir_ref so = overflows && !(x->mode & PPC_MODE_SO) ? ov : ppc_so(x);

    if (overflows)
        ir_put(x, 0, PPC_OFF(ov), ov);
    if (d->word & 1)
        ppc_record(x, result, so);
    if (overflows)
        ppc_so_put(x, so);
}

static void record(struct xl_ctx *x, const struct ppc_insn *d, struct ir_ref result)
{
    ppc_finish(x, d, result, IR_NONE);
}

/* Bit 31 as 0 or 1. */
static struct ir_ref sign(struct xl_ctx *x, struct ir_ref a)
{
    return ir_shr(x, a, constant(x, 31));
}

static bool has_oe(const struct ppc_insn *d)
{
    return d->word >> 10 & 1;
}

/* rt = a + b. The overflow of a + b (+ carry): both operands of one sign, the sum of the other. */
static void sum_put(struct xl_ctx *x, const struct ppc_insn *d, struct ir_ref a, struct ir_ref b, struct ir_ref sum)
{
    struct ir_ref ov = has_oe(d) ? sign(x, ir_and(x, ir_xor(x, a, sum), ir_xor(x, b, sum))) : IR_NONE;

    ppc_put(x, d->rt, sum);
    ppc_finish(x, d, sum, ov);
}

/* add addc   3.3.8 */
void ppc_add(struct xl_ctx *x, const struct ppc_insn *d)
{
    struct ir_ref a = ppc_get(x, d->ra), b = ppc_get(x, d->rb);

    sum_put(x, d, a, b, ir_add(x, a, b));
}

void ppc_addc(struct xl_ctx *x, const struct ppc_insn *d)
{
    struct ir_ref a = ppc_get(x, d->ra), b = ppc_get(x, d->rb);

    ir_put(x, 0, PPC_OFF(ca), ir_cmpadd(x, IR_LTU, a, b));
    sum_put(x, d, a, b, ir_add(x, a, b));
}

/* subf subfc: rb - ra, the overflow when they differ in sign and the result has that of ra */
static void difference_put(struct xl_ctx *x, const struct ppc_insn *d, struct ir_ref a, struct ir_ref b)
{
    struct ir_ref difference = ir_sub(x, b, a);
    struct ir_ref ov = has_oe(d) ? sign(x, ir_and(x, ir_xor(x, b, a), ir_xor(x, b, difference))) : IR_NONE;

    ppc_put(x, d->rt, difference);
    ppc_finish(x, d, difference, ov);
}

void ppc_subf(struct xl_ctx *x, const struct ppc_insn *d)
{
    difference_put(x, d, ppc_get(x, d->ra), ppc_get(x, d->rb));
}

void ppc_subfc(struct xl_ctx *x, const struct ppc_insn *d)
{
    struct ir_ref a = ppc_get(x, d->ra), b = ppc_get(x, d->rb);

    ir_put(x, 0, PPC_OFF(ca), ir_cmp(x, IR_GEU, b, a));
    difference_put(x, d, a, b);
}

/* neg: 0 - ra */
void ppc_neg(struct xl_ctx *x, const struct ppc_insn *d)
{
    difference_put(x, d, ppc_get(x, d->ra), constant(x, 0));
}

/* a + b + CA in 64 bits, its bit 32 the new CA */
static void extended_put(struct xl_ctx *x, const struct ppc_insn *d, struct ir_ref a, struct ir_ref b)
{
    struct ir_ref both = ir_op2(x, IR_OP_ADD64, ir_op1(x, IR_OP_UEXT, a), ir_op1(x, IR_OP_UEXT, b));
    struct ir_ref all = ir_op2(x, IR_OP_ADD64, both, ir_op1(x, IR_OP_UEXT, word(x, PPC_OFF(ca))));

    ir_put(x, 0, PPC_OFF(ca), ir_op1(x, IR_OP_HI, all));
    sum_put(x, d, a, b, ir_op1(x, IR_OP_LO, all));
}

#define NOT(a) ir_op1(x, IR_OP_NOT, a)
void ppc_adde(struct xl_ctx *x, const struct ppc_insn *d) { extended_put(x, d, ppc_get(x, d->ra), ppc_get(x, d->rb)); }
void ppc_addme(struct xl_ctx *x, const struct ppc_insn *d) { extended_put(x, d, ppc_get(x, d->ra), constant(x, 0xffffffffu)); }
void ppc_addze(struct xl_ctx *x, const struct ppc_insn *d) { extended_put(x, d, ppc_get(x, d->ra), constant(x, 0)); }
void ppc_subfe(struct xl_ctx *x, const struct ppc_insn *d) { extended_put(x, d, NOT(ppc_get(x, d->ra)), ppc_get(x, d->rb)); }
void ppc_subfme(struct xl_ctx *x, const struct ppc_insn *d) { extended_put(x, d, NOT(ppc_get(x, d->ra)), constant(x, 0xffffffffu)); }
void ppc_subfze(struct xl_ctx *x, const struct ppc_insn *d) { extended_put(x, d, NOT(ppc_get(x, d->ra)), constant(x, 0)); }

/* addi addis   3.3.8 */
void ppc_addi(struct xl_ctx *x, const struct ppc_insn *d)
{
    ppc_put(x, d->rt, ir_add(x, ppc_base(x, d->ra), constant(x, (uint32_t)d->si)));
}

void ppc_addis(struct xl_ctx *x, const struct ppc_insn *d)
{
    ppc_put(x, d->rt, ir_add(x, ppc_base(x, d->ra), constant(x, (uint32_t)d->si << 16)));
}

void ppc_addic(struct xl_ctx *x, const struct ppc_insn *d)
{
    struct ir_ref a = ppc_get(x, d->ra), b = constant(x, (uint32_t)d->si);

    ir_put(x, 0, PPC_OFF(ca), ir_cmpadd(x, IR_LTU, a, b));
    ppc_put(x, d->rt, ir_add(x, a, b));
}

void ppc_addic_(struct xl_ctx *x, const struct ppc_insn *d)
{
    ppc_addic(x, d);
    ppc_record(x, ppc_get(x, d->rt), ppc_so(x));
}

void ppc_subfic(struct xl_ctx *x, const struct ppc_insn *d)
{
    struct ir_ref a = ppc_get(x, d->ra), b = constant(x, (uint32_t)d->si);

    ir_put(x, 0, PPC_OFF(ca), ir_cmp(x, IR_GEU, b, a));
    ppc_put(x, d->rt, ir_sub(x, b, a));
}

/* mulli mullw mulhw mulhwu */
void ppc_mulli(struct xl_ctx *x, const struct ppc_insn *d)
{
    ppc_put(x, d->rt, ir_op2(x, IR_OP_MUL, ppc_get(x, d->ra), constant(x, (uint32_t)d->si)));
}

void ppc_mullw(struct xl_ctx *x, const struct ppc_insn *d)
{
    struct ir_ref a = ppc_get(x, d->ra), b = ppc_get(x, d->rb), low = ir_op2(x, IR_OP_MUL, a, b), ov = IR_NONE;

    if (d->oe) { /* the product does not fit a word: its upper half is more than its sign */
        struct ir_ref high = ir_op1(x, IR_OP_HI, ir_op2(x, IR_OP_MULS, a, b));
        ov = ir_cmp(x, IR_NE, high, ir_sar(x, low, constant(x, 31)));
    }
    ppc_put(x, d->rt, low);
    ppc_finish(x, d, low, ov);
}

static void high_product(struct xl_ctx *x, const struct ppc_insn *d, enum ir_opcode op)
{
    struct ir_ref high = ir_op1(x, IR_OP_HI, ir_op2(x, op, ppc_get(x, d->ra), ppc_get(x, d->rb)));

    ppc_put(x, d->rt, high);
    record(x, d, high);
}

void ppc_mulhw(struct xl_ctx *x, const struct ppc_insn *d) { high_product(x, d, IR_OP_MULS); }
void ppc_mulhwu(struct xl_ctx *x, const struct ppc_insn *d) { high_product(x, d, IR_OP_MULU); }

/* What has no quotient gives the dividend (the manual leaves it open), and bit 32 is the overflow. */
static uint64_t quotient_signed(struct xl_cpu *cpu, uint64_t dividend, uint64_t divisor)
{
    int32_t a = (int32_t)dividend, b = (int32_t)divisor;

    (void)cpu;
    if (!b || (b == -1 && a == INT32_MIN))
        return 1ull << 32 | (uint32_t)a;
    return (uint32_t)(a / b);
}

static uint64_t quotient_unsigned(struct xl_cpu *cpu, uint64_t dividend, uint64_t divisor)
{
    uint32_t a = (uint32_t)dividend, b = (uint32_t)divisor;

    (void)cpu;
    return b ? a / b : 1ull << 32 | a;
}

static void divide(struct xl_ctx *x, const struct ppc_insn *d, const struct xl_helper *helper)
{
    struct ir_ref both = ir_calld(x, helper, 2, (struct ir_ref[]){ppc_get(x, d->ra), ppc_get(x, d->rb)});
    struct ir_ref quotient = ir_op1(x, IR_OP_LO, both), ov = d->oe ? ir_op1(x, IR_OP_HI, both) : IR_NONE;

    ppc_put(x, d->rt, quotient);
    ppc_finish(x, d, quotient, ov);
}

void ppc_divw(struct xl_ctx *x, const struct ppc_insn *d)
{
    static const struct xl_helper helper = {"ppc_divw", (void *)quotient_signed, 0};

    divide(x, d, &helper);
}

void ppc_divwu(struct xl_ctx *x, const struct ppc_insn *d)
{
    static const struct xl_helper helper = {"ppc_divwu", (void *)quotient_unsigned, 0};

    divide(x, d, &helper);
}

/* isel: by a bit of CR   440 2.4.1.8 */
void ppc_isel(struct xl_ctx *x, const struct ppc_insn *d)
{
    ppc_put(x, d->rt, ir_select(x, ppc_cr_bit(x, d->bc), ppc_base(x, d->ra), ppc_get(x, d->rb)));
}

/* Logic   3.3.11 */
static void logic_put(struct xl_ctx *x, const struct ppc_insn *d, struct ir_ref result)
{
    ppc_put(x, d->ra, result);
    record(x, d, result);
}

#define LOGIC(name, expression) \
    void ppc_##name(struct xl_ctx *x, const struct ppc_insn *d) \
    { \
        struct ir_ref a = ppc_get(x, d->rt), b = ppc_get(x, d->rb); \
        logic_put(x, d, expression); \
    }
LOGIC(and, ir_and(x, a, b))
LOGIC(andc, ir_op2(x, IR_OP_ANDN, a, b))
LOGIC(nand, NOT(ir_and(x, a, b)))
LOGIC(or, d->rt == d->rb ? a : ir_or(x, a, b))
LOGIC(orc, ir_or(x, a, NOT(b)))
LOGIC(nor, NOT(d->rt == d->rb ? a : ir_or(x, a, b)))
LOGIC(xor, ir_xor(x, a, b))
LOGIC(eqv, NOT(ir_xor(x, a, b)))

#define LOGIC_IMMEDIATE(name, op, value) \
    void ppc_##name(struct xl_ctx *x, const struct ppc_insn *d) \
    { \
        ppc_put(x, d->ra, op(x, ppc_get(x, d->rt), constant(x, value))); \
    }
LOGIC_IMMEDIATE(ori, ir_or, d->ui)
LOGIC_IMMEDIATE(oris, ir_or, d->ui << 16)
LOGIC_IMMEDIATE(xori, ir_xor, d->ui)
LOGIC_IMMEDIATE(xoris, ir_xor, d->ui << 16)

static void and_immediate(struct xl_ctx *x, const struct ppc_insn *d, uint32_t mask)
{
    struct ir_ref result = ir_and(x, ppc_get(x, d->rt), constant(x, mask));

    ppc_put(x, d->ra, result);
    ppc_record(x, result, ppc_so(x));
}

void ppc_andi_(struct xl_ctx *x, const struct ppc_insn *d) { and_immediate(x, d, d->ui); }
void ppc_andis_(struct xl_ctx *x, const struct ppc_insn *d) { and_immediate(x, d, d->ui << 16); }

static void unary(struct xl_ctx *x, const struct ppc_insn *d, enum ir_opcode op)
{
    logic_put(x, d, ir_op1(x, op, ppc_get(x, d->rt)));
}

void ppc_cntlzw(struct xl_ctx *x, const struct ppc_insn *d) { unary(x, d, IR_OP_CLZ); }
void ppc_extsb(struct xl_ctx *x, const struct ppc_insn *d) { unary(x, d, IR_OP_SEXT8); }
void ppc_extsh(struct xl_ctx *x, const struct ppc_insn *d) { unary(x, d, IR_OP_SEXT16); }

/* Ones from bit mb to bit me counted from the left, around the end when mb > me   3.3.12 */
static uint32_t mask_of(uint32_t mb, uint32_t me)
{
    uint32_t from = 0xffffffffu >> mb, to = 0xffffffffu << (31 - me);

    return mb <= me ? from & to : from | to;
}

/* The rotated word under its mask: a plain shift where it is one. */
static struct ir_ref rotated(struct xl_ctx *x, struct ir_ref a, uint32_t sh, uint32_t mask)
{
    struct ir_ref count = constant(x, sh);

    if (sh && mask == 0xffffffffu << sh)
        return ir_shl(x, a, count);
    if (sh && mask == 0xffffffffu >> (32 - sh))
        return ir_shr(x, a, constant(x, 32 - sh));
    if (sh && !(mask & ~(0xffffffffu << sh))) /* no bit comes around the end */
        return ir_and(x, ir_shl(x, a, count), constant(x, mask));
    if (sh && !(mask & ~(0xffffffffu >> (32 - sh))))
        return ir_and(x, ir_shr(x, a, constant(x, 32 - sh)), constant(x, mask));
    return ir_and(x, ir_op2(x, IR_OP_ROTL, a, count), constant(x, mask));
}

void ppc_rlwinm(struct xl_ctx *x, const struct ppc_insn *d)
{
    logic_put(x, d, rotated(x, ppc_get(x, d->rt), d->sh, mask_of(d->mb, d->me)));
}

void ppc_rlwimi(struct xl_ctx *x, const struct ppc_insn *d)
{
    uint32_t mask = mask_of(d->mb, d->me);
    struct ir_ref kept = ir_and(x, ppc_get(x, d->ra), constant(x, ~mask));

    logic_put(x, d, ir_or(x, kept, rotated(x, ppc_get(x, d->rt), d->sh, mask)));
}

void ppc_rlwnm(struct xl_ctx *x, const struct ppc_insn *d)
{
    struct ir_ref turned = ir_op2(x, IR_OP_ROTL, ppc_get(x, d->rt), ppc_get(x, d->rb));

    logic_put(x, d, ir_and(x, turned, constant(x, mask_of(d->mb, d->me))));
}

/* Shift counts have six bits: 32 to 63 shift everything out. */
static void shift(struct xl_ctx *x, const struct ppc_insn *d, enum ir_opcode op)
{
    struct ir_ref count = ppc_get(x, d->rb), shifted = ir_op2(x, op, ppc_get(x, d->rt), count);

    logic_put(x, d, ir_select(x, ir_and(x, count, constant(x, 32)), constant(x, 0), shifted));
}

void ppc_slw(struct xl_ctx *x, const struct ppc_insn *d) { shift(x, d, IR_OP_SHL); }
void ppc_srw(struct xl_ctx *x, const struct ppc_insn *d) { shift(x, d, IR_OP_SHR); }

/* CA: the word is negative and a one was shifted out. */
void ppc_sraw(struct xl_ctx *x, const struct ppc_insn *d)
{
    struct ir_ref a = ppc_get(x, d->rt), count = ppc_get(x, d->rb), all = ir_and(x, count, constant(x, 32));
    struct ir_ref result = ir_sar(x, a, ir_select(x, all, constant(x, 31), count));
    struct ir_ref lost = ir_select(x, all, constant(x, 1), ir_cmp(x, IR_NE, ir_shl(x, result, count), a));

    ir_put(x, 0, PPC_OFF(ca), ir_and(x, sign(x, a), lost));
    logic_put(x, d, result);
}

void ppc_srawi(struct xl_ctx *x, const struct ppc_insn *d)
{
    struct ir_ref a = ppc_get(x, d->rt), out = constant(x, (1u << d->sh) - 1);
    struct ir_ref lost = ir_cmp(x, IR_NE, ir_and(x, a, out), constant(x, 0));

    ir_put(x, 0, PPC_OFF(ca), ir_and(x, sign(x, a), lost));
    logic_put(x, d, ir_sar(x, a, constant(x, d->sh)));
}

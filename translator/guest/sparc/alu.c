/* SPDX-License-Identifier: MIT */
/*
 * Integer arithmetic, logic, shifts, multiply and divide, SETHI, SAVE and RESTORE, as IR.
 *
 * Each RI(name) line makes the two entries name_r and name_i of insn.decode from one function. Source: V8 B.9-B.20.
 */
#include "sparc.h"

#define RI(name) \
    void sparc_##name##_r(struct xl_ctx *x, const struct sparc_insn *d) \
    { \
        name(x, d); \
    } \
    void sparc_##name##_i(struct xl_ctx *x, const struct sparc_insn *d) \
    { \
        name(x, d); \
    }

/* rd = rs1 op reg_or_imm, in a plain form and one that sets icc. */
#define ALU(name, expression) \
    static void name(struct xl_ctx *x, const struct sparc_insn *d) \
    { \
        struct ir_ref a = sparc_get(x, d->rs1), b = sparc_operand(x, d); \
        sparc_put(x, d->rd, expression); \
    } \
    RI(name)
#define LOGIC(name, expression) \
    ALU(name, expression) \
    static void name##cc(struct xl_ctx *x, const struct sparc_insn *d) \
    { \
        struct ir_ref a = sparc_get(x, d->rs1), b = sparc_operand(x, d), result = expression; \
        ir_flags_set(x, XL_FLAGS_SUB, result, ir_const(x, 0)); \
        sparc_put(x, d->rd, result); \
    } \
    RI(name##cc)

/* ADD SUB  rs1, reg_or_imm, rd   V8 B.13, B.15 */
ALU(add, ir_add(x, a, b))
ALU(sub, ir_sub(x, a, b))

/* AND OR XOR ANDN ORN XNOR (cc)   V8 B.12 */
LOGIC(and, ir_and(x, a, b))
LOGIC(or, ir_or(x, a, b))
LOGIC(xor, ir_xor(x, a, b))
LOGIC(andn, ir_op2(x, IR_OP_ANDN, a, b))
LOGIC(orn, ir_or(x, a, ir_op1(x, IR_OP_NOT, b)))
LOGIC(xnor, ir_op1(x, IR_OP_NOT, ir_xor(x, a, b)))

/* SLL SRL SRA   V8 B.14 */
ALU(sll, ir_shl(x, a, b))
ALU(srl, ir_shr(x, a, b))
ALU(sra, ir_sar(x, a, b))

/* ADDcc   V8 B.13 */
static void addcc(struct xl_ctx *x, const struct sparc_insn *d)
{
    struct ir_ref a = sparc_get(x, d->rs1), b = sparc_operand(x, d), sum = ir_add(x, a, b);

    ir_flags_set(x, XL_FLAGS_ADD, a, b);
    sparc_put(x, d->rd, sum);
}
RI(addcc)

/* SUBcc   V8 B.15 */
static void subcc(struct xl_ctx *x, const struct sparc_insn *d)
{
    struct ir_ref a = sparc_get(x, d->rs1), b = sparc_operand(x, d), difference = ir_sub(x, a, b);

    ir_flags_set(x, XL_FLAGS_SUB, a, b);
    sparc_put(x, d->rd, difference);
}
RI(subcc)

static struct ir_ref carry(struct xl_ctx *x)
{
    return ir_flags_cond(x, IR_LTU);
}

ALU(addx, ir_add(x, ir_add(x, a, b), carry(x)))
ALU(subx, ir_sub(x, ir_sub(x, a, b), carry(x)))

/* icc from a result and, in their bit 31, V and C. */
static void icc_put(struct xl_ctx *x, struct ir_ref result, struct ir_ref v, struct ir_ref c)
{
    struct ir_ref bit = ir_const(x, 31);
    struct ir_ref n = ir_shl(x, ir_shr(x, result, bit), ir_const(x, 3));
    struct ir_ref z = ir_shl(x, ir_cmp(x, IR_EQ, result, ir_const(x, 0)), ir_const(x, 2));
    struct ir_ref vc = ir_or(x, ir_shl(x, ir_shr(x, v, bit), ir_const(x, 1)), ir_shr(x, c, bit));

    ir_flags_set(x, XL_FLAGS_NZVC, ir_or(x, ir_or(x, n, z), vc), ir_const(x, 0));
}

static struct ir_ref add_overflow(struct xl_ctx *x, struct ir_ref a, struct ir_ref b, struct ir_ref r)
{
    return ir_and(x, ir_xor(x, a, r), ir_xor(x, b, r));
}

static struct ir_ref sub_overflow(struct xl_ctx *x, struct ir_ref a, struct ir_ref b, struct ir_ref r)
{
    return ir_and(x, ir_xor(x, a, b), ir_xor(x, a, r));
}

/* Carry out of bit 31: (a & b) | ((a | b) & ~r); borrow: (~a & b) | ((~a | b) & r) */
static struct ir_ref carry_out(struct xl_ctx *x, struct ir_ref a, struct ir_ref b, struct ir_ref not_r)
{
    return ir_or(x, ir_and(x, a, b), ir_and(x, ir_or(x, a, b), not_r));
}

/* ADDXcc   V8 B.13 */
static void addxcc(struct xl_ctx *x, const struct sparc_insn *d)
{
    struct ir_ref a = sparc_get(x, d->rs1), b = sparc_operand(x, d), sum = ir_add(x, ir_add(x, a, b), carry(x));

    icc_put(x, sum, add_overflow(x, a, b, sum), carry_out(x, a, b, ir_op1(x, IR_OP_NOT, sum)));
    sparc_put(x, d->rd, sum);
}
RI(addxcc)

/* SUBXcc   V8 B.15 */
static void subxcc(struct xl_ctx *x, const struct sparc_insn *d)
{
    struct ir_ref a = sparc_get(x, d->rs1), b = sparc_operand(x, d), difference = ir_sub(x, ir_sub(x, a, b), carry(x));

    icc_put(x, difference, sub_overflow(x, a, b, difference), carry_out(x, ir_op1(x, IR_OP_NOT, a), b, difference));
    sparc_put(x, d->rd, difference);
}
RI(subxcc)

/* Bit 31 set when a tag (bits 1:0) of a or b is not zero. */
static struct ir_ref tag_overflow(struct xl_ctx *x, struct ir_ref a, struct ir_ref b)
{
    struct ir_ref tags = ir_and(x, ir_or(x, a, b), ir_const(x, 3));

    return ir_op1(x, IR_OP_NEG, tags);
}

/* TADDcc TADDccTV   V8 B.16 */
static void tagged_add(struct xl_ctx *x, const struct sparc_insn *d, uint32_t tt)
{
    struct ir_ref a = sparc_get(x, d->rs1), b = sparc_operand(x, d), sum = ir_add(x, a, b);
    struct ir_ref v = ir_or(x, add_overflow(x, a, b, sum), tag_overflow(x, a, b));

    if (tt)
        ir_raise_if(x, ir_shr(x, v, ir_const(x, 31)), tt);
    icc_put(x, sum, v, carry_out(x, a, b, ir_op1(x, IR_OP_NOT, sum)));
    sparc_put(x, d->rd, sum);
}

/* TSUBcc TSUBccTV   V8 B.17 */
static void tagged_sub(struct xl_ctx *x, const struct sparc_insn *d, uint32_t tt)
{
    struct ir_ref a = sparc_get(x, d->rs1), b = sparc_operand(x, d), difference = ir_sub(x, a, b);
    struct ir_ref v = ir_or(x, sub_overflow(x, a, b, difference), tag_overflow(x, a, b));

    if (tt)
        ir_raise_if(x, ir_shr(x, v, ir_const(x, 31)), tt);
    icc_put(x, difference, v, carry_out(x, ir_op1(x, IR_OP_NOT, a), b, difference));
    sparc_put(x, d->rd, difference);
}
#define taddcc(x, d) tagged_add(x, d, 0)
#define tsubcc(x, d) tagged_sub(x, d, 0)
#define taddcctv(x, d) tagged_add(x, d, TT_TAG)
#define tsubcctv(x, d) tagged_sub(x, d, TT_TAG)
RI(taddcc)
RI(tsubcc)
RI(taddcctv)
RI(tsubcctv)

/* MULScc: one step of a multiplication through Y   V8 B.18 */
static void mulscc(struct xl_ctx *x, const struct sparc_insn *d)
{
    struct ir_ref rs1 = sparc_get(x, d->rs1), operand = sparc_operand(x, d), y = ir_get(x, 0, SPARC_OFF(y));
    struct ir_ref one = ir_const(x, 1), top = ir_const(x, 31);
    struct ir_ref a = ir_or(x, ir_shl(x, ir_flags_cond(x, IR_LT), top), ir_shr(x, rs1, one));
    struct ir_ref b = ir_and(x, operand, ir_op1(x, IR_OP_NEG, ir_and(x, y, one)));

    ir_put(x, 0, SPARC_OFF(y), ir_or(x, ir_shl(x, rs1, top), ir_shr(x, y, one)));
    ir_flags_set(x, XL_FLAGS_ADD, a, b);
    sparc_put(x, d->rd, ir_add(x, a, b));
}
RI(mulscc)

/* UMUL SMUL (cc): Y gets the upper word; V and C are cleared   V8 B.18 */
static void multiply(struct xl_ctx *x, const struct sparc_insn *d, enum ir_opcode op)
{
    struct ir_ref product = ir_op2(x, op, sparc_get(x, d->rs1), sparc_operand(x, d)), low = ir_op1(x, IR_OP_LO, product);

    ir_put(x, 0, SPARC_OFF(y), ir_op1(x, IR_OP_HI, product));
    if (d->word >> 23 & 1)
        ir_flags_set(x, XL_FLAGS_SUB, low, ir_const(x, 0));
    sparc_put(x, d->rd, low);
}
#define umul(x, d) multiply(x, d, IR_OP_MULU)
#define smul(x, d) multiply(x, d, IR_OP_MULS)
void sparc_umul_r(struct xl_ctx *x, const struct sparc_insn *d) { umul(x, d); }
void sparc_umul_i(struct xl_ctx *x, const struct sparc_insn *d) { umul(x, d); }
void sparc_smul_r(struct xl_ctx *x, const struct sparc_insn *d) { smul(x, d); }
void sparc_smul_i(struct xl_ctx *x, const struct sparc_insn *d) { smul(x, d); }
void sparc_umulcc_r(struct xl_ctx *x, const struct sparc_insn *d) { umul(x, d); }
void sparc_umulcc_i(struct xl_ctx *x, const struct sparc_insn *d) { umul(x, d); }
void sparc_smulcc_r(struct xl_ctx *x, const struct sparc_insn *d) { smul(x, d); }
void sparc_smulcc_i(struct xl_ctx *x, const struct sparc_insn *d) { smul(x, d); }

/* Quotient, and bit 32 set when it does not fit and was replaced by the nearest that does. The divisor is not 0. */
static uint64_t quotient_unsigned(struct xl_cpu *cpu, uint64_t dividend, uint64_t divisor)
{
    uint64_t q = dividend / (uint32_t)divisor;

    (void)cpu;
    return q > UINT32_MAX ? 1ull << 32 | UINT32_MAX : q;
}

static uint64_t quotient_signed(struct xl_cpu *cpu, uint64_t dividend, uint64_t divisor)
{
    int64_t a = (int64_t)dividend, b = (int32_t)divisor;

    (void)cpu;
    if (b == -1 && a == INT64_MIN)
        return 1ull << 32 | INT32_MAX;
    int64_t q = a / b;
    if (q > INT32_MAX)
        return 1ull << 32 | INT32_MAX;
    if (q < INT32_MIN)
        return 1ull << 32 | 0x80000000u;
    return (uint32_t)q;
}

/* UDIV SDIV (cc): Y and rs1 over reg_or_imm   V8 B.19 */
static void divide(struct xl_ctx *x, const struct sparc_insn *d, const struct xl_helper *helper)
{
    struct ir_ref divisor = sparc_operand(x, d);
    struct ir_ref dividend = ir_op2(x, IR_OP_PAIR, ir_get(x, 0, SPARC_OFF(y)), sparc_get(x, d->rs1));

    ir_raise_if(x, ir_cmp(x, IR_EQ, divisor, ir_const(x, 0)), TT_DIV_ZERO);
    struct ir_ref both = ir_calld(x, helper, 2, (struct ir_ref[]){dividend, divisor});
    struct ir_ref q = ir_op1(x, IR_OP_LO, both);
    if (d->word >> 23 & 1)
        icc_put(x, q, ir_shl(x, ir_op1(x, IR_OP_HI, both), ir_const(x, 31)), ir_const(x, 0));
    sparc_put(x, d->rd, q);
}

static const struct xl_helper udiv_helper = {"sparc_udiv", (void *)quotient_unsigned, 0};
static const struct xl_helper sdiv_helper = {"sparc_sdiv", (void *)quotient_signed, 0};
void sparc_udiv_r(struct xl_ctx *x, const struct sparc_insn *d) { divide(x, d, &udiv_helper); }
void sparc_udiv_i(struct xl_ctx *x, const struct sparc_insn *d) { divide(x, d, &udiv_helper); }
void sparc_udivcc_r(struct xl_ctx *x, const struct sparc_insn *d) { divide(x, d, &udiv_helper); }
void sparc_udivcc_i(struct xl_ctx *x, const struct sparc_insn *d) { divide(x, d, &udiv_helper); }
void sparc_sdiv_r(struct xl_ctx *x, const struct sparc_insn *d) { divide(x, d, &sdiv_helper); }
void sparc_sdiv_i(struct xl_ctx *x, const struct sparc_insn *d) { divide(x, d, &sdiv_helper); }
void sparc_sdivcc_r(struct xl_ctx *x, const struct sparc_insn *d) { divide(x, d, &sdiv_helper); }
void sparc_sdivcc_i(struct xl_ctx *x, const struct sparc_insn *d) { divide(x, d, &sdiv_helper); }

/* SETHI  const22, rd   V8 B.9 */
void sparc_sethi(struct xl_ctx *x, const struct sparc_insn *d)
{
    sparc_put(x, d->rd, ir_const(x, d->imm22 << 10));
}

/* UNIMP  const22   V8 B.31 */
void sparc_unimp(struct xl_ctx *x, const struct sparc_insn *d)
{
    (void)d;
    sparc_raise(x, TT_ILLEGAL);
}

/* SAVE RESTORE: the sum is of the old window, rd of the new one   V8 B.20 */
static void window_move(struct xl_ctx *x, const struct sparc_insn *d, uint32_t by, uint32_t tt)
{
    struct ir_ref one = ir_const(x, 1), last = ir_const(x, SPARC_WINDOWS - 1), scale = ir_const(x, 6);
    struct ir_ref cwp = ir_and(x, ir_add(x, ir_get(x, 0, SPARC_OFF(cwp)), ir_const(x, by)), last);
    struct ir_ref invalid = ir_and(x, ir_shr(x, ir_get(x, 0, SPARC_OFF(wim)), cwp), one);

    ir_raise_if(x, invalid, tt);
    struct ir_ref sum = ir_add(x, sparc_get(x, d->rs1), sparc_operand(x, d));
    ir_put(x, 0, SPARC_OFF(cwp), cwp);
    ir_bank(x, 1, SPARC_OFF(win), ir_shl(x, cwp, scale));
    ir_bank(x, 2, SPARC_OFF(win), ir_shl(x, ir_and(x, ir_add(x, cwp, one), last), scale));
    sparc_put(x, d->rd, sum);
}
#define save(x, d) window_move(x, d, SPARC_WINDOWS - 1, TT_WINDOW_OVERFLOW)
#define restore(x, d) window_move(x, d, 1, TT_WINDOW_UNDERFLOW)
RI(save)
RI(restore)

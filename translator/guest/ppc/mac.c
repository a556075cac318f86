/* SPDX-License-Identifier: MIT */
/*
 * Halfword products and their sums, the leftmost zero byte: what IBM added to Book E for signal processing and strings.
 *
 * A mnemonic names the halfwords by ch (of ra the lower, of rb the upper), hh, lh (the lower of both). Products are exact in a word. A sum that overflows wraps, or with s stays
 * at the end of the range.
 *
 * Source: PPC440x5 Embedded Processor Core User's Manual, chapter 9.
 */
#include "ppc.h"

enum { A_HIGH = 1, B_HIGH = 2, CH = B_HIGH, HH = A_HIGH | B_HIGH, LH = 0, UNSIGNED = 4, SATURATED = 8, NEGATIVE = 16 };

static struct ir_ref half(struct xl_ctx *x, struct ir_ref word, bool is_high, unsigned how)
{
    if (is_high)
        return ir_op2(x, how & UNSIGNED ? IR_OP_SHR : IR_OP_SAR, word, ir_const(x, 16));
    return ir_op1(x, how & UNSIGNED ? IR_OP_ZEXT16 : IR_OP_SEXT16, word);
}

static struct ir_ref product(struct xl_ctx *x, const struct ppc_insn *d, unsigned how)
{
    struct ir_ref a = half(x, ppc_get(x, d->ra), how & A_HIGH, how), b = half(x, ppc_get(x, d->rb), how & B_HIGH, how);

    return ir_op2(x, IR_OP_MUL, a, b);
}

static void mul(struct xl_ctx *x, const struct ppc_insn *d, unsigned how)
{
    struct ir_ref result = product(x, d, how);

    ppc_put(x, d->rt, result);
    ppc_finish(x, d, result, IR_NONE);
}

/* The end of the range on the side to which the sum overflowed: that of the sign of what was there. */
static struct ir_ref limit(struct xl_ctx *x, struct ir_ref old, unsigned how)
{
    if (how & UNSIGNED)
        return ir_const(x, 0xffffffffu);
    return ir_xor(x, ir_sar(x, old, ir_const(x, 31)), ir_const(x, 0x7fffffff));
}

static void mac(struct xl_ctx *x, const struct ppc_insn *d, unsigned how)
{
    struct ir_ref p = product(x, d, how), old = ppc_get(x, d->rt), ov = IR_NONE;

    if (how & NEGATIVE)
        p = ir_op1(x, IR_OP_NEG, p);
    struct ir_ref sum = ir_add(x, p, old);
    if (d->oe || how & SATURATED)
        ov = ir_cmpadd(x, how & UNSIGNED ? IR_LTU : IR_VS, p, old);
    if (how & SATURATED)
        sum = ir_select(x, ov, limit(x, old, how), sum);
    ppc_put(x, d->rt, sum);
    ppc_finish(x, d, sum, d->oe ? ov : IR_NONE);
}

#define OP(name, function, how) \
    void ppc_##name(struct xl_ctx *x, const struct ppc_insn *d) \
    { \
        function(x, d, how); \
    }
#define FORMS(halves, how) \
    OP(mul##halves, mul, how) \
    OP(mul##halves##u, mul, (how) | UNSIGNED) \
    OP(mac##halves, mac, how) \
    OP(mac##halves##s, mac, (how) | SATURATED) \
    OP(mac##halves##u, mac, (how) | UNSIGNED) \
    OP(mac##halves##su, mac, (how) | SATURATED | UNSIGNED) \
    OP(nmac##halves, mac, (how) | NEGATIVE) \
    OP(nmac##halves##s, mac, (how) | NEGATIVE | SATURATED)
FORMS(chw, CH)
FORMS(hhw, HH)
FORMS(lhw, LH)

/* In the lower word the number of the first byte that is 0 among the eight, from 1 on, else 8; in the upper one field 0: in the first word, in the second, nowhere. */
static uint64_t zero_byte(struct xl_cpu *cpu, uint64_t first, uint64_t second)
{
    uint64_t bytes = first << 32 | (uint32_t)second;

    (void)cpu;
    for (unsigned n = 1; n <= 8; n++)
        if (!(bytes >> (64 - 8 * n) & 255))
            return (uint64_t)(n < 5 ? 4 : 8) << 32 | n;
    return 2ull << 32 | 8;
}

/* dlmzb dlmzb. */
void ppc_dlmzb(struct xl_ctx *x, const struct ppc_insn *d)
{
    static const struct xl_helper helper = {"ppc_zero_byte", (void *)zero_byte, 0};
    struct ir_ref both = ir_calld(x, &helper, 2, (struct ir_ref[]){ppc_get(x, d->rt), ppc_get(x, d->rb)}), count = ir_op1(x, IR_OP_LO, both);

    ppc_put(x, d->ra, count);
    ir_put(x, 0, PPC_OFF(xer_bytes), count);
    if (d->rc)
        ppc_field_put(x, 0, ir_or(x, ir_op1(x, IR_OP_HI, both), ppc_so(x)));
}

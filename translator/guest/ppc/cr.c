/* SPDX-License-Identifier: MIT */
/*
 * The condition register: compares, its bits, moves of fields. struct ppc_field says how a field is kept.
 *
 * Where a block reads a field that it has put, the bit is the compare itself. Source: Book E 2.3.1, 2.4.
 */
#include "ppc.h"

#define SIGN 0x80000000u

static struct ir_ref constant(struct xl_ctx *x, uint32_t value)
{
    return ir_const(x, value);
}

void ppc_compare(struct xl_ctx *x, unsigned field, struct ir_ref a, struct ir_ref b, bool is_signed)
{
    struct ir_ref turn = constant(x, is_signed ? 0 : SIGN);

    ir_put(x, 0, PPC_FIELD(field, a), ir_xor(x, a, turn));
    ir_put(x, 0, PPC_FIELD(field, b), ir_xor(x, b, turn));
    ir_put(x, 0, PPC_FIELD(field, turned), ir_get(x, 0, PPC_OFF(so)));
}

void ppc_field_put(struct xl_ctx *x, unsigned field, struct ir_ref bits)
{
    struct ir_ref zero = constant(x, 0);

    ir_put(x, 0, PPC_FIELD(field, a), zero);
    ir_put(x, 0, PPC_FIELD(field, b), zero);
    ir_put(x, 0, PPC_FIELD(field, turned), ir_xor(x, bits, constant(x, FIELD_EQUAL)));
}

/* Is this word 0 or 1 for sure, that is the SO that a compare put? */
static bool is_truth(const struct xl_ctx *x, struct ir_ref turned)
{
    const struct ir_op *op = &x->block->op[turned.i];

    return op->opcode == IR_OP_GET && op->cond == 0 && op->off == PPC_OFF(so);
}

/* What was compared without a sign, by the bit that is turned around. */
static bool unsigned_of(struct xl_ctx *x, struct ir_ref *operand)
{
    const struct ir_op *op = &x->block->op[operand->i];
    uint32_t value;

    if (ir_is_const(x, *operand, &value)) {
        *operand = constant(x, value ^ SIGN);
        return true;
    }
    if (op->opcode != IR_OP_XOR || !ir_is_const(x, (struct ir_ref){op->arg[1]}, &value) || value != SIGN)
        return false;
    operand->i = x->block->op[operand->i].arg[0];
    return true;
}

static struct ir_ref relation(struct xl_ctx *x, unsigned field, unsigned which)
{
    static const uint8_t by_sign[] = {IR_LT, IR_GT, IR_EQ}, without[] = {IR_LTU, IR_GTU, IR_EQ};
    struct ir_ref a = ir_get(x, 0, PPC_FIELD(field, a)), b = ir_get(x, 0, PPC_FIELD(field, b)), plain_a = a, plain_b = b;
    uint32_t value;

    if (!ir_is_const(x, a, &value) && unsigned_of(x, &plain_a) && unsigned_of(x, &plain_b))
        return ir_cmp(x, without[which], plain_a, plain_b);
    return ir_cmp(x, by_sign[which], a, b);
}

struct ir_ref ppc_cr_bit(struct xl_ctx *x, unsigned bit)
{
    unsigned field = bit / 4, which = bit % 4;
    struct ir_ref turned = ir_get(x, 0, PPC_FIELD(field, turned));
    bool plain = is_truth(x, turned);

    if (which == 3)
        return plain ? turned : ir_and(x, turned, constant(x, 1));
    struct ir_ref compared = relation(x, field, which);
    if (plain)
        return compared;
    return ir_xor(x, compared, ir_and(x, ir_shr(x, turned, constant(x, 3 - which)), constant(x, 1)));
}

void ppc_cr_bit_put(struct xl_ctx *x, unsigned bit, struct ir_ref value)
{
    uint32_t turned = PPC_FIELD(bit / 4, turned);
    struct ir_ref change = ir_xor(x, ppc_cr_bit(x, bit), value);

    ir_put(x, 0, turned, ir_xor(x, ir_get(x, 0, turned), ir_shl(x, change, constant(x, 3 - bit % 4))));
}

/* cmp cmpl cmpi cmpli   3.3.9 */
void ppc_cmp(struct xl_ctx *x, const struct ppc_insn *d) { ppc_compare(x, d->bf, ppc_get(x, d->ra), ppc_get(x, d->rb), true); }
void ppc_cmpl(struct xl_ctx *x, const struct ppc_insn *d) { ppc_compare(x, d->bf, ppc_get(x, d->ra), ppc_get(x, d->rb), false); }
void ppc_cmpi(struct xl_ctx *x, const struct ppc_insn *d) { ppc_compare(x, d->bf, ppc_get(x, d->ra), constant(x, (uint32_t)d->si), true); }
void ppc_cmpli(struct xl_ctx *x, const struct ppc_insn *d) { ppc_compare(x, d->bf, ppc_get(x, d->ra), constant(x, d->ui), false); }

/* Operations on two bits   2.4.3 */
#define CR_OP(name, expression) \
    void ppc_##name(struct xl_ctx *x, const struct ppc_insn *d) \
    { \
        struct ir_ref a = ppc_cr_bit(x, d->ba), b = ppc_cr_bit(x, d->bb), one = constant(x, 1); \
        ppc_cr_bit_put(x, d->bt, expression); \
        (void)one; \
    }
CR_OP(crand, ir_and(x, a, b))
CR_OP(crandc, ir_op2(x, IR_OP_ANDN, a, b))
CR_OP(creqv, d->ba == d->bb ? one : ir_xor(x, ir_xor(x, a, b), one))
CR_OP(crnand, ir_xor(x, ir_and(x, a, b), one))
CR_OP(crnor, ir_xor(x, ir_or(x, a, b), one))
CR_OP(cror, ir_or(x, a, b))
CR_OP(crorc, ir_or(x, a, ir_xor(x, b, one)))
CR_OP(crxor, d->ba == d->bb ? constant(x, 0) : ir_xor(x, a, b))

void ppc_mcrf(struct xl_ctx *x, const struct ppc_insn *d)
{
    ir_put(x, 0, PPC_FIELD(d->bf, a), ir_get(x, 0, PPC_FIELD(d->bfa, a)));
    ir_put(x, 0, PPC_FIELD(d->bf, b), ir_get(x, 0, PPC_FIELD(d->bfa, b)));
    ir_put(x, 0, PPC_FIELD(d->bf, turned), ir_get(x, 0, PPC_FIELD(d->bfa, turned)));
}

/* mcrxr: XER's SO, OV, CA move to a field and are cleared */
void ppc_mcrxr(struct xl_ctx *x, const struct ppc_insn *d)
{
    static const uint32_t from[] = {PPC_OFF(so), PPC_OFF(ov), PPC_OFF(ca)};
    struct ir_ref zero = constant(x, 0), bits = zero;

    for (unsigned i = 0; i < 3; i++) {
        bits = ir_or(x, bits, ir_shl(x, ir_get(x, 0, from[i]), constant(x, 3 - i)));
        ir_put(x, 0, from[i], zero);
    }
    ppc_field_put(x, d->bf, bits);
}

static uint64_t cr_read(struct xl_cpu *cpu)
{
    return ppc_cr(ppc_of(cpu));
}

static uint64_t cr_write(struct xl_cpu *cpu, uint64_t cr, uint64_t mask)
{
    ppc_cr_set(ppc_of(cpu), (uint32_t)cr, (uint32_t)mask);
    return 0;
}

void ppc_mfcr(struct xl_ctx *x, const struct ppc_insn *d)
{
    static const struct xl_helper helper = {"ppc_cr_read", (void *)cr_read, XL_H_READS};

    ppc_put(x, d->rt, ir_callw(x, &helper, 0, NULL));
}

/* mtcrf: one field in place, more by a helper */
void ppc_mtcrf(struct xl_ctx *x, const struct ppc_insn *d)
{
    static const struct xl_helper helper = {"ppc_cr_write", (void *)cr_write, XL_H_READS | XL_H_WRITES};
    struct ir_ref value = ppc_get(x, d->rt);
    uint32_t mask = 0;

    if (d->fxm && !(d->fxm & (d->fxm - 1))) {
        unsigned field = 7 - (unsigned)__builtin_ctz(d->fxm);
        ppc_field_put(x, field, ir_and(x, ir_shr(x, value, constant(x, 28 - 4 * field)), constant(x, 15)));
        return;
    }
    for (unsigned i = 0; i < 8; i++)
        mask |= d->fxm >> i & 1 ? 15u << 4 * i : 0;
    ir_call(x, &helper, 2, (struct ir_ref[]){value, constant(x, mask)});
}

/* SPDX-License-Identifier: MIT */
/*
 * The condition register: compares, its bits, moves of fields. struct ppc_field says how a field is kept.
 *
 * Where a block reads a field that it has put, the bit is the compare itself. Source: Book E 2.3.1, 2.4.
 */
#include "ppc.h"

static struct ir_ref constant(struct xl_ctx *x, uint32_t value)
{
    return ir_const(x, value);
}

struct ir_ref ppc_so(struct xl_ctx *x)
{
    return constant(x, (x->mode & PPC_MODE_SO) != 0);
}

static uint64_t so_changed(struct xl_cpu *cpu, uint64_t so)
{
    ppc_of(cpu)->so = (uint32_t)so;
    ppc_mode_update(cpu);
    return 0;
}

void ppc_so_put(struct xl_ctx *x, struct ir_ref so)
{
    static const struct xl_helper helper = {"ppc_so_changed", (void *)so_changed, XL_H_READS | XL_H_WRITES | XL_H_ENDS};
    uint32_t value;

    if (ir_is_const(x, so, &value) && value == ((x->mode & PPC_MODE_SO) != 0))
        return;
    ir_call(x, &helper, 1, &so);
    ppc_end_block(x);
}

static void compare(struct xl_ctx *x, unsigned field, struct ir_ref a, struct ir_ref b, bool is_signed)
{
    ir_put(x, 0, PPC_FIELD(field, a), a);
    ir_put(x, 0, PPC_FIELD(field, b), b);
    ir_put(x, 0, PPC_FIELD(field, how), ir_or(x, ppc_so(x), constant(x, is_signed ? 0 : FIELD_UNSIGNED)));
}

void ppc_record(struct xl_ctx *x, struct ir_ref result, struct ir_ref so)
{
    ir_put(x, 0, PPC_FIELD(0, a), result);
    ir_put(x, 0, PPC_FIELD(0, b), constant(x, 0));
    ir_put(x, 0, PPC_FIELD(0, how), so);
}

void ppc_field_put(struct xl_ctx *x, unsigned field, struct ir_ref bits)
{
    struct ir_ref zero = constant(x, 0);

    ir_put(x, 0, PPC_FIELD(field, a), zero);
    ir_put(x, 0, PPC_FIELD(field, b), zero);
    ir_put(x, 0, PPC_FIELD(field, how), ir_xor(x, bits, constant(x, FIELD_EQUAL)));
}

/* LT, GT or EQ as the operands give it. */
static struct ir_ref relation(struct xl_ctx *x, unsigned field, unsigned which, struct ir_ref how)
{
    static const uint8_t by_sign[] = {IR_LT, IR_GT, IR_EQ}, without[] = {IR_LTU, IR_GTU, IR_EQ};
    struct ir_ref a = ir_get(x, 0, PPC_FIELD(field, a)), b = ir_get(x, 0, PPC_FIELD(field, b));
    uint32_t value;

    if (by_sign[which] == IR_EQ)
        return ir_cmp(x, IR_EQ, a, b);
    if (ir_is_const(x, how, &value))
        return ir_cmp(x, (enum ir_cond)(value & FIELD_UNSIGNED ? without : by_sign)[which], a, b);
    struct ir_ref bias = ir_and(x, how, constant(x, FIELD_UNSIGNED));
    return ir_cmp(x, (enum ir_cond)by_sign[which], ir_xor(x, a, bias), ir_xor(x, b, bias));
}

struct ir_ref ppc_cr_bit(struct xl_ctx *x, unsigned bit)
{
    unsigned which = bit % 4;
    struct ir_ref how = ir_get(x, 0, PPC_FIELD(bit / 4, how));
    struct ir_ref turned = ir_and(x, ir_shr(x, how, constant(x, 3 - which)), constant(x, 1));
    uint32_t value;

    if (which == 3)
        return turned;
    struct ir_ref compared = relation(x, bit / 4, which, how);
    if (ir_is_const(x, turned, &value) && value) /* xor with 0 is folded */
        return ir_cmp(x, IR_EQ, compared, constant(x, 0));
    return ir_xor(x, compared, turned);
}

void ppc_cr_bit_put(struct xl_ctx *x, unsigned bit, struct ir_ref value)
{
    uint32_t how = PPC_FIELD(bit / 4, how);
    struct ir_ref change = ir_xor(x, ppc_cr_bit(x, bit), value);

    ir_put(x, 0, how, ir_xor(x, ir_get(x, 0, how), ir_shl(x, change, constant(x, 3 - bit % 4))));
}

/* cmp cmpl cmpi cmpli   3.3.9 */
void ppc_cmp(struct xl_ctx *x, const struct ppc_insn *d) { compare(x, d->bf, ppc_get(x, d->ra), ppc_get(x, d->rb), true); }
void ppc_cmpl(struct xl_ctx *x, const struct ppc_insn *d) { compare(x, d->bf, ppc_get(x, d->ra), ppc_get(x, d->rb), false); }
void ppc_cmpi(struct xl_ctx *x, const struct ppc_insn *d) { compare(x, d->bf, ppc_get(x, d->ra), constant(x, (uint32_t)d->si), true); }
void ppc_cmpli(struct xl_ctx *x, const struct ppc_insn *d) { compare(x, d->bf, ppc_get(x, d->ra), constant(x, d->ui), false); }

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
    ir_put(x, 0, PPC_FIELD(d->bf, how), ir_get(x, 0, PPC_FIELD(d->bfa, how)));
}

/* mcrxr: XER's SO, OV, CA move to a field and are cleared */
void ppc_mcrxr(struct xl_ctx *x, const struct ppc_insn *d)
{
    struct ir_ref zero = constant(x, 0), ov = ir_get(x, 0, PPC_OFF(ov)), ca = ir_get(x, 0, PPC_OFF(ca));

    ppc_field_put(x, d->bf, ir_or(x, ir_shl(x, ppc_so(x), constant(x, 3)), ir_or(x, ir_shl(x, ov, constant(x, 2)), ir_shl(x, ca, constant(x, 1)))));
    ir_put(x, 0, PPC_OFF(ov), zero);
    ir_put(x, 0, PPC_OFF(ca), zero);
    ppc_so_put(x, zero);
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

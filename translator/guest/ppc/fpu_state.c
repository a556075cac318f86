/* SPDX-License-Identifier: MIT */
/*
 * PowerPC floating point on the FPU's registers: operations with their effect on FPSCR, and the instructions that move FPSCR.
 *
 * Fast path: with round to nearest, XX set already and no trap on it, an operation whose result is a normal number changes nothing of FPSCR but FR, FI and FPRF. The host
 * computes it, and those three are left for whoever reads them. XX stays set in nearly every program after its first inexact result.
 *
 * Source: Book E 5.3.1 (FPSCR), 5.5, the instruction pages.
 */
#include "fpu.h"

static uint32_t summarised(uint32_t fpscr)
{
    fpscr &= ~(FPSCR_FEX | FPSCR_VX);
    if (fpscr & FPSCR_VX_ALL)
        fpscr |= FPSCR_VX;
    /* VX OX UX ZX XX lie in the order of VE OE UE ZE XE */
    if (fpscr >> 22 & fpscr & (FPSCR_VE | FPSCR_OE | FPSCR_UE | FPSCR_ZE | FPSCR_XE))
        fpscr |= FPSCR_FEX;
    return fpscr;
}

static void fpscr_set(struct ppc_fpu *f, uint32_t fpscr)
{
    f->fpscr = summarised(fpscr);
    f->guard = (f->fpscr & (FPSCR_XX | FPSCR_XE | FPSCR_RN | FPSCR_FEX)) != FPSCR_XX;
}

static void settle(struct ppc_fpu *f)
{
    uint32_t late = f->late_op - 1;

    if (f->late_op) {
        enum ppc_fp_op op = (enum ppc_fp_op)(late & 0xff);
        struct ppc_fp_outcome o = ppc_fp_compute(op, late >> 8, f->late[0], f->late[1], f->late[op == FPU_MUL ? 1 : 2], f->fpscr);
        f->fpscr = (f->fpscr & ~o.replaced) | (o.set & o.replaced);
    }
    if (f->late_relation)
        f->fpscr = (f->fpscr & ~FPSCR_FPCC) | f->late_relation << 12;
    f->late_op = f->late_relation = 0;
}

static void commit(struct ppc_fpu *f, const struct ppc_fp_outcome *o)
{
    uint32_t old = f->fpscr, now = (old & ~o->replaced) | o->set;

    if (now & ~old & FPSCR_EXCEPTIONS)
        now |= FPSCR_FX;
    fpscr_set(f, now);
}

/* --- fast path --- */
static bool is_normal(uint64_t bits, uint32_t least, uint32_t greatest)
{
    uint32_t biased = bits >> 52 & 0x7ff;

    return biased - least <= greatest - least;
}

static double value(uint64_t bits)
{
    return (union ieee_double){bits}.value;
}

static uint64_t bits_of(double number)
{
    return (union ieee_double){.value = number}.bits;
}

/*
 * With both operands singles, the double result rounded again is the single one: 53 >= 2 * 24 + 2. The least normal exponent is left to the slow path, for a
 * result there may have been tiny before it was rounded.
 */
static bool host(enum ppc_fp_op op, bool single, uint64_t a, uint64_t b, uint64_t c, uint64_t *result)
{
    double r;

    if (single && (a | b | c) << 35 && op != FPU_RSP)
        return false;
    switch (op) {
    case FPU_ADD: r = sse2_add_d(value(a), value(b)); break;
    case FPU_SUB: r = sse2_sub_d(value(a), value(b)); break;
    case FPU_MUL: r = sse2_mul_d(value(a), value(c)); break;
    case FPU_DIV: r = sse2_div_d(value(a), value(b)); break;
    case FPU_SQRT: r = sse2_sqrt_d(0, value(b)); break;
    case FPU_RSP: r = value(b); break;
    default: return false;
    }
    if (!single) {
        *result = bits_of(r);
        return is_normal(*result, 2, 0x7fe);
    }
    if (!is_normal(bits_of(r), 896, 1151)) /* keeps subnormals, which are slow, from the narrowing */
        return false;
    *result = bits_of(sse2_widen(sse2_narrow(r)));
    return is_normal(*result, 898, 1150);
}

void ppc_fp_do(struct ppc_fpu *f, enum ppc_fp_op op, bool single, unsigned d, unsigned a, unsigned b, unsigned c)
{
    static const struct { bool a, b, c; } has[FPU_OPS] = {
        [FPU_ADD] = {1, 1, 0}, [FPU_SUB] = {1, 1, 0}, [FPU_MUL] = {1, 0, 1}, [FPU_DIV] = {1, 1, 0}, [FPU_SQRT] = {0, 1, 0},
        [FPU_MADD] = {1, 1, 1}, [FPU_MSUB] = {1, 1, 1}, [FPU_NMADD] = {1, 1, 1}, [FPU_NMSUB] = {1, 1, 1},
        [FPU_RSP] = {0, 1, 0}, [FPU_RES] = {0, 1, 0}, [FPU_RSQRTE] = {0, 1, 0}, [FPU_CTIW] = {0, 1, 0}, [FPU_CTIWZ] = {0, 1, 0},
    };
    uint64_t x = has[op].a ? f->f[a & 31] : 0, y = has[op].b ? f->f[b & 31] : 0, z = has[op].c ? f->f[c & 31] : 0, result;

    if (!f->guard && host(op, single, x, y, z, &result)) {
        f->f[d & 31] = result;
        f->late_op = 1 + (uint32_t)op + ((uint32_t)single << 8);
        f->late_relation = 0;
        f->late[0] = x;
        f->late[1] = op == FPU_MUL ? z : y;
        f->late[2] = z;
        return;
    }
    settle(f);
    struct ppc_fp_outcome o = ppc_fp_compute(op, single, x, y, z, f->fpscr);
    commit(f, &o);
    if (o.written)
        f->f[d & 31] = o.bits;
}

unsigned ppc_fp_do_compare(struct ppc_fpu *f, bool ordered, unsigned a, unsigned b)
{
    settle(f);
    struct ppc_fp_outcome o = ppc_fp_compare(ordered, f->f[a & 31], f->f[b & 31], f->fpscr);
    commit(f, &o);
    return f->late_relation = (o.set & FPSCR_FPCC) >> 12;
}

/* fsel: a is not less than zero; a NaN is not, either */
uint64_t ppc_fp_select(uint64_t a, uint64_t b, uint64_t c)
{
    enum ieee_relation relation = ieee_compare(a, 0);

    return relation == IEEE_EQUAL || relation == IEEE_GREATER ? c : b;
}

/* --- FPSCR --- */
uint32_t ppc_fpscr(struct ppc_fpu *f)
{
    settle(f);
    return f->fpscr;
}

void ppc_fpscr_put(struct ppc_fpu *f, uint32_t new, uint32_t mask)
{
    settle(f);
    fpscr_set(f, ((f->fpscr & ~mask) | (new & mask)) & FPSCR_KEPT);
}

/* FEX and VX follow from the others and cannot be written. */
void ppc_fpscr_bit(struct ppc_fpu *f, unsigned bit, bool set)
{
    uint32_t place = 0x80000000u >> (bit & 31) & FPSCR_KEPT;

    settle(f);
    if (set && (place & ~f->fpscr & FPSCR_EXCEPTIONS))
        place |= FPSCR_FX;
    fpscr_set(f, set ? f->fpscr | place : f->fpscr & ~place);
}

unsigned ppc_fpscr_field_take(struct ppc_fpu *f, unsigned field)
{
    unsigned shift = 28 - 4 * (field & 7);

    settle(f);
    unsigned taken = f->fpscr >> shift & 15;
    fpscr_set(f, f->fpscr & ~(15u << shift & (FPSCR_FX | FPSCR_EXCEPTIONS)));
    return taken;
}

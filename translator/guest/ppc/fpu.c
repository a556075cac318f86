/* SPDX-License-Identifier: MIT */
/*
 * The FPU's instructions but its loads and stores (mem.c): one helper for an operation, words for moves.
 *
 * Every instruction that leaves FEX set while MSR has FE0 or FE1 ends in a program interrupt at itself, its results but the one that the exception suppresses in place: all
 * modes are precise. MSR alone raises nothing; the next FP instruction does. A form with Rc puts FX, FEX, VX and OX into CR field 1.
 *
 * Source: Book E 5.4.5, 5.6.2-5.6.7.
 */
#include "ppc.h"

struct ir_ref ppc_f_get(struct xl_ctx *x, unsigned r)
{
    return ir_getd(x, PPC_FPR(r));
}

static void halves_put(struct xl_ctx *x, unsigned r, struct ir_ref high, struct ir_ref low)
{
    ir_put(x, 0, PPC_FPR(r) + 4, high);
    ir_put(x, 0, PPC_FPR(r), low);
}

void ppc_f_put(struct xl_ctx *x, unsigned r, struct ir_ref value)
{
    ir_putd(x, PPC_FPR(r), value);
}

/* --- at run time --- */
enum { HOW_SINGLE = 0x100, HOW_RECORD = 0x200 };

static bool interrupts(const struct ppc_cpu *s)
{
    return s->fpu.fpscr & FPSCR_FEX && s->msr & (MSR_FE0 | MSR_FE1);
}

static void finish(struct xl_cpu *cpu, bool record)
{
    struct ppc_cpu *s = ppc_of(cpu);

    if (record)
        ppc_field_set(s, 1, s->fpu.fpscr >> 28);
    if (interrupts(s))
        xl_raise(cpu, INT_PROGRAM | ESR_FP);
}

/* how: operation | HOW_SINGLE | HOW_RECORD; the registers are in the word */
static uint64_t compute(struct xl_cpu *cpu, uint64_t how, uint64_t word)
{
    ppc_fp_do(&ppc_of(cpu)->fpu, (enum ppc_fp_op)(how & 0xff), how & HOW_SINGLE, word >> 21 & 31, word >> 16 & 31, word >> 11 & 31, word >> 6 & 31);
    finish(cpu, how & HOW_RECORD);
    return 0;
}

/* The CR field is written before an exception is raised; without one the block puts late_relation there, and nothing but the FPU's registers may change behind its back. */
static uint64_t compare(struct xl_cpu *cpu, bool is_ordered, uint64_t word)
{
    struct ppc_cpu *s = ppc_of(cpu);
    unsigned relation = ppc_fp_do_compare(&s->fpu, is_ordered, word >> 16 & 31, word >> 11 & 31);

    if (interrupts(s))
        ppc_field_set(s, word >> 23 & 7, relation & 15);
    finish(cpu, false);
    return 0;
}

static uint64_t compare_unordered(struct xl_cpu *cpu, uint64_t word)
{
    return compare(cpu, false, word);
}

static uint64_t compare_ordered(struct xl_cpu *cpu, uint64_t word)
{
    return compare(cpu, true, word);
}

static uint64_t select(struct xl_cpu *cpu, uint64_t word)
{
    uint64_t *f = ppc_of(cpu)->fpu.f;

    f[word >> 21 & 31] = ppc_fp_select(f[word >> 16 & 31], f[word >> 11 & 31], f[word >> 6 & 31]);
    return 0;
}

static uint64_t fpscr_read(struct xl_cpu *cpu)
{
    return ppc_fpscr(&ppc_of(cpu)->fpu);
}

/* Of a mask, the bits that are written; Rc in bit 32 of it. */
static uint64_t fpscr_write(struct xl_cpu *cpu, uint64_t value, uint64_t mask)
{
    ppc_fpscr_put(&ppc_of(cpu)->fpu, (uint32_t)value, (uint32_t)mask);
    finish(cpu, mask >> 32);
    return 0;
}

static uint64_t fpscr_bit_write(struct xl_cpu *cpu, uint64_t bit, uint64_t value, uint64_t record)
{
    ppc_fpscr_bit(&ppc_of(cpu)->fpu, (unsigned)bit, value);
    finish(cpu, record);
    return 0;
}

static uint64_t fpscr_field_take(struct xl_cpu *cpu, uint64_t field)
{
    return ppc_fpscr_field_take(&ppc_of(cpu)->fpu, (unsigned)field);
}

enum { ALL = XL_H_READS | XL_H_WRITES | XL_H_FAULTS };
static const struct xl_helper help_arithmetic = {"ppc_fp_arithmetic", (void *)compute, ALL};
static const struct xl_helper help_fpscr_read = {"ppc_fpscr_read", (void *)fpscr_read, XL_H_READS | XL_H_WRITES};
static const struct xl_helper help_fpscr_write = {"ppc_fpscr_write", (void *)fpscr_write, ALL};
static const struct xl_helper help_fpscr_bit = {"ppc_fpscr_bit_write", (void *)fpscr_bit_write, ALL};
static const struct xl_helper help_fpscr_take = {"ppc_fpscr_field_take", (void *)fpscr_field_take, XL_H_READS | XL_H_WRITES};

/* --- translation --- */
static uint16_t off(unsigned r)
{
    return (uint16_t)PPC_FPR(r);
}

static void two_words(struct xl_ctx *x, const struct ppc_insn *d, const struct xl_helper *helper, uint32_t how)
{
    if (!ppc_fpu_off(x))
        ir_call(x, helper, 2, (struct ir_ref[]){ir_const(x, how), ir_const(x, d->word)});
}

/* The forms with Rc, and what has no inline form, are a helper. */
#define ARITHMETIC(insn, operation, single)                                                                              \
    void ppc_##insn(struct xl_ctx *x, const struct ppc_insn *d)                                                          \
    {                                                                                                                    \
        two_words(x, d, &help_arithmetic, (uint32_t)(operation) | ((single) ? HOW_SINGLE : 0) | (d->rc ? HOW_RECORD : 0)); \
    }
/* To an integer: its upper word is PPC_FP_CONVERTED, and nothing is rounded to a single. */
#define HAS_INT(operation) ((operation) == FPU_CTIW || (operation) == FPU_CTIWZ)
#define INLINE(insn, kind, operation, shape, first, second, third)                                                       \
    static uint64_t slow_##insn(struct xl_cpu *cpu, uint64_t word)                                                       \
    {                                                                                                                    \
        return compute(cpu, (operation) | ((shape) == XL_FP_ROUNDED && !HAS_INT(operation) ? HOW_SINGLE : 0), word);     \
    }                                                                                                                    \
    void ppc_##insn(struct xl_ctx *x, const struct ppc_insn *d)                                                          \
    {                                                                                                                    \
        enum { SINGLE = (shape) == XL_FP_ROUNDED && !HAS_INT(operation) };                                               \
        static const struct xl_fp fp = {.name = "ppc_" #insn,                                                            \
                                        .slow = slow_##insn,                                                             \
                                        .op = kind,                                                                      \
                                        .form = shape,                                                                   \
                                        .guard = PPC_OFF(fpu.guard),                                                     \
                                        .late = PPC_OFF(fpu.late_op),                                                    \
                                        .number = 1 + (operation) + (SINGLE ? 256 : 0),                                  \
                                        .upper = PPC_FP_CONVERTED};                                                      \
        if (d->rc)                                                                                                       \
            two_words(x, d, &help_arithmetic, (operation) | (SINGLE ? HOW_SINGLE : 0) | HOW_RECORD);                     \
        else if (!ppc_fpu_off(x))                                                                                        \
            ir_fp(x, &fp, (struct xl_fp_regs){off(d->frt), off(d->first), off(d->second), off(d->third)}, d->word);       \
    }
#define INLINE_BOTH(insn, kind, operation, first, second, third)                                                         \
    INLINE(insn, kind, operation, XL_FP_DOUBLE, first, second, third)                                                          \
    INLINE(insn##s, kind, operation, XL_FP_ROUNDED, first, second, third)
INLINE_BOTH(fadd, XL_FP_ADD, FPU_ADD, fra, frb, frb)
INLINE_BOTH(fsub, XL_FP_SUB, FPU_SUB, fra, frb, frb)
INLINE_BOTH(fmul, XL_FP_MUL, FPU_MUL, fra, frc, frc)
INLINE_BOTH(fdiv, XL_FP_DIV, FPU_DIV, fra, frb, frb)
INLINE_BOTH(fsqrt, XL_FP_SQRT, FPU_SQRT, frb, frb, frb)
INLINE_BOTH(fmadd, XL_FP_MADD, FPU_MADD, fra, frb, frc)
INLINE_BOTH(fmsub, XL_FP_MSUB, FPU_MSUB, fra, frb, frc)
INLINE_BOTH(fnmadd, XL_FP_NMADD, FPU_NMADD, fra, frb, frc)
INLINE_BOTH(fnmsub, XL_FP_NMSUB, FPU_NMSUB, fra, frb, frc)
INLINE(frsp, XL_FP_NARROW, FPU_RSP, XL_FP_ROUNDED, frb, frb, frb)
INLINE(fctiw, XL_FP_TO_NEAR, FPU_CTIW, XL_FP_ROUNDED, frb, frb, frb)
INLINE(fctiwz, XL_FP_TO_INT, FPU_CTIWZ, XL_FP_ROUNDED, frb, frb, frb)
ARITHMETIC(fres, FPU_RES, true)
ARITHMETIC(frsqrte, FPU_RSQRTE, false)

/* LT GT EQ UN as 8 4 2 1: in late_relation first, then in the CR field */
#define COMPARE(insn, slowly)                                                                                            \
    void ppc_##insn(struct xl_ctx *x, const struct ppc_insn *d)                                                          \
    {                                                                                                                    \
        static const struct xl_fp fp = {.name = "ppc_" #insn, .slow = slowly, .op = XL_FP_COMPARE, .form = XL_FP_DOUBLE, \
                                        .less = 8, .greater = 4, .equal = 2, .guard = PPC_OFF(fpu.guard)};                \
        uint16_t relation = (uint16_t)PPC_OFF(fpu.late_relation);                                                        \
        if (ppc_fpu_off(x))                                                                                              \
            return;                                                                                                      \
        ir_fp(x, &fp, (struct xl_fp_regs){relation, off(d->fra), off(d->frb), off(d->frb)}, d->word);                     \
        ppc_field_put(x, d->bf, ir_get(x, 0, relation));                                                                 \
    }
COMPARE(fcmpu, compare_unordered)
COMPARE(fcmpo, compare_ordered)

/* CR field 1 from FPSCR, whose leftmost bits are always up to date. */
static void record(struct xl_ctx *x, const struct ppc_insn *d)
{
    if (d->rc)
        ppc_field_put(x, 1, ir_shr(x, ir_get(x, 0, PPC_OFF(fpu.fpscr)), ir_const(x, 28)));
}

/* fmr fneg fabs fnabs: the sign is changed, nothing is looked at */
enum sign { SIGN_KEPT, SIGN_TURNED, SIGN_CLEARED, SIGN_SET };

static void move(struct xl_ctx *x, const struct ppc_insn *d, enum sign sign)
{
    if (ppc_fpu_off(x))
        return;
    struct ir_ref high = ir_get(x, 0, PPC_FPR(d->frb) + 4), bit = ir_const(x, 0x80000000u);
    switch (sign) {
    case SIGN_TURNED: high = ir_xor(x, high, bit); break;
    case SIGN_CLEARED: high = ir_and(x, high, ir_const(x, 0x7fffffffu)); break;
    case SIGN_SET: high = ir_or(x, high, bit); break;
    default: break;
    }
    halves_put(x, d->frt, high, ir_get(x, 0, PPC_FPR(d->frb)));
    record(x, d);
}

void ppc_fmr(struct xl_ctx *x, const struct ppc_insn *d) { move(x, d, SIGN_KEPT); }
void ppc_fneg(struct xl_ctx *x, const struct ppc_insn *d) { move(x, d, SIGN_TURNED); }
void ppc_fabs(struct xl_ctx *x, const struct ppc_insn *d) { move(x, d, SIGN_CLEARED); }
void ppc_fnabs(struct xl_ctx *x, const struct ppc_insn *d) { move(x, d, SIGN_SET); }

void ppc_fsel(struct xl_ctx *x, const struct ppc_insn *d)
{
    static const struct xl_fp fp = {.name = "ppc_fsel", .slow = select, .op = XL_FP_SELECT, .form = XL_FP_DOUBLE};

    if (ppc_fpu_off(x))
        return;
    ir_fp(x, &fp, (struct xl_fp_regs){off(d->frt), off(d->fra), off(d->frb), off(d->frc)}, d->word);
    record(x, d);
}

/* mffs: the upper word is undefined in the manual, 0 here */
void ppc_mffs(struct xl_ctx *x, const struct ppc_insn *d)
{
    if (ppc_fpu_off(x))
        return;
    halves_put(x, d->frt, ir_const(x, 0), ir_callw(x, &help_fpscr_read, 0, NULL));
    record(x, d);
}

static void fpscr_put(struct xl_ctx *x, const struct ppc_insn *d, struct ir_ref value, uint32_t mask)
{
    struct ir_ref all = ir_op2(x, IR_OP_PAIR, ir_const(x, d->rc), ir_const(x, mask));

    ir_call(x, &help_fpscr_write, 2, (struct ir_ref[]){value, all});
}

/* mtfsf: the fields of FM */
void ppc_mtfsf(struct xl_ctx *x, const struct ppc_insn *d)
{
    uint32_t mask = 0;

    if (ppc_fpu_off(x))
        return;
    for (unsigned i = 0; i < 8; i++)
        mask |= d->fm >> i & 1 ? 15u << 4 * i : 0;
    fpscr_put(x, d, ir_get(x, 0, PPC_FPR(d->frb)), mask);
}

void ppc_mtfsfi(struct xl_ctx *x, const struct ppc_insn *d)
{
    unsigned shift = 28 - 4 * d->bf;

    if (!ppc_fpu_off(x))
        fpscr_put(x, d, ir_const(x, d->u << shift), 15u << shift);
}

static void fpscr_bit(struct xl_ctx *x, const struct ppc_insn *d, uint32_t value)
{
    if (!ppc_fpu_off(x))
        ir_call(x, &help_fpscr_bit, 3, (struct ir_ref[]){ir_const(x, d->bt), ir_const(x, value), ir_const(x, d->rc)});
}

void ppc_mtfsb0(struct xl_ctx *x, const struct ppc_insn *d) { fpscr_bit(x, d, 0); }
void ppc_mtfsb1(struct xl_ctx *x, const struct ppc_insn *d) { fpscr_bit(x, d, 1); }

/* mcrfs: a field to CR; what it held of exceptions is cleared */
void ppc_mcrfs(struct xl_ctx *x, const struct ppc_insn *d)
{
    struct ir_ref field = ir_const(x, d->bfa);

    if (ppc_fpu_off(x))
        return;
    field = ir_callw(x, &help_fpscr_take, 1, &field);
    ppc_field_put(x, d->bf, ir_and(x, field, ir_const(x, 15)));
}

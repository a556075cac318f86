/* SPDX-License-Identifier: MIT */
/*
 * SPARC floating-point instructions: loads and stores of f registers and FSR, and the FPops, which are one helper that takes the instruction word.
 *
 * Exceptions are precise: an enabled one leaves rd, fcc and aexc alone, names itself in cexc, and traps with ftt = IEEE_754_exception. There is no queue, so STDFQ is
 * a sequence error.
 *
 * Source: SPARC V8 4.4, B.1, B.4, B.31-B.33, appendix N.
 */
#include "fpu.h"
#include "sparc.h"

static uint32_t f_off(unsigned r)
{
    return SPARC_OFF(f) + 4 * (r ^ 1);
}

static struct ir_mem fp_mem(const struct xl_ctx *x, uint8_t size)
{
    return (struct ir_mem){.size = size, .mmu = x->mode & SPARC_MODE_S ? SPARC_MMU_SUPER : SPARC_MMU_USER};
}

static struct ir_ref address(struct xl_ctx *x, const struct sparc_insn *d)
{
    return ir_add(x, sparc_get(x, d->rs1), sparc_operand(x, d));
}

/* --- FPops at run time --- */
/* Numbers of what is done inline: an operation of enum fp_operation, or one of these. */
enum { LATE_EXACT = 16, LATE_NARROW, LATE_FROM_INT, LATE_TO_INT, LATE_OP = 0xff, LATE_WIDE = 0x100, LATE = 0x200 };

static uint32_t single_at(const struct sparc_cpu *s, unsigned r)
{
    return s->f[r ^ 1];
}

static uint64_t double_at(const struct sparc_cpu *s, unsigned r)
{
    return (uint64_t)single_at(s, r & 30) << 32 | single_at(s, r | 1);
}

static void double_put(struct sparc_cpu *s, unsigned r, uint64_t value)
{
    s->f[r | 1] = (uint32_t)(value >> 32);
    s->f[r & 30] = (uint32_t)value;
}

static bool is_subnormal(uint64_t value, bool wide)
{
    uint64_t magnitude = wide ? value & 0x7fffffffffffffffull : value & 0x7fffffff;

    return magnitude && magnitude < (wide ? 0x0010000000000000ull : 0x00800000u);
}

void sparc_fp_guard(struct sparc_cpu *s)
{
    s->fp_guard = !(s->aexc & FP_NX) || s->fsr >> 23 & FP_NX || s->fsr >> 30;
}

/* Raise the first enabled exception, or accumulate. V8 4.4: of and uf go before nx, and cexc then names one alone. */
static void finish(struct xl_cpu *cpu, unsigned flags)
{
    static const uint8_t order[] = {FP_NV, FP_DZ, FP_OF, FP_UF, FP_NX};
    struct sparc_cpu *s = sparc_of(cpu);
    unsigned enabled = s->fsr >> 23 & flags & 31;

    s->ftt = FTT_NONE;
    s->late.number = 0; /* all that it gave is in aexc, and cexc is this operation's */
    if (enabled) {
        for (unsigned i = 0; i < sizeof order; i++)
            if (enabled & order[i]) {
                s->cexc = order[i];
                break;
            }
        s->ftt = FTT_IEEE;
        xl_raise(cpu, TT_FP_EXCEPTION);
    }
    s->cexc = flags;
    s->aexc |= flags;
    sparc_fp_guard(s);
}

/* A tiny exact result is an underflow where that trap is enabled. */
static unsigned with_exact_underflow(const struct sparc_cpu *s, unsigned flags, uint64_t result, bool wide)
{
    return (s->fsr >> 23 & FP_UF) && is_subnormal(result, wide) ? flags | FP_UF : flags;
}

static void result_single(struct xl_cpu *cpu, unsigned rd, uint32_t value, unsigned flags)
{
    finish(cpu, flags);
    sparc_of(cpu)->f[rd ^ 1] = value;
}

static void result_double(struct xl_cpu *cpu, unsigned rd, uint64_t value, unsigned flags)
{
    finish(cpu, flags);
    double_put(sparc_of(cpu), rd, value);
}

static void arithmetic(struct xl_cpu *cpu, const struct sparc_insn *d, enum fp_operation op, bool wide)
{
    struct sparc_cpu *s = sparc_of(cpu);
    unsigned flags = 0, rounding = s->fsr >> 30, rs1 = d->word >> 14 & 31;

    if (wide) {
        uint64_t r = fp_double(op, double_at(s, rs1), double_at(s, d->rs2), rounding, &flags);
        result_double(cpu, d->rd, r, with_exact_underflow(s, flags, r, true));
    } else {
        uint32_t r = fp_single(op, single_at(s, rs1), single_at(s, d->rs2), rounding, &flags);
        result_single(cpu, d->rd, r, with_exact_underflow(s, flags, r, false));
    }
}

static void compare(struct xl_cpu *cpu, const struct sparc_insn *d, bool wide, bool signal_quiet)
{
    struct sparc_cpu *s = sparc_of(cpu);
    unsigned flags = 0;
    enum ieee_relation relation = wide ? fp_compare_double(double_at(s, d->rs1), double_at(s, d->rs2), signal_quiet, &flags)
                                       : fp_compare_single(single_at(s, d->rs1), single_at(s, d->rs2), signal_quiet, &flags);

    finish(cpu, flags);
    s->fcc = relation;
}

static void convert(struct xl_cpu *cpu, const struct sparc_insn *d)
{
    struct sparc_cpu *s = sparc_of(cpu);
    unsigned flags = 0, rounding = s->fsr >> 30;
    uint32_t r;

    switch (d->entry) {
    case SPARC_FiTOs: r = fp_from_int_single(single_at(s, d->rs2), rounding, &flags); break;
    case SPARC_FdTOs:
        r = fp_narrow(double_at(s, d->rs2), rounding, &flags);
        flags = with_exact_underflow(s, flags, r, false);
        break;
    case SPARC_FsTOi: r = fp_single_to_int(single_at(s, d->rs2), &flags); break;
    case SPARC_FdTOi: r = fp_double_to_int(double_at(s, d->rs2), &flags); break;
    case SPARC_FiTOd: result_double(cpu, d->rd, fp_from_int_double(single_at(s, d->rs2)), 0); return;
    case SPARC_FsMULd: {
        uint64_t wide = fp_single_mul_double(single_at(s, d->rs1), single_at(s, d->rs2), &flags);
        result_double(cpu, d->rd, wide, flags);
        return;
    }
    default: { /* FsTOd */
        uint64_t wide = fp_widen(single_at(s, d->rs2), &flags);
        result_double(cpu, d->rd, wide, flags);
        return;
    }
    }
    result_single(cpu, d->rd, r, flags);
}

static uint64_t fpop(struct xl_cpu *cpu, uint64_t word)
{
    struct sparc_cpu *s = sparc_of(cpu);
    struct sparc_insn d = {0};

    sparc_decode((uint32_t)word, &d);
    switch (d.entry) {
    case SPARC_FSQRTs: arithmetic(cpu, &d, FP_SQRT, false); break;
    case SPARC_FSQRTd: arithmetic(cpu, &d, FP_SQRT, true); break;
    case SPARC_FADDs: arithmetic(cpu, &d, FP_ADD, false); break;
    case SPARC_FADDd: arithmetic(cpu, &d, FP_ADD, true); break;
    case SPARC_FSUBs: arithmetic(cpu, &d, FP_SUB, false); break;
    case SPARC_FSUBd: arithmetic(cpu, &d, FP_SUB, true); break;
    case SPARC_FMULs: arithmetic(cpu, &d, FP_MUL, false); break;
    case SPARC_FMULd: arithmetic(cpu, &d, FP_MUL, true); break;
    case SPARC_FDIVs: arithmetic(cpu, &d, FP_DIV, false); break;
    case SPARC_FDIVd: arithmetic(cpu, &d, FP_DIV, true); break;
    case SPARC_FCMPs: compare(cpu, &d, false, false); break;
    case SPARC_FCMPd: compare(cpu, &d, true, false); break;
    case SPARC_FCMPEs: compare(cpu, &d, false, true); break;
    case SPARC_FCMPEd: compare(cpu, &d, true, true); break;
    case SPARC_FPop1:
    case SPARC_FPop2: /* quad operations and holes */
        sparc_fp_settle(cpu);
        s->ftt = FTT_UNIMPLEMENTED;
        xl_raise(cpu, TT_FP_EXCEPTION);
    default: convert(cpu, &d); break;
    }
    return 0;
}

static uint64_t sequence_error(struct xl_cpu *cpu)
{
    sparc_fp_settle(cpu);
    sparc_of(cpu)->ftt = FTT_SEQUENCE;
    xl_raise(cpu, TT_FP_EXCEPTION);
}

/* Of the operation that was done inline: to nearest, its result normal or an exact zero. */
void sparc_fp_settle(struct xl_cpu *cpu)
{
    struct sparc_cpu *s = sparc_of(cpu);
    uint32_t number = s->late.number;
    unsigned flags = 0;

    if (!number)
        return;
    uint64_t a = s->late.operand[0], b = s->late.operand[1];
    bool wide = number & LATE_WIDE;
    switch (number & LATE_OP) {
    case LATE_EXACT: break;
    case LATE_NARROW: fp_narrow(b, 0, &flags); break;
    case LATE_FROM_INT: fp_from_int_single((uint32_t)b, 0, &flags); break;
    case LATE_TO_INT: wide ? fp_double_to_int(b, &flags) : fp_single_to_int((uint32_t)b, &flags); break;
    default:
        if (wide)
            fp_double((enum fp_operation)(number & LATE_OP), a, b, 0, &flags);
        else
            fp_single((enum fp_operation)(number & LATE_OP), (uint32_t)a, (uint32_t)b, 0, &flags);
        break;
    }
    s->late.number = 0;
    s->ftt = FTT_NONE;
    s->cexc = flags;
    s->aexc |= flags;
}

static uint64_t fsr_read(struct xl_cpu *cpu)
{
    return sparc_fsr(cpu);
}

static uint64_t fsr_write(struct xl_cpu *cpu, uint64_t value)
{
    sparc_fsr_set(cpu, (uint32_t)value);
    return 0;
}

static const struct xl_helper help_fpop = {"sparc_fpop", (void *)fpop, XL_H_READS | XL_H_WRITES | XL_H_FAULTS};
static const struct xl_helper help_sequence = {"sparc_fp_sequence_error", (void *)sequence_error, XL_H_READS | XL_H_WRITES | XL_H_FAULTS};
static const struct xl_helper help_fsr_read = {"sparc_fsr_read", (void *)fsr_read, XL_H_READS};
static const struct xl_helper help_fsr_write = {"sparc_fsr_write", (void *)fsr_write, XL_H_READS | XL_H_WRITES};

/* --- translation --- */
static uint32_t couple_off(unsigned r)
{
    return SPARC_OFF(f) + 4 * (r & 30);
}

/* What may go wrong of an operation: nothing, or inexact among others, which the guard wants recorded. */
enum care { EXACT, GUARDED };
enum width { SINGLE, DOUBLE };

static uint16_t place(unsigned r, enum width width)
{
    return (uint16_t)(width == DOUBLE ? couple_off(r) : f_off(r));
}

#define FPOP(name)                                                                                 \
    void sparc_##name(struct xl_ctx *x, const struct sparc_insn *d)                                \
    {                                                                                              \
        struct ir_ref word;                                                                        \
        if (sparc_fpu_off(x))                                                                      \
            return;                                                                                \
        word = ir_const(x, d->word);                                                               \
        ir_call(x, &help_fpop, 1, &word);                                                          \
    }
/* operation: enum xl_fp_op; form: widths of result and operands */
#define INLINE(insn, operation, result, operands, computes, care, what)                            \
    void sparc_##insn(struct xl_ctx *x, const struct sparc_insn *d)                                \
    {                                                                                              \
        static const struct xl_fp fp = {.name = "sparc_" #insn,                                    \
                                        .slow = fpop,                                              \
                                        .op = operation,                                           \
                                        .form = (computes) == DOUBLE ? XL_FP_DOUBLE : XL_FP_SINGLE, \
                                        .whole = true,                                             \
                                        .less = IEEE_LESS,                                         \
                                        .greater = IEEE_GREATER,                                   \
                                        .equal = IEEE_EQUAL,                                       \
                                        .guard = (care) == GUARDED ? SPARC_OFF(fp_guard) : 0,      \
                                        .late = SPARC_OFF(late),                                   \
                                        .number = LATE | ((operands) == DOUBLE ? LATE_WIDE : 0) | (what)}; \
        uint16_t rs1 = place(d->word >> 14 & 31, operands), rs2 = place(d->rs2, operands);         \
        uint16_t to = (operation) == XL_FP_COMPARE ? (uint16_t)SPARC_OFF(fcc) : place(d->rd, result); \
        if (!sparc_fpu_off(x))                                                                     \
            ir_fp(x, &fp, (struct xl_fp_regs){.to = to, .a = rs1, .b = rs2, .c = rs2}, d->word);   \
    }
#define ARITHMETIC(insn, operation, width) INLINE(insn, XL_##operation, width, width, width, GUARDED, operation)
ARITHMETIC(fadds, FP_ADD, SINGLE) ARITHMETIC(fsubs, FP_SUB, SINGLE) ARITHMETIC(fmuls, FP_MUL, SINGLE) ARITHMETIC(fdivs, FP_DIV, SINGLE) ARITHMETIC(fsqrts, FP_SQRT, SINGLE)
ARITHMETIC(faddd, FP_ADD, DOUBLE) ARITHMETIC(fsubd, FP_SUB, DOUBLE) ARITHMETIC(fmuld, FP_MUL, DOUBLE) ARITHMETIC(fdivd, FP_DIV, DOUBLE) ARITHMETIC(fsqrtd, FP_SQRT, DOUBLE)
INLINE(fsmuld, XL_FP_MUL_WIDE, DOUBLE, SINGLE, SINGLE, EXACT, LATE_EXACT)
INLINE(fitos, XL_FP_FROM_INT, SINGLE, SINGLE, SINGLE, GUARDED, LATE_FROM_INT)
INLINE(fitod, XL_FP_FROM_INT, DOUBLE, SINGLE, DOUBLE, EXACT, LATE_EXACT)
INLINE(fdtos, XL_FP_NARROW, SINGLE, DOUBLE, SINGLE, GUARDED, LATE_NARROW)
INLINE(fstod, XL_FP_WIDEN, DOUBLE, SINGLE, SINGLE, EXACT, LATE_EXACT)
INLINE(fstoi, XL_FP_TO_INT, SINGLE, SINGLE, SINGLE, GUARDED, LATE_TO_INT)
INLINE(fdtoi, XL_FP_TO_INT, SINGLE, DOUBLE, DOUBLE, GUARDED, LATE_TO_INT)
INLINE(fcmps, XL_FP_COMPARE, SINGLE, SINGLE, SINGLE, EXACT, LATE_EXACT)
INLINE(fcmpes, XL_FP_COMPARE, SINGLE, SINGLE, SINGLE, EXACT, LATE_EXACT)
INLINE(fcmpd, XL_FP_COMPARE, DOUBLE, DOUBLE, DOUBLE, EXACT, LATE_EXACT)
INLINE(fcmped, XL_FP_COMPARE, DOUBLE, DOUBLE, DOUBLE, EXACT, LATE_EXACT)
FPOP(fpop1) FPOP(fpop2)

/* FMOVs FNEGs FABSs: a word, of which the sign is changed */
static void move(struct xl_ctx *x, const struct sparc_insn *d, uint32_t cleared, uint32_t turned)
{
    if (sparc_fpu_off(x))
        return;
    struct ir_ref value = ir_and(x, ir_get(x, 0, f_off(d->rs2)), ir_const(x, ~cleared));
    ir_put(x, 0, f_off(d->rd), ir_xor(x, value, ir_const(x, turned)));
    ir_put(x, 0, SPARC_OFF(late.number), ir_const(x, LATE | LATE_EXACT));
}

void sparc_fmovs(struct xl_ctx *x, const struct sparc_insn *d) { move(x, d, 0, 0); }
void sparc_fnegs(struct xl_ctx *x, const struct sparc_insn *d) { move(x, d, 0, 0x80000000u); }
void sparc_fabss(struct xl_ctx *x, const struct sparc_insn *d) { move(x, d, 0x80000000u, 0); }

static void load_single(struct xl_ctx *x, const struct sparc_insn *d)
{
    if (!sparc_fpu_off(x))
        ir_put(x, 0, f_off(d->rd), ir_ld(x, fp_mem(x, 4), address(x, d)));
}

static void load_double(struct xl_ctx *x, const struct sparc_insn *d)
{
    if (sparc_fpu_off(x))
        return;
    struct ir_ref value = ir_ld(x, fp_mem(x, 8), address(x, d));
    ir_putd(x, couple_off(d->rd), value);
}

static void load_fsr(struct xl_ctx *x, const struct sparc_insn *d)
{
    if (sparc_fpu_off(x))
        return;
    struct ir_ref value = ir_ld(x, fp_mem(x, 4), address(x, d));
    ir_call(x, &help_fsr_write, 1, &value);
}

static void store_single(struct xl_ctx *x, const struct sparc_insn *d)
{
    if (!sparc_fpu_off(x))
        ir_st(x, fp_mem(x, 4), address(x, d), ir_get(x, 0, f_off(d->rd)));
}

static void store_double(struct xl_ctx *x, const struct sparc_insn *d)
{
    if (sparc_fpu_off(x))
        return;
    ir_st(x, fp_mem(x, 8), address(x, d), ir_getd(x, couple_off(d->rd)));
}

static void store_fsr(struct xl_ctx *x, const struct sparc_insn *d)
{
    if (!sparc_fpu_off(x))
        ir_st(x, fp_mem(x, 4), address(x, d), ir_callw(x, &help_fsr_read, 0, NULL));
}

static void store_queue(struct xl_ctx *x, const struct sparc_insn *d)
{
    (void)d;
    if (!(x->mode & SPARC_MODE_S))
        sparc_raise(x, TT_PRIVILEGED);
    else if (!sparc_fpu_off(x))
        ir_call(x, &help_sequence, 0, NULL);
}

/* LDF LDDF LDFSR STF STDF STFSR STDFQ   V8 B.1, B.4: register and immediate forms are one */
#define ACCESS(name, function)                                                                     \
    void sparc_##name##_r(struct xl_ctx *x, const struct sparc_insn *d) { function(x, d); }         \
    void sparc_##name##_i(struct xl_ctx *x, const struct sparc_insn *d) { function(x, d); }
ACCESS(ldf, load_single)
ACCESS(lddf, load_double)
ACCESS(ldfsr, load_fsr)
ACCESS(stf, store_single)
ACCESS(stdf, store_double)
ACCESS(stfsr, store_fsr)
ACCESS(stdfq, store_queue)

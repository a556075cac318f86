/* SPDX-License-Identifier: MIT */
/*
 * SPARC floating point on SSE2. The host computes; what it does otherwise than V8 is mended around it: which NaN comes out, and tininess, which V8 detects before rounding
 * and SSE after. MXCSR is set for each operation and put back, so that C around it keeps its own.
 *
 * Source: SPARC V8 appendix N; Intel SDM vol. 1, 10.2.3 (MXCSR).
 */
#include "fpu.h"

enum { MXCSR_MASKED = 0x1f80, MXCSR_RC = 13, IE = 1, ZE = 4, OE = 8, UE = 16, PE = 32 };
#define DEFAULT_S 0x7fffffffu
#define DEFAULT_D 0x7fffffffffffffffull

static uint32_t control(unsigned rd)
{
    static const uint8_t host_rounding[4] = {0, 3, 2, 1}; /* SPARC nearest, zero, up, down */

    return MXCSR_MASKED | (uint32_t)host_rounding[rd & 3] << MXCSR_RC;
}

static uint32_t begin(unsigned rd)
{
    uint32_t old, now = control(rd);

    __asm__ volatile("stmxcsr %0" : "=m"(old));
    __asm__ volatile("ldmxcsr %0" : : "m"(now));
    return old;
}

static unsigned end(uint32_t old)
{
    uint32_t now;

    __asm__ volatile("stmxcsr %0" : "=m"(now));
    __asm__ volatile("ldmxcsr %0" : : "m"(old));
    return (now & IE ? FP_NV : 0u) | (now & ZE ? FP_DZ : 0u) | (now & OE ? FP_OF : 0u) | (now & UE ? FP_UF : 0u) | (now & PE ? FP_NX : 0u);
}

/* Which NaN comes out: a signaling rs2, a signaling rs1, a quiet rs2, a quiet rs1   V8 N.5 */
static uint32_t pick_s(uint32_t a, uint32_t b, unsigned *flags)
{
    if (ieee_signaling_s(a) || ieee_signaling_s(b))
        *flags |= FP_NV;
    if (ieee_signaling_s(b) || (ieee_nan_s(b) && !ieee_signaling_s(a)))
        return b | IEEE_QUIET_S;
    return a | IEEE_QUIET_S;
}

static uint64_t pick_d(uint64_t a, uint64_t b, unsigned *flags)
{
    if (ieee_signaling_d(a) || ieee_signaling_d(b))
        *flags |= FP_NV;
    if (ieee_signaling_d(b) || (ieee_nan_d(b) && !ieee_signaling_d(a)))
        return b | IEEE_QUIET_D;
    return a | IEEE_QUIET_D;
}

static uint32_t host_single(enum fp_operation op, uint32_t a, uint32_t b, unsigned rd, unsigned *flags)
{
    static float (*const host[])(float, float) = {sse2_add_s, sse2_sub_s, sse2_mul_s, sse2_div_s, sse2_sqrt_s};
    union ieee_single x = {a}, y = {b};
    uint32_t old = begin(rd);

    x.value = host[op](x.value, y.value);
    *flags |= end(old);
    return x.bits;
}

static uint64_t host_double(enum fp_operation op, uint64_t a, uint64_t b, unsigned rd, unsigned *flags)
{
    static double (*const host[])(double, double) = {sse2_add_d, sse2_sub_d, sse2_mul_d, sse2_div_d, sse2_sqrt_d};
    union ieee_double x = {a}, y = {b};
    uint32_t old = begin(rd);

    x.value = host[op](x.value, y.value);
    *flags |= end(old);
    return x.bits;
}

uint32_t fp_single(enum fp_operation op, uint32_t a, uint32_t b, unsigned rd, unsigned *flags)
{
    unsigned ignored = 0;

    if (op == FP_SQRT)
        a = b;
    if (ieee_nan_s(a) || ieee_nan_s(b))
        return pick_s(a, b, flags);
    uint32_t result = host_single(op, a, b, rd, flags);
    if (ieee_nan_s(result))
        return DEFAULT_S;
    if ((result & 0x7fffffff) == IEEE_MIN_NORMAL_S && (*flags & FP_NX) && (host_single(op, a, b, 1, &ignored) & 0x7fffffff) < IEEE_MIN_NORMAL_S)
        *flags |= FP_UF; /* tiny before rounding, not after */
    return result;
}

uint64_t fp_double(enum fp_operation op, uint64_t a, uint64_t b, unsigned rd, unsigned *flags)
{
    unsigned ignored = 0;

    if (op == FP_SQRT)
        a = b;
    if (ieee_nan_d(a) || ieee_nan_d(b))
        return pick_d(a, b, flags);
    uint64_t result = host_double(op, a, b, rd, flags);
    if (ieee_nan_d(result))
        return DEFAULT_D;
    if ((result & DEFAULT_D) == IEEE_MIN_NORMAL_D && (*flags & FP_NX) && (host_double(op, a, b, 1, &ignored) & DEFAULT_D) < IEEE_MIN_NORMAL_D)
        *flags |= FP_UF;
    return result;
}

static uint64_t widen_nan(uint32_t a)
{
    return (uint64_t)(a & 0x80000000u) << 32 | 0x7ff0000000000000ull | (uint64_t)(a & 0x007fffff) << 29 | IEEE_QUIET_D;
}

uint64_t fp_widen(uint32_t a, unsigned *flags)
{
    union ieee_single x = {a};
    union ieee_double y;

    if (ieee_nan_s(a)) {
        *flags |= ieee_signaling_s(a) ? FP_NV : 0;
        return widen_nan(a);
    }
    y.value = sse2_widen(x.value);
    return y.bits;
}

uint64_t fp_single_mul_double(uint32_t a, uint32_t b, unsigned *flags)
{
    if (ieee_nan_s(a) || ieee_nan_s(b))
        return widen_nan(pick_s(a, b, flags));
    uint64_t result = host_double(FP_MUL, fp_widen(a, flags), fp_widen(b, flags), 0, flags); /* exact: 48 bits */
    return ieee_nan_d(result) ? DEFAULT_D : result;
}

static uint32_t host_narrow(uint64_t a, unsigned rd, unsigned *flags)
{
    union ieee_double x = {a};
    union ieee_single y;
    uint32_t old = begin(rd);

    y.value = sse2_narrow(x.value);
    *flags |= end(old);
    return y.bits;
}

uint32_t fp_narrow(uint64_t a, unsigned rd, unsigned *flags)
{
    unsigned ignored = 0;

    if (ieee_nan_d(a)) {
        *flags |= ieee_signaling_d(a) ? FP_NV : 0;
        return (uint32_t)(a >> 32 & 0x80000000u) | 0x7fc00000u | (uint32_t)(a >> 29 & 0x003fffff);
    }
    uint32_t result = host_narrow(a, rd, flags);
    if ((result & 0x7fffffff) == IEEE_MIN_NORMAL_S && (*flags & FP_NX) && (host_narrow(a, 1, &ignored) & 0x7fffffff) < IEEE_MIN_NORMAL_S)
        *flags |= FP_UF;
    return result;
}

uint32_t fp_from_int_single(uint32_t a, unsigned rd, unsigned *flags)
{
    union ieee_single y;
    uint32_t old = begin(rd);

    __asm__ volatile("cvtsi2ssl %1, %0" : "=x"(y.value) : "r"(a));
    *flags |= end(old);
    return y.bits;
}

uint64_t fp_from_int_double(uint32_t a)
{
    union ieee_double y;

    __asm__ volatile("cvtsi2sdl %1, %0" : "=x"(y.value) : "r"(a));
    return y.bits;
}

uint32_t fp_double_to_int(uint64_t a, unsigned *flags)
{
    union ieee_double x = {a};
    uint32_t result, old = begin(1);

    __asm__ volatile("cvttsd2sil %1, %0" : "=r"(result) : "x"(x.value));
    unsigned got = end(old);
    if (got & FP_NV) {
        *flags |= FP_NV;
        return a >> 63 ? 0x80000000u : 0x7fffffffu;
    }
    *flags |= got;
    return result;
}

uint32_t fp_single_to_int(uint32_t a, unsigned *flags)
{
    unsigned ignored = 0;

    return fp_double_to_int(fp_widen(a, &ignored), flags); /* widening is exact; a NaN stays one */
}

enum ieee_relation fp_compare_double(uint64_t a, uint64_t b, bool signal_quiet, unsigned *flags)
{
    enum ieee_relation relation = ieee_compare(a, b);

    if (relation == IEEE_UNORDERED && (signal_quiet || ieee_signaling_d(a) || ieee_signaling_d(b)))
        *flags |= FP_NV;
    return relation;
}

enum ieee_relation fp_compare_single(uint32_t a, uint32_t b, bool signal_quiet, unsigned *flags)
{
    unsigned ignored = 0;

    if (ieee_signaling_s(a) || ieee_signaling_s(b))
        *flags |= FP_NV;
    return fp_compare_double(fp_widen(a, &ignored), fp_widen(b, &ignored), signal_quiet, flags);
}

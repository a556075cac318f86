/* SPDX-License-Identifier: MIT */
/*
 * IEEE 754 as the guests' FPUs share it: the two formats as bit patterns, what kind of value they hold, comparison, and the host's SSE2 instructions as functions.
 *
 * Here is what no two manuals say differently. Which NaN comes out, when a result counts as tiny and how exceptions are reported is each front end's own.
 * The SSE2 functions round and report as MXCSR says at that moment: a front end that leaves it alone has round to nearest with all exceptions masked.
 *
 * Source: IEEE 754-1985; Intel SDM vol. 1, 11.5 (SIMD exceptions), 10.2.3 (MXCSR).
 */
#ifndef GUEST_COMMON_IEEE_H
#define GUEST_COMMON_IEEE_H

#include <stdbool.h>
#include <stdint.h>

#define IEEE_QUIET_S 0x00400000u
#define IEEE_QUIET_D 0x0008000000000000ull
#define IEEE_MAGNITUDE_S 0x7fffffffu
#define IEEE_MAGNITUDE_D 0x7fffffffffffffffull
#define IEEE_INFINITY_S 0x7f800000u
#define IEEE_INFINITY_D 0x7ff0000000000000ull
#define IEEE_MIN_NORMAL_S 0x00800000u
#define IEEE_MIN_NORMAL_D 0x0010000000000000ull

enum ieee_relation { IEEE_EQUAL, IEEE_LESS, IEEE_GREATER, IEEE_UNORDERED };

union ieee_single {
    uint32_t bits;
    float value;
};
union ieee_double {
    uint64_t bits;
    double value;
};

static inline bool ieee_nan_s(uint32_t a)
{
    return (a & IEEE_MAGNITUDE_S) > IEEE_INFINITY_S;
}

static inline bool ieee_nan_d(uint64_t a)
{
    return (a & IEEE_MAGNITUDE_D) > IEEE_INFINITY_D;
}

static inline bool ieee_signaling_s(uint32_t a)
{
    return ieee_nan_s(a) && !(a & IEEE_QUIET_S);
}

static inline bool ieee_signaling_d(uint64_t a)
{
    return ieee_nan_d(a) && !(a & IEEE_QUIET_D);
}

static inline enum ieee_relation ieee_compare(uint64_t a, uint64_t b)
{
    union ieee_double x = {a}, y = {b};

    if (ieee_nan_d(a) || ieee_nan_d(b))
        return IEEE_UNORDERED;
    if (x.value < y.value)
        return IEEE_LESS;
    return x.value > y.value ? IEEE_GREATER : IEEE_EQUAL;
}

/* Volatile, so that the compiler keeps each between the MXCSR writes around it. */
#define IEEE_SSE2(name, type, insn)                                                                \
    static inline type name(type a, type b)                                                        \
    {                                                                                              \
        __asm__ volatile(insn " %1, %0" : "+x"(a) : "x"(b));                                       \
        return a;                                                                                  \
    }
IEEE_SSE2(sse2_add_s, float, "addss")
IEEE_SSE2(sse2_sub_s, float, "subss")
IEEE_SSE2(sse2_mul_s, float, "mulss")
IEEE_SSE2(sse2_div_s, float, "divss")
IEEE_SSE2(sse2_sqrt_s, float, "sqrtss") /* of b */
IEEE_SSE2(sse2_add_d, double, "addsd")
IEEE_SSE2(sse2_sub_d, double, "subsd")
IEEE_SSE2(sse2_mul_d, double, "mulsd")
IEEE_SSE2(sse2_div_d, double, "divsd")
IEEE_SSE2(sse2_sqrt_d, double, "sqrtsd")
#undef IEEE_SSE2

static inline double sse2_widen(float a)
{
    double wide;

    __asm__ volatile("cvtss2sd %1, %0" : "=x"(wide) : "x"(a)); /* exact */
    return wide;
}

static inline float sse2_narrow(double a)
{
    float narrow;

    __asm__ volatile("cvtsd2ss %1, %0" : "=x"(narrow) : "x"(a));
    return narrow;
}

#endif

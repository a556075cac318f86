/* SPDX-License-Identifier: MIT */
/*
 * PowerPC floating point in integers: one rounding, whatever the operation, with all that FPSCR wants to know of it.
 *
 * An operation makes an exact number, 128 bits wide; what does not fit is folded into its last bit ("jam"), which is far below every place that rounding looks at.
 * round_to() then rounds once. So a fused multiply-add is an addition whose first operand is a product, and single results of any doubles are rounded once, too.
 *
 * Where the manuals leave a bit undefined: FR of a disabled overflow says whether infinity came out; fctiw gives 0xfff80000 in its upper word and
 * FPRF 0; fres and frsqrte give the rounded quotient and leave FR and FI 0; stfs of what no single holds cuts it off.
 *
 * Source: Book E 5.5 (exceptions), 5.6 (models), the instruction pages; PEM appendix D.
 */
#include "fpu.h"

typedef unsigned __int128 wide_t;

/* significand / 2^63 * 2^exponent, bit 63 set; of a zero, an infinity or a NaN only the sign counts. */
struct number {
    enum { ZERO, FINITE, INFINITE, NAN_ANY } kind;
    bool negative;
    int32_t exponent;
    uint64_t significand;
};

/* significand / 2^126 * 2^exponent, bit 126 set, or nothing at all. */
struct exact {
    bool negative;
    int32_t exponent;
    wide_t significand;
};

#define DEFAULT_NAN 0x7ff8000000000000ull
#define SIGN 0x8000000000000000ull
#define ONE 0x3ff0000000000000ull
#define CONVERTED ((uint64_t)PPC_FP_CONVERTED << 32)

static struct number unpack(uint64_t bits)
{
    int32_t biased = (int32_t)(bits >> 52 & 0x7ff);
    uint64_t fraction = bits << 12 >> 12;
    struct number n = {FINITE, bits >> 63, biased - 1023, SIGN | fraction << 11};

    if (biased == 0x7ff)
        n.kind = fraction ? NAN_ANY : INFINITE;
    else if (biased == 0 && fraction == 0)
        n.kind = ZERO;
    else if (biased == 0) {
        int shift = __builtin_clzll(fraction);
        n.significand = fraction << shift;
        n.exponent = -1011 - shift;
    }
    return n;
}

static wide_t shift_jam(wide_t a, int32_t shift)
{
    if (shift > 127)
        return a != 0;
    return shift ? a >> shift | ((a & (((wide_t)1 << shift) - 1)) != 0) : a;
}

static int leading_zeros(wide_t a)
{
    return a >> 64 ? __builtin_clzll((uint64_t)(a >> 64)) : 64 + __builtin_clzll((uint64_t)a);
}

static struct exact normalize(bool negative, int32_t exponent, wide_t significand)
{
    if (!significand)
        return (struct exact){negative, 0, 0};
    int shift = leading_zeros(significand) - 1;
    if (shift < 0)
        return (struct exact){negative, exponent + 1, shift_jam(significand, 1)};
    return (struct exact){negative, exponent - shift, significand << shift};
}

static struct exact exact_of(const struct number *n)
{
    return (struct exact){n->negative, n->exponent, n->kind == ZERO ? 0 : (wide_t)n->significand << 63};
}

static struct exact product(const struct number *a, const struct number *b)
{
    bool negative = a->negative != b->negative;

    if (a->kind == ZERO || b->kind == ZERO)
        return (struct exact){negative, 0, 0};
    return normalize(negative, a->exponent + b->exponent, (wide_t)a->significand * b->significand);
}

/* A sum that is exactly zero is +0, but -0 when rounding down; a sum of two zeros of one sign keeps it. */
static struct exact sum(struct exact a, struct exact b, unsigned rounding)
{
    if (!a.significand || !b.significand) {
        if (a.significand || b.significand)
            return a.significand ? a : b;
        return (struct exact){a.negative == b.negative ? a.negative : rounding == RN_DOWN, 0, 0};
    }
    if (a.exponent < b.exponent || (a.exponent == b.exponent && a.significand < b.significand)) {
        struct exact swap = a;
        a = b;
        b = swap;
    }
    wide_t smaller = shift_jam(b.significand, a.exponent - b.exponent);
    if (a.negative == b.negative)
        return normalize(a.negative, a.exponent, a.significand + smaller);
    if (a.significand == smaller)
        return (struct exact){rounding == RN_DOWN, 0, 0};
    return normalize(a.negative, a.exponent, a.significand - smaller);
}

/* b is finite and not zero, a finite. The quotient has 63 bits or more, then one that tells of a remainder. */
static struct exact quotient(const struct number *a, const struct number *b)
{
    bool negative = a->negative != b->negative;
    uint64_t high = a->significand >> 1, low = a->significand << 63;

    if (a->kind == ZERO)
        return (struct exact){negative, 0, 0};
    __asm__("divq %2" : "+a"(low), "+d"(high) : "r"(b->significand) : "cc");
    return normalize(negative, a->exponent - b->exponent, (wide_t)low << 63 | (high != 0));
}

/* b is finite, positive and not zero. The root of a number of 127 or 128 bits has 64. */
static struct exact root(const struct number *b)
{
    bool odd = b->exponent & 1;
    wide_t square = (wide_t)b->significand << (odd ? 64 : 63);
    uint64_t found = 0;

    for (int bit = 63; bit >= 0; bit--) {
        uint64_t next = found | 1ull << bit;
        if ((wide_t)next * next <= square)
            found = next;
    }
    return normalize(false, (b->exponent - odd) / 2, (wide_t)found << 63 | ((wide_t)found * found != square));
}

static uint32_t signed_class(uint32_t class, bool negative)
{
    if (!negative)
        return class;
    return class == FPRF_ZERO ? 0x12000u : (class & 0x13000u) | 0x08000u; /* C stays or comes, FG becomes FL */
}

static struct ppc_fp_outcome outcome(uint64_t bits, uint32_t set)
{
    return (struct ppc_fp_outcome){bits, set, FPSCR_FR | FPSCR_FI | FPSCR_FPRF, true};
}

static struct ppc_fp_outcome zero(bool negative)
{
    return outcome(negative ? SIGN : 0, signed_class(FPRF_ZERO, negative));
}

static struct ppc_fp_outcome infinity(bool negative, uint32_t set)
{
    return outcome((negative ? SIGN : 0) | IEEE_INFINITY_D, set | signed_class(FPRF_INFINITY, negative));
}

/* An enabled invalid operation or division by zero: FPRF and the target stay. */
static struct ppc_fp_outcome suppressed(uint32_t set)
{
    return (struct ppc_fp_outcome){0, set, FPSCR_FR | FPSCR_FI, false};
}

static struct ppc_fp_outcome nan_result(uint64_t bits, uint32_t set, uint32_t fpscr)
{
    if (set && (fpscr & FPSCR_VE))
        return suppressed(set);
    return outcome(bits | IEEE_QUIET_D, set | FPRF_QNAN);
}

static struct ppc_fp_outcome divided_by_zero(bool negative, uint32_t fpscr)
{
    return fpscr & FPSCR_ZE ? suppressed(FPSCR_ZX) : infinity(negative, FPSCR_ZX);
}

/* --- rounding --- */
struct format {
    int32_t bits, least, greatest, adjust; /* of the significand; exponents of normal numbers; what a trapped exponent is moved by */
};
static const struct format doubles = {53, -1022, 1023, 1536}, singles = {24, -126, 127, 192};

static bool rounds_up(wide_t rest, wide_t half, bool odd, bool negative, unsigned rounding)
{
    switch (rounding) {
    case RN_NEAREST: return rest > half || (rest == half && odd);
    case RN_UP: return rest && !negative;
    case RN_DOWN: return rest && negative;
    default: return false;
    }
}

/* The double significand / 2^52 * 2^exponent. A trapped exponent of a single that came from doubles may leave the double's range: it wraps. */
static uint64_t pack(bool negative, int32_t exponent, uint64_t significand)
{
    uint64_t sign = negative ? SIGN : 0;

    if (!significand)
        return sign;
    int shift = __builtin_clzll(significand) - 11; /* a subnormal single is a normal double */
    if (shift && exponent == doubles.least)
        return sign | significand;
    return sign | (uint64_t)((uint32_t)(exponent - shift + 1023) & 0x7ff) << 52 | (significand << shift & (IEEE_MIN_NORMAL_D - 1));
}

/* Of a number whose sign was `negative` when it was rounded. */
static struct ppc_fp_outcome overflow(const struct format *to, bool negative, bool sign, unsigned rounding)
{
    uint64_t greatest = (1ull << 53) - (1ull << (53 - to->bits));
    uint32_t set = FPSCR_OX | FPSCR_XX | FPSCR_FI;

    if (rounding == RN_ZERO || rounding == (negative ? RN_UP : RN_DOWN))
        return outcome(pack(sign, to->greatest, greatest), set | signed_class(FPRF_NORMAL, sign));
    return infinity(sign, set | FPSCR_FR);
}

/* Round once. `negate` changes the sign of what was rounded (fnmadd, fnmsub). */
static struct ppc_fp_outcome round_to(const struct format *to, struct exact x, bool negate, uint32_t fpscr)
{
    unsigned rounding = fpscr & FPSCR_RN;
    bool tiny = x.exponent < to->least, trapped = tiny && (fpscr & FPSCR_UE);
    bool sign = x.negative != negate;
    uint32_t set = 0, class = FPRF_NORMAL;
    int drop = 127 - to->bits;

    if (!x.significand)
        return zero(sign);
    if (tiny && !trapped) {
        x.significand = shift_jam(x.significand, to->least - x.exponent);
        x.exponent = to->least;
    }
    wide_t rest = x.significand & (((wide_t)1 << drop) - 1);
    uint64_t kept = (uint64_t)(x.significand >> drop);
    bool up = rounds_up(rest, (wide_t)1 << (drop - 1), kept & 1, x.negative, rounding);
    kept += up;
    if (kept >> to->bits) {
        kept >>= 1;
        x.exponent++;
    }
    if (x.exponent > to->greatest) {
        if (!(fpscr & FPSCR_OE))
            return overflow(to, x.negative, sign, rounding);
        set = FPSCR_OX;
        x.exponent -= to->adjust;
    }
    set |= rest ? FPSCR_FI | FPSCR_XX | (up ? FPSCR_FR : 0) : 0;
    if (trapped) {
        set |= FPSCR_UX;
        x.exponent += to->adjust;
    } else if (tiny) {
        set |= rest ? FPSCR_UX : 0;
        class = !kept ? FPRF_ZERO : kept >> (to->bits - 1) ? FPRF_NORMAL : FPRF_SUBNORMAL;
    }
    return outcome(pack(sign, x.exponent, kept << (53 - to->bits)), set | signed_class(class, sign));
}

/* --- operations --- */
struct operands {
    uint64_t bits[3]; /* in the order in which a NaN is chosen: FRA, FRB, FRC */
    struct number a, b, c;
};

static bool opposite_infinities(const struct number *a, bool a_negative, const struct number *b, bool b_negative)
{
    return a->kind == INFINITE && b->kind == INFINITE && a_negative != b_negative;
}

static bool zero_by_infinity(const struct number *a, const struct number *c)
{
    return (a->kind == ZERO && c->kind == INFINITE) || (a->kind == INFINITE && c->kind == ZERO);
}

static struct ppc_fp_outcome add(const struct operands *o, bool subtract, const struct format *to, uint32_t fpscr)
{
    bool b_negative = o->b.negative != subtract;

    if (opposite_infinities(&o->a, o->a.negative, &o->b, b_negative))
        return nan_result(DEFAULT_NAN, FPSCR_VXISI, fpscr);
    if (o->a.kind == INFINITE)
        return infinity(o->a.negative, 0);
    if (o->b.kind == INFINITE)
        return infinity(b_negative, 0);
    struct exact x = exact_of(&o->a), y = exact_of(&o->b);
    y.negative = b_negative;
    return round_to(to, sum(x, y, fpscr & FPSCR_RN), false, fpscr);
}

static struct ppc_fp_outcome multiply(const struct operands *o, const struct format *to, uint32_t fpscr)
{
    if (zero_by_infinity(&o->a, &o->c))
        return nan_result(DEFAULT_NAN, FPSCR_VXIMZ, fpscr);
    if (o->a.kind == INFINITE || o->c.kind == INFINITE)
        return infinity(o->a.negative != o->c.negative, 0);
    return round_to(to, product(&o->a, &o->c), false, fpscr);
}

/* +-(a * c +- b), rounded once */
static struct ppc_fp_outcome multiply_add(const struct operands *o, bool subtract, bool negate, const struct format *to, uint32_t fpscr)
{
    bool negative = o->a.negative != o->c.negative, b_negative = o->b.negative != subtract;
    bool endless = o->a.kind == INFINITE || o->c.kind == INFINITE;

    if (zero_by_infinity(&o->a, &o->c))
        return nan_result(DEFAULT_NAN, FPSCR_VXIMZ, fpscr);
    if (endless && o->b.kind == INFINITE && negative != b_negative)
        return nan_result(DEFAULT_NAN, FPSCR_VXISI, fpscr);
    if (endless || o->b.kind == INFINITE)
        return infinity((endless ? negative : b_negative) != negate, 0);
    struct exact x = product(&o->a, &o->c), y = exact_of(&o->b);
    y.negative = b_negative;
    return round_to(to, sum(x, y, fpscr & FPSCR_RN), negate, fpscr);
}

static struct ppc_fp_outcome divide(const struct number *a, const struct number *b, const struct format *to, uint32_t fpscr)
{
    bool negative = a->negative != b->negative;

    if (a->kind == INFINITE)
        return b->kind == INFINITE ? nan_result(DEFAULT_NAN, FPSCR_VXIDI, fpscr) : infinity(negative, 0);
    if (b->kind == INFINITE)
        return zero(negative);
    if (b->kind == ZERO)
        return a->kind == ZERO ? nan_result(DEFAULT_NAN, FPSCR_VXZDZ, fpscr) : divided_by_zero(negative, fpscr);
    return round_to(to, quotient(a, b), false, fpscr);
}

static struct ppc_fp_outcome square_root(const struct number *b, const struct format *to, uint32_t fpscr)
{
    if (b->kind == ZERO)
        return zero(b->negative);
    if (b->negative)
        return nan_result(DEFAULT_NAN, FPSCR_VXSQRT, fpscr);
    if (b->kind == INFINITE)
        return infinity(false, 0);
    return round_to(to, root(b), false, fpscr);
}

/* fres: the single next to 1 / b. frsqrte: a double next to 1 / root(b). Neither reports that it is inexact. */
static struct ppc_fp_outcome estimate(enum ppc_fp_op op, const struct number *b, uint32_t fpscr)
{
    struct number one = unpack(ONE);
    struct ppc_fp_outcome o;

    if (op == FPU_RES) {
        o = divide(&one, b, &singles, fpscr);
    } else {
        if (b->kind == ZERO)
            return divided_by_zero(b->negative, fpscr);
        o = square_root(b, &doubles, fpscr);
        if (!o.written || ieee_nan_d(o.bits))
            return o;
        struct number below = unpack(o.bits);
        o = divide(&one, &below, &doubles, fpscr);
    }
    o.set &= ~(FPSCR_XX | FPSCR_FI | FPSCR_FR);
    return o;
}

/* fctiw, fctiwz. FPRF, undefined there, becomes 0: what an operation before them left of it would have to be found first. */
static struct ppc_fp_outcome to_word(const struct number *b, bool signaling, unsigned rounding, uint32_t fpscr)
{
    const uint32_t replaced = FPSCR_FR | FPSCR_FI | FPSCR_FPRF;
    uint32_t end = b->negative || b->kind == NAN_ANY ? 0x80000000u : 0x7fffffffu;
    uint64_t kept = 0;
    wide_t rest = 0;
    bool up = false;

    if (b->kind == FINITE && b->exponent < 32) {
        wide_t fixed = shift_jam((wide_t)b->significand << 32, 31 - b->exponent); /* 64 bits behind the point */
        kept = (uint64_t)(fixed >> 64);
        rest = fixed << 64 >> 64;
        up = rounds_up(rest, (wide_t)1 << 63, kept & 1, b->negative, rounding);
        kept += up;
    }
    if (b->kind == INFINITE || b->kind == NAN_ANY || (b->kind == FINITE && b->exponent >= 32) || kept > end) {
        uint32_t set = FPSCR_VXCVI | (signaling ? FPSCR_VXSNAN : 0);
        return fpscr & FPSCR_VE ? suppressed(set) : (struct ppc_fp_outcome){CONVERTED | end, set, replaced, true};
    }
    uint32_t word = b->negative ? 0 - (uint32_t)kept : (uint32_t)kept;
    return (struct ppc_fp_outcome){CONVERTED | word, rest ? FPSCR_XX | FPSCR_FI | (up ? FPSCR_FR : 0) : 0, replaced, true};
}

/* The first NaN of FRA, FRB, FRC comes out, quiet. A product of zero and infinity is invalid beside it, too. */
static struct ppc_fp_outcome from_nan(enum ppc_fp_op op, const struct operands *o, uint32_t fpscr)
{
    uint64_t chosen = 0;
    uint32_t set = 0;

    for (int i = 2; i >= 0; i--)
        if (ieee_nan_d(o->bits[i])) {
            chosen = o->bits[i];
            set |= ieee_signaling_d(chosen) ? FPSCR_VXSNAN : 0;
        }
    if (op >= FPU_MADD && op <= FPU_NMSUB && zero_by_infinity(&o->a, &o->c))
        set |= FPSCR_VXIMZ;
    if (op == FPU_RSP)
        chosen = chosen >> 29 << 29;
    return nan_result(chosen, set, fpscr);
}

struct ppc_fp_outcome ppc_fp_compute(enum ppc_fp_op op, bool single, uint64_t a, uint64_t b, uint64_t c, uint32_t fpscr)
{
    const struct format *to = single ? &singles : &doubles;
    struct operands o = {{a, b, c}, unpack(a), unpack(b), unpack(c)};

    if (op == FPU_CTIW || op == FPU_CTIWZ)
        return to_word(&o.b, ieee_signaling_d(b), op == FPU_CTIW ? fpscr & FPSCR_RN : RN_ZERO, fpscr);
    if (o.a.kind == NAN_ANY || o.b.kind == NAN_ANY || o.c.kind == NAN_ANY)
        return from_nan(op, &o, fpscr);
    switch (op) {
    case FPU_ADD: return add(&o, false, to, fpscr);
    case FPU_SUB: return add(&o, true, to, fpscr);
    case FPU_MUL: return multiply(&o, to, fpscr);
    case FPU_DIV: return divide(&o.a, &o.b, to, fpscr);
    case FPU_SQRT: return square_root(&o.b, to, fpscr);
    case FPU_MADD: return multiply_add(&o, false, false, to, fpscr);
    case FPU_MSUB: return multiply_add(&o, true, false, to, fpscr);
    case FPU_NMADD: return multiply_add(&o, false, true, to, fpscr);
    case FPU_NMSUB: return multiply_add(&o, true, true, to, fpscr);
    case FPU_RES:
    case FPU_RSQRTE: return estimate(op, &o.b, fpscr);
    default: /* frsp */
        return o.b.kind == INFINITE ? infinity(o.b.negative, 0) : round_to(&singles, exact_of(&o.b), false, fpscr);
    }
}

/* fcmpu, fcmpo: FPCC says what the CR field says, even where the exception is enabled. */
struct ppc_fp_outcome ppc_fp_compare(bool ordered, uint64_t a, uint64_t b, uint32_t fpscr)
{
    static const uint16_t found[] = {[IEEE_EQUAL] = 0x2000, [IEEE_LESS] = 0x8000, [IEEE_GREATER] = 0x4000, [IEEE_UNORDERED] = 0x1000};
    enum ieee_relation relation = ieee_compare(a, b);
    uint32_t set = found[relation];

    if (ieee_signaling_d(a) || ieee_signaling_d(b))
        set |= FPSCR_VXSNAN | (ordered && !(fpscr & FPSCR_VE) ? FPSCR_VXVC : 0);
    else if (ordered && relation == IEEE_UNORDERED)
        set |= FPSCR_VXVC;
    return (struct ppc_fp_outcome){0, set, FPSCR_FPCC, false};
}

/* --- lfs, stfs --- */
uint64_t ppc_fp_from_single(uint32_t word)
{
    uint64_t sign = (uint64_t)(word & 0x80000000u) << 32;
    uint32_t biased = word >> 23 & 0xff, fraction = word & 0x007fffff;

    if (biased == 0xff)
        return sign | IEEE_INFINITY_D | (uint64_t)fraction << 29;
    if (biased)
        return sign | (uint64_t)(biased + 896) << 52 | (uint64_t)fraction << 29;
    return pack(word >> 31, -126, (uint64_t)fraction << 29);
}

uint32_t ppc_fp_to_single(uint64_t bits)
{
    uint32_t sign = (uint32_t)(bits >> 32) & 0x80000000u, biased = bits >> 52 & 0x7ff;

    if (biased > 896 || !(bits << 1))
        return (uint32_t)(bits >> 32 & 0xc0000000u) | (uint32_t)(bits >> 29 & 0x3fffffff);
    if (biased < 874)
        return sign;
    return sign | (uint32_t)((bits << 12 >> 12 | IEEE_MIN_NORMAL_D) >> 29 >> (897 - biased));
}

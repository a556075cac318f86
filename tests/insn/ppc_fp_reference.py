# SPDX-License-Identifier: MIT
"""What the PowerPC's floating-point instructions must give: MPFR's numbers with the rules of Book E, chapter 5.

Every function takes what the operand registers hold (doubles) and FPSCR, and returns an `Effect`. What the manual
leaves open is decided as the head of translator/guest/ppc/fpu_math.c says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.insn import fp_reference as ref
from tests.insn.fp_reference import DOUBLE, SINGLE, Format, Outcome

FX, FEX, VX, OX, UX, ZX, XX = (1 << 31 - bit for bit in range(7))
VXSNAN, VXISI, VXIDI, VXZDZ, VXIMZ, VXVC, FR, FI = (1 << 31 - bit for bit in range(7, 15))
VXSOFT, VXSQRT, VXCVI, VE, OE, UE, ZE, XE, NI = (1 << 31 - bit for bit in range(21, 30))
FPRF, FPCC = 0x1F000, 0xF000
INVALID = VXSNAN | VXISI | VXIDI | VXZDZ | VXIMZ | VXVC | VXSOFT | VXSQRT | VXCVI
EXCEPTIONS = OX | UX | ZX | XX | INVALID
SIGN, NAN = 1 << 63, 0x7FF8 << 48
_ADJUST = {SINGLE: 192, DOUBLE: 1536}
Number = Any
Operation = Callable[[Any], Any]


@dataclass(frozen=True)
class Effect:
    """What FRT and FPSCR hold afterwards; bits None: FRT keeps what it has."""

    bits: int | None
    fpscr: int


def summary(fpscr: int) -> int:
    """Return FPSCR with FEX and VX as they follow from the other bits."""
    fpscr &= ~(FEX | VX)
    fpscr |= VX if fpscr & INVALID else 0
    pairs = ((VX, VE), (OX, OE), (UX, UE), (ZX, ZE), (XX, XE))
    return fpscr | (FEX if any(fpscr & event and fpscr & enable for event, enable in pairs) else 0)


def _after(fpscr: int, events: int, replaced: int, value: int) -> int:
    first = events & ~fpscr
    return summary((fpscr & ~replaced) | value | events | (FX if first else 0))


def kind(form: Format, bits: int) -> int:
    """Return FPRF of a result in a format, given as a double."""
    negative, magnitude = bits & SIGN, bits & ~SIGN
    if magnitude > DOUBLE.infinity:
        return 0b10001 << 12
    if magnitude == DOUBLE.infinity:
        return (0b01001 if negative else 0b00101) << 12
    if magnitude == 0:
        return (0b10010 if negative else 0b00010) << 12
    if magnitude >> 52 < DOUBLE.bias + 1 - form.bias:
        return (0b11000 if negative else 0b10100) << 12
    return (0b01000 if negative else 0b00100) << 12


def _value(form: Format, bits: int, fpscr: int, events: int = 0, fraction: int = 0) -> Effect:
    return Effect(bits, _after(fpscr, events, FPRF | FR | FI, kind(form, bits) | fraction))


def _suppressed(fpscr: int, events: int) -> Effect:
    return Effect(None, _after(fpscr, events, FR | FI, 0))


def _invalid(form: Format, fpscr: int, events: int, bits: int = NAN) -> Effect:
    return _suppressed(fpscr, events) if fpscr & VE and events else _value(form, bits, fpscr, events)


def widened(form: Format, bits: int) -> int:
    """Return a number of a format, no NaN, as a double."""
    return bits if form is DOUBLE else ref.convert(form, DOUBLE, bits, 0).bits


def _rounded(form: Format, fpscr: int, operation: Operation, negate: int = 0) -> Effect:
    """Return the effect of an operation on finite operands that has a result."""
    rounding = fpscr & 3
    plain = ref.rounded(form, rounding, operation)
    events = 0
    if plain.flags & ref.OF and fpscr & OE:
        plain, events = ref.moved(form, rounding, -_ADJUST[form], operation), OX
    elif plain.tiny and fpscr & UE:
        plain, events = ref.moved(form, rounding, _ADJUST[form], operation), UX
    else:
        events = (OX if plain.flags & ref.OF else 0) | (UX if plain.flags & ref.UF else 0)
        plain = Outcome(widened(form, plain.bits), plain.flags, up=plain.up)
    inexact = plain.flags & ref.NX
    fraction = (FI if inexact else 0) | (FR if inexact and plain.up else 0)
    bits = plain.bits ^ negate
    moved = events and fpscr & (OE if events & OX else UE)
    fprf = kind(DOUBLE if moved else form, bits)
    return Effect(bits, _after(fpscr, events | (XX if inexact else 0), FPRF | FR | FI, fprf | fraction))


def _not_a_number(form: Format, fpscr: int, events: int, *operands: int) -> Effect | None:
    """Return the effect of operands with a NaN among them, in the order in which one is chosen; None without a NaN."""
    nans = [bits for bits in operands if DOUBLE.is_nan(bits)]
    if not nans:
        return None
    events |= VXSNAN if any(DOUBLE.is_signalling(bits) for bits in nans) else 0
    return _invalid(form, fpscr, events, nans[0] | DOUBLE.quiet)


def _infinite(bits: int) -> bool:
    return bits & ~SIGN == DOUBLE.infinity


def _zero(bits: int) -> bool:
    return bits & ~SIGN == 0


def add(form: Format, a: int, b: int, fpscr: int, subtract: int = 0) -> Effect:
    """fadd, fsub (subtract: SIGN)."""
    nan = _not_a_number(form, fpscr, 0, a, b)
    if nan:
        return nan
    b ^= subtract
    if _infinite(a) or _infinite(b):
        if _infinite(a) and _infinite(b) and a != b:
            return _invalid(form, fpscr, VXISI)
        return _value(form, a if _infinite(a) else b, fpscr)
    x, y = DOUBLE.exact(a), DOUBLE.exact(b)
    return _rounded(form, fpscr, lambda context: context.add(x, y))


def multiply(form: Format, a: int, c: int, fpscr: int) -> Effect:
    """fmul."""
    nan = _not_a_number(form, fpscr, 0, a, c)
    if nan:
        return nan
    if _infinite(a) or _infinite(c):
        bad = _zero(a) or _zero(c)
        return _invalid(form, fpscr, VXIMZ) if bad else _value(form, (a ^ c) & SIGN | DOUBLE.infinity, fpscr)
    x, y = DOUBLE.exact(a), DOUBLE.exact(c)
    return _rounded(form, fpscr, lambda context: context.mul(x, y))


def divide(form: Format, a: int, b: int, fpscr: int) -> Effect:
    """fdiv."""
    nan = _not_a_number(form, fpscr, 0, a, b)
    if nan:
        return nan
    sign = (a ^ b) & SIGN
    if _infinite(a):
        return _invalid(form, fpscr, VXIDI) if _infinite(b) else _value(form, sign | DOUBLE.infinity, fpscr)
    if _infinite(b):
        return _value(form, sign, fpscr)
    if _zero(b):
        if _zero(a):
            return _invalid(form, fpscr, VXZDZ)
        return _suppressed(fpscr, ZX) if fpscr & ZE else _value(form, sign | DOUBLE.infinity, fpscr, ZX)
    x, y = DOUBLE.exact(a), DOUBLE.exact(b)
    return _rounded(form, fpscr, lambda context: context.div(x, y))


def square_root(form: Format, b: int, fpscr: int) -> Effect:
    """fsqrt."""
    nan = _not_a_number(form, fpscr, 0, b)
    if nan:
        return nan
    if _zero(b) or b == DOUBLE.infinity:
        return _value(form, b, fpscr)
    if b & SIGN:
        return _invalid(form, fpscr, VXSQRT)
    y = DOUBLE.exact(b)
    return _rounded(form, fpscr, lambda context: context.sqrt(y))


def multiply_add(form: Format, a: int, c: int, b: int, fpscr: int, subtract: int = 0, negate: int = 0) -> Effect:
    """fmadd, fmsub (subtract: SIGN), fnmadd, fnmsub (negate: SIGN)."""
    bad_product = (_infinite(a) and _zero(c)) or (_zero(a) and _infinite(c))
    nan = _not_a_number(form, fpscr, VXIMZ if bad_product else 0, a, b, c)
    if nan:
        return nan
    if bad_product:
        return _invalid(form, fpscr, VXIMZ)
    b ^= subtract
    sign = (a ^ c) & SIGN
    if _infinite(a) or _infinite(c):
        if _infinite(b) and b & SIGN != sign:
            return _invalid(form, fpscr, VXISI)
        return _value(form, (sign | DOUBLE.infinity) ^ negate, fpscr)
    if _infinite(b):
        return _value(form, b ^ negate, fpscr)
    x, y, z = DOUBLE.exact(a), DOUBLE.exact(c), DOUBLE.exact(b)
    return _rounded(form, fpscr, lambda context: context.fma(x, y, z), negate)


def round_to_single(b: int, fpscr: int) -> Effect:
    """frsp."""
    nan = _not_a_number(SINGLE, fpscr, 0, b)
    if nan:
        return Effect(nan.bits and nan.bits & ~0x1FFFFFFF, nan.fpscr)
    if _infinite(b):
        return _value(SINGLE, b, fpscr)
    y = DOUBLE.exact(b)
    return _rounded(SINGLE, fpscr, lambda context: context.plus(y))


def _estimate(effect: Effect, fpscr: int) -> Effect:
    """Return the effect of an exact operation with what an estimate does not report taken out."""
    events = effect.fpscr & EXCEPTIONS & ~XX | fpscr & XX
    return Effect(effect.bits, _after(fpscr, events, FPRF | FR | FI, effect.fpscr & FPRF))


def reciprocal(b: int, fpscr: int) -> Effect:
    """fres: the rounded quotient is within what the manual allows."""
    return _estimate(divide(SINGLE, 0x3FF << 52, b, fpscr), fpscr)


def reciprocal_root(b: int, fpscr: int) -> Effect:
    """frsqrte: root, then quotient, both rounded, is within what the manual allows."""
    if _zero(b):
        return divide(DOUBLE, 0x3FF << 52, b, fpscr)
    root = square_root(DOUBLE, b, fpscr)
    if root.bits is None or DOUBLE.is_nan(root.bits):
        return root
    return _estimate(divide(DOUBLE, 0x3FF << 52, root.bits, fpscr), fpscr)


def to_word(b: int, fpscr: int, rounding: int) -> Effect:
    """fctiw, and fctiwz with rounding 1; FPRF is undefined, this CPU clears it."""
    end = 0x80000000 if b & SIGN or DOUBLE.is_nan(b) else 0x7FFFFFFF
    events, word, fraction = VXCVI | (VXSNAN if DOUBLE.is_signalling(b) else 0), end, 0
    if not DOUBLE.is_nan(b) and not _infinite(b):
        number, exact = ref.to_whole(DOUBLE, b, rounding), DOUBLE.exact(b)
        if -(1 << 31) <= number < 1 << 31:
            up = abs(number) > abs(exact)
            events, word = (XX if number != exact else 0), number & 0xFFFFFFFF
            fraction = (FI | (FR if up else 0)) if events else 0
    if events & VXCVI and fpscr & VE:
        return _suppressed(fpscr, events)
    return Effect(0xFFF80000 << 32 | word, _after(fpscr, events, FR | FI | FPRF, fraction))


def compare(a: int, b: int, fpscr: int, ordered: bool) -> Effect:
    """fcmpu, fcmpo; FPCC is what the CR field gets."""
    relation = (0x2, 0x8, 0x4, 0x1)[ref.compare(DOUBLE, a, b, False).bits] << 12
    events = 0
    if DOUBLE.is_signalling(a) or DOUBLE.is_signalling(b):
        events = VXSNAN | (VXVC if ordered and not fpscr & VE else 0)
    elif ordered and relation == 0x1000:
        events = VXVC
    return Effect(None, _after(fpscr, events, FPCC, relation))

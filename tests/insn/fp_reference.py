# SPDX-License-Identifier: MIT
"""What floating-point operations must give, computed by MPFR (gmpy2); for SPARC with the NaN rules of V8 appendix N.

Values are bit patterns: singles are 32-bit, doubles 64-bit numbers. MPFR rounds with the format's exponent range and
subnormals; tininess (before rounding, V8 N.5) and exactness are found from the exact value, or one cut off
at 400 bits, which is on the same side of every representable number.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gmpy2

NX, DZ, UF, OF, NV = 1, 2, 4, 8, 16
_ROUNDING = (gmpy2.RoundToNearest, gmpy2.RoundToZero, gmpy2.RoundUp, gmpy2.RoundDown)  # FSR.RD
_WIDE = {"emin": -100_000, "emax": 100_000}


@dataclass(frozen=True)
class Format:
    """An IEEE format: its width, fraction bits and what follows from them."""

    bits: int
    fraction: int

    @property
    def bias(self) -> int:
        """Return the exponent bias."""
        return (1 << (self.bits - self.fraction - 2)) - 1

    @property
    def quiet(self) -> int:
        """Return the bit that tells quiet NaNs from signalling ones."""
        return 1 << (self.fraction - 1)

    @property
    def infinity(self) -> int:
        """Return the bits of +infinity."""
        return (2 * self.bias + 1) << self.fraction

    @property
    def default_nan(self) -> int:
        """Return the NaN of an invalid operation: all ones but the sign   V8 N.3."""
        return (1 << (self.bits - 1)) - 1

    def is_nan(self, value: int) -> bool:
        """Tell whether the bits are a NaN."""
        return value & self.default_nan > self.infinity

    def is_signalling(self, value: int) -> bool:
        """Tell whether the bits are a signalling NaN."""
        return self.is_nan(value) and not value & self.quiet

    def exact(self, value: int) -> Any:
        """Return the value of the bits, which are no NaN, as an MPFR number."""
        sign, magnitude = value >> (self.bits - 1), value & self.default_nan
        with gmpy2.context(precision=64, **_WIDE):
            if magnitude == self.infinity:
                number = gmpy2.inf()
            else:
                exponent, fraction = magnitude >> self.fraction, magnitude & ((1 << self.fraction) - 1)
                significand = fraction | (1 << self.fraction if exponent else 0)
                number = gmpy2.mul_2exp(gmpy2.mpfr(significand), 2000)
                number = gmpy2.div_2exp(number, 2000 - (max(exponent, 1) - self.bias - self.fraction))
            return -number if sign else number

    def context(self, rounding: int) -> Any:
        """Return a context whose results are of this format."""
        return gmpy2.context(
            precision=self.fraction + 1,
            emax=self.bias + 1,
            emin=2 - self.bias - self.fraction,
            subnormalize=True,
            round=_ROUNDING[rounding],
        )

    def pack(self, number: Any) -> int:
        """Return the bits of an MPFR number that is of this format."""
        sign = (1 << (self.bits - 1)) if gmpy2.is_signed(number) else 0
        if gmpy2.is_infinite(number):
            return sign | self.infinity
        if gmpy2.is_zero(number):
            return sign
        with gmpy2.context(precision=64, **_WIDE):
            mantissa, exponent = abs(number).as_mantissa_exp()
        mantissa, exponent = int(mantissa), int(exponent)
        top = mantissa.bit_length() - 1 + exponent
        least = max(top, 1 - self.bias) - self.fraction  # exponent of the last place
        fraction = mantissa << (exponent - least) if exponent >= least else mantissa >> (least - exponent)
        biased = top + self.bias if top >= 1 - self.bias else 0
        return sign | biased << self.fraction | fraction & ((1 << self.fraction) - 1)


SINGLE, DOUBLE = Format(32, 23), Format(64, 52)


@dataclass(frozen=True)
class Outcome:
    """Bits of the result (or fcc), IEEE flags, and of the result before rounding: was it tiny, was it made greater."""

    bits: int
    flags: int
    tiny: bool = False
    up: bool = False


def rounded(form: Format, rounding: int, operation: Callable[[Any], Any]) -> Outcome:
    """Do an operation in a format; `operation` gets the context."""
    with form.context(rounding) as context:
        context.clear_flags()
        number = operation(context)
        flags = (NV if context.invalid else 0) | (DZ if context.divzero else 0) | (OF if context.overflow else 0)
    if gmpy2.is_nan(number):
        return Outcome(form.default_nan, NV)
    if flags & DZ:
        return Outcome(form.pack(number), DZ)
    with gmpy2.context(precision=400, round=gmpy2.RoundToZero, **_WIDE) as wide:
        wide.clear_flags()
        cut = operation(wide)
        inexact = bool(wide.inexact) or cut != number
        up = inexact and abs(number) > abs(cut)
        tiny = not gmpy2.is_zero(cut) and abs(cut) < gmpy2.mul_2exp(gmpy2.mpfr(1), 1 - form.bias)
    flags |= (NX if inexact else 0) | (UF if inexact and tiny else 0)
    return Outcome(form.pack(number), flags, tiny, up)


def moved(form: Format, rounding: int, power: int, operation: Callable[[Any], Any]) -> Outcome:
    """Do an operation in a format without bounds of the exponent; the result times 2**power is given as a double."""
    with gmpy2.context(precision=form.fraction + 1, round=_ROUNDING[rounding], **_WIDE) as context:
        context.clear_flags()
        number = operation(context)
    with gmpy2.context(precision=400, round=gmpy2.RoundToZero, **_WIDE) as wide:
        wide.clear_flags()
        cut = operation(wide)
        flags = NX if wide.inexact or cut != number else 0
        up = abs(number) > abs(cut)
        shifted = gmpy2.mul_2exp(number, power) if power > 0 else gmpy2.div_2exp(number, -power)
    return Outcome(DOUBLE.pack(shifted), flags, up=up)


def _pick_nan(form: Format, a: int, b: int) -> Outcome:
    """Say which NaN comes out: signalling rs2, signalling rs1, quiet rs2, quiet rs1   V8 N.5."""
    signalling = form.is_signalling(a) or form.is_signalling(b)
    order = [b, a] if form.is_signalling(b) or (form.is_nan(b) and not form.is_signalling(a)) else [a, b]
    return Outcome(order[0] | form.quiet, NV if signalling else 0)


def arithmetic(form: Format, name: str, a: int, b: int, rounding: int) -> Outcome:
    """Return a OP b; name: add, sub, mul, div."""
    if form.is_nan(a) or form.is_nan(b):
        return _pick_nan(form, a, b)
    x, y = form.exact(a), form.exact(b)
    return rounded(form, rounding, lambda context: getattr(context, name)(x, y))


def square_root(form: Format, b: int, rounding: int) -> Outcome:
    """Return the square root of b."""
    if form.is_nan(b):
        return _pick_nan(form, b, b)
    y = form.exact(b)
    return rounded(form, rounding, lambda context: context.sqrt(y))


def convert(source: Format, target: Format, b: int, rounding: int) -> Outcome:
    """Return b in the other format; of a NaN the upper fraction bits are kept   V8 N.5."""
    if source.is_nan(b):
        sign, fraction = b >> (source.bits - 1), b & ((1 << source.fraction) - 1)
        moved = target.fraction - source.fraction
        fraction = fraction << moved if moved > 0 else fraction >> -moved
        bits = sign << (target.bits - 1) | target.infinity | fraction | target.quiet
        return Outcome(bits, NV if source.is_signalling(b) else 0)
    y = source.exact(b)
    return rounded(target, rounding, lambda context: context.plus(y))


def multiply_wide(a: int, b: int, rounding: int) -> Outcome:
    """Return the double product of two singles."""
    if SINGLE.is_nan(a) or SINGLE.is_nan(b):
        picked = _pick_nan(SINGLE, a, b)
        return Outcome(convert(SINGLE, DOUBLE, picked.bits, 0).bits, picked.flags)
    x, y = SINGLE.exact(a), SINGLE.exact(b)
    return rounded(DOUBLE, rounding, lambda context: context.mul(x, y))


def from_integer(target: Format, b: int, rounding: int) -> Outcome:
    """Return the signed word b in a format."""
    number = b - (1 << 32) if b >> 31 else b
    with gmpy2.context(precision=64, **_WIDE):
        y = gmpy2.mpfr(number)
    return rounded(target, rounding, lambda context: context.plus(y))


def to_integer(source: Format, b: int) -> Outcome:
    """Return b towards zero as a signed word; what does not fit is invalid and gives the nearest end by its sign."""
    end = 0x80000000 if b >> (source.bits - 1) else 0x7FFFFFFF
    if source.is_nan(b) or b & source.default_nan == source.infinity:
        return Outcome(end, NV)
    y = source.exact(b)
    with gmpy2.context(precision=64, **_WIDE):
        number = int(gmpy2.trunc(y))
    if not -(1 << 31) <= number < 1 << 31:
        return Outcome(end, NV)
    return Outcome(number & 0xFFFFFFFF, NX if number != y else 0)


def to_whole(source: Format, b: int, rounding: int) -> int:
    """Return a finite number rounded to a whole one."""
    with gmpy2.context(precision=2200, **_WIDE):
        ways = (gmpy2.rint, gmpy2.trunc, gmpy2.ceil, gmpy2.floor)
        return int(ways[rounding](source.exact(b)))


def compare(form: Format, a: int, b: int, signal_quiet: bool) -> Outcome:
    """Return fcc: 0 equal, 1 less, 2 greater, 3 unordered."""
    if form.is_nan(a) or form.is_nan(b):
        loud = signal_quiet or form.is_signalling(a) or form.is_signalling(b)
        return Outcome(3, NV if loud else 0)
    x, y = form.exact(a), form.exact(b)
    return Outcome(0 if x == y else 1 if x < y else 2, 0)


def draw(form: Format, rng: random.Random, near: int | None = None) -> int:
    """Draw bits of a format: special values, borders, ties, and values close to `near`."""
    fraction = (1 << form.fraction) - 1
    top = form.infinity >> form.fraction
    sign = rng.getrandbits(1) << (form.bits - 1)
    kind = rng.random()
    if kind < 0.12:
        one, least = form.bias << form.fraction, 1 << form.fraction
        borders = (0, 1, fraction, least - 1, least, least + 1, one - 1, one, one + 1, form.infinity - 1)
        return sign | rng.choice(borders)
    if kind < 0.22:
        nan = form.infinity | rng.getrandbits(form.fraction)
        return sign | rng.choice((form.infinity, nan, nan | form.quiet, form.infinity | 1, form.infinity | form.quiet))
    if kind < 0.37 and near is not None:
        exponent = min(max((near >> form.fraction & top) + rng.randrange(-3, 4), 0), top - 1)
    elif kind < 0.55:
        half = form.bias // 2
        exponent = rng.choice((0, 0, 1, 2, top - 1, half, half + 1, half - 1, form.bias + half, form.fraction))
    elif kind < 0.75:
        exponent = form.bias + rng.randrange(-form.fraction - 4, form.fraction + 4)
    else:
        exponent = rng.randrange(top)
    bits = rng.getrandbits(form.fraction)
    if rng.random() < 0.4:  # few bits at the ends: ties and exact results
        bits = rng.getrandbits(3) << (form.fraction - 3) | rng.choice((0, 0, 1, 2, 3))
    return sign | exponent << form.fraction | bits

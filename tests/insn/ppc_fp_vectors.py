# SPDX-License-Identifier: MIT
"""The PowerPC's floating-point operations with what they must give, and the drawing of vectors for them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.insn import fp_reference as ref
from tests.insn import ppc_fp_reference as ppc
from tests.insn.fp_reference import DOUBLE, SINGLE, Format
from tests.insn.ppc_fp_reference import SIGN, Effect

KEPT = 0xFFFFF7FF
RN, ENABLES = 3, 0xF8


@dataclass(frozen=True)
class Vector:
    """FRA, FRB, FRC and FPSCR before."""

    a: int
    b: int
    c: int
    fpscr: int


@dataclass(frozen=True)
class Op:
    """An operation: its number in enum ppc_fp_op, opcode bits, formats of operands and result, operands, meaning."""

    number: int
    word: int  # without registers
    source: Format
    uses: str
    meaning: Callable[[Vector], Effect]


def _word(single: bool, extended: int) -> int:
    return (59 if single else 63) << 26 | extended << 1


def _pair(name: str, single: bool) -> dict[str, Op]:
    form = SINGLE if single else DOUBLE
    fused = {"fmadd": (5, 29, 0, 0), "fmsub": (6, 28, SIGN, 0)}
    fused |= {"fnmadd": (7, 31, 0, SIGN), "fnmsub": (8, 30, SIGN, SIGN)}
    if name in fused:
        number, extended, subtract, negate = fused[name]
        meaning = lambda v: ppc.multiply_add(form, v.a, v.c, v.b, v.fpscr, subtract, negate)  # noqa: E731
        uses = "abc"
    else:
        number, extended, uses, meaning = {
            "fadd": (0, 21, "ab", lambda v: ppc.add(form, v.a, v.b, v.fpscr)),
            "fsub": (1, 20, "ab", lambda v: ppc.add(form, v.a, v.b, v.fpscr, SIGN)),
            "fmul": (2, 25, "ac", lambda v: ppc.multiply(form, v.a, v.c, v.fpscr)),
            "fdiv": (3, 18, "ab", lambda v: ppc.divide(form, v.a, v.b, v.fpscr)),
            "fsqrt": (4, 22, "b", lambda v: ppc.square_root(form, v.b, v.fpscr)),
        }[name]
    return {name + "s" * single: Op(number, _word(single, extended), form, uses, meaning)}


OPS: dict[str, Op] = {}
for _name in ("fadd", "fsub", "fmul", "fdiv", "fsqrt", "fmadd", "fmsub", "fnmadd", "fnmsub"):
    OPS |= _pair(_name, False) | _pair(_name, True)
OPS |= {
    "frsp": Op(9, _word(False, 12), DOUBLE, "b", lambda v: ppc.round_to_single(v.b, v.fpscr)),
    "fres": Op(10, _word(True, 24), SINGLE, "b", lambda v: ppc.reciprocal(v.b, v.fpscr)),
    "frsqrte": Op(11, _word(False, 26), DOUBLE, "b", lambda v: ppc.reciprocal_root(v.b, v.fpscr)),
    "fctiw": Op(12, _word(False, 14), DOUBLE, "b", lambda v: ppc.to_word(v.b, v.fpscr, v.fpscr & RN)),
    "fctiwz": Op(13, _word(False, 15), DOUBLE, "b", lambda v: ppc.to_word(v.b, v.fpscr, 1)),
}
COMPARES = {
    "fcmpu": (_word(False, 0), lambda v: ppc.compare(v.a, v.b, v.fpscr, False)),
    "fcmpo": (_word(False, 32), lambda v: ppc.compare(v.a, v.b, v.fpscr, True)),
}


def _widened(bits: int) -> int:
    if SINGLE.is_nan(bits):
        return (bits >> 31) << 63 | DOUBLE.infinity | (bits & 0x7FFFFF) << 29
    return ppc.widened(SINGLE, bits)


def _operands(form: Format, rng: random.Random) -> tuple[int, int, int]:
    """Three operands; the addend is often close to the negated product, where a second rounding would show."""
    ends = (0, 1 << form.bits - 1, form.infinity, form.infinity | 1 << form.bits - 1)
    if rng.random() < 0.1:
        return rng.choice(ends), rng.choice((*ends, ref.draw(form, rng))), rng.choice(ends)
    a = ref.draw(form, rng)
    c = ref.draw(form, rng, a)
    near = a
    if rng.random() < 0.4 and not form.is_nan(a) and not form.is_nan(c):
        near = ref.arithmetic(form, "mul", a, c, 0).bits
        if rng.random() < 0.5 and near & form.default_nan < form.infinity:
            return a, near ^ rng.getrandbits(1) << form.bits - 1 ^ rng.choice((0, 0, 1, 2)), c
    return a, ref.draw(form, rng, near), c


def whole(rng: random.Random) -> int:
    """Draw a double about the size of a word, often half way between two whole numbers."""
    number = rng.choice((rng.getrandbits(rng.randrange(1, 34)), 0x7FFFFFFF, 0x80000000)) * 4 + rng.randrange(4)
    with ref.gmpy2.context(precision=64):
        bits = DOUBLE.pack(ref.gmpy2.mpfr(number) / 4)
    return bits ^ rng.getrandbits(1) << 63


def fpscr(rng: random.Random, rounding: int, traps: bool) -> int:
    """Draw FPSCR: XX mostly set, as in a program that runs; FX and its summaries consistent."""
    events = ppc.XX if rng.random() < 0.7 else 0
    if rng.random() < 0.3:
        events |= rng.getrandbits(32) & ppc.EXCEPTIONS
    enables = rng.getrandbits(8) & ENABLES if traps else 0
    other = rng.getrandbits(32) & (ppc.FX | ppc.FR | ppc.FI | ppc.FPRF | ppc.NI)
    return ppc.summary(events | enables | other | rounding)


def draw(op: Op, rng: random.Random, count: int) -> list[Vector]:
    """Draw vectors: the rounding modes in turn, every second four with exceptions trapped at random.

    Singles computed from doubles that no single holds are undefined in the manual. Ours are rounded once; a trapped
    exponent of theirs is not looked at.
    """
    vectors = []
    for number in range(count):
        traps = bool(number // 4 % 2)
        form = DOUBLE if op.source is SINGLE and not traps and rng.random() < 0.2 else op.source
        a, b, c = _operands(form, rng)
        if form is SINGLE:
            a, b, c = _widened(a), _widened(b), _widened(c)
        if op is OPS["frsp"] and rng.random() < 0.6:  # close to what singles hold
            b = b & SIGN | rng.randrange(1023 - 152, 1023 + 130) << 52 | b & (1 << 52) - 1
        if op in (OPS["fctiw"], OPS["fctiwz"]) and rng.random() < 0.6:
            b = whole(rng)
        vectors.append(Vector(a, b, c, fpscr(rng, number % 4, traps)))
    return vectors


def draw_beyond_singles(op: Op, rng: random.Random, count: int) -> list[Vector]:
    """Draw doubles with a single's significand and any exponent, whose result is mostly a normal single.

    To nearest, with XX set and nothing trapped, so that the host's own arithmetic is tried. Every third product of a
    multiply-add lies half way between two singles, where the addend alone, far below, says how it is rounded.
    """

    def short(exponent: int, bits: int = 23) -> int:
        significand = rng.getrandbits(bits) << 52 - bits
        return rng.getrandbits(1) << 63 | exponent + 1023 << 52 | significand

    vectors = []
    for number in range(count):
        left, result = rng.randrange(-200, 200), rng.randrange(-100, 100)
        a, c = short(left), short(result - left)
        b = short({"ab": left - result, "b": 2 * result}.get(op.uses, result + rng.randrange(-30, 30)))
        if op.uses == "b":
            b &= ~SIGN
        if op.uses == "abc" and number % 3 == 0:
            odd = 1 << 40  # (1 + 2^-12)^2 has 25 bits
            a, b, c = a >> 52 << 52 | odd, short(result - 70), c >> 52 << 52 | odd
        vectors.append(Vector(a, b, c, ppc.summary(ppc.FX | ppc.XX)))
    return vectors

# SPDX-License-Identifier: MIT
"""What the halfword products and sums of the 440 give, in exact numbers, from their mnemonics: nmaclhws has parts.

`[n]mac` or `mul`, then `ch`, `hh` or `lh` with `w`, then `s` for a sum that stays in its range and `u` for numbers
without a sign.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.insn.ppc_words import DECODE, M32

NAMES = [e.name for e in DECODE.entries if re.fullmatch(r"(N?MAC|MUL)[CHL]HW\w*", e.name)]


@dataclass(frozen=True)
class Answer:
    """The result, and whether it overflowed: a product never does."""

    result: int
    overflow: bool


def _halves(which: str, a: int, b: int) -> tuple[int, int]:
    upper, lower = (a >> 16, b >> 16), (a & 0xFFFF, b & 0xFFFF)
    return {"C": (lower[0], upper[1]), "H": upper, "L": lower}[which]


def _number(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def answer(name: str, a: int, b: int, old: int) -> Answer:
    """Return what `name` makes of registers ra, rb and rt."""
    found = re.fullmatch(r"(N?)(MAC|MUL)([CHL])HW(S?)(U?)", name)
    assert found, name
    negative, kind, which, saturated, unsigned = found.groups()
    x, y = _halves(which, a, b)
    if not unsigned:
        x, y, old = _number(x, 16), _number(y, 16), _number(old, 32)
    if kind == "MUL":
        return Answer(x * y & M32, overflow=False)
    low, high = (0, M32) if unsigned else (-(1 << 31), (1 << 31) - 1)
    exact = old - x * y if negative else old + x * y
    kept = min(max(exact, low), high)
    return Answer((kept if saturated else exact) & M32, overflow=kept != exact)

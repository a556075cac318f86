# SPDX-License-Identifier: MIT
"""What the PowerPC 440 has beyond Book E's integer unit: sums of products, dlmzb, isel; against exact numbers."""

from __future__ import annotations

import random

import pytest

from l4vm.binding.machine import Machine
from tests.insn.ppc_mac_reference import NAMES, answer
from tests.insn.ppc_words import CA, EQ, GT, LT, OV, SO, UN, op, run

EDGES = (0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0x80008000, 0xFFFFFFFF, 0x7FFF8000)
OLD = (0, 1, 0x3FFFFFFF, 0x40000000, 0x7FFFFFFF, 0x80000000, 0xC0000000, 0xFFFFFFFF, 0x0001FFFE)
CR_BEFORE = 0x93C5A6E1
MULS = [name for name in NAMES if name.startswith("MUL")]
SUMS = [name for name in NAMES if name not in MULS]


def relation(value: int) -> int:
    return LT if value >> 31 else GT if value else EQ


def cases(seed: str) -> list[tuple[int, int, int]]:
    rng = random.Random(seed)
    drawn = [(rng.getrandbits(32), rng.getrandbits(32), rng.getrandbits(32)) for _ in range(200)]
    return drawn + [(rng.choice(EDGES), rng.choice(EDGES), old) for old in OLD for _ in range(40)]


def test_all_products_and_sums_of_the_manual_are_there() -> None:
    assert (len(MULS), len(SUMS)) == (6, 18)


@pytest.mark.parametrize("form", range(4), ids=["plain", "rc", "oe", "oe_rc"])
@pytest.mark.parametrize("name", SUMS)
def test_sums_of_products_wrap_or_stay_in_range_and_set_overflow(ppc: Machine, name: str, form: int) -> None:
    word = op(name, rt=5, ra=3, rb=4, oe=form >> 1, rc=form & 1)
    overflowed = set()
    for index, (a, b, old) in enumerate(cases(name)):
        so = index & 1
        ppc["r3"], ppc["r4"], ppc["r5"], ppc["cr"] = a, b, old, CR_BEFORE
        ppc["xer"] = (SO if so else 0) | OV | CA | 0x55
        run(ppc, word)
        want = answer(name, a, b, old)
        overflowed.add(want.overflow)
        summary = bool(so or (form & 2 and want.overflow))
        ov = want.overflow if form & 2 else True
        xer = (SO if summary else 0) | (OV if ov else 0) | CA | 0x55
        assert (ppc["r5"], ppc["xer"]) == (want.result, xer), (hex(a), hex(b), hex(old))
        field = relation(want.result) | (UN if summary else 0) if form & 1 else CR_BEFORE >> 28
        assert ppc["cr"] == CR_BEFORE & 0x0FFFFFFF | field << 28, (hex(a), hex(b), hex(old))
    assert overflowed == {False, True}


@pytest.mark.parametrize("rc", [0, 1])
@pytest.mark.parametrize("name", MULS)
def test_products_of_halfwords(ppc: Machine, name: str, rc: int) -> None:
    for a, b, old in cases(name):
        ppc["r3"], ppc["r4"], ppc["r5"], ppc["cr"], ppc["xer"] = a, b, old, CR_BEFORE, SO | CA
        run(ppc, op(name, rt=5, ra=3, rb=4, rc=rc))
        want = answer(name, a, b, old).result
        field = relation(want) | UN if rc else CR_BEFORE >> 28
        assert (ppc["r5"], ppc["xer"]) == (want, SO | CA), (hex(a), hex(b))
        assert ppc["cr"] == CR_BEFORE & 0x0FFFFFFF | field << 28


def test_a_sum_may_name_one_register_three_times(ppc: Machine) -> None:
    ppc["r3"] = 0x00030005
    run(ppc, op("MACCHW", rt=3, ra=3, rb=3))
    assert ppc["r3"] == 0x00030005 + 15


def test_the_byte_that_is_zero_first_is_counted_from_the_left(ppc: Machine) -> None:
    full = 0xFFFFFFFFFFFFFFFF
    for number in range(9):  # the 9th is nowhere
        hole = full & ~(0xFF << (56 - 8 * number)) if number < 8 else full
        for more in (0, 1, 2):  # zeros behind it change nothing
            bytes_ = hole & full << 8 * more & full if number < 8 - more else hole
            ppc["r3"], ppc["r4"], ppc["r5"] = bytes_ >> 32, bytes_ & 0xFFFFFFFF, 0
            ppc["xer"], ppc["cr"] = SO | CA | 0x55, CR_BEFORE
            run(ppc, op("DLMZB", rt=3, ra=5, rb=4, rc=more & 1))
            count = min(number + 1, 8)
            assert (ppc["r5"], ppc["xer"]) == (count, SO | CA | count)
            where = (GT if number < 4 else LT if number < 8 else EQ) | UN
            assert ppc["cr"] >> 28 == (where if more & 1 else CR_BEFORE >> 28)


@pytest.mark.parametrize("value", [0x00FFFFFF, 0x01010101, 0x80808080, 0x100, 0])
def test_only_a_byte_of_zeros_is_a_zero_byte(ppc: Machine, value: int) -> None:
    ppc["r3"] = ppc["r4"] = value
    run(ppc, op("DLMZB", rt=3, ra=3, rb=4))
    found = (value.to_bytes(4, "big") * 2).find(0)
    assert ppc["r3"] == (found + 1 if found >= 0 else 8)


def test_a_string_length_found_is_the_count_of_the_next_string_access(ppc: Machine) -> None:
    ppc["r3"], ppc["r4"], ppc["r6"] = 0x61626300, 0x7A7A7A7A, 0x9000
    ppc.write(0x9000, b"\xee" * 8)
    run(ppc, op("DLMZB", rt=3, ra=5, rb=4), op("STSWX", rt=3, ra=0, rb=6))
    assert ppc.read(0x9000, 8) == b"abc\0\xee\xee\xee\xee"


@pytest.mark.parametrize("bit", range(32))
def test_select_takes_a_register_by_a_bit_of_cr(ppc: Machine, bit: int) -> None:
    for is_set in (0, 1):
        ppc["cr"], ppc["r0"], ppc["r3"], ppc["r4"] = (0x80000000 >> bit) ^ (0 if is_set else 0xFFFFFFFF), 7, 8, 9
        run(ppc, op("ISEL", rt=5, ra=3, rb=4, bc=bit), op("ISEL", rt=6, ra=0, rb=4, bc=bit))
        assert (ppc["r5"], ppc["r6"]) == ((8, 0) if is_set else (9, 9))

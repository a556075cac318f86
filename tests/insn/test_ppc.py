# SPDX-License-Identifier: MIT
"""PowerPC integer instructions one by one, in the interpreter and as blocks, against results computed from Book E."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from l4vm.binding.machine import Machine
from tests.insn.ppc_words import CA, CODE, DECODE, EQ, GT, LT, M32, OV, SO, STAY, UN, op, run, trap_of

VALUES = (0, 1, 2, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF, 0x12345678, 0xF13CBACC)
BEFORE = 0xA5A5A5A5
CR_BEFORE = 0x93C5A6E1


def signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 & 1 else value


def fits(value: int) -> bool:
    return -(1 << 31) <= value < 1 << 31


def relation(a: int, b: int, summary: int = 0) -> int:
    return (LT if a < b else GT if a > b else EQ) | (UN if summary else 0)


def cr_with(field: int, value: int, cr: int = CR_BEFORE) -> int:
    shift = 28 - 4 * field
    return cr & ~(15 << shift) | value << shift


# Each gives the exact sum as signed numbers and as unsigned ones: the result, overflow and carry follow.
Sum = tuple[int, int]
ADDS: dict[str, Callable[[int, int, int], Sum]] = {
    "ADD": lambda a, b, c: (signed(a) + signed(b), a + b),
    "ADDC": lambda a, b, c: (signed(a) + signed(b), a + b),
    "ADDE": lambda a, b, c: (signed(a) + signed(b) + c, a + b + c),
    "ADDME": lambda a, b, c: (signed(a) + c - 1, a + c + M32),
    "ADDZE": lambda a, b, c: (signed(a) + c, a + c),
    "SUBF": lambda a, b, c: (signed(b) - signed(a), b + (a ^ M32) + 1),
    "SUBFC": lambda a, b, c: (signed(b) - signed(a), b + (a ^ M32) + 1),
    "SUBFE": lambda a, b, c: (signed(b) - signed(a) - 1 + c, b + (a ^ M32) + c),
    "SUBFME": lambda a, b, c: (-signed(a) - 2 + c, (a ^ M32) + c + M32),
    "SUBFZE": lambda a, b, c: (-signed(a) - 1 + c, (a ^ M32) + c),
    "NEG": lambda a, b, c: (-signed(a), 0),
}
KEEP_CARRY = {"ADD", "SUBF", "NEG"}


@pytest.mark.parametrize("form", range(4), ids=["plain", "rc", "oe", "oe_rc"])
@pytest.mark.parametrize("name", ADDS)
def test_sums_set_carry_overflow_and_field_0(ppc: Machine, name: str, form: int) -> None:
    second = {"rb": 4} if DECODE.entry(name).field("rb") else {}
    word = op(name, rt=5, ra=3, oe=form >> 1, rc=form & 1, **second)
    for a in VALUES:
        for b in VALUES:
            for carry in (0, 1):
                ppc["r3"], ppc["r4"], ppc["r5"], ppc["cr"] = a, b, BEFORE, CR_BEFORE
                ppc["xer"] = OV | (CA if carry else 0) | 0x55
                run(ppc, word)
                exact, wide = ADDS[name](a, b, carry)
                overflow = not fits(exact) if form & 2 else True
                summary = form & 2 and overflow
                carried = carry if name in KEEP_CARRY else wide >> 32 & 1
                xer = (SO if summary else 0) | (OV if overflow else 0) | (CA if carried else 0) | 0x55
                result = exact & M32
                assert (ppc["r5"], ppc["xer"]) == (result, xer), (hex(a), hex(b), carry)
                field = relation(signed(result), 0, summary) if form & 1 else CR_BEFORE >> 28
                assert ppc["cr"] == cr_with(0, field), (hex(a), hex(b), carry)


def test_summary_overflow_stays_until_it_is_cleared(ppc: Machine) -> None:
    ppc["r3"], ppc["r4"], ppc["xer"] = 0x7FFFFFFF, 1, 0
    run(ppc, op("ADD", rt=5, ra=3, rb=4, oe=1), op("ADD", rt=6, ra=4, rb=4, oe=1, rc=1))
    assert (ppc["xer"], ppc["cr"] >> 28) == (SO, GT | UN)
    ppc["r3"] = 0
    run(ppc, op("MTSPR", spr=1, rt=3), op("ADD", rt=6, ra=4, rb=4, oe=1, rc=1))
    assert (ppc["xer"], ppc["cr"] >> 28) == (0, GT)


@pytest.mark.parametrize("si", [0, 1, 0x7FFF, 0x8000, 0xFFFF])
def test_immediate_arithmetic(ppc: Machine, si: int) -> None:
    value = si - 0x10000 if si & 0x8000 else si
    for a in VALUES:
        ppc["r3"], ppc["r0"], ppc["xer"], ppc["cr"] = a, BEFORE, 0, CR_BEFORE
        run(ppc, op("ADDI", rt=5, ra=3, si=si), op("ADDIS", rt=6, ra=3, si=si))
        assert (ppc["r5"], ppc["r6"]) == ((a + value) & M32, (a + (value << 16)) & M32)
        run(ppc, op("ADDI", rt=5, ra=0, si=si), op("ADDIS", rt=6, ra=0, si=si))  # r0 is 0 here
        assert (ppc["r5"], ppc["r6"], ppc["xer"]) == (value & M32, value << 16 & M32, 0)
        run(ppc, op("MULLI", rt=7, ra=3, si=si), op("ADDIC", rt=8, ra=3, si=si))
        assert (ppc["r7"], ppc["r8"]) == (signed(a) * value & M32, (a + value) & M32)
        assert ppc["xer"] == (CA if a + (value & M32) > M32 else 0)
        run(ppc, op("SUBFIC", rt=9, ra=3, si=si))
        assert (ppc["r9"], ppc["xer"]) == ((value - a) & M32, CA if (value & M32) >= a else 0)
        assert ppc["cr"] == CR_BEFORE
        ppc["xer"] = SO
        run(ppc, op("ADDIC_", rt=8, ra=3, si=si))
        assert ppc["cr"] == cr_with(0, relation(signed((a + value) & M32), 0, 1))


@pytest.mark.parametrize("form", range(4), ids=["plain", "rc", "oe", "oe_rc"])
@pytest.mark.parametrize("name", ["MULLW", "DIVW", "DIVWU"])
def test_products_and_quotients(ppc: Machine, name: str, form: int) -> None:
    for a in VALUES:
        for b in VALUES:
            ppc["r3"], ppc["r4"], ppc["xer"], ppc["cr"] = a, b, CA, CR_BEFORE
            run(ppc, op(name, rt=5, ra=3, rb=4, oe=form >> 1, rc=form & 1))
            result, overflow = a, True  # without a quotient the result is undefined: this CPU leaves the dividend
            if name == "MULLW":
                result, overflow = signed(a) * signed(b), not fits(signed(a) * signed(b))
            elif name == "DIVWU" and b:
                result, overflow = a // b, False
            elif name == "DIVW" and b and (a, b) != (0x80000000, M32):
                quotient = abs(signed(a)) // abs(signed(b))
                result, overflow = quotient if signed(a) * signed(b) >= 0 else -quotient, False
            wrong = overflow and form & 2
            assert (ppc["r5"], ppc["xer"]) == (result & M32, CA | (SO | OV if wrong else 0)), (hex(a), hex(b))
            field = relation(signed(result & M32), 0, wrong) if form & 1 else CR_BEFORE >> 28
            assert ppc["cr"] == cr_with(0, field)


def test_upper_halves_of_products(ppc: Machine) -> None:
    for a in VALUES:
        for b in VALUES:
            ppc["r3"], ppc["r4"], ppc["xer"] = a, b, 0
            run(ppc, op("MULHWU", rt=6, ra=3, rb=4), op("MULHW", rt=5, ra=3, rb=4, rc=1))
            upper = signed(a) * signed(b) >> 32 & M32
            assert (ppc["r5"], ppc["r6"]) == (upper, a * b >> 32)
            assert ppc["cr"] >> 28 == relation(signed(upper), 0)


@pytest.mark.parametrize("field", range(8))
def test_compares_write_one_field(ppc: Machine, field: int) -> None:
    for a in VALUES:
        for b in VALUES:
            ppc["r3"], ppc["r4"], ppc["cr"], ppc["xer"] = a, b, CR_BEFORE, SO if a & 1 else 0
            run(ppc, op("CMP", bf=field, ra=3, rb=4))
            assert ppc["cr"] == cr_with(field, relation(signed(a), signed(b), a & 1))
            run(ppc, op("CMPL", bf=field, ra=3, rb=4))
            assert ppc["cr"] == cr_with(field, relation(a, b, a & 1))
            run(ppc, op("CMPI", bf=field, ra=3, si=0x8000))
            assert ppc["cr"] == cr_with(field, relation(signed(a), -0x8000, a & 1))
            run(ppc, op("CMPLI", bf=field, ra=3, ui=0x8000))
            assert ppc["cr"] == cr_with(field, relation(a, 0x8000, a & 1))


@pytest.mark.parametrize("to", range(32))
def test_traps_when_a_named_relation_holds(ppc: Machine, to: int) -> None:
    for a in VALUES:
        for b in VALUES[:8]:
            holds = (signed(a) < signed(b), signed(a) > signed(b), a == b, a < b, a > b)
            expected = any(hold and to >> 4 - i & 1 for i, hold in enumerate(holds))
            ppc["r3"], ppc["r4"] = a, b
            run(ppc, op("TW", to=to, ra=3, rb=4))
            assert (trap_of(ppc) is not None) == expected
            if expected:
                assert (trap_of(ppc), ppc["esr"], ppc["srr0"]) == (6, 0x02000000, CODE)
            run(ppc, op("TWI", to=to, ra=3, si=1))
            holds = (signed(a) < 1, signed(a) > 1, a == 1, a < 1, a > 1)
            assert (trap_of(ppc) is not None) == any(hold and to >> 4 - i & 1 for i, hold in enumerate(holds))


LOGIC: dict[str, Callable[[int, int], int]] = {
    "AND": lambda a, b: a & b,
    "ANDC": lambda a, b: a & ~b,
    "NAND": lambda a, b: ~(a & b),
    "OR": lambda a, b: a | b,
    "ORC": lambda a, b: a | ~b,
    "NOR": lambda a, b: ~(a | b),
    "XOR": lambda a, b: a ^ b,
    "EQV": lambda a, b: ~(a ^ b),
    "SLW": lambda a, b: a << (b & 63) if b & 63 < 32 else 0,
    "SRW": lambda a, b: a >> (b & 63) if b & 63 < 32 else 0,
    "SRAW": lambda a, b: signed(a) >> min(b & 63, 31),
    "CNTLZW": lambda a, b: 32 - a.bit_length(),
    "EXTSB": lambda a, b: (a & 0xFF ^ 0x80) - 0x80,
    "EXTSH": lambda a, b: (a & 0xFFFF ^ 0x8000) - 0x8000,
}
COUNTS = (*VALUES, 3, 31, 32, 33, 63, 64)


@pytest.mark.parametrize("rc", [0, 1])
@pytest.mark.parametrize("name", LOGIC)
def test_logic_and_shifts(ppc: Machine, name: str, rc: int) -> None:
    unary = name in ("CNTLZW", "EXTSB", "EXTSH")
    for a in VALUES:
        for b in COUNTS:
            ppc["r3"], ppc["r4"], ppc["cr"], ppc["xer"] = a, b, CR_BEFORE, CA
            run(ppc, op(name, rt=3, ra=5, rc=rc) if unary else op(name, rt=3, ra=5, rb=4, rc=rc))
            result = LOGIC[name](a, b) & M32
            assert ppc["r5"] == result, (hex(a), hex(b))
            assert ppc["cr"] == (cr_with(0, relation(signed(result), 0)) if rc else CR_BEFORE)
            lost = signed(a) < 0 and a & (1 << min(b & 63, 32)) - 1
            assert ppc["xer"] == (CA if name != "SRAW" or lost else 0), (hex(a), hex(b))


def test_logic_of_a_register_with_itself(ppc: Machine) -> None:
    for name in ("AND", "ANDC", "NAND", "OR", "ORC", "NOR", "XOR", "EQV"):
        ppc["r3"] = 0x12345678
        run(ppc, op(name, rt=3, ra=5, rb=3), op(name, rt=3, ra=3, rb=3))
        assert ppc["r5"] == ppc["r3"] == LOGIC[name](0x12345678, 0x12345678) & M32, name


@pytest.mark.parametrize("ui", [0, 1, 0x8000, 0xFFFF])
def test_immediate_logic(ppc: Machine, ui: int) -> None:
    for a in VALUES:
        ppc["r3"], ppc["cr"], ppc["xer"] = a, CR_BEFORE, 0
        run(ppc, op("ORI", rt=3, ra=5, ui=ui), op("ORIS", rt=3, ra=6, ui=ui))
        assert (ppc["r5"], ppc["r6"]) == (a | ui, a | ui << 16)
        run(ppc, op("XORI", rt=3, ra=5, ui=ui), op("XORIS", rt=3, ra=6, ui=ui))
        assert (ppc["r5"], ppc["r6"], ppc["cr"]) == (a ^ ui, a ^ ui << 16, CR_BEFORE)
        run(ppc, op("ANDI_", rt=3, ra=5, ui=ui))
        assert (ppc["r5"], ppc["cr"]) == (a & ui, cr_with(0, relation(a & ui, 0)))
        run(ppc, op("ANDIS_", rt=3, ra=5, ui=ui))
        assert (ppc["r5"], ppc["cr"]) == (a & ui << 16, cr_with(0, relation(signed(a & ui << 16), 0)))


@pytest.mark.parametrize("rc", [0, 1])
@pytest.mark.parametrize("sh", [0, 1, 15, 31])
def test_srawi_shifts_and_sets_carry_when_ones_are_lost(ppc: Machine, sh: int, rc: int) -> None:
    for a in VALUES:
        ppc["r3"], ppc["cr"], ppc["xer"] = a, CR_BEFORE, SO | CA
        run(ppc, op("SRAWI", rt=3, ra=5, sh=sh, rc=rc))
        lost = signed(a) < 0 and a & (1 << sh) - 1
        assert (ppc["r5"], ppc["xer"]) == (signed(a) >> sh & M32, SO | (CA if lost else 0))
        assert ppc["cr"] == (cr_with(0, relation(signed(a) >> sh, 0, 1)) if rc else CR_BEFORE)


def rotl(a: int, n: int) -> int:
    return (a << n | a >> 32 - n) & M32


def mask(mb: int, me: int) -> int:
    """Ones from bit mb through bit me, counted from the left and around the end."""
    bits, i = 0, mb
    while True:
        bits |= 1 << 31 - i
        if i == me:
            return bits
        i = (i + 1) % 32


@pytest.mark.parametrize("sh", [0, 1, 7, 16, 31])
def test_rotates_under_a_mask(ppc: Machine, sh: int) -> None:
    ends = (0, 1, 8, 15, 16, 24, 30, 31)
    for mb in ends:
        for me in {*ends, 31 - sh, (sh - 1) % 32}:
            a, old, bits = 0x92345679, 0xF0E1D2C3, mask(mb, me)
            ppc["r3"], ppc["r4"], ppc["r6"], ppc["xer"] = a, 0xFFFFFFE0 | sh, old, 0
            run(ppc, op("RLWINM", rt=3, ra=5, sh=sh, mb=mb, me=me, rc=1))
            result = rotl(a, sh) & bits
            assert (ppc["r5"], ppc["cr"] >> 28) == (result, relation(signed(result), 0)), (mb, me)
            run(ppc, op("RLWNM", rt=3, ra=5, rb=4, mb=mb, me=me), op("RLWIMI", rt=3, ra=6, sh=sh, mb=mb, me=me, rc=1))
            merged = result | old & ~bits
            assert (ppc["r5"], ppc["r6"]) == (result, merged), (mb, me)
            assert ppc["cr"] >> 28 == relation(signed(merged), 0)


CR_OPS: dict[str, Callable[[int, int], int]] = {
    "CRAND": lambda a, b: a & b,
    "CRANDC": lambda a, b: a & (b ^ 1),
    "CREQV": lambda a, b: a ^ b ^ 1,
    "CRNAND": lambda a, b: a & b ^ 1,
    "CRNOR": lambda a, b: (a | b) ^ 1,
    "CROR": lambda a, b: a | b,
    "CRORC": lambda a, b: a | (b ^ 1),
    "CRXOR": lambda a, b: a ^ b,
}


@pytest.mark.parametrize("name", CR_OPS)
def test_condition_register_operations(ppc: Machine, name: str) -> None:
    for cr in (CR_BEFORE, 0, M32, CR_BEFORE ^ M32):
        for bt, ba, bb in ((0, 1, 2), (31, 30, 29), (7, 7, 3), (9, 4, 9), (12, 5, 5), (6, 6, 6)):
            ppc["cr"] = cr
            run(ppc, op(name, bt=bt, ba=ba, bb=bb))
            bit = CR_OPS[name](cr >> 31 - ba & 1, cr >> 31 - bb & 1)
            assert ppc["cr"] == cr & ~(1 << 31 - bt) | bit << 31 - bt, (hex(cr), bt, ba, bb)


def test_moves_of_condition_fields(ppc: Machine) -> None:
    for bf in range(8):
        for bfa in range(8):
            ppc["cr"] = CR_BEFORE
            run(ppc, op("MCRF", bf=bf, bfa=bfa))
            assert ppc["cr"] == cr_with(bf, CR_BEFORE >> 28 - 4 * bfa & 15)
    for fxm in (*(1 << n for n in range(8)), 0, 0xFF, 0xA3):
        ppc["cr"], ppc["r3"] = CR_BEFORE, 0x0F1E2D3C
        run(ppc, op("MTCRF", fxm=fxm, rt=3), op("MFCR", rt=4))
        bits = sum(15 << 4 * n for n in range(8) if fxm >> n & 1)
        assert ppc["cr"] == ppc["r4"] == CR_BEFORE & ~bits | 0x0F1E2D3C & bits


def test_mcrxr_moves_the_flags_of_xer(ppc: Machine) -> None:
    for xer in range(8):
        ppc["cr"], ppc["xer"] = CR_BEFORE, xer << 29 | 0x33
        run(ppc, op("MCRXR", bf=5))
        assert (ppc["cr"], ppc["xer"]) == (cr_with(5, xer << 1), 0x33)


def test_xer_by_mtspr_keeps_its_fields_only(ppc: Machine) -> None:
    for value in (M32, 0, 0xA0000055, 0x5FFFFFAA):
        ppc["r3"] = value
        run(ppc, op("MTSPR", spr=1, rt=3), op("MFSPR", spr=1, rt=4))
        assert ppc["xer"] == ppc["r4"] == value & 0xE000007F


def branches(bo: int, bit: int, ctr: int) -> tuple[bool, int]:
    """Whether a branch is taken, and CTR after it."""
    if not bo & 4:
        ctr = (ctr - 1) & M32
    by_ctr = bo & 4 or (ctr != 0) != bool(bo & 2)
    return bool(by_ctr and (bo & 16 or bit == bo >> 3 & 1)), ctr


@pytest.mark.parametrize("bo", range(32))
def test_conditional_branches(ppc: Machine, bo: int) -> None:
    for ctr in (0, 1, 2):
        for bi in (0, 6, 31):
            for cr in (0, M32):
                taken, after = branches(bo, cr & 1, ctr)
                for lk in (0, 1):
                    ppc["ctr"], ppc["cr"], ppc["lr"] = ctr, cr, 0x77
                    run(ppc, op("BC", bo=bo, bi=bi, bd=4, lk=lk), STAY)
                    assert (ppc["pc"], ppc["ctr"]) == (CODE + (16 if taken else 4), after)
                    assert ppc["lr"] == (CODE + 4 if lk else 0x77)
                    ppc["ctr"], ppc["lr"] = ctr, CODE + 0x22
                    run(ppc, op("BCLR", bo=bo, bi=bi, lk=lk), STAY)
                    assert (ppc["pc"], ppc["ctr"]) == (CODE + (0x20 if taken else 4), after)
                    assert ppc["lr"] == (CODE + 4 if lk else CODE + 0x22)
                if bo & 4:
                    ppc["ctr"] = CODE + 0x23
                    run(ppc, op("BCCTR", bo=bo, bi=bi, lk=1), STAY)
                    assert (ppc["pc"], ppc["lr"]) == (CODE + (0x20 if taken else 4), CODE + 4)


def test_branches_go_back_far_and_to_absolute_addresses(ppc: Machine) -> None:
    at = CODE // 4
    run(ppc, op("B", li=8, lk=1))
    assert (ppc["pc"], ppc["lr"]) == (CODE + 32, CODE + 4)
    run(ppc, op("B", li=at + 4, aa=1))
    assert ppc["pc"] == CODE + 16
    run(ppc, op("BC", bo=20, bd=at + 5, aa=1))
    assert ppc["pc"] == CODE + 20
    ppc["lr"] = CODE + 24
    run(ppc, op("BCLR", bo=20, lk=1))  # the old value is the target
    assert (ppc["pc"], ppc["lr"]) == (CODE + 24, CODE + 4)


def test_a_branch_in_a_block_reads_the_compare_before_it(ppc: Machine) -> None:
    for a, b in ((1, 2), (2, 2), (3, 2)):
        for bo in (4, 12):
            for bit in range(3):
                ppc["r3"], ppc["r4"], ppc["r5"], ppc["cr"] = a, b, 0, 0
                program = (op("CMP", bf=2, ra=3, rb=4), op("BC", bo=bo, bi=8 + bit, bd=2), op("ADDI", rt=5, ra=0, si=1))
                run(ppc, *program)
                taken = (a < b, a > b, a == b)[bit] == (bo == 12)
                assert ppc["r5"] == (0 if taken else 1)
                assert ppc["cr"] == cr_with(2, relation(a, b), 0)


@pytest.mark.parametrize("apart", [False, True], ids=["same_block", "other_block"])
@pytest.mark.parametrize("bit", range(4), ids=["lt", "gt", "eq", "so"])
@pytest.mark.parametrize("name", ["CMP", "CMPL", "CMPI", "CMPLI"])
def test_every_bit_of_a_compare_can_be_branched_on(ppc: Machine, name: str, bit: int, apart: bool) -> None:
    leave = [op("B", li=1)] if apart else []
    fields = {"si": 2} if name == "CMPI" else {"ui": 2} if name == "CMPLI" else {"rb": 4}
    for a in VALUES:
        for summary in (0, 1):
            ppc["r3"], ppc["r4"], ppc["r5"], ppc["xer"] = a, 2, 0, SO if summary else 0
            branch = op("BC", bo=12, bi=12 + bit, bd=2)
            run(ppc, op(name, bf=3, ra=3, **fields), *leave, branch, op("ADDI", rt=5, ra=0, si=1))
            one = a if "L" in name else signed(a)
            assert ppc["r5"] == (relation(one, 2, summary) >> 3 - bit & 1 ^ 1), hex(a)


def test_a_bit_changed_behind_a_compare_leaves_the_others(ppc: Machine) -> None:
    for a in (1, 2, 3):
        for bit in range(4):
            for name, value in (("CREQV", 1), ("CRXOR", 0)):
                for leave in ([], [op("B", li=1)]):
                    ppc["r3"], ppc["cr"], ppc["xer"] = a, 0, 0
                    run(ppc, op("CMPLI", bf=2, ra=3, ui=2), *leave, op(name, bt=8 + bit, ba=5, bb=5), op("MFCR", rt=6))
                    bits = relation(a, 2) & ~(8 >> bit) | (8 >> bit if value else 0)
                    assert ppc["cr"] == ppc["r6"] == bits << 20


def test_summary_overflow_of_an_instruction_before_is_in_the_compare_behind_it(ppc: Machine) -> None:
    ppc["r3"], ppc["r4"], ppc["xer"], ppc["cr"] = 0x7FFFFFFF, 1, 0, 0
    run(ppc, op("ADD", rt=5, ra=3, rb=4, oe=1), op("CMPI", bf=1, ra=3, si=1), op("CROR", bt=31, ba=7, bb=7))
    assert ppc["cr"] == (GT | UN) << 24 | 1


def test_fields_with_several_bits_move_and_join(ppc: Machine) -> None:
    ppc["r3"] = 0xE0000000  # LT, GT and EQ at once
    run(ppc, op("MTCRF", fxm=0x80, rt=3), op("MCRF", bf=7, bfa=0), op("CRNAND", bt=28, ba=0, bb=1), op("MFCR", rt=4))
    assert (ppc["r4"] >> 28, ppc["r4"] & 15) == (14, 6)

# SPDX-License-Identifier: MIT
"""MIPS instructions one by one, in the interpreter and as blocks, against results computed from volume II."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from l4vm.binding.machine import Machine
from tests.insn.mips_words import (
    ADDRESS_LOAD,
    ADDRESS_STORE,
    BD,
    CODE,
    DATA,
    DECODE,
    GENERAL,
    M32,
    NOP,
    OTHER,
    OVERFLOW,
    RESERVED,
    STAY,
    TRAP,
    op,
    put,
    run,
    trap_of,
)

VALUES = (0, 1, 2, 31, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF, 0x12345678, 0xF13CBACC)


def signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 & 1 else value


def leading(value: int, bit: int) -> int:
    digits = f"{value:032b}"
    return len(digits) - len(digits.lstrip(str(bit)))


def rotated(value: int, by: int) -> int:
    return (value >> by | value << 32 - by) & M32


Binary = Callable[[int, int], int]
BINARY: dict[str, Binary] = {  # rd from rs, rt
    "ADDU": lambda a, b: a + b,
    "SUBU": lambda a, b: a - b,
    "AND": lambda a, b: a & b,
    "OR": lambda a, b: a | b,
    "XOR": lambda a, b: a ^ b,
    "NOR": lambda a, b: ~(a | b),
    "SLT": lambda a, b: signed(a) < signed(b),
    "SLTU": lambda a, b: a < b,
    "SLLV": lambda a, b: b << (a & 31),
    "SRLV": lambda a, b: b >> (a & 31),
    "SRAV": lambda a, b: signed(b) >> (a & 31),
    "ROTRV": lambda a, b: rotated(b, a & 31),
    "MUL": lambda a, b: a * b,
    "CLZ": lambda a, b: leading(a, 0),
    "CLO": lambda a, b: leading(a, 1),
    "SEB": lambda a, b: (b & 0xFF ^ 0x80) - 0x80,
    "SEH": lambda a, b: (b & 0xFFFF ^ 0x8000) - 0x8000,
    "WSBH": lambda a, b: (b & 0x00FF00FF) << 8 | (b & 0xFF00FF00) >> 8,
    "MOVZ": lambda a, b: 0xA5A5 if b else a,
    "MOVN": lambda a, b: a if b else 0xA5A5,
}


def fields_of(name: str, **wanted: int) -> dict[str, int]:
    return {field: value for field, value in wanted.items() if DECODE.entry(name).field(field)}


@pytest.mark.parametrize("name", BINARY)
def test_results_of_two_registers(mips: Machine, name: str) -> None:
    word = op(name, **fields_of(name, rd=5, rs=3, rt=4))
    for a in VALUES:
        for b in VALUES:
            mips["r3"], mips["r4"], mips["r5"] = a, b, 0xA5A5
            run(mips, word)
            assert mips["r5"] == BINARY[name](a, b) & M32, (hex(a), hex(b))


IMMEDIATE: dict[str, Binary] = {
    "ADDIU": lambda a, i: a + i,
    "SLTI": lambda a, i: signed(a) < i,
    "SLTIU": lambda a, i: a < i & M32,
    "ANDI": lambda a, i: a & i & 0xFFFF,
    "ORI": lambda a, i: a | i & 0xFFFF,
    "XORI": lambda a, i: a ^ i & 0xFFFF,
    "LUI": lambda a, i: i << 16,
}


@pytest.mark.parametrize("name", IMMEDIATE)
def test_results_of_a_register_and_a_number(mips: Machine, name: str) -> None:
    for a in VALUES:
        for number in (0, 1, -1, 0x7FFF, -0x8000, 0x1234):
            mips["r3"] = a
            run(mips, op(name, **fields_of(name, rt=5, rs=3, imm=number, uimm=number)))
            assert mips["r5"] == IMMEDIATE[name](a, number) & M32, (hex(a), number)


@pytest.mark.parametrize("by", [0, 1, 7, 31])
def test_shifts_by_a_number(mips: Machine, by: int) -> None:
    results: dict[str, Callable[[int], int]] = {
        "SLL": lambda a: a << by,
        "SRL": lambda a: a >> by,
        "SRA": lambda a: signed(a) >> by,
        "ROTR": lambda a: rotated(a, by),
    }
    for name, result in results.items():
        for a in VALUES:
            mips["r3"] = a
            run(mips, op(name, rd=5, rt=3, sa=by))
            assert mips["r5"] == result(a) & M32, (name, hex(a))


def test_fields_are_taken_out_and_put_in(mips: Machine) -> None:
    for low in range(0, 32, 5):
        for size in range(1, 33 - low, 6):
            mips["r3"], mips["r5"] = 0xF13CBACC, 0x12345678
            run(mips, op("EXT", rt=4, rs=3, lsb=low, msb=size - 1), op("INS", rt=5, rs=3, lsb=low, msb=low + size - 1))
            mask = (1 << size) - 1
            assert mips["r4"] == 0xF13CBACC >> low & mask
            assert mips["r5"] == 0x12345678 & ~(mask << low) & M32 | (0xF13CBACC & mask) << low


@pytest.mark.parametrize("word", [op("EXT", lsb=16, msb=16), op("INS", lsb=9, msb=8)])
def test_a_field_that_leaves_the_word_is_reserved(mips: Machine, word: int) -> None:
    put(mips, word)
    mips.run(2)
    assert (trap_of(mips), mips["epc"]) == ((GENERAL, RESERVED), CODE)


PRODUCTS: dict[str, Callable[[int, int, int], int]] = {
    "MULT": lambda acc, a, b: signed(a) * signed(b),
    "MULTU": lambda acc, a, b: a * b,
    "MADD": lambda acc, a, b: acc + signed(a) * signed(b),
    "MADDU": lambda acc, a, b: acc + a * b,
    "MSUB": lambda acc, a, b: acc - signed(a) * signed(b),
    "MSUBU": lambda acc, a, b: acc - a * b,
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_are_64_bits_wide(mips: Machine, name: str) -> None:
    for a in VALUES:
        for b in VALUES:
            mips["r3"], mips["r4"], mips["hi"], mips["lo"] = a, b, 0x01234567, 0x89ABCDEF
            run(mips, op(name, rs=3, rt=4))
            assert mips["hi"] << 32 | mips["lo"] == PRODUCTS[name](0x0123456789ABCDEF, a, b) & (1 << 64) - 1


def test_quotients_round_towards_zero_and_the_remainder_has_the_dividends_sign(mips: Machine) -> None:
    for a in VALUES:
        for b in VALUES[1:]:
            mips["r3"], mips["r4"] = a, b
            run(mips, op("DIVU", rs=3, rt=4), op("MFHI", rd=6), op("MFLO", rd=7), op("DIV", rs=3, rt=4))
            assert (mips["r7"], mips["r6"]) == (a // b, a % b)
            if (a, b) == (0x80000000, M32):
                continue  # left open
            quotient = abs(signed(a)) // abs(signed(b)) * (-1 if signed(a) * signed(b) < 0 else 1)
            assert mips["lo"] == quotient & M32
            assert mips["hi"] == signed(a) - quotient * signed(b) & M32


@pytest.mark.parametrize(
    ("word", "a", "b", "traps"),
    [
        (op("ADD", rd=5, rs=3, rt=4), 0x7FFFFFFF, 1, True),
        (op("ADD", rd=5, rs=3, rt=4), 0x7FFFFFFF, M32, False),
        (op("ADDI", rt=5, rs=3, imm=-1), 0x80000000, 0, True),
        (op("ADDI", rt=5, rs=3, imm=1), 5, 0, False),
        (op("SUB", rd=5, rs=3, rt=4), 0x80000000, 1, True),
        (op("SUB", rd=5, rs=3, rt=4), 1, 2, False),
    ],
)
def test_a_sum_that_overflows_traps_and_writes_nothing(mips: Machine, word: int, a: int, b: int, traps: bool) -> None:
    mips["r3"], mips["r4"], mips["r5"] = a, b, 0x5555
    put(mips, word)
    mips.run(4)
    assert trap_of(mips) == ((GENERAL, OVERFLOW) if traps else None)
    assert (mips["r5"] == 0x5555) is traps


RELATIONS: dict[str, Binary] = {
    "TGE": lambda a, b: signed(a) >= signed(b),
    "TGEU": lambda a, b: a >= b,
    "TLT": lambda a, b: signed(a) < signed(b),
    "TLTU": lambda a, b: a < b,
    "TEQ": lambda a, b: a == b,
    "TNE": lambda a, b: a != b,
}


@pytest.mark.parametrize("name", RELATIONS)
def test_traps_by_relation(mips: Machine, name: str) -> None:
    immediate = name[:3] + "I" + name[3:]
    for a in (0, 1, 7, 0x7FFFFFFF, 0x80000000, M32):
        for b in (0, 7, M32):
            for word in (op(name, rs=3, rt=4), op(immediate, rs=3, imm=signed(b))):
                mips["status"], mips["r3"], mips["r4"] = 4, a, b
                put(mips, word)
                mips.run(2)
                assert trap_of(mips) == ((GENERAL, TRAP) if RELATIONS[name](a, b) else None), (hex(a), hex(b))


TAKEN: dict[str, Callable[[int], bool]] = {
    "BEQ": lambda a: a == 0,
    "BNE": lambda a: a != 0,
    "BLEZ": lambda a: a <= 0,
    "BGTZ": lambda a: a > 0,
    "BLTZ": lambda a: a < 0,
    "BGEZ": lambda a: a >= 0,
    "BLTZAL": lambda a: a < 0,
    "BGEZAL": lambda a: a >= 0,
}


@pytest.mark.parametrize("likely", [False, True], ids=["plain", "likely"])
@pytest.mark.parametrize("name", TAKEN)
def test_branches_run_their_slot_and_likely_ones_only_when_taken(mips: Machine, name: str, likely: bool) -> None:
    add = [op("ADDIU", rt=n, rs=n, imm=1) for n in (10, 11, 12)]
    word = op(name + ("L" if likely else ""), rs=3, disp=2)
    for a in (0, 1, M32, 0x80000000):
        for n in (10, 11, 12, 31):
            mips[f"r{n}"] = 0
        mips["r3"] = a
        run(mips, word, *add, insns=8)
        taken = TAKEN[name](signed(a))
        assert (mips["r10"], mips["r11"], mips["r12"]) == (int(taken or not likely), int(not taken), 1)
        assert mips["r31"] == (CODE + 8 if "AL" in name else 0)


def test_jumps_link_behind_their_slot(mips: Machine) -> None:
    add = op("ADDIU", rt=10, rs=10, imm=1)
    back = [op("JALR", rd=9, rs=8), op("ADDIU", rt=11, rs=0, imm=5), STAY, NOP]
    mips.write(OTHER, b"".join(word.to_bytes(4, "little") for word in (op("JR", rs=31), add)))
    mips["r8"], mips["r10"] = OTHER, 0
    run(mips, op("JAL", index=OTHER >> 2), add, *back, insns=4)
    assert (mips["pc"], mips["r31"], mips["r10"]) == (CODE + 8, CODE + 8, 2)
    mips.run(2)
    assert (mips["pc"], mips["r9"], mips["r11"]) == (OTHER, CODE + 16, 5)


LOADS: dict[str, tuple[int, bool]] = {
    "LB": (1, True),
    "LBU": (1, False),
    "LH": (2, True),
    "LHU": (2, False),
    "LW": (4, False),
}


@pytest.mark.parametrize("name", LOADS)
def test_loads_are_little_endian_and_aligned(mips: Machine, name: str) -> None:
    size, sign = LOADS[name]
    data = bytes(range(0x79, 0x89))
    mips.write(DATA, data)
    for at in range(8):
        mips["status"], mips["r3"], mips["r5"] = 4, DATA + 4, 0xA5A5
        put(mips, op(name, rt=5, base=3, offset=at - 4))
        mips.run(4)
        if at % size:
            assert (trap_of(mips), mips["badvaddr"], mips["r5"]) == ((GENERAL, ADDRESS_LOAD), DATA + at, 0xA5A5)
        else:
            assert mips["r5"] == int.from_bytes(data[at : at + size], "little", signed=sign) & M32


@pytest.mark.parametrize(("name", "size"), [("SB", 1), ("SH", 2), ("SW", 4)])
def test_stores_are_little_endian_and_aligned(mips: Machine, name: str, size: int) -> None:
    for at in range(8):
        mips.write(DATA, bytes(8))
        mips["status"], mips["r3"], mips["r5"] = 4, DATA, 0x44332211
        put(mips, op(name, rt=5, base=3, offset=at))
        mips.run(4)
        data = bytearray(8)
        if at % size:
            assert (trap_of(mips), mips["badvaddr"]) == ((GENERAL, ADDRESS_STORE), DATA + at)
        else:
            data[at : at + size] = (0x44332211).to_bytes(4, "little")[:size]
        assert mips.read(DATA, 8) == bytes(data)


def test_parts_of_an_unaligned_word_come_and_go(mips: Machine) -> None:
    data = bytes(range(0x10, 0x18))
    for at in range(5):
        mips.write(DATA, data)
        mips.write(DATA + 16, bytes(8))
        mips["r3"], mips["r5"], mips["r6"] = DATA + at, 0xA5A5A5A5, DATA + 16 + at
        load = [op("LWR", rt=5, base=3), op("LWL", rt=5, base=3, offset=3)]
        run(mips, *load, op("SWR", rt=5, base=6), op("SWL", rt=5, base=6, offset=3))
        assert mips["r5"] == int.from_bytes(data[at : at + 4], "little")
        assert mips.read(DATA + 16, 8) == bytes(at) + data[at : at + 4] + bytes(4 - at)


def test_one_part_leaves_the_rest_of_the_register(mips: Machine) -> None:
    mips.write(DATA, bytes.fromhex("11223344"))
    mips["r3"] = DATA
    for at, left, right in ((0, 0x11BBCCDD, 0x44332211), (2, 0x332211DD, 0xAABB4433), (3, 0x44332211, 0xAABBCC44)):
        mips["r5"] = mips["r6"] = 0xAABBCCDD
        run(mips, op("LWL", rt=5, base=3, offset=at), op("LWR", rt=6, base=3, offset=at))
        assert (mips["r5"], mips["r6"]) == (left, right)


def test_a_conditional_store_wants_the_link(mips: Machine) -> None:
    mips.write(DATA, bytes.fromhex("01000000 02000000"))
    mips["r3"], mips["r5"], mips["r6"], mips["r7"] = DATA, 7, 8, 9
    words = [op("LL", rt=4, base=3), op("SC", rt=5, base=3), op("SC", rt=6, base=3)]
    run(mips, *words, op("LL", rt=8, base=3), op("SC", rt=7, base=3, offset=4))
    assert [mips[f"r{n}"] for n in (4, 5, 6, 8, 7)] == [1, 1, 0, 7, 0]
    assert mips.read(DATA, 8) == bytes.fromhex("07000000 02000000")


def test_register_0_stays_0(mips: Machine) -> None:
    mips.write(DATA, b"\1\2\3\4")
    mips["r3"] = DATA
    run(mips, op("LW", rt=0, base=3), op("ADDIU", rt=0, rs=3, imm=1), op("ADDU", rd=4, rs=0, rt=0))
    assert (mips["r0"], mips["r4"]) == (0, 0)


def test_a_branch_in_a_delay_slot_is_reserved(mips: Machine) -> None:
    put(mips, op("BEQ", disp=4), op("BEQ", disp=4))
    mips.run(3)
    assert (trap_of(mips), mips["epc"], mips["cause"] & BD) == ((GENERAL, RESERVED), CODE, BD)

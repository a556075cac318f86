# SPDX-License-Identifier: MIT
"""SPARC instructions one by one, in the interpreter and as blocks, against results computed here from the V8 manual."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from l4vm.binding.machine import Machine, Stop
from tests.insn.words import CODE, DATA, M32, NOP, PSR, RAM, alu, branch, fpop, imm, memory, run

N, Z, V, C = 8, 4, 2, 1
VALUES = (0, 1, 2, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF, 0x12345678, 0xF13CBACC)
Result = tuple[int, int | None]


def signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value


def nz(value: int) -> int:
    return (N if value >> 31 & 1 else 0) | (Z if not value & M32 else 0)


def adds(a: int, b: int, carry: int = 0) -> Result:
    total = a + b + carry
    exact = signed(a) + signed(b) + carry
    low = total & M32
    return low, nz(low) | (C if total >> 32 else 0) | (V if signed(low) != exact else 0)


def subtracts(a: int, b: int, carry: int = 0) -> Result:
    low = (a - b - carry) & M32
    exact = signed(a) - signed(b) - carry
    return low, nz(low) | (C if a < b + carry else 0) | (V if signed(low) != exact else 0)


def logic(value: int) -> Result:
    return value & M32, nz(value)


CASES: dict[str, tuple[int, Callable[[int, int], Result]]] = {
    "addcc": (0x10, adds),
    "andcc": (0x11, lambda a, b: logic(a & b)),
    "orcc": (0x12, lambda a, b: logic(a | b)),
    "xorcc": (0x13, lambda a, b: logic(a ^ b)),
    "subcc": (0x14, subtracts),
    "andncc": (0x15, lambda a, b: logic(a & ~b)),
    "orncc": (0x16, lambda a, b: logic(a | ~b & M32)),
    "xnorcc": (0x17, lambda a, b: logic(~(a ^ b))),
    "addxcc": (0x18, lambda a, b: adds(a, b, 1)),
    "subxcc": (0x1C, lambda a, b: subtracts(a, b, 1)),
    "umulcc": (0x1A, lambda a, b: logic(a * b)),
    "smulcc": (0x1B, lambda a, b: logic(signed(a) * signed(b))),
    "sll": (0x25, lambda a, b: (a << (b & 31) & M32, None)),
    "srl": (0x26, lambda a, b: (a >> (b & 31), None)),
    "sra": (0x27, lambda a, b: (signed(a) >> (b & 31) & M32, None)),
    "add": (0x00, lambda a, b: (a + b & M32, None)),
    "addx": (0x08, lambda a, b: (a + b + 1 & M32, None)),
    "sub": (0x04, lambda a, b: (a - b & M32, None)),
    "subx": (0x0C, lambda a, b: (a - b - 1 & M32, None)),
}


@pytest.mark.parametrize("name", CASES)
def test_arithmetic_gives_result_and_icc_of_the_manual(machine: Machine, name: str) -> None:
    op3, expected = CASES[name]
    for a in VALUES:
        for b in VALUES:
            machine["psr"] = PSR | C << 20
            machine["o0"], machine["o1"] = a, b
            run(machine, alu(op3))
            result, icc = expected(a, b)
            assert (machine["o2"], machine["psr"] >> 20 & 15) == (result, C if icc is None else icc), (hex(a), hex(b))


@pytest.mark.parametrize(("op3", "is_signed"), [(0x1E, False), (0x1F, True)])
def test_division_is_64_by_32_and_saturates_with_overflow(machine: Machine, op3: int, is_signed: bool) -> None:
    low, high = (-(1 << 31), (1 << 31) - 1) if is_signed else (0, M32)
    cases = [(0, 100, 7), (M32, -100 & M32, 7), (5, 3, 2), (0x80000000, 0, M32), (M32, 7, 0x80000000), (0, 1 << 31, 1)]
    for y, a, b in cases:
        dividend, divisor = y << 32 | a, b
        if is_signed:
            dividend -= (dividend >> 63) << 64
            divisor = signed(b)
        exact = abs(dividend) // abs(divisor) * (1 if (dividend < 0) == (divisor < 0) else -1)
        result = min(max(exact, low), high)
        machine["y"], machine["o0"], machine["o1"] = y, a, b
        run(machine, alu(op3))
        assert machine["o2"] == result & M32
        assert machine["psr"] >> 20 & 15 == nz(result & M32) | (V if result != exact else 0)


@pytest.mark.parametrize(
    ("words", "tt"),
    [
        ([alu(0x0E)], 0x2A),
        ([0x00000000], 0x02),
        ([imm(0x3A, 8, 0, 5)], 0x85),
        ([memory(0x00, 10, 8, 1)], 0x07),
        ([memory(0x03, 11)], 0x02),
        ([imm(0x22, 10, 0, 1)], 0x0A),
        ([fpop(0x43)], 0x08),
        ([2 << 30 | 0x36 << 19], 0x24),
    ],
    ids=["div_by_zero", "unimp", "ta", "misaligned", "odd_pair", "tag_overflow", "quad", "coprocessor"],
)
def test_trap_enters_its_vector_with_pc_and_npc_saved(machine: Machine, words: list[int], tt: int) -> None:
    machine["o0"], machine["o1"], machine["y"] = DATA, 0, 0
    run(machine, *words)
    assert (machine["pc"], machine["tbr"] & 0xFF0) == (RAM | tt << 4, tt << 4)
    assert (machine["l1"], machine["l2"]) == (CODE, CODE + 4)
    assert machine["psr"] & 0xFF == 0xC7  # S, PS, ET off, window 7


def test_save_and_restore_move_the_window(machine: Machine) -> None:
    machine["o0"] = 77
    run(machine, imm(0x3C, 14, 0, 5))
    assert (machine["i0"], machine["o6"], machine["psr"] & 31) == (77, 5, 7)
    run(machine, imm(0x3D, 9, 24, 1))
    assert (machine["o0"], machine["o1"], machine["psr"] & 31) == (77, 78, 0)


def test_save_into_an_invalid_window_traps(machine: Machine) -> None:
    machine["wim"] = 1 << 7
    run(machine, imm(0x3C, 14, 0, 5))
    assert machine["pc"] == RAM | 0x05 << 4


@pytest.mark.parametrize(("annul", "taken", "slot"), [(0, 0, 1), (0, 1, 1), (1, 0, 0), (1, 1, 1)])
def test_delay_slot_runs_unless_annulled_by_a_branch_not_taken(
    machine: Machine, annul: int, taken: int, slot: int
) -> None:
    machine["psr"] = PSR | (Z << 20 if taken else 0)
    machine["o1"] = machine["o2"] = 0
    run(machine, branch(1, 4, annul), imm(0, 9, 0, 1), imm(0, 10, 0, 1))  # be{,a} .+16
    assert (machine["o1"], machine["o2"]) == (slot, 1 - taken)
    assert machine["pc"] == (CODE + 16 if taken else CODE + 12)


def test_fault_in_a_delay_slot_saves_the_branch_target_as_npc(machine: Machine) -> None:
    machine["psr"], machine["o0"] = PSR | Z << 20, DATA + 1
    run(machine, branch(1, 16), memory(0x00, 10))
    assert (machine["l1"], machine["l2"], machine["tbr"] & 0xFF0) == (CODE + 4, CODE + 64, 0x70)


def test_loads_extend_and_pairs_are_big_endian(machine: Machine) -> None:
    machine.write(DATA, bytes.fromhex("81828384f5f6f7f8"))
    machine["o0"] = DATA
    for op3, expected in [(0, 0x81828384), (1, 0x81), (2, 0x8182), (9, 0xFFFFFF81), (10, 0xFFFF8182)]:
        run(machine, memory(op3, 10))
        assert machine["o2"] == expected
    run(machine, memory(3, 10), memory(7, 10, 8, 8))
    assert (machine["o2"], machine["o3"]) == (0x81828384, 0xF5F6F7F8)
    assert machine.read(DATA + 8, 8) == bytes.fromhex("81828384f5f6f7f8")


def test_atomics_exchange_with_memory(machine: Machine) -> None:
    machine.write(DATA, bytes.fromhex("0102030400000005"))
    machine["o0"], machine["o2"] = DATA, 0xAABBCCDD
    run(machine, memory(13, 11))
    assert (machine["o3"], machine.read(DATA, 1)) == (1, b"\xff")
    run(machine, memory(15, 10))
    assert (machine["o2"], machine.read(DATA, 4)) == (0xFF020304, bytes.fromhex("aabbccdd"))
    machine["o1"], machine["o2"] = 0xAABBCCDD, 7
    run(machine, 3 << 30 | 10 << 25 | 0x3C << 19 | 8 << 14 | 0x0B << 5 | 9)
    assert (machine["o2"], machine.read(DATA, 4)) == (0xAABBCCDD, bytes.fromhex("00000007"))


def bits(value: float, kind: str = "d") -> int:
    return int.from_bytes(struct.pack(f">{kind}", value), "big")


NV, OF, UF, DZ, NX = 16, 8, 4, 2, 1


@pytest.mark.parametrize(
    ("opf", "a", "b", "rounding", "result", "flags"),
    [
        (0x42, bits(1.5), bits(2.25), 0, bits(3.75), 0),
        (0x42, bits(1.0), bits(2.0**-60), 2, bits(1.0000000000000002), NX),
        (0x42, bits(1.0), bits(2.0**-60), 3, bits(1.0), NX),
        (0x46, bits(float("inf")), bits(float("inf")), 0, 0x7FFFFFFFFFFFFFFF, NV),
        (0x4A, bits(1e308), bits(1e10), 0, bits(float("inf")), OF | NX),
        (0x4A, bits(1e308), bits(1e10), 1, 0x7FEFFFFFFFFFFFFF, OF | NX),
        (0x4E, bits(1.0), bits(0.0), 0, bits(float("inf")), DZ),
        (0x4E, bits(1.0), bits(3.0), 0, bits(1 / 3), NX),
        # 2^-1022 - 2^-1076 rounds up to the least normal number: tiny before rounding (V8 N.5)
        (0x4A, 0x3FEFFFFFFFFFFFFF, 0x0010000000000000, 0, 0x0010000000000000, UF | NX),
        # both NaN: the signalling one, made quiet, else rs2
        (0x42, 0x7FF8000000000001, 0x7FF8000000000002, 0, 0x7FF8000000000002, 0),
        (0x42, 0x7FF0000000000001, 0x7FF8000000000002, 0, 0x7FF8000000000001, NV),
    ],
)
def test_double_arithmetic_rounds_and_flags(
    machine: Machine, opf: int, a: int, b: int, rounding: int, result: int, flags: int
) -> None:
    machine["fsr"] = rounding << 30
    machine["f2"], machine["f3"], machine["f4"], machine["f5"] = a >> 32, a & M32, b >> 32, b & M32
    run(machine, fpop(opf))
    fsr = machine["fsr"]
    assert (machine["f0"] << 32 | machine["f1"], fsr & 31, fsr >> 5 & 31) == (result, flags, flags)


def test_enabled_fp_exception_traps_and_keeps_rd(machine: Machine) -> None:
    machine["fsr"] = DZ << 23
    machine["f0"], machine["f2"], machine["f4"] = 9, bits(1.0, "f"), 0
    run(machine, fpop(0x4D))
    assert (machine["pc"], machine["f0"]) == (RAM | 0x08 << 4, 9)
    assert (machine["fsr"] >> 14 & 7, machine["fsr"] & 31, machine["fsr"] >> 5 & 31) == (1, DZ, 0)


@pytest.mark.parametrize(("a", "b", "fcc"), [(1.0, 1.0, 0), (1.0, 2.0, 1), (2.0, 1.0, 2), (float("nan"), 1.0, 3)])
def test_fp_compare_sets_fcc(machine: Machine, a: float, b: float, fcc: int) -> None:
    machine["fsr"] = 0
    machine["f2"], machine["f4"] = bits(a, "f"), bits(b, "f")
    run(machine, fpop(0x51, op3=0x35))
    assert machine["fsr"] >> 10 & 3 == fcc


@pytest.mark.parametrize("memory_between", [False, True])
def test_fp_registers_outlive_an_operation_that_is_not_done_inline(machine: Machine, memory_between: bool) -> None:
    machine["fsr"], machine["o0"] = NX, DATA
    for number, value in ((2, 1.5), (4, 2.25), (8, 1e-300), (10, 1e-20)):
        machine[f"f{number}"], machine[f"f{number + 1}"] = bits(value) >> 32, bits(value) & M32
    between = [memory(0x27, 2, 8, 64)] if memory_between else []  # std %f2
    tiny = fpop(0x4A, 12, 8, 10)  # underflows
    run(machine, fpop(0x42, 0, 2, 4), tiny, *between, fpop(0x42, 6, 0, 4), fpop(0x4E, 14, 2, 0), fpop(0x42, 2, 12, 4))
    found = [machine[f"f{number}"] << 32 | machine[f"f{number + 1}"] for number in (0, 6, 14, 12, 2)]
    assert found == [bits(x) for x in (3.75, 6.0, 1.5 / 3.75, 1e-300 * 1e-20, 2.25)]
    assert machine["fsr"] & 0x3FF == (UF | NX) << 5 | NX
    if memory_between:
        assert machine.read(DATA + 64, 8) == struct.pack(">d", 1.5)


def test_a_word_of_a_double_is_not_read_from_an_old_copy(machine: Machine) -> None:
    machine["fsr"], machine["o0"] = NX, DATA
    for number, value in ((2, 1.5), (4, 2.25)):
        machine[f"f{number}"], machine[f"f{number + 1}"] = bits(value) >> 32, bits(value) & M32
    machine["f8"] = bits(0.5, "f")
    # f0:f1 = 3.75; f0 = the word of 0.5; f6 = f0:f1 + f4; f10 = the single in f0, twice
    run(machine, fpop(0x42, 0, 2, 4), fpop(0x01, 0, 0, 8), fpop(0x42, 6, 0, 4), fpop(0x41, 10, 0, 0))
    double = struct.unpack(">d", struct.pack(">fI", 0.5, bits(3.75) & M32))[0]
    assert machine["f6"] << 32 | machine["f7"] == bits(double + 2.25)
    assert machine["f10"] == bits(1.0, "f")


@pytest.mark.parametrize("taken", [0, 1])
@pytest.mark.parametrize(
    ("psr", "divisor", "tt", "result"),
    [(PSR, bits(2.0, "f"), None, bits(0.5, "f")), (PSR, 0, 0x08, 9), (PSR & ~0x1000, bits(2.0, "f"), 0x04, 9)],
    ids=["result", "exception", "off"],
)
def test_fp_operation_in_a_delay_slot(
    machine: Machine, taken: int, psr: int, divisor: int, tt: int | None, result: int
) -> None:
    machine["fsr"] = DZ << 23
    machine["psr"], machine["o0"] = psr | (Z << 20 if taken else 0), 0
    machine["f0"], machine["f2"], machine["f4"] = 9, bits(1.0, "f"), divisor
    run(machine, branch(1, 16), fpop(0x4D), NOP)
    after = CODE + (64 if taken else 8)
    assert machine["f0"] == result
    if tt is None:
        assert machine["pc"] == after + (0 if taken else 4)
    else:
        assert (machine["pc"], machine["l1"], machine["l2"]) == (RAM | tt << 4, CODE + 4, after)


def test_fp_instructions_trap_while_the_fpu_is_off(machine: Machine) -> None:
    machine["psr"] = PSR & ~0x1000
    run(machine, fpop(0x41))
    assert machine["pc"] == RAM | 0x04 << 4


def test_trap_with_traps_disabled_ends_the_machine(machine: Machine) -> None:
    machine["psr"] = 0x80
    machine.write(CODE, struct.pack(">I", imm(0x3A, 8, 0, 0)))
    machine["pc"] = CODE
    assert machine.run(5) is Stop.HALT
    assert machine.exit_code == 0


@pytest.mark.parametrize("icc", range(16))
@pytest.mark.parametrize("setter", [0x12, 0x10, 0x14, None], ids=["orcc", "addcc", "subcc", "psr"])
def test_mulscc_shifts_in_n_xor_v_and_adds_by_the_low_bit_of_y(machine: Machine, icc: int, setter: int | None) -> None:
    for y in (0x40000000, 0x8000003B):
        for a, b in ((0x12345679, 0x7FFFFFFF), (0x80000000, 0x90000001)):
            machine["psr"], machine["y"] = PSR | icc << 20, y
            machine["o0"], machine["o1"], machine["o3"] = a, b, 0x80000000 >> icc % 2
            before = [] if setter is None else [alu(setter, 0, 11, 8)]
            run(machine, *before)
            flags = machine["psr"] >> 20 & 15
            run(machine, *before, alu(0x24))
            sum_, expected = adds((flags >> 3 ^ flags >> 1 & 1) << 31 | a >> 1, b if y & 1 else 0)
            assert (machine["o2"], machine["psr"] >> 20 & 15) == (sum_, expected)
            assert machine["y"] == (a & 1) << 31 | y >> 1

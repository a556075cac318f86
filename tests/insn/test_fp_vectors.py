# SPDX-License-Identifier: MIT
"""Every FPop against MPFR, bit for bit, in the four rounding modes, with exceptions masked and trapped.

A guest loop takes record after record: operands, what rd holds before and FSR in; rd and FSR out. A trapped exception
returns behind the FPop, so rd and FSR show what the trap left. `L4VM_FP_VECTORS` sets the vectors of each operation.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from l4vm.binding.machine import Engine, Machine
from tests.insn import fp_reference as ref
from tests.insn.fp_reference import DOUBLE, DZ, NV, NX, OF, SINGLE, UF, Format, Outcome
from tests.insn.layout import COMPARED
from tests.insn.words import DATA, NOP, PSR, RAM, RETURN_BEHIND, branch, fpop, imm, memory, run

VECTORS = int(os.environ.get("L4VM_FP_VECTORS", "1000"))
RECORD = 48  # bytes: rs1, rs2, rd before, FSR in, -, rd after, FSR out, -
BEFORE = 0x0123456789ABCDEF
FTT_IEEE = 1
FSR_VER = 0xE0000
PRIORITY = (NV, DZ, OF, UF, NX)


@dataclass(frozen=True)
class Op:
    """An FPop: its opf, its operands' and result's formats (None: an integer; fcc for a compare), its meaning."""

    opf: int
    source: Format | None
    target: Format | None
    meaning: Callable[[int, int, int], Outcome]
    compares: bool = False


def _two(form: Format, name: str) -> Callable[[int, int, int], Outcome]:
    return lambda a, b, rounding: ref.arithmetic(form, name, a, b, rounding)


def _compare(form: Format, signal_quiet: bool) -> Callable[[int, int, int], Outcome]:
    return lambda a, b, rounding: ref.compare(form, a, b, signal_quiet)


OPS: dict[str, Op] = {
    "FSQRTs": Op(0x29, SINGLE, SINGLE, lambda a, b, rounding: ref.square_root(SINGLE, b, rounding)),
    "FSQRTd": Op(0x2A, DOUBLE, DOUBLE, lambda a, b, rounding: ref.square_root(DOUBLE, b, rounding)),
    "FADDs": Op(0x41, SINGLE, SINGLE, _two(SINGLE, "add")),
    "FADDd": Op(0x42, DOUBLE, DOUBLE, _two(DOUBLE, "add")),
    "FSUBs": Op(0x45, SINGLE, SINGLE, _two(SINGLE, "sub")),
    "FSUBd": Op(0x46, DOUBLE, DOUBLE, _two(DOUBLE, "sub")),
    "FMULs": Op(0x49, SINGLE, SINGLE, _two(SINGLE, "mul")),
    "FMULd": Op(0x4A, DOUBLE, DOUBLE, _two(DOUBLE, "mul")),
    "FDIVs": Op(0x4D, SINGLE, SINGLE, _two(SINGLE, "div")),
    "FDIVd": Op(0x4E, DOUBLE, DOUBLE, _two(DOUBLE, "div")),
    "FsMULd": Op(0x69, SINGLE, DOUBLE, ref.multiply_wide),
    "FiTOs": Op(0xC4, None, SINGLE, lambda a, b, rounding: ref.from_integer(SINGLE, b, rounding)),
    "FdTOs": Op(0xC6, DOUBLE, SINGLE, lambda a, b, rounding: ref.convert(DOUBLE, SINGLE, b, rounding)),
    "FiTOd": Op(0xC8, None, DOUBLE, lambda a, b, rounding: ref.from_integer(DOUBLE, b, rounding)),
    "FsTOd": Op(0xC9, SINGLE, DOUBLE, lambda a, b, rounding: ref.convert(SINGLE, DOUBLE, b, rounding)),
    "FsTOi": Op(0xD1, SINGLE, None, lambda a, b, rounding: ref.to_integer(SINGLE, b)),
    "FdTOi": Op(0xD2, DOUBLE, None, lambda a, b, rounding: ref.to_integer(DOUBLE, b)),
    "FMOVs": Op(0x01, SINGLE, SINGLE, lambda a, b, rounding: Outcome(b, 0)),
    "FNEGs": Op(0x05, SINGLE, SINGLE, lambda a, b, rounding: Outcome(b ^ 1 << 31, 0)),
    "FABSs": Op(0x09, SINGLE, SINGLE, lambda a, b, rounding: Outcome(b & ~(1 << 31), 0)),
    "FCMPs": Op(0x51, SINGLE, None, _compare(SINGLE, False), compares=True),
    "FCMPd": Op(0x52, DOUBLE, None, _compare(DOUBLE, False), compares=True),
    "FCMPEs": Op(0x55, SINGLE, None, _compare(SINGLE, True), compares=True),
    "FCMPEd": Op(0x56, DOUBLE, None, _compare(DOUBLE, True), compares=True),
}


@dataclass(frozen=True)
class Vector:
    """Operands and FSR before."""

    a: int
    b: int
    fsr: int


Answers = dict[str, tuple[list[Vector], list[tuple[int, int]]]]


def _operand(op: Op, rng: random.Random, near: int | None = None) -> int:
    if op.source is not None:
        return ref.draw(op.source, rng, near)
    border = rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x01000001, 0x7FFFFFC0))
    return rng.choice((rng.getrandbits(32), border))


def draw(op: Op, rng: random.Random, count: int) -> list[Vector]:
    """Draw vectors: the rounding modes in turn, every second one with exceptions trapped at random."""
    vectors = []
    for number in range(count):
        a = _operand(op, rng)
        b = _operand(op, rng, a)
        trapped = rng.getrandbits(5) << 23 if number // 4 % 2 else 0
        vectors.append(Vector(a, b, number % 4 << 30 | trapped | rng.getrandbits(2) << 10 | rng.getrandbits(10)))
    return vectors


def expected(op: Op, vector: Vector) -> tuple[int, int]:
    """Return rd and FSR (without its version) after the operation."""
    outcome = op.meaning(vector.a, vector.b, vector.fsr >> 30)
    enabled = vector.fsr >> 23 & 31
    flags = outcome.flags | (UF if outcome.tiny and enabled & UF else 0)
    kept, fcc, accrued = vector.fsr & 0xCFC00000, vector.fsr >> 10 & 3, vector.fsr >> 5 & 31
    trapped = [flag for flag in PRIORITY if flag & flags & enabled]
    if trapped:
        return BEFORE, kept | FTT_IEEE << 14 | fcc << 10 | accrued << 5 | trapped[0]
    if op.compares:
        return BEFORE, kept | outcome.bits << 10 | (accrued | flags) << 5 | flags
    rd = outcome.bits if op.target is DOUBLE else outcome.bits << 32 | BEFORE & 0xFFFFFFFF
    return rd, kept | fcc << 10 | (accrued | flags) << 5 | flags


def _pack(op: Op, vector: Vector) -> bytes:
    values = [value if op.source is DOUBLE else value << 32 for value in (vector.a, vector.b)]
    return struct.pack(">3QII2Q", *values, BEFORE, vector.fsr, 0, 0, 0)


def execute(machine: Machine, op: Op, vectors: list[Vector]) -> list[tuple[int, int]]:
    """Run all vectors in the guest; return rd and FSR after each."""
    machine.write(RAM, RETURN_BEHIND * 256)
    machine.write(DATA, b"".join(_pack(op, vector) for vector in vectors))
    machine["psr"], machine["tbr"], machine["wim"] = PSR, RAM, 0
    machine["o0"], machine["o1"] = DATA, len(vectors)
    program = [
        memory(0x23, 2, 8, 0),  # lddf [%o0], %f2
        memory(0x23, 4, 8, 8),
        memory(0x23, 0, 8, 16),
        memory(0x21, 0, 8, 24),  # ldfsr
        fpop(op.opf, op3=0x35 if op.compares else 0x34),
        memory(0x27, 0, 8, 32),  # stdf %f0
        memory(0x25, 0, 8, 40),  # stfsr
        imm(0x14, 9, 9, 1),  # subcc %o1, 1, %o1
        branch(9, -8),  # bne
        imm(0x00, 8, 8, RECORD),
        branch(8, 0),  # ba .
        NOP,
    ]
    run(machine, *program, insns=13 * len(vectors))  # 10 a round, 2 more when it traps
    assert machine["o1"] == 0
    data = machine.read(DATA, RECORD * len(vectors))
    return [struct.unpack_from(">QI", data, RECORD * index + 32) for index in range(len(vectors))]


@pytest.fixture(scope="module")
def answers() -> Answers:
    found = {}
    for name, op in OPS.items():
        vectors = draw(op, random.Random(f"vectors of {name}"), VECTORS)
        found[name] = vectors, [expected(op, vector) for vector in vectors]
    return found


@pytest.mark.parametrize("engine", COMPARED, ids=lambda engine: engine.name.lower())
@pytest.mark.parametrize("name", OPS)
def test_fpop_gives_the_bits_and_flags_of_mpfr(
    name: str, engine: Engine, answers: Answers
) -> None:
    vectors, wanted = answers[name]
    with Machine("leon3", ram_mib=16, engine=engine, code_mib=1) as machine:
        found = execute(machine, OPS[name], vectors)
    wrong = [
        f"{name} {v.a:x} {v.b:x} fsr {v.fsr:08x}: rd {rd:016x} fsr {fsr & ~FSR_VER:08x}, "
        f"must be {want[0]:016x} {want[1]:08x}"
        for v, (rd, fsr), want in zip(vectors, found, wanted, strict=True)
        if (rd, fsr & ~FSR_VER) != want
    ]
    assert not wrong, f"{len(wrong)} of {len(vectors)}\n" + "\n".join(wrong[:10])


def test_the_vectors_reach_every_flag_alone_and_trapped(
    answers: Answers,
) -> None:
    seen = {(fsr & 31, fsr >> 14 & 7) for _, wanted in answers.values() for _, fsr in wanted}
    masked = {(0, 0), (NV, 0), (DZ, 0), (NX, 0), (OF | NX, 0), (UF | NX, 0)}
    assert masked | {(flag, FTT_IEEE) for flag in PRIORITY} <= seen
    assert len(OPS) * VECTORS >= 5000

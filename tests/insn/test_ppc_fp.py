# SPDX-License-Identifier: MIT
"""The PowerPC's floating-point instructions in both engines: results and FPSCR as MPFR has them, moves, exceptions."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator

import pytest

from l4vm.binding.machine import Engine, Machine
from tests.fuzz import ppc as program
from tests.insn import ppc_fp_reference as ppc
from tests.insn.fp_reference import DOUBLE, SINGLE
from tests.insn.fp_reference import draw as draw_bits
from tests.insn.layout import COMPARED
from tests.insn.ppc_fp_vectors import COMPARES, OPS, Op, Vector, draw, draw_beyond_singles, fpscr

VECTORS = int(os.environ.get("L4VM_FP_VECTORS", "1000")) // 4
CODE, DATA, RECORD = 0x2000, 0x8000, 56
BEFORE = 0x0123456789ABCDEF
FP, FE0, FE1, ME, PR = 0x2000, 0x800, 0x100, 0x1000, 0x4000
PROGRAM, FP_UNAVAILABLE = 6, 7
ESR_FP = 0x01000000
Answer = tuple[int, int, int]  # target, FPSCR, CR
ENGINES = pytest.mark.parametrize("engine", COMPARED, ids=lambda engine: engine.name.lower())


def access(opcode: int, register: int, offset: int, base: int = 3) -> int:
    return opcode << 26 | register << 21 | base << 16 | offset & 0xFFFF


def load(register: int, offset: int) -> int:
    return access(50, register, offset)


def store(register: int, offset: int) -> int:
    return access(54, register, offset)


def fp(extended: int, rt: int = 0, ra: int = 0, rb: int = 0, rc: int = 0, record: int = 0) -> int:
    """An instruction of opcode 63."""
    return 63 << 26 | rt << 21 | ra << 16 | rb << 11 | rc << 6 | extended << 1 | record


MTFSF_F5, MFFS_F6 = 63 << 26 | 255 << 17 | 5 << 11 | 711 << 1, fp(583, 6)
MFCR_R6, STW_R6 = 31 << 26 | 6 << 21 | 19 << 1, access(36, 6, RECORD - 4)


@pytest.fixture(params=COMPARED, ids=lambda engine: engine.name.lower())
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Supervisor, FPU on, memory one to one; every vector holds the CPU."""
    with Machine("bamboo", ram_mib=16, engine=request.param, code_mib=1) as made:
        prepare(made)
        yield made


def prepare(made: Machine) -> None:
    made.write(0, struct.pack(">I", program.STAY) * 1024)
    made["msr"] = FP | ME
    for vector in range(program.VECTORS):
        made[f"ivor{vector}"] = vector * program.VECTOR_BYTES


def put(machine: Machine, *words: int) -> None:
    machine.write(CODE, struct.pack(f">{len(words) + 16}I", *words, *[program.STAY] * 16))
    machine["pc"] = CODE


def run(machine: Machine, *words: int) -> None:
    """Run words and the branch to itself behind them."""
    put(machine, *words)
    machine.run(len(words) + 4)


def vector_of(machine: Machine) -> int | None:
    return machine["pc"] // program.VECTOR_BYTES if machine["pc"] < CODE else None


def execute(engine: Engine, word: int, vectors: list[Vector]) -> list[Answer]:
    """Run an instruction on all vectors: f4 from f1, f2, f3; FE0 and FE1 are off, so nothing is taken."""
    records = [struct.pack(">5Q16x", v.a, v.b, v.c, BEFORE, v.fpscr) for v in vectors]
    loop = [load(1, 0), load(2, 8), load(3, 16), load(4, 24), load(5, 32), MTFSF_F5, word]
    loop += [store(4, 40), MFFS_F6, access(52, 6, RECORD), MFCR_R6, STW_R6, 14 << 26 | 3 << 21 | 3 << 16 | RECORD]
    # the low word of f6 as it is: stfiwx at r3 + r7
    loop[9] = 31 << 26 | 6 << 21 | 3 << 16 | 7 << 11 | 983 << 1
    loop.append(16 << 26 | 16 << 21 | -4 * len(loop) & 0xFFFC)  # bdnz
    with Machine("bamboo", ram_mib=16, engine=engine, code_mib=1) as machine:
        prepare(machine)
        machine.write(DATA, b"".join(records))
        machine["r3"], machine["r7"], machine["ctr"] = DATA, RECORD - 8, len(vectors)
        put(machine, *loop)
        machine.run(len(loop) * len(vectors) + 8)
        assert machine["ctr"] == 0
        data = machine.read(DATA, RECORD * len(vectors))
    return [struct.unpack_from(">QII", data, RECORD * index + 40) for index in range(len(vectors))]


def agree(op: Op, vectors: list[Vector], engine: Engine) -> None:
    """Hold f4, FPSCR and CR field 1 to what an instruction means: without Rc, which is inline, and with it."""
    plain = op.word | 4 << 21 | sum({"a": 1 << 16, "b": 2 << 11, "c": 3 << 6}[use] for use in op.uses)
    wrong = []
    for record in (0, 1):
        for v, found in zip(vectors, execute(engine, plain | record, vectors), strict=True):
            wanted = op.meaning(v)
            field = (wanted.fpscr >> 28) << 24 if record else 0
            must = BEFORE if wanted.bits is None else wanted.bits, wanted.fpscr, field
            if (*found[:2], found[2] & 0x0F000000) != must:
                operands = f"a {v.a:016x} b {v.b:016x} c {v.c:016x} fpscr {v.fpscr:08x}"
                wrong.append(f"Rc {record} {operands}: {found}, must be {must}")
    assert not wrong, f"{len(wrong)} of {2 * len(vectors)}\n" + "\n".join(wrong[:10])


@ENGINES
@pytest.mark.parametrize("name", OPS)
def test_operation_gives_the_bits_and_fpscr_of_mpfr(name: str, engine: Engine) -> None:
    agree(OPS[name], draw(OPS[name], random.Random(f"instruction {name}"), VECTORS), engine)


@ENGINES
@pytest.mark.parametrize("name", [name for name, op in OPS.items() if op.source is SINGLE])
def test_single_of_doubles_that_no_single_holds_is_rounded_once(name: str, engine: Engine) -> None:
    agree(OPS[name], draw_beyond_singles(OPS[name], random.Random(f"beyond {name}"), VECTORS), engine)


@ENGINES
@pytest.mark.parametrize("name", COMPARES)
def test_compare_puts_the_relation_into_its_field(name: str, engine: Engine) -> None:
    rng, vectors = random.Random(name), []
    for number in range(VECTORS):
        a = draw_bits(DOUBLE, rng)
        b = rng.choice((a, a ^ 1 << 63, draw_bits(DOUBLE, rng, a)))
        vectors.append(Vector(a, b, 0, fpscr(rng, number % 4, bool(number // 4 % 2))))
    word, meaning = COMPARES[name]
    for vector, found in zip(vectors, execute(engine, word | 3 << 23 | 1 << 16 | 2 << 11, vectors), strict=True):
        wanted = meaning(vector).fpscr
        assert found == (BEFORE, wanted, (wanted >> 12 & 15) << 16), hex(vector.a)


def test_a_compare_leaves_what_its_field_held_to_the_field_it_was_moved_to(machine: Machine) -> None:
    """Sums between want all host registers, so that what was moved is in the guest's state only."""
    machine["cr"], machine["f1"], machine["f2"] = 0x80000000, 1 << 62, 1 << 62
    sums = [31 << 26 | r << 21 | r << 16 | r + 1 << 11 | 266 << 1 for r in range(7, 25)]
    mcrf_cr1_cr0, cror_8_4_4 = 19 << 26 | 1 << 23, 19 << 26 | 8 << 21 | 4 << 16 | 4 << 11 | 449 << 1
    run(machine, mcrf_cr1_cr0, *sums, fp(0, ra=1, rb=2), *sums, cror_8_4_4, MFCR_R6)
    assert machine["cr"] == machine["r6"] == 0x28800000


def test_moves_change_the_sign_only(machine: Machine) -> None:
    signals = 0xFFF0000000000001  # a signalling NaN
    machine["f2"], machine["fpscr"] = signals, 0x90000000
    run(machine, fp(72, 4, rb=2), fp(40, 5, rb=2), fp(264, 6, rb=2), fp(136, 7, rb=5, record=1))
    assert [machine[f"f{n}"] for n in range(4, 8)] == [signals, signals & ~(1 << 63), signals & ~(1 << 63), signals]
    assert machine["fpscr"] == 0x90000000
    assert machine["cr"] >> 24 & 15 == 9


def test_select_looks_at_its_first_operand(machine: Machine) -> None:
    machine["f1"], machine["f2"], machine["f3"], machine["f4"] = 1 << 63, 0x22, 0x33, 0x7FF8 << 48
    run(machine, fp(23, 5, 1, 2, 3), fp(23, 6, 4, 2, 3))
    assert (machine["f5"], machine["f6"]) == (0x33, 0x22)


def test_loads_and_stores_of_all_forms(machine: Machine) -> None:
    machine.write(DATA, struct.pack(">fdI", 1.5, -2.25, 0xCAFEF00D))
    machine["r3"], machine["r5"], machine["r8"] = DATA, 4, DATA - 8
    form_x = lambda rt, xo, ra=3: 31 << 26 | rt << 21 | ra << 16 | 5 << 11 | xo << 1  # noqa: E731
    words = [access(48, 1, 0), load(2, 4), form_x(3, 599), access(49, 4, 8, 8), access(52, 1, 0x20), store(2, 0x24)]
    words += [form_x(1, 983), access(55, 2, 0x40), form_x(2, 695, 8)]
    run(machine, *words)
    one, two = struct.pack(">d", 1.5), struct.pack(">d", -2.25)
    assert machine["f1"] == machine["f4"] == int.from_bytes(one, "big")
    assert machine["f2"] == machine["f3"] == int.from_bytes(two, "big")
    assert machine["r8"] == DATA + 4
    assert machine["r3"] == DATA + 0x40
    assert machine.read(DATA + 0x20, 12) == struct.pack(">fd", 1.5, -2.25)
    assert machine.read(DATA + 0x40, 8) == two
    assert machine.read(DATA + 4, 4) == struct.pack(">f", -2.25)  # behind stfiwx came stfsux at the same place


def test_fpscr_moves(machine: Machine) -> None:
    machine["f5"] = 0xA5000000_00000003 | 0xF8
    words = [63 << 26 | 0x03 << 17 | 5 << 11 | 711 << 1, fp(38, 0), 63 << 26 | 2 << 23 | 4 << 12 | 134 << 1]
    run(machine, *words, fp(583, 6), fp(64, 2 << 2, 2 << 2), fp(70, 28), fp(583, 7))
    assert machine["f6"] == 0x80400000 | 0x20000000 | 0x40000000 | 0xFB
    assert machine["cr"] == 0x00400000  # mcrfs 2, 2
    assert machine["f7"] == 0x80000000 | 0xF3


def test_an_enabled_exception_is_a_program_interrupt_at_the_instruction(machine: Machine) -> None:
    machine["msr"] = FP | ME | FE0 | FE1
    machine["f1"], machine["f2"], machine["f4"], machine["fpscr"] = 0x3FF0 << 48, 0, BEFORE, ppc.ZE
    run(machine, program.NOP, fp(18, 4, 1, 2, record=1))
    assert vector_of(machine) == PROGRAM
    assert machine["srr0"] == CODE + 4
    assert machine["esr"] == ESR_FP
    assert machine["f4"] == BEFORE
    assert machine["fpscr"] & (ppc.ZX | ppc.FX) == ppc.ZX | ppc.FX
    assert machine["cr"] >> 24 & 15 == 0xC


def test_setting_an_enabled_exception_by_hand_interrupts(machine: Machine) -> None:
    machine["msr"], machine["fpscr"] = FP | ME | FE0, ppc.OE
    run(machine, fp(38, 3))
    assert vector_of(machine) == PROGRAM


def test_every_instruction_needs_the_fpu_on(machine: Machine) -> None:
    machine["msr"], machine["r3"] = ME, DATA
    for word in (load(1, 0), store(1, 0), fp(21, 1, 2, 3), fp(72, 1, rb=2), MFFS_F6, fp(0, 0, 1, 2)):
        machine["msr"] = ME
        run(machine, word)
        assert vector_of(machine) == FP_UNAVAILABLE
        assert machine["srr0"] == CODE


@pytest.mark.parametrize("value", [3.0, 3.7, -5.25, 0.0])
@pytest.mark.parametrize("convert", [14, 15], ids=["fctiw", "fctiwz"])
@pytest.mark.parametrize("before", [20, 21], ids=["fsub", "fadd"])
def test_a_conversion_leaves_the_same_fpscr_whatever_came_before_it(
    machine: Machine, value: float, convert: int, before: int
) -> None:
    exact = value.is_integer()
    for start in (0, 0x02000000, 0x82021000):
        machine["fpscr"] = start
        for register, number in ((1, 4.5), (2, 0.25), (3, value)):
            machine[f"f{register}"] = int.from_bytes(struct.pack(">d", number), "big")
        machine.write(CODE, struct.pack(">3I", fp(before, 4, 1, 2), fp(convert, 5, 0, 3), program.STAY))
        machine["pc"] = CODE
        machine.run(6)
        inexact = 0 if exact else 0x02020000 | (0 if start & 0x02000000 else 0x80000000)
        up = 0x40000 if convert == 14 and value == 3.7 else 0
        assert machine["fpscr"] == start & ~0x21000 | inexact | up, hex(start)

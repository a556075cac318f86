# SPDX-License-Identifier: MIT
"""Random loops, compiled as regions, run as the interpreter runs them: registers and memory, wherever a slice ends."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from l4vm.bench.programs import build_program, program_names
from l4vm.binding import Engine, Machine, Time
from l4vm.guests import load_elf
from tests.fuzz import ppc

CASES = int(os.environ.get("L4VM_LOOP_CASES", "40"))
BASE, DATA = 0x40000000, 0x40008000  # of SPARC programs
COUNTER, POINTER = 7, 6  # %g7 counts down, %g6 points at data
NO_REGION = 32
OP3 = {
    "add": 0x00, "and": 0x01, "or": 0x02, "xor": 0x03, "sub": 0x04, "andn": 0x05, "xnor": 0x07, "addx": 0x08,
    "umul": 0x0A, "smul": 0x0B, "subx": 0x0C, "addcc": 0x10, "andcc": 0x11, "subcc": 0x14, "addxcc": 0x18,
    "umulcc": 0x1A, "subxcc": 0x1C, "mulscc": 0x24, "sll": 0x25, "srl": 0x26, "sra": 0x27,
}  # fmt: skip
LOADS = {"ld": (0x00, 4), "ldub": (0x01, 1), "lduh": (0x02, 2), "ldsb": (0x09, 1), "ldsh": (0x0A, 2), "ldd": (0x03, 8)}
STORES = {"st": (0x04, 4), "stb": (0x05, 1), "sth": (0x06, 2), "std": (0x07, 8)}
FREE = [1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29]


def arithmetic(op: int, op3: int, rd: int, rs1: int, second: int, immediate: bool) -> int:
    tail = (1 << 13) | (second & 0x1FFF) if immediate else second
    return op << 30 | rd << 25 | op3 << 19 | rs1 << 14 | tail


def branch(cond: int, annul: bool, words: int) -> int:
    return annul << 29 | cond << 25 | 2 << 22 | (words & 0x3FFFFF)


def some(rng: random.Random) -> int:
    """Return one instruction that neither traps nor branches."""
    kind = rng.random()
    if kind < 0.7:
        immediate = rng.random() < 0.4
        second = rng.randrange(-4096, 4096) if immediate else rng.choice(FREE)
        return arithmetic(2, rng.choice(list(OP3.values())), rng.choice(FREE), rng.choice(FREE), second, immediate)
    op3, size = rng.choice(list((LOADS if kind < 0.87 else STORES).values()))
    rd = rng.choice(FREE)
    if size == 8:
        rd &= 0x1E
        rd = rd if rd in FREE and rd + 1 in FREE else 16
    return arithmetic(3, op3, rd, POINTER, rng.randrange(0, 512) // size * size, True)


def sparc_loop(rng: random.Random, iterations: int) -> list[int]:
    """Return a program: set-up, a loop with branches inside, and an endless end."""
    body = [some(rng) for _ in range(rng.randrange(4, 40))]
    for at in range(len(body) - 3):
        if rng.random() < 0.12 and body[at] >> 22 & 0x1C7 != 2:
            body[at] = branch(rng.randrange(16), rng.random() < 0.5, rng.randrange(2, len(body) - at))
    words = [0x03100000 | 0, 0x0D100020]  # sethi %hi(BASE), %g1; sethi %hi(DATA), %g6
    words += [0x0F000000 | iterations >> 10, arithmetic(2, 0x02, COUNTER, COUNTER, iterations & 0x3FF, True)]
    start = len(words)
    words += body
    words.append(arithmetic(2, 0x14, COUNTER, COUNTER, 1, True))
    words.append(branch(9, rng.random() < 0.3, start - len(words)))
    words.append(some(rng))
    words = [*words, branch(8, False, 0), 0x01000000]
    return words if no_slot_branches(words) else sparc_loop(rng, iterations)


def no_slot_branches(words: list[int]) -> bool:
    """A branch in a delay slot is another test's."""
    is_branch = [word >> 30 == 0 and word >> 22 & 7 == 2 for word in words]
    return not any(a and b for a, b in itertools.pairwise(is_branch))


def ppc_loop(rng: random.Random, iterations: int) -> list[int]:
    """Return a program: set-up, a loop that CTR counts with branches on any CR bit inside, and an endless end."""
    draw = ppc.sampler(rng, [name for name in ppc.straight_entries() if name not in ("MTSPR", "LMW", "LWARX")])
    body: list[int] = []
    while len(body) < 40 and rng.random() < 0.95:
        entry = draw.entry()
        if not entry.name.endswith(("U", "UX")):  # whose base would leave the data
            body.append(ppc.straight_word(rng, draw, entry))
        if rng.random() < 0.12:
            body.append(16 << 26 | rng.choice((4, 12)) << 21 | rng.randrange(32) << 16 | rng.randrange(2, 7) << 2)
    body += [ppc.NOP] * 5
    words = [*ppc.load_word(3, ppc.DATA), *ppc.load_word(4, ppc.DATA + 0x400), *ppc.load_word(5, 0x40)]
    words += [*ppc.load_word(0, iterations), ppc.mtspr(9, 0)]
    back = 16 << 26 | 16 << 21 | -4 * len(body) & 0xFFFC  # bdnz
    return [*words, *body, back, ppc.STAY]


@dataclass(frozen=True)
class LoopGuest:
    """Where a guest's loops run."""

    machine: str
    base: int
    data: int
    loop: Callable[[random.Random, int], list[int]]


GUESTS = (LoopGuest("leon3", BASE, DATA, sparc_loop), LoopGuest("bamboo", 0x2000, 0x7000, ppc_loop))


def run(
    guest: LoopGuest, words: list[int], engine: Engine, slices: list[int], switches: int = 0
) -> tuple[list[int], int]:
    with Machine(guest.machine, ram_mib=8, engine=engine, time=Time.EXACT, switches=switches) as machine:
        machine.write(guest.base, b"".join(word.to_bytes(4, "big") for word in words))
        machine.write(guest.data, bytes(i * 37 & 0xFF for i in range(4096)))
        machine.boot(guest.base)
        hashes = []
        for insns in slices:
            machine.run(insns)
            hashes.append(machine.state_hash(with_ram=True))
        return hashes, machine.stats()["regions"]


@pytest.mark.slow
@pytest.mark.parametrize("guest", GUESTS, ids=lambda guest: guest.machine)
def test_random_loops_agree_with_the_interpreter(guest: LoopGuest) -> None:
    regions = 0
    for seed in range(CASES):
        rng = random.Random(seed)
        words = guest.loop(rng, 3000)
        slices = [rng.choice([1, 3, 50, 700, 2500, 9000]) for _ in range(12)]
        reference, _ = run(guest, words, Engine.INTERP, slices)
        found, made = run(guest, words, Engine.BLOCK, slices)
        assert found == reference, f"seed {seed}: state differs after slice {_first(found, reference)}"
        assert run(guest, words, Engine.BLOCK, slices, NO_REGION) == (reference, 0), f"seed {seed}"
        regions += made
    assert regions > CASES / 2


def _first(found: list[int], reference: list[int]) -> int:
    return next(i for i, (a, b) in enumerate(zip(found, reference, strict=True)) if a != b)


LOOPING = ("crc", "list", "matrix", "sort", "state")  # soon in a loop without calls and indirect jumps


@pytest.mark.parametrize("name", program_names())
def test_programs_agree_with_the_interpreter_while_regions_form(name: str, tmp_path: Path) -> None:
    program = load_elf(build_program(name, tmp_path))
    rng = random.Random(5)
    slices = [rng.choice([1, 17, 3000, 60_000]) for _ in range(60)]
    states = []
    for engine in (Engine.INTERP, Engine.BLOCK):
        with Machine("leon3", ram_mib=64, engine=engine, time=Time.EXACT) as machine:
            machine.load_executable(program)
            machine.boot(program.entry)
            state = []
            for insns in slices:
                machine.run(insns)
                state.append(machine.state_hash())
            states.append(state)
            regions = machine.stats()["regions"]
    assert states[0] == states[1]
    assert regions > 0 or name not in LOOPING

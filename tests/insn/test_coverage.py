# SPDX-License-Identifier: MIT
"""Every line of the instruction table is executed by the interpreter and as a compiled block, with equal results.

Words of each entry run from random states in both engines; all registers and RAM are compared. Counted for
each entry: runs in each engine, and runs that completed, that is without a trap. Only what V8 and LEON3 let never
complete may stay at zero.
"""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from l4vm.binding.machine import Engine, Machine
from l4vm.decode.sample import Sampler
from l4vm.decode.table import Entry, Table, read
from tests.insn.words import CODE, DATA, NOP, RAM, STAY, TABLE, put

DRAWS = 12
NEVER_COMPLETE = {"UNIMP", "CBccc", "FPop1", "FPop2", "CPop1", "CPop2", "STDFQ_r", "STDFQ_i"} | {
    *("LDC", "LDCSR", "LDDC", "STC", "STCSR", "STDCQ", "STDC")
}
_NO_TRAP = 0xFF  # tbr's tt before each run; no instruction here gives it
Answer = tuple[list[int], bytes, int, bool]  # registers, RAM, how it stopped, whether this engine did the word
_VALUES = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x3F800000, 0x7FC00000, 0x40490FDB)


@dataclass
class Coverage:
    """What was run: entry -> times, by engine, and how often without a trap."""

    runs: dict[Engine, Counter[str]] = field(default_factory=lambda: {engine: Counter() for engine in Engine})
    completed: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def _state(rng: random.Random, entry: Entry) -> dict[str, int]:
    """Draw registers that let most instructions complete: %o0 points into data, %g1 is a small offset."""
    traps = 0 if entry.name.startswith("RETT") else 0x20
    state = {"psr": 0x1080 | traps | rng.getrandbits(4) << 20 | rng.choice((0, 0x40)) | rng.randrange(8)}
    state |= {"wim": 0, "tbr": RAM | _NO_TRAP << 4, "y": rng.choice((0, 3, rng.getrandbits(32)))}
    state["fsr"] = rng.getrandbits(2) << 30 | rng.getrandbits(2) << 10
    for window in range(8):
        state |= {f"w{window}{bank}{n}": rng.choice((rng.getrandbits(32), *_VALUES)) for bank in "ol" for n in range(8)}
        state[f"w{window}o0"] = DATA + 8 * rng.randrange(16)
    state |= {f"g{n}": rng.choice((rng.getrandbits(32), *_VALUES)) for n in range(2, 8)} | {"g1": 8 * rng.randrange(8)}
    return state | {f"f{n}": rng.choice((rng.getrandbits(32), *_VALUES)) for n in range(32)}


def _word(rng: random.Random, sampler: Sampler, entry: Entry) -> int:
    fixed = {"asi": rng.choice((0x08, 0x0A, 0x0B, 0x0B, 0x1C)), "imm": 8 * rng.randrange(-4, 8)}
    fixed |= {"rd": 2 * rng.randrange(16), "disp22": rng.randrange(2, 8), "disp30": rng.randrange(2, 8)}
    if entry.value >> 30 == 3 or entry.name.startswith(("JMPL", "RETT", "FLUSH")):
        fixed |= {"rs1": 8, "rs2": 1}
    if entry.name in ("WRPSR_r", "WRPSR_i"):  # %g0 and a number that is a good PSR
        fixed |= {"rs1": 0, "rs2": 1, "imm": rng.randrange(8)}
    if entry.name == "RDASR":
        fixed["rs1"] = rng.choice((0, 15, 16, 17))
        fixed["rd"] = 0 if fixed["rs1"] == 15 else 10
    if entry.name.startswith("WRASR"):
        fixed["rd"] = rng.choice((0, 16, 19))
    if entry.name.startswith("TADDccTV") or entry.name.startswith("TSUBccTV"):
        fixed |= {"rs1": 0, "rs2": 1}
    return sampler.word(entry, **fixed)


def _once(machine: Machine, word: int, state: dict[str, int], data: bytes, slots: int) -> Answer:
    """Run one word and a NOP; the block engine does the word itself when it interpreted no more than `slots`."""
    machine.write(RAM, struct.pack(">I", STAY) * 1024)
    machine.write(DATA, data)
    for name, value in state.items():
        machine[name] = value
    put(machine, word, NOP)
    interpreted = machine.stats()["insns_interp"]
    stop = machine.run(6)
    interpreted = machine.stats()["insns_interp"] - interpreted
    own = interpreted <= slots if machine.engine is Engine.BLOCK else interpreted > 0
    registers = [machine[name] for name in machine.register_names()]
    return registers, machine.read(DATA - 0x100, 0x400), int(stop), own


def measure(table: Table, seed: int) -> Coverage:
    """Run DRAWS words of each entry in both engines."""
    rng, found = random.Random(seed), Coverage()
    sampler = Sampler(table, rng)
    for entry in table.entries:
        machines = [Machine("leon3", ram_mib=8, engine=engine, code_mib=1) for engine in Engine]
        for _ in range(DRAWS):
            word, state = _word(rng, sampler, entry), _state(rng, entry)
            data = struct.pack(">I", STAY) * 128 if entry.value >> 30 == 2 else rng.randbytes(512)
            slots = int(entry.name.startswith("RETT"))  # leaves between pc and a distant npc: the slot is interpreted
            answers = [_once(machine, word, state, data, slots) for machine in machines]
            for machine, answer in zip(machines, answers, strict=True):
                found.runs[machine.engine][entry.name] += answer[3]
            found.completed[entry.name] += (machines[1]["tbr"] >> 4 & 0xFF) == _NO_TRAP
            if answers[0][:3] != answers[1][:3]:
                names = machines[0].register_names()
                registers = zip(names, answers[0][0], answers[1][0], strict=True)
                differs = [f"{name} {a:#x} {b:#x}" for name, a, b in registers if a != b]
                found.wrong.append(f"{entry.name} {word:08x}: {differs}, RAM equal {answers[0][1] == answers[1][1]}")
        for machine in machines:
            machine.close()
    return found


@pytest.fixture(scope="module")
def coverage() -> Iterator[Coverage]:
    yield measure(read(TABLE), seed=11)


def test_both_engines_give_equal_results_for_every_entry(coverage: Coverage) -> None:
    assert not coverage.wrong, "\n".join(coverage.wrong[:20])


@pytest.mark.parametrize("engine", list(Engine), ids=lambda engine: engine.name.lower())
def test_every_entry_is_executed(coverage: Coverage, engine: Engine) -> None:
    missing = [entry.name for entry in read(TABLE).entries if not coverage.runs[engine][entry.name]]
    assert not missing, f"not executed by the {engine.name.lower()} engine: {', '.join(missing)}"


def test_every_entry_completes_but_those_that_always_trap(coverage: Coverage) -> None:
    never = {entry.name for entry in read(TABLE).entries if not coverage.completed[entry.name]}
    assert never == NEVER_COMPLETE


def test_the_code_starts_where_no_data_lies() -> None:
    assert CODE + 0x80 <= DATA - 0x100

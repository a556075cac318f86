# SPDX-License-Identifier: MIT
"""Words of each entry of a guest's table, run from random states in both engines; what was run, and where they differ.

Counted for each entry: runs in each engine, and runs that completed, that is without a trap.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from l4vm.binding.machine import Engine, Machine
from l4vm.decode.sample import Sampler
from l4vm.decode.table import Entry, read
from tests.insn.layout import COMPARED, Layout

DRAWS = 12
VALUES = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x3F800000, 0x7FC00000, 0x40490FDB)
Answer = tuple[list[int], bytes, int, bool]  # registers, RAM, how it stopped, whether this engine did the word


@dataclass(frozen=True)
class Guest:
    """How a guest's words and states are drawn so that most words complete."""

    layout: Layout
    state: Callable[[random.Random, Entry], dict[str, int]]
    fields: Callable[[random.Random, Entry], dict[str, int]]  # values that some fields get
    data: Callable[[random.Random, Entry], bytes]
    prepare: Callable[[Machine], None]
    has_trapped: Callable[[Machine], bool]
    never_complete: frozenset[str]  # what the architecture lets never complete on this CPU
    leaves_a_slot: Callable[[Entry], bool] = lambda entry: False  # to the interpreter


@dataclass
class Coverage:
    """What was run: entry -> times, by engine, and how often without a trap."""

    runs: dict[Engine, Counter[str]] = field(default_factory=lambda: {engine: Counter() for engine in COMPARED})
    completed: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def some_value(rng: random.Random) -> int:
    """Draw a register's value."""
    return rng.choice((rng.getrandbits(32), *VALUES))


def _once(guest: Guest, machine: Machine, word: int, state: dict[str, int], data: bytes, slots: int) -> Answer:
    """Run one word and a NOP; the block engine does the word itself when it interpreted no more than `slots`."""
    guest.prepare(machine)
    machine.write(guest.layout.data, data)
    for name, value in state.items():
        machine[name] = value
    guest.layout.put(machine, word, guest.layout.nop)
    interpreted = machine.stats()["insns_interp"]
    stop = machine.run(6)
    interpreted = machine.stats()["insns_interp"] - interpreted
    own = interpreted <= slots if machine.engine is Engine.BLOCK else interpreted > 0
    registers = [machine[name] for name in machine.register_names()]
    return registers, machine.read(guest.layout.data - 0x100, 0x400), int(stop), own


def measure(guest: Guest, seed: int) -> Coverage:
    """Run DRAWS words of each entry in both engines."""
    rng, found, table = random.Random(seed), Coverage(), read(guest.layout.table)
    sampler = Sampler(table, rng)
    for entry in table.entries:
        machines = [Machine(guest.layout.machine, ram_mib=8, engine=engine, code_mib=1) for engine in COMPARED]
        for _ in range(DRAWS):
            word, state = sampler.word(entry, **guest.fields(rng, entry)), guest.state(rng, entry)
            data = guest.data(rng, entry)
            slots = int(guest.leaves_a_slot(entry))
            answers = [_once(guest, machine, word, state, data, slots) for machine in machines]
            for machine, answer in zip(machines, answers, strict=True):
                found.runs[machine.engine][entry.name] += answer[3]
            found.completed[entry.name] += not guest.has_trapped(machines[1])
            if answers[0][:3] != answers[1][:3]:
                names = machines[0].register_names()
                registers = zip(names, answers[0][0], answers[1][0], strict=True)
                differs = [f"{name} {a:#x} {b:#x}" for name, a, b in registers if a != b]
                found.wrong.append(f"{entry.name} {word:08x}: {differs}, RAM equal {answers[0][1] == answers[1][1]}")
        for machine in machines:
            machine.close()
    return found

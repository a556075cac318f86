# SPDX-License-Identifier: MIT
"""What a guest gives to the fuzz runs: `GUEST` of sparc.py and its neighbours; the comparisons know no architecture.

A program is words with a start state. `anything` draws any instruction word in any state, with trap handlers that go
on behind what traps. `straight` draws long blocks of arithmetic and memory accesses with forward branches, that neither
trap nor leave: they are compiled as few long blocks, and an independent implementation can run them too. `loop` draws
what becomes regions (loops.py).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from l4vm.binding.machine import Machine
from l4vm.decode.sample import Sampler
from l4vm.decode.table import Entry, read
from tests.decode.disassemble import disassemble

PAGE = 0x1000
INTERESTING = (0, 1, 2, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7F800000, 0x7F800001, 0x7FC00000, 0x00800000)


@dataclass
class Program:
    """Words, what the registers hold before them, and which entries they are of."""

    words: list[int]
    registers: dict[str, int]
    entries: list[Entry] = field(default_factory=list)
    tables: bytes = b""  # page tables, where the guest has them in memory; empty: the MMU is off
    at: int = 0  # bytes from the guest's `code`


def place(rng: random.Random, words: int) -> int:
    """Return where a program of so many words shall lie: often across the end of its page."""
    return PAGE - 4 * rng.randrange(1, words + 1) if rng.random() < 0.4 else 0


@dataclass(frozen=True)
class Emulator:
    """Unicorn for this guest: constants by name, and the registers it gives access to.

    name maps a register of `visible` to the constant's last word; prepare is called once with the emulator.
    """

    constants: str  # module of unicorn
    prefix: str
    arch: str
    modes: tuple[str, ...]
    name: Callable[[str], str] = str.upper
    prepare: Callable[[Any, Any], None] = lambda emulator, constants: None


@dataclass(frozen=True)
class FuzzGuest:
    """One guest architecture: where its programs lie, how they are drawn, loaded and looked at."""

    machine: str
    table: Path
    ram: int  # code, data and tables lie in its first 128 KiB
    code: int
    data: int
    data_bytes: int  # half of it below `data`
    nop: int
    sampler: Callable[[random.Random, Sequence[str]], Sampler]
    anything: Callable[[random.Random, Sampler, int], Program]
    straight: Callable[[random.Random, Sampler, int], Program]
    straight_entries: Callable[[], list[str]]
    loop: Callable[[random.Random], Program]
    load: Callable[[Machine, Program], None]  # all but code and data; behind the program the CPU stays
    stay: int  # a branch to itself; a NOP follows it, for a delay slot
    visible: Callable[[Program], dict[str, int]]  # what the emulator is given and asked for
    has_trapped: Callable[[Machine], bool]
    emulator: Emulator
    timed: tuple[str, ...]  # registers that change with time: two machines have their own
    shown: Callable[[str], bool]  # start registers worth a line in a report
    order: Literal["big", "little"] = "big"

    @property
    def data_start(self) -> int:
        """Where data begin."""
        return self.data - self.data_bytes // 2

    def code_of(self, words: Sequence[int]) -> bytes:
        """Return words as they lie in memory."""
        return b"".join(word.to_bytes(4, self.order) for word in words)

    def put(self, machine: Machine, program: Program, data: bytes) -> None:
        """Put a program, its data and start state into a machine."""
        machine.write(self.code + program.at, self.code_of([*program.words, *[self.stay, self.nop] * 32]))
        machine.write(self.data_start, data)
        self.load(machine, program)
        for name, value in program.registers.items():
            machine[name] = value
        machine["pc"] = self.code + program.at

    def listing(self, program: Program) -> str:
        """Return the disassembled program and its start state."""
        table, lines = read(self.table), []
        for index, word in enumerate(program.words):
            pc = self.code + program.at + 4 * index
            lines.append(f"  {pc:08x}  {word:08x}  {disassemble(table, word, pc)}")
        registers = [f"  {name} = {value:#x}" for name, value in program.registers.items() if self.shown(name)]
        return "\n".join(lines + registers)


def difference(first: Machine, second: Machine, but: tuple[str, ...] = ()) -> list[str]:
    """Return a line for each register that differs."""
    names = [name for name in first.register_names() if name not in but]
    return [f"{name}: {first[name]:#x} != {second[name]:#x}" for name in names if first[name] != second[name]]

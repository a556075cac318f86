# SPDX-License-Identifier: MIT
"""Where a test of instructions puts its program in a guest's memory, and how it runs it; one object for each guest."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from l4vm.binding.machine import Engine, Machine, Stop

_GUESTS = Path(__file__).parents[2] / "translator/guest"

COMPARED = (Engine.INTERP, Engine.BLOCK)
"""TIERS would interpret what runs once, as most of these tests do."""


@dataclass(frozen=True)
class Layout:
    """A guest's machine, its memory map in these tests, and two of its words."""

    guest: str
    machine: str
    ram: int
    code: int
    data: int
    nop: int
    stay: int  # branches to itself
    endian: str = ">"  # as struct has it
    has_slot: bool = False  # stay has, and a NOP is to be in it

    @property
    def table(self) -> Path:
        """The guest's instruction table."""
        return _GUESTS / self.guest / "insn.decode"

    def code_of(self, *words: int) -> bytes:
        """Return words as they lie in memory."""
        return struct.pack(f"{self.endian}{len(words)}I", *words)

    def put(self, machine: Machine, *words: int) -> None:
        """Write a program, words that stay behind it, and set pc there."""
        behind = [self.stay, self.nop if self.has_slot else self.stay]
        machine.write(self.code, self.code_of(*words, *behind * 8))
        machine["pc"] = self.code

    def run(self, machine: Machine, *words: int, insns: int = 0) -> None:
        """Put a program and run it and what stays behind it, which changes nothing; or as many instructions as said.

        A block that is longer than what is left to run would be interpreted: the word that stays ends the block in
        time, and the block engine is held to have interpreted nothing.
        """
        self.put(machine, *words)
        interpreted = machine.stats()["insns_interp"]
        assert machine.run(insns or len(words) + 4) is Stop.BUDGET
        if machine.engine is Engine.BLOCK and not insns:
            assert machine.stats()["insns_interp"] == interpreted

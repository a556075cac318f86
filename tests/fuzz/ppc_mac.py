# SPDX-License-Identifier: MIT
"""Blocks of the 440's halfword products and sums on all engines against exact numbers: no emulator has them right."""

from __future__ import annotations

import random

from l4vm.binding.machine import Engine, Machine
from l4vm.decode.sample import Sampler
from tests.fuzz.comparisons import FuzzError
from tests.fuzz.guest import INTERESTING
from tests.insn.ppc_mac_reference import NAMES, answer
from tests.insn.ppc_words import DECODE, OV, SO, prepare, put

LENGTH = 40


class MacFuzz:
    """Random programs of `LENGTH` words; SO may be set on the way."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.sampler = Sampler(DECODE, self.rng, NAMES)
        self.machines = [Machine("bamboo", ram_mib=16, engine=engine, code_mib=1) for engine in Engine]
        for machine in self.machines:
            prepare(machine)
        self.insns = 0

    def close(self) -> None:
        """Give the machines back."""
        for machine in self.machines:
            machine.close()

    def _after(self, words: list[int], registers: list[int], xer: int) -> tuple[list[int], int, int]:
        registers, field = list(registers), 0
        for word in words:
            entry = DECODE.decode(word)
            assert entry is not None
            rt, ra, rb = (word >> shift & 31 for shift in (21, 16, 11))
            want = answer(entry.name, registers[ra], registers[rb], registers[rt])
            registers[rt] = want.result
            if entry.field("oe") and word & 1 << 10:
                xer = (xer & ~OV) | (SO | OV if want.overflow else 0)
            if word & 1:
                sign = 8 if want.result >> 31 else 4 if want.result else 2
                field = sign | xer >> 31
        return registers, xer, field

    def round(self, number: int) -> None:
        """Run one program on all engines and compare registers, XER and CR field 0."""
        words = [self.sampler.word(self.sampler.entry()) for _ in range(LENGTH)]
        values = [self.rng.choice((self.rng.getrandbits(32), self.rng.choice(INTERESTING))) for _ in range(32)]
        xer = self.rng.choice((0, 0, 0, SO, OV))
        registers, want_xer, field = self._after(words, values, xer)
        for machine in self.machines:
            for index, value in enumerate(values):
                machine[f"r{index}"] = value
            machine["xer"], machine["cr"] = xer, 0
            put(machine, *words)
            machine.run(LENGTH + 4)
            found = [machine[f"r{index}"] for index in range(32)], machine["xer"], machine["cr"] >> 28
            if found != (registers, want_xer, field):
                raise FuzzError(f"mac, seed {self.seed}, program {number}: {words}")
        self.insns += LENGTH

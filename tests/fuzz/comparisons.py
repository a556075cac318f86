# SPDX-License-Identifier: MIT
"""The comparisons: interpreter against blocks on anything, and both against Unicorn on straight programs.

*anything*: any instruction word, supervisor or user, traps taken, in whole runs and runs cut into random slices;
every register and RAM must agree. *straight*: long blocks; the block engine runs each in one go, with an optimisation
switched off in turn, and is held to have compiled it; both engines and Unicorn must agree.
"""

from __future__ import annotations

import random
from collections import Counter

from l4vm.binding.machine import Engine, Machine, Stop
from tests.fuzz.guest import FuzzGuest, Program, difference
from tests.fuzz.oracle import BATCH, Answer, Oracle, Task

SWITCHES = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 511)  # enum xl_switch: all on, each off, all off
COMPILERS = (Engine.BLOCK, Engine.BLOCK, Engine.TIERS)


class FuzzError(AssertionError):
    """Two engines disagree; the text names seed, program and registers."""


class EngineFuzz:
    """Interpreter against blocks on anything. A machine that halted or sleeps is made anew."""

    def __init__(self, guest: FuzzGuest, seed: int) -> None:
        self.guest = guest
        self.seed = seed
        self.rng = random.Random(seed)
        self.sampler = guest.sampler(self.rng, ())
        self.machines: list[Machine] = []
        self.insns = 0
        self.compiled = 0
        self.seen: Counter[str] = Counter()

    def _fresh(self) -> None:
        self.close()
        switches = self.rng.choice(SWITCHES)
        self.machines = [
            Machine(self.guest.machine, ram_mib=16, engine=engine, code_mib=1, switches=switches)
            for engine in (Engine.INTERP, self.rng.choice(COMPILERS))
        ]

    def close(self) -> None:
        """Give the machines back."""
        for machine in self.machines:
            machine.close()
        self.machines = []

    def round(self, number: int, length: int = 24) -> None:
        """Run one program on both engines, once whole and once in slices, and compare."""
        program = self.guest.anything(self.rng, self.sampler, length)
        data = self.rng.randbytes(self.guest.data_bytes)
        insns = self.rng.randrange(1, 3 * len(program.words))
        if not self.machines:
            self._fresh()
        for machine in self.machines:
            self.guest.put(machine, program, data)
        self.seen.update(entry.name for entry in program.entries)
        before = [machine.stats() for machine in self.machines]
        stops = [machine.run(insns) for machine in self.machines]
        if stops[0] is Stop.BUDGET and stops[1] is Stop.BUDGET:
            rest = insns
            stops[0] = self.machines[0].run(rest)
            while rest > 0 and stops[1] is Stop.BUDGET:
                part = min(rest, self.rng.randrange(1, 9))
                stops[1] = self.machines[1].run(part)
                rest -= part
        after = [machine.stats() for machine in self.machines]
        done = [then["insns"] - start["insns"] for start, then in zip(before, after, strict=True)]
        self.insns += done[1]
        self.compiled += done[1] - (after[1]["insns_interp"] - before[1]["insns_interp"])
        wrong = difference(*self.machines)
        if self.machines[0].read(self.guest.ram, 0x20000) != self.machines[1].read(self.guest.ram, 0x20000):
            wrong.append("RAM differs")
        if wrong or stops[0] is not stops[1] or done[0] != done[1]:
            place = f"anything, seed {self.seed}, round {number}: stops {stops}, instructions {done}"
            raise FuzzError("\n".join([place, *wrong, self.guest.listing(program)]))
        if stops[0] is not Stop.BUDGET:
            self.close()


class UnicornFuzz:
    """Both engines and Unicorn on straight programs, a batch at a time."""

    def __init__(self, guest: FuzzGuest, seed: int) -> None:
        self.guest = guest
        self.seed = seed
        self.rng = random.Random(seed)
        self.sampler = guest.sampler(self.rng, guest.straight_entries())
        self.oracle = Oracle(guest)
        self.interpreter = Machine(guest.machine, ram_mib=16, engine=Engine.INTERP, code_mib=1)
        self.blocks: list[Machine] = []
        for switches in SWITCHES:
            self.blocks.append(Machine(guest.machine, ram_mib=16, engine=Engine.BLOCK, code_mib=1, switches=switches))
        self.insns = 0
        self.compared = 0
        self.trapped = 0
        self.crashed = 0
        self.seen: Counter[str] = Counter()

    def close(self) -> None:
        """Give machines and emulator back."""
        self.oracle.close()
        for machine in [self.interpreter, *self.blocks]:
            machine.close()

    def _engines(self, number: int, program: Program, data: bytes) -> Answer | None:
        """Run a program in both engines; return what came out, None when it trapped (a division by zero)."""
        block = self.blocks[number % len(self.blocks)]
        machines = [self.interpreter, block]
        for machine in machines:
            self.guest.put(machine, program, data)
        interpreted = block.stats()["insns_interp"]
        for machine in machines:
            machine.run(len(program.words) + 70)
        wrong = difference(*machines, but=self.guest.timed)
        data = block.read(self.guest.data_start, self.guest.data_bytes)
        if data != self.interpreter.read(self.guest.data_start, self.guest.data_bytes):
            wrong.append("RAM differs")
        trapped = self.guest.has_trapped(block)
        odd = block.stats()["insns_interp"] - interpreted
        if not trapped and odd > 4:  # a branch that is the last of a full block leaves its slot to the interpreter
            wrong.append(f"{odd} instructions were interpreted by the block engine")
        if wrong:
            self._fail(number, program, "engines: " + "; ".join(wrong))
        if trapped:
            self.trapped += 1
            return None
        return Answer({name: block[name] for name in self.guest.visible(program)}, data)

    def _fail(self, number: int, program: Program, text: str) -> None:
        switches = SWITCHES[number % len(SWITCHES)]
        place = f"straight, seed {self.seed}, program {number}, switches {switches}"
        raise FuzzError(f"{place}: {text}\n{self.guest.listing(program)}")

    def round(self, number: int, count: int = BATCH) -> None:
        """Run a batch of programs of 24 to 60 instructions, numbered from `number`, and compare."""
        programs: list[tuple[int, Program, Answer]] = []
        tasks = []
        for index in range(number, number + count):
            program = self.guest.straight(self.rng, self.sampler, self.rng.randrange(24, 61))
            data = self.rng.randbytes(self.guest.data_bytes)
            ours = self._engines(index, program, data)
            self.seen.update(entry.name for entry in program.entries)
            if ours is not None:
                programs.append((index, program, ours))
                tasks.append(Task(program.words, self.guest.visible(program), data))
        for (index, program, ours), theirs in zip(programs, self.oracle.run(tasks), strict=True):
            if theirs is None:
                self.crashed += 1
                continue
            wrong = [
                f"{name}: {value:#x}, Unicorn {theirs.registers[name]:#x}"
                for name, value in ours.registers.items()
                if value != theirs.registers[name]
            ]
            if ours.data != theirs.data:
                wrong.append("RAM differs")
            if wrong:
                self._fail(index, program, "; ".join(wrong))
            self.compared += 1
            self.insns += len(program.words)


class LoopFuzz:
    """Interpreter against blocks and regions on loops, in slices. A case of some programs has its own seed."""

    PROGRAMS = 8
    SLICES = (1, 3, 50, 300, 700, 700, 2500, 9000)

    def __init__(self, guest: FuzzGuest, seed: int) -> None:
        self.guest, self.seed = guest, seed
        self.insns = self.compiled = self.programs = 0
        self.deeds: Counter[str] = Counter()
        self.machines: list[Machine] = []

    def close(self) -> None:
        """Give the machines back."""
        for machine in self.machines:
            self.deeds.update(machine.stats() if machine.engine is not Engine.INTERP else {})
            machine.close()
        self.machines = []

    def _fresh(self, compiler: Engine, switches: int) -> None:
        self.close()
        for engine in (Engine.INTERP, compiler):
            made = Machine(self.guest.machine, 16, engine, code_mib=1, switches=switches)
            self.machines.append(made)

    def round(self, number: int) -> None:
        """Run the programs of a case, one behind the other in the same machines."""
        rng = random.Random(f"{self.seed} {number}")
        switches, compiler = rng.choice((0, rng.choice(SWITCHES))), rng.choice(COMPILERS)
        self._fresh(compiler, switches)
        for index in range(self.PROGRAMS):
            program, data = self.guest.loop(rng), rng.randbytes(self.guest.data_bytes)
            place = f"loops {self.guest.machine}, seed {self.seed}, case {number}, program {index}, switches {switches}"
            if not self._agree(program, data, [rng.choice(self.SLICES) for _ in range(20)], place):
                self._fresh(compiler, switches)
        self.close()

    def _agree(self, program: Program, data: bytes, slices: list[int], place: str) -> bool:
        """Run a program; False when it ended or sleeps, so that the machines are of no more use."""
        interpreter, block = self.machines
        for machine in self.machines:
            self.guest.put(machine, program, data)
        self.programs += 1
        before, interpreted = block.insns, block.stats()["insns_interp"]
        stop = Stop.BUDGET
        for number, insns in enumerate(slices):
            offset = block.insns - interpreter.insns
            stop, other = block.run(insns), interpreter.run(insns)
            wrong = difference(interpreter, block)
            at = interpreter.first_ram_difference(block)
            wrong += [] if at is None else [f"RAM differs at {at:#x}"]
            if wrong or stop is not other or block.insns - interpreter.insns != offset:
                facts = f"slice {number} of {slices}: {other.name}, blocks {stop.name}, {block.insns - before} done"
                raise FuzzError("\n".join([f"{place}, {facts}", *wrong, self.guest.listing(program)]))
            if stop is not Stop.BUDGET:
                break
        self.insns += block.insns - before
        self.compiled += block.insns - before - (block.stats()["insns_interp"] - interpreted)
        return stop is Stop.BUDGET

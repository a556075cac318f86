# SPDX-License-Identifier: MIT
"""Random SPARC programs, run by every engine and by Unicorn, compared after each.

    python -m tests.fuzz.sparc_fuzz --insns 1000000 --seed 7

Two comparisons. *engines*: programs of any instruction word, in supervisor or user mode, with traps taken
through a trap table that skips the trapping instruction; interpreter and block engine must agree in every
register and in RAM, for whole runs and for runs cut into random slices. *unicorn*: straight-line programs of
user-mode integer instructions and memory accesses against Unicorn 2 (an independent implementation).

Deviations of Unicorn from the V8 manual, left out of that comparison:
  UDIVcc, SDIVcc overflow (B.19), odd rd of LDD and STD (B.1), tagged instructions that trap (B.16, B.17):
  programs whose run traps on our side are not compared, and divisions are left to the engine comparison.
  ADDXcc, SUBXcc after an instruction that clears C (B.13, B.15): 0xf13cbacc + 0x40008814 must carry, Unicorn says no.
Unicorn 2.1.4 gives no access to Y and icc: the programs set and read them by instructions.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pickle
import random
import struct
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from l4vm.binding.machine import Engine, Machine, Stop
from l4vm.decode.sample import Sampler
from l4vm.decode.table import Entry, read

RAM = 0x40000000
TRAPS = RAM
CODE = RAM + 0x2000
DATA = RAM + 0x8000
TABLE = Path(__file__).parents[2] / "translator/guest/sparc/insn.decode"
_INTERESTING = (0, 1, 2, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7F800000, 0x7F800001, 0x7FC00000, 0x00800000)
_JMPL_L2 = 0x81C4A000
_RETT_L2_4 = 0x81CCA004
_NOP = 0x01000000
_WR_G1_Y = 0x81804000
_ORCC_1 = 0x80902001  # clears icc
_RD_Y_L4 = 0xA9400000


class FuzzError(AssertionError):
    """Two engines disagree; the text names seed, program and registers."""


@dataclass
class Program:
    """Words, what the registers hold before them, and which entries they are of."""

    words: list[int]
    registers: dict[str, int]
    entries: list[Entry] = field(default_factory=list)


def _trap_table() -> bytes:
    return struct.pack(">4I", _JMPL_L2, _RETT_L2_4, _NOP, _NOP) * 256


def _sampler(rng: random.Random, entries: list[str] | None = None) -> Sampler:
    return Sampler(
        read(TABLE),
        rng,
        entries or (),
        {
            "disp22": lambda r: r.randrange(-2, 8),
            "disp30": lambda r: r.randrange(-2, 8),
            "asi": lambda r: r.choice((0x02, 0x03, 0x08, 0x0A, 0x0B, 0x10, 0x1C, 0x20, r.getrandbits(8))),
            "imm": lambda r: r.choice((r.randrange(-64, 64) * 4, r.getrandbits(13), r.randrange(-8, 8))),
        },
    )


def _value(rng: random.Random) -> int:
    pick = rng.random()
    if pick < 0.4:
        return DATA + rng.randrange(0, 0x1000, 8)
    if pick < 0.6:
        return rng.choice(_INTERESTING)
    return rng.getrandbits(32) if pick < 0.8 else rng.randrange(0, 256)


def make(rng: random.Random, sampler: Sampler, length: int) -> Program:
    """Draw a program and a start state for it."""
    entries = [sampler.entry() for _ in range(length)]
    words = [sampler.word(entry) if rng.random() < 0.98 else rng.getrandbits(32) for entry in entries]
    psr = 0x1020 | (rng.getrandbits(4) << 20) | rng.randrange(8) | rng.choice((0x00, 0x80, 0x80, 0xC0))
    if rng.random() < 0.1:
        psr &= ~0x1000
    registers = {"psr": psr, "wim": rng.choice((0, 0, 1 << rng.randrange(8))), "tbr": TRAPS, "y": rng.getrandbits(32)}
    registers["fsr"] = rng.choice((0, rng.getrandbits(2) << 30, rng.getrandbits(32)))
    registers |= {f"g{n}": _value(rng) for n in range(1, 8)}
    registers |= {f"w{w}{bank}{n}": _value(rng) for w in range(8) for bank in "ol" for n in range(8)}
    registers |= {f"f{n}": rng.choice((rng.getrandbits(32), rng.choice(_INTERESTING))) for n in range(32)}
    return Program(words, registers, entries)


def load(machine: Machine, program: Program, data: bytes) -> None:
    """Put a program, its data and its start state into a machine, the MMU off."""
    machine.write(TRAPS, _trap_table())
    code = struct.pack(f">{len(program.words)}I", *program.words)
    machine.write(CODE, code + struct.pack(">I", _NOP) * 64)
    machine.write(DATA - len(data) // 2, data)
    for name in ("mmu_control", "mmu_table", "mmu_context", "mmu_sfsr", "mmu_sfar"):
        machine[name] = 0
    for name, value in program.registers.items():
        machine[name] = value
    machine["pc"] = CODE


def difference(first: Machine, second: Machine) -> list[str]:
    """Return a line for each register that differs."""
    return [
        f"{name}: {first[name]:#x} != {second[name]:#x}"
        for name in first.register_names()
        if first[name] != second[name]
    ]


class EngineFuzz:
    """Interpreter against blocks. A machine that halted or sleeps is made anew."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.sampler = _sampler(self.rng)
        self.machines: list[Machine] = []
        self.insns = 0
        self.seen: Counter[str] = Counter()

    def _fresh(self) -> None:
        self.close()
        self.machines = [Machine("leon3", ram_mib=16, engine=e, code_mib=1) for e in (Engine.INTERP, Engine.BLOCK)]

    def close(self) -> None:
        """Give the machines back."""
        for machine in self.machines:
            machine.close()
        self.machines = []

    def round(self, number: int, length: int = 24) -> None:
        """Run one program on both engines, once whole and once in slices, and compare."""
        program = make(self.rng, self.sampler, length)
        data = self.rng.randbytes(0x2000)
        insns = self.rng.randrange(1, 3 * length)
        if not self.machines:
            self._fresh()
        for machine in self.machines:
            load(machine, program, data)
        self.seen.update(entry.name for entry in program.entries)
        before = [machine.insns for machine in self.machines]
        stops = [machine.run(insns) for machine in self.machines]
        if stops[0] is Stop.BUDGET and stops[1] is Stop.BUDGET:
            rest = insns
            stops[0] = self.machines[0].run(rest)
            while rest > 0 and stops[1] is Stop.BUDGET:
                part = min(rest, self.rng.randrange(1, 9))
                stops[1] = self.machines[1].run(part)
                rest -= part
        done = [machine.insns - start for machine, start in zip(self.machines, before, strict=True)]
        self.insns += done[1]
        wrong = difference(*self.machines)
        ram = [machine.read(RAM, 0x20000) for machine in self.machines]
        if wrong or stops[0] is not stops[1] or done[0] != done[1] or ram[0] != ram[1]:
            self.report(number, program, stops, done, wrong, ram)
        if stops[0] is not Stop.BUDGET:
            self.close()

    def report(
        self, number: int, program: Program, stops: list[Stop], done: list[int], wrong: list[str], ram: list[bytes]
    ) -> None:
        """Raise an error that says what is needed to repeat the round."""
        lines = [f"seed {self.seed}, round {number}: stops {stops}, instructions {done}, RAM equal {ram[0] == ram[1]}"]
        lines += wrong
        for index, word in enumerate(program.words):
            entry = self.sampler.table.decode(word)
            lines.append(f"  {CODE + 4 * index:08x}  {word:08x}  {entry.name if entry else 'illegal'}")
        shown = {name: value for name, value in program.registers.items() if name[0] != "w" or name == "wim"}
        lines += [f"  {name} = {value:#x}" for name, value in shown.items()]
        raise FuzzError("\n".join(lines))


_FLAGS = ((6, "l0"), (1, "l1"), (7, "l2"), (5, "l3"))  # neg, e, vs, cs


def flag_readers() -> list[int]:
    """Return code that puts N, Z, V, C and Y into %l0-%l4, with no privilege needed."""
    words = []
    for cond, register in _FLAGS:
        rd = 16 + int(register[1])
        words.append(0x80102000 | rd << 25)  # or %g0, 0, rd
        words.append(0x20800002 | cond << 25)  # bcc,a .+8
        words.append(0x80102001 | rd << 25)  # or %g0, 1, rd
    return [*words, _RD_Y_L4]


_UNICORN_LEFT_OUT = ("UDIV", "SDIV", "RD", "WR", "TADD", "TSUB", "LDSTUBA", "SWAPA", "ADDXcc", "SUBXcc")


def unicorn_entries() -> list[str]:
    """Return the entries that are compared with Unicorn: integer arithmetic, loads and stores."""
    names = []
    for entry in read(TABLE).entries:
        integer = entry.value >> 30 == 2 and (entry.value >> 19 & 63) < 0x28
        memory = entry.value >> 30 == 3 and (entry.value >> 19 & 63) < 0x10
        if (integer or memory or entry.name == "SETHI") and not entry.name.startswith(_UNICORN_LEFT_OUT):
            names.append(entry.name)
    return names


Answer = tuple[dict[str, int], bytes]


def emulate(words: list[int], setup: dict[str, int], data: bytes) -> Answer:
    """Run a program in Unicorn; return the registers of `setup` and the data after it."""
    uc = importlib.import_module("unicorn.sparc_const")
    unicorn: Any = importlib.import_module("unicorn")
    emulator = unicorn.Uc(unicorn.UC_ARCH_SPARC, unicorn.UC_MODE_SPARC32 | unicorn.UC_MODE_BIG_ENDIAN)
    emulator.mem_map(RAM, 0x20000)
    emulator.mem_write(CODE, struct.pack(f">{len(words)}I", *words) + struct.pack(">I", _NOP) * 64)
    emulator.mem_write(DATA - 0x1000, data)
    for name, value in setup.items():
        emulator.reg_write(getattr(uc, f"UC_SPARC_REG_{name.upper()}"), value)
    emulator.emu_start(CODE, CODE + 4 * len(words))
    values = {name: emulator.reg_read(getattr(uc, f"UC_SPARC_REG_{name.upper()}")) & 0xFFFFFFFF for name in setup}
    return values, bytes(emulator.mem_read(DATA - 0x1000, 0x2000))


def in_child(work: Callable[[], Answer]) -> Answer | None:
    """Do `work` in a process of its own, so that a crash of Unicorn ends nothing else; None when it crashed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        with os.fdopen(writer, "wb") as pipe:
            pickle.dump(work(), pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return None
    answer: Answer = pickle.loads(text)
    return answer


class UnicornFuzz:
    """The block engine against Unicorn."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.sampler = _sampler(self.rng, unicorn_entries())
        self.machine = Machine("leon3", ram_mib=16, engine=Engine.BLOCK, code_mib=1)
        self.insns = 0
        self.compared = 0
        self.crashed = 0

    def close(self) -> None:
        """Give the machine back."""
        self.machine.close()

    def round(self, number: int, length: int = 24) -> None:
        """Run one program on both and compare the integer registers, icc and RAM."""
        program = make(self.rng, self.sampler, 0)
        program.words += [_WR_G1_Y, _ORCC_1]
        for _ in range(length):
            entry = self.sampler.entry()
            fixed: dict[str, int] = {}
            rd = self.rng.randrange(32)
            if entry.name.startswith(("LDD", "STD")):
                rd &= ~1
            if entry.value >> 30 == 3:
                fixed["rs1"] = self.rng.choice((5, 6))
                size = 8 if entry.name.startswith(("LDD", "STD")) else 4
                fixed["imm"] = self.rng.randrange(-0x800, 0x800, size)
                fixed["rs2"] = 7
            if rd in (4, 5, 6, 7):
                rd = 8
            program.words.append(self.sampler.word(entry, rd=rd, **fixed))
        program.words += flag_readers()
        program.registers |= {"psr": 0x10A0, "wim": 0, "fsr": 0, "g5": DATA, "g6": DATA + 0x400, "g7": 0x40}
        data = self.rng.randbytes(0x2000)
        load(self.machine, program, data)
        count = len(program.words)
        self.machine.run(count)
        self.insns += count
        if (self.machine["tbr"] & 0xFF0) != 0:
            return
        setup = {f"g{n}": program.registers[f"g{n}"] for n in range(1, 8)}
        for bank, window, letter in (("o", 0, "o"), ("l", 0, "l"), ("i", 1, "o")):
            setup |= {f"{bank}{n}": program.registers[f"w{window}{letter}{n}"] for n in range(8)}
        answer = in_child(lambda: emulate(program.words, setup, data))
        if answer is None:
            self.crashed += 1
            return
        values, ram = answer
        wrong = [
            f"{name}: {self.machine[name]:#x}, unicorn {value:#x}"
            for name, value in values.items()
            if value != self.machine[name]
        ]
        if ram != self.machine.read(DATA - 0x1000, 0x2000):
            wrong.append("RAM differs")
        self.compared += 1
        if wrong:
            names = [found.name if (found := self.sampler.table.decode(word)) else "?" for word in program.words]
            raise FuzzError(
                f"seed {self.seed}, round {number}: " + "; ".join(wrong) + "\n"
                + "\n".join(f"  {word:08x} {name}" for word, name in zip(program.words, names, strict=True))
            )


def main(arguments: list[str]) -> int:
    """Run both comparisons until so many instructions were executed; 1 when they disagree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--insns", type=int, default=1_000_000, help="guest instructions to execute in all")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    engines, unicorn = EngineFuzz(options.seed), UnicornFuzz(options.seed)
    number = 0
    try:
        while engines.insns + unicorn.insns < options.insns:
            engines.round(number)
            if number % 4 == 0:
                unicorn.round(number)
            number += 1
    except FuzzError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        engines.close()
        unicorn.close()
    print(
        f"{number} programs, {engines.insns} instructions in both engines, {unicorn.compared} programs of "
        f"{unicorn.insns} instructions against Unicorn "
        f"(which died of {unicorn.crashed}), no difference; {len(engines.seen)} table entries drawn"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

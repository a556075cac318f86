# SPDX-License-Identifier: MIT
"""Random words as instructions, user and supervisor, traps on and off: the host lives, both engines agree.

Every trap returns behind the instruction that trapped, so that a case goes on. `L4VM_FUZZ_CASES`
makes a run longer; a failing case is named by its seed.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from l4vm.binding import Engine, Machine, Stop, Time
from tests.fuzz import mips, ppc
from tests.fuzz.comparisons import FuzzError

CASES = int(os.environ.get("L4VM_FUZZ_CASES", "60"))
WORDS = 16384


@dataclass(frozen=True)
class Guest:
    """How random words of a guest are drawn and started. Pointers are near `near`, which is as large as the code."""

    machine: str
    code: int  # where they lie
    first: int  # the first to be run
    near: int
    word: Callable[[random.Random], int]
    start: Callable[[Machine, random.Random], None]
    registers: tuple[str, ...]
    endian: str = ">"  # as struct has it

    def code_of(self, words: Sequence[int]) -> bytes:
        """Return words as they lie in memory."""
        return struct.pack(f"{self.endian}{len(words)}I", *words)


def _sparc_word(r: random.Random) -> int:
    kind = r.random()
    if kind < 0.5:
        return 2 << 30 | r.getrandbits(30)
    if kind < 0.85:
        return 3 << 30 | r.getrandbits(30)
    if kind < 0.95:
        return r.getrandbits(5) << 25 | 2 << 22 | r.getrandbits(8)
    return r.getrandbits(32)


def _sparc_start(machine: Machine, r: random.Random) -> None:
    traps = 0x40020000
    machine.write(traps, bytes.fromhex("81c4a000 81cca004 01000000 01000000") * 256)  # jmpl %l2; rett %l2 + 4; nop; nop
    machine["psr"], machine["tbr"] = r.choice((0x10C0, 0x10E0, 0x1020, 0x10A0)), traps  # EF with S, ET, user, PS


def _ppc_word(r: random.Random) -> int:
    kind = r.random()
    if kind < 0.45:
        return 31 << 26 | r.getrandbits(26)
    if kind < 0.7:
        return r.randrange(32, 56) << 26 | r.getrandbits(26)
    if kind < 0.8:
        return r.choice((59, 63)) << 26 | r.getrandbits(26)
    if kind < 0.86:
        return 16 << 26 | r.getrandbits(10) << 16 | r.getrandbits(6) << 2 | r.getrandbits(1)
    if kind < 0.9:
        return 19 << 26 | r.getrandbits(26)
    return r.getrandbits(32)


def _ppc_start(machine: Machine, r: random.Random) -> None:
    """Let the user have all rights on the first 256 MiB; handlers lie below the code."""
    machine.write(0, ppc.handlers())
    machine.write(0x800, struct.pack(">I", ppc.tlbwe(11, 10, 2)))
    for vector in range(ppc.VECTORS):
        machine[f"ivor{vector}"] = vector * ppc.VECTOR_BYTES
    start = machine["pc"]
    machine["r10"], machine["r11"], machine["pc"] = 0, 0x3F, 0x800
    machine.run(1)
    msr = (0x1000, *(r.choice((0, bit)) for bit in (0x4000, 0x2000, 0x8000)))  # ME; PR, FP, EE
    machine["pc"], machine["msr"] = start, sum(msr)


def _mips_word(r: random.Random) -> int:
    kind = r.random()
    if kind < 0.3:
        return r.choice((0, 0, 28, 31)) << 26 | r.getrandbits(20) << 6 | r.getrandbits(6)
    if kind < 0.6:
        return r.randrange(32, 64) << 26 | r.getrandbits(26)
    if kind < 0.7:
        return r.choice((1, 4, 5, 6, 7, 20, 21, 22, 23)) << 26 | r.getrandbits(10) << 16 | r.getrandbits(5)
    if kind < 0.85:
        return r.randrange(8, 16) << 26 | r.getrandbits(26)
    return 16 << 26 | r.getrandbits(26) if kind < 0.93 else r.getrandbits(32)


def _mips_start(machine: Machine, r: random.Random) -> None:
    """The kernel or the user of all memory, one to one while ERL lasts; handlers lie below the code."""
    machine.write(0, mips.handlers())
    machine["status"] = r.choice((4, 4, 0)) | r.choice((0, 0xFF01)) | r.choice((0, 1 << 28))


GUESTS = {
    "sparc": Guest(
        "leon3",
        0x40000000,
        0x40001000,
        0x40000000,
        _sparc_word,
        _sparc_start,
        ("g1", "g2", "g3", "o0", "o1", "l0", "l1", "i0", "i1"),
    ),
    "ppc": Guest(
        "bamboo",
        0x1000,
        0x1000,
        0x100000,
        _ppc_word,
        _ppc_start,
        (*(f"r{n}" for n in (1, 3, 4, 5, 9, 14, 17, 22, 30, 31)), "lr", "ctr"),
    ),
    "mips": Guest(
        "malta",
        0x1000,
        0x80001000,
        0x80100000,
        _mips_word,
        _mips_start,
        tuple(f"r{n}" for n in (1, 3, 4, 5, 9, 14, 17, 22, 30, 31)),
        "<",
    ),
}


def outcome(guest: Guest, seed: int, engine: Engine, insns: int = 3000) -> tuple[int, int, Stop]:
    r, slices = random.Random(seed), random.Random(seed + engine)
    code = guest.code_of([guest.word(r) for _ in range(WORDS)])
    with Machine(guest.machine, ram_mib=8, engine=engine, time=Time.EXACT) as machine:
        machine.write(guest.code, code)
        machine.boot(guest.first)
        guest.start(machine, r)
        for name in guest.registers:
            near = guest.near + (r.getrandbits(16) & ~7)
            machine[name] = near if r.random() < 0.6 else r.getrandbits(32)
        stop = Stop.BUDGET
        while machine.insns < insns and stop == Stop.BUDGET:
            stop = machine.run(min(slices.choice([1, 3, 50, 2000]), insns - machine.insns))
        return machine.insns, machine.state_hash(with_ram=True), stop


def compare(guest: Guest, seed: int) -> int:
    """Run a case in the interpreter and compiled; return how many instructions it was."""
    compiler = Engine.TIERS if seed % 3 == 2 else Engine.BLOCK
    block, interpreter = outcome(guest, seed, compiler), outcome(guest, seed, Engine.INTERP)
    if block != interpreter:
        text = f"{guest.machine}: random words, seed {seed}: blocks {block}, interpreter {interpreter}"
        raise FuzzError(text)
    return block[0]


@pytest.mark.parametrize("first", range(0, CASES, 20))
@pytest.mark.parametrize("guest", GUESTS.values(), ids=GUESTS)
def test_random_words_run_the_same_in_both_engines(guest: Guest, first: int) -> None:
    for seed in range(first, min(first + 20, CASES)):
        compare(guest, seed)


@pytest.mark.parametrize("guest", GUESTS.values(), ids=GUESTS)
def test_words_lie_as_the_cpu_reads_them(guest: Guest) -> None:
    word = guest.word(random.Random(1))
    with Machine(guest.machine, ram_mib=8) as machine:
        machine.write(guest.code, guest.code_of([word] * 2048))
        machine.boot(guest.first)
        assert machine.dump(guest.first).splitlines()[1].startswith(f"{guest.first:08x}  {word:08x}  ")

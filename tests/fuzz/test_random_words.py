# SPDX-License-Identifier: MIT
"""Random words as instructions, user and supervisor, traps on and off: the host lives, both engines agree.

Every trap returns behind the instruction that trapped, so that a case goes on. `L4VM_FUZZ_CASES`
makes a run longer; a failing case is named by its seed.
"""

from __future__ import annotations

import os
import random
import struct

import pytest

from l4vm.binding import Engine, Machine, Stop, Time
from tests.fuzz.comparisons import FuzzError

CASES = int(os.environ.get("L4VM_FUZZ_CASES", "60"))
RAM, CODE, TRAPS = 0x40000000, 0x40001000, 0x40020000
RETURN_BEHIND = bytes.fromhex("81c4a000 81cca004 01000000 01000000")  # jmpl %l2; rett %l2 + 4; nop; nop
REGISTERS = ("g1", "g2", "g3", "o0", "o1", "l0", "l1", "i0", "i1")
PSRS = (0x10C0, 0x10E0, 0x1020, 0x10A0)  # EF with S, ET, user, PS


def word(r: random.Random) -> int:
    kind = r.random()
    if kind < 0.5:
        return 2 << 30 | r.getrandbits(30)
    if kind < 0.85:
        return 3 << 30 | r.getrandbits(30)
    if kind < 0.95:
        return r.getrandbits(5) << 25 | 2 << 22 | r.getrandbits(8)
    return r.getrandbits(32)


def outcome(seed: int, engine: Engine, insns: int = 3000) -> tuple[int, int, Stop]:
    r, slices = random.Random(seed), random.Random(seed + engine)
    code = struct.pack(">16384I", *(word(r) for _ in range(16384)))
    with Machine("leon3", ram_mib=8, engine=engine, time=Time.EXACT) as machine:
        machine.write(RAM, code)
        machine.write(TRAPS, RETURN_BEHIND * 256)
        machine.boot(CODE)
        machine["psr"], machine["tbr"] = r.choice(PSRS), TRAPS
        for name in REGISTERS:
            near = RAM + (r.getrandbits(16) & ~7)
            machine[name] = near if r.random() < 0.6 else r.getrandbits(32)
        stop = Stop.BUDGET
        while machine.insns < insns and stop == Stop.BUDGET:
            stop = machine.run(min(slices.choice([1, 3, 50, 2000]), insns - machine.insns))
        return machine.insns, machine.state_hash(with_ram=True), stop


def compare(seed: int) -> int:
    """Run a case on both engines; return how many instructions it was."""
    block, interpreter = outcome(seed, Engine.BLOCK), outcome(seed, Engine.INTERP)
    if block != interpreter:
        raise FuzzError(f"random words, seed {seed}: blocks {block}, interpreter {interpreter}")
    return block[0]


@pytest.mark.parametrize("first", range(0, CASES, 20))
def test_random_words_run_the_same_in_both_engines(first: int) -> None:
    for seed in range(first, min(first + 20, CASES)):
        compare(seed)

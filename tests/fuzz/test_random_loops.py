# SPDX-License-Identifier: MIT
"""Loops that become regions run as the interpreter runs them: registers and memory, wherever a slice ends.

`L4VM_LOOP_CASES` makes a run longer; a failing one is named by its seed and case.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from l4vm.bench.programs import build_program, program_names
from l4vm.binding import Engine, Machine, Stop, Time
from l4vm.guests import load_elf
from tests.fuzz import sparc
from tests.fuzz.comparisons import FuzzError, LoopFuzz
from tests.fuzz.guest import FuzzGuest
from tests.fuzz.guests import GUESTS

CASES = int(os.environ.get("L4VM_LOOP_CASES", "12"))
REACHED = ("regions", "region_homes", "faults", "interrupts", "direct_made", "direct_faults", "smc_stores", "mmio")


@pytest.mark.slow
@pytest.mark.parametrize("guest", GUESTS, ids=lambda guest: guest.machine)
def test_random_loops_agree_with_the_interpreter(guest: FuzzGuest) -> None:
    fuzz = LoopFuzz(guest, seed=1)
    for number in range(CASES):
        fuzz.round(number)
    assert fuzz.deeds["regions"] > fuzz.programs // 4
    assert fuzz.compiled > fuzz.insns * 3 // 4
    assert not [name for name in REACHED if not fuzz.deeds[name]], fuzz.deeds


def test_a_difference_in_a_loop_is_reported_with_case_slice_and_program(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Machine.run

    def wrong(machine: Machine, insns: int) -> Stop:
        stop = run(machine, insns)
        if machine.engine is Engine.BLOCK and machine.insns > 3000:
            machine["g4"] ^= 2
        return stop

    monkeypatch.setattr(Machine, "run", wrong)
    fuzz = LoopFuzz(sparc.GUEST, seed=1)
    with pytest.raises(FuzzError, match=r"loops leon3, seed 1, case 0, program 0, .*slice \d+ of .*\ng4: 0x") as caught:
        fuzz.round(0)
    fuzz.close()
    assert f"  {sparc.CODE >> 16:04x}" in str(caught.value)


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

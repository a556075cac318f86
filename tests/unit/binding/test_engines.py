# SPDX-License-Identifier: MIT
"""What each engine compiles: nothing, everything, or what runs more than once; the guest cannot tell."""

from __future__ import annotations

import pytest

from l4vm.binding import Engine, Machine, Time
from tests.insn.words import CODE, NOP
from tests.unit.binding.conftest import LOOP_INSNS, loop_in


def ran(engine: Engine, insns: int) -> Machine:
    machine = loop_in(Machine("leon3", 16, engine, Time.EXACT, code_mib=1))
    machine.run(insns)
    return machine


def test_code_that_ran_once_is_not_compiled() -> None:
    with ran(Engine.TIERS, LOOP_INSNS) as machine:
        stats = machine.stats()
    assert (stats["blocks"], stats["insns_interp"], stats["first_runs"]) == (0, LOOP_INSNS, 1)


def test_code_that_runs_again_is_compiled() -> None:
    with ran(Engine.TIERS, 2000 * LOOP_INSNS) as machine:
        stats = machine.stats()
    assert stats["blocks"] > 0
    assert stats["first_runs"] == 1
    assert stats["insns_interp"] < 10 * LOOP_INSNS


def test_engine_block_compiles_at_once() -> None:
    with ran(Engine.BLOCK, LOOP_INSNS) as machine:
        stats = machine.stats()
    assert (stats["blocks"], stats["insns_interp"], stats["first_runs"]) == (1, 0, 0)


@pytest.mark.parametrize("insns", [1, LOOP_INSNS + 2, 5000])
def test_guest_cannot_tell_the_engine(insns: int) -> None:
    found = set()
    for engine in Engine:
        with ran(engine, insns) as machine:
            found.add((machine.insns, machine["o0"], machine.state_hash(with_ram=True)))
    assert len(found) == 1


def test_places_that_ran_are_forgotten_before_the_map_of_them_is_full() -> None:
    places, half_of_the_map = 60_000, 32_768
    with Machine("leon3", 16, Engine.TIERS, Time.EXACT, code_mib=1) as machine:
        loop_in(machine)
        first = CODE + 0x1000
        machine.write(first, NOP.to_bytes(4, "big") * 2 * places)
        for place in range(places):
            machine["pc"], machine["npc"] = first + 8 * place, first + 8 * place + 4
            machine.run(1)
        found = machine.stats()["first_runs"]
        machine["pc"], machine["npc"] = first, first + 4
        machine.run(1)
        assert half_of_the_map < found
        assert machine.stats()["first_runs"] == found + 1


def test_jump_cache_misses_a_block_once_however_often_the_run_loop_enters_it() -> None:
    with ran(Engine.BLOCK, LOOP_INSNS) as machine:
        before = machine.stats()
        for _ in range(50):
            machine.run(LOOP_INSNS)
        after = machine.stats()
    assert before["jump_misses"] == 1
    assert after["jump_misses"] == 1
    assert after["exits"] >= before["exits"] + 50

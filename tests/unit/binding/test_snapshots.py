# SPDX-License-Identifier: MIT
"""After a restore the machine does again what it did, to the last bit of its state."""

from __future__ import annotations

import random

import pytest

from l4vm.binding import Engine, Machine, Stop, Time
from l4vm.errors import L4vmError
from tests.fuzz.sparc import GUEST, anything, sampler
from tests.insn.words import DATA, STAY
from tests.unit.binding.conftest import LOOP, LOOP_INSNS, STORE, WORDS, loop_in


def state(machine: Machine) -> tuple[int, int, int, int, bytes]:
    return (
        machine.insns, machine.guest_ns, machine.idle_until_ns, machine.state_hash(with_ram=True),
        machine.console_read(),
    )  # fmt: skip


def test_restore_brings_everything_back(machine: Machine) -> None:
    machine.run(1234)
    before = machine.snapshot()
    first = state(machine)
    machine.run(5000)
    machine.write(DATA, b"other")
    later = machine.snapshot()
    machine.restore(before)
    assert state(machine) == first
    machine.run(5000)
    machine.write(DATA, b"other")
    again = state(machine)
    machine.restore(later)
    assert state(machine) == again


def test_code_that_was_changed_since_is_run_as_it_was(machine: Machine) -> None:
    machine.run(1000 * LOOP_INSNS)
    before = machine.snapshot()
    machine.write(STORE, WORDS[0].to_bytes(4, "big"))
    machine.run(1000 * LOOP_INSNS)
    assert machine["o0"] == 3000
    machine.restore(before)
    machine.run(1000 * LOOP_INSNS)
    assert machine["o0"] == 2000
    assert int.from_bytes(machine.read(DATA + 8, 4), "big") == 2000


def test_code_that_is_the_same_is_not_translated_again(machine: Machine) -> None:
    machine.run(100_000)
    before = machine.snapshot()
    machine.run(100_000)
    made = machine.stats()["blocks"]
    for _ in range(5):
        machine.restore(before)
        machine.run(100_000)
    assert machine.stats()["blocks"] == made


def test_end_of_the_guest_is_undone(machine: Machine) -> None:
    before = machine.snapshot()
    machine["psr"] = 0x1080  # traps off
    machine.write(LOOP, bytes(4))  # UNIMP
    assert machine.run(10) == Stop.HALT
    machine.restore(before)
    assert machine.run(10) == Stop.BUDGET


def test_snapshot_of_another_machine_is_refused(machine: Machine) -> None:
    with Machine("leon3", 16, code_mib=1) as other, pytest.raises(L4vmError, match="machine that made it"):
        machine.restore(other.snapshot())


def test_host_time_goes_on_from_where_it_stood() -> None:
    with Machine("leon3", 16, time=Time.HOST, code_mib=1) as machine:
        loop_in(machine).run(1000)
        before = machine.snapshot()
        machine.run_for(wall_s=0.3)
        later = machine.guest_ns
        machine.restore(before)
        assert before.guest_ns <= machine.guest_ns < later


@pytest.mark.parametrize("engine", list(Engine))
@pytest.mark.parametrize("seed", range(12))
def test_random_program_runs_the_same_after_each_restore(engine: Engine, seed: int) -> None:
    rng = random.Random(seed)
    with Machine("leon3", 16, engine, Time.EXACT, code_mib=1) as machine:
        GUEST.put(machine, anything(rng, sampler(rng), 40), rng.randbytes(GUEST.data_bytes))
        machine.run(rng.randrange(40))
        before = machine.snapshot()
        machine.run(200)
        expected = state(machine)
        for _ in range(3):
            machine.restore(before)
            slices = 0
            while slices < 200:
                step = min(rng.randrange(1, 50), 200 - slices)
                slices += step
                machine.run(step)
            assert state(machine) == expected


def test_virtual_memory_is_read_and_written_through_the_mmu_without_marks(machine: Machine) -> None:
    rng = random.Random(5)
    level3 = 0x40010900
    while not (program := anything(rng, sampler(rng), 4)).tables:
        pass
    GUEST.put(machine, program, bytes(GUEST.data_bytes))
    machine.write(level3 + 4 * 9, ((0x40000 + 20) << 8 | 0x1A).to_bytes(4, "big"))  # 0x40009000 -> 0x40014000, no R bit
    machine.write(level3 + 4 * 10, bytes(4))
    assert machine.physical(0x40009123) == 0x40014123
    machine.write_virtual(0x40009FF0, b"0123456789abcdef")
    assert machine.read(0x40014FF0, 16) == b"0123456789abcdef" == machine.read_virtual(0x40009FF0, 16)
    assert machine.read(level3 + 4 * 9, 4).hex() == "0400141a"
    assert machine.physical(0x4000A000) is None
    for what in (lambda: machine.read_virtual(0x40009FF0, 17), lambda: machine.write_virtual(0x40009FF0, bytes(17))):
        with pytest.raises(L4vmError, match="not mapped"):
            what()
    assert machine.read(0x40014FF0, 16) == b"0123456789abcdef"
    assert machine.read_virtual(0x40002040, 0) == b""
    assert STAY.to_bytes(4, "big") in machine.read_virtual(0x40002000, 256)


@pytest.mark.parametrize("slice_max", [1, 7, 1000])
def test_chaos_changes_nothing(machine: Machine, slice_max: int) -> None:
    with Machine("leon3", 16, Engine.INTERP, Time.EXACT, code_mib=1) as plain:
        loop_in(plain).run(20_000)
        machine.chaos(42, slice_max)
        machine.run(20_000)
        assert state(machine) == state(plain)
        assert machine.has_same_ram(plain)
        machine.run(1)
        plain.write(DATA, b"x")
        assert not machine.has_same_ram(plain)
    assert machine.stats()["tlb_flushes"] > 3

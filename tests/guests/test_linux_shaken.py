# SPDX-License-Identifier: MIT
"""Linux in lock step with the interpreter, shaken, hooked, and taken back to a snapshot: it never notices."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from l4vm.binding import Checked, Engine, Hit, Machine, On
from tests.guests.linux import Linux, step

pytestmark = pytest.mark.guest
INSNS = 6_000_000
CHECKED_INSNS = 3_000_000
WATCHED_INSNS = 50_000


@pytest.fixture(scope="session")
def plain(linux: Linux) -> Iterator[tuple[int, bytes]]:
    with linux.machine() as machine:
        out = step(machine, INSNS)
        assert b"Linux version" in out
        yield machine.state_hash(with_ram=True), out


def test_engines_agree_on_linux_in_lock_step_under_chaos(linux: Linux) -> None:
    with linux.machine(Checked, every=50_000) as machine:
        machine.chaos(seed=5, slice_max=200)
        while machine.insns < CHECKED_INSNS:
            machine.run_for(CHECKED_INSNS - machine.insns, wall_s=60)
            machine.console_read()
        assert machine.partner.insns == machine.insns


@pytest.mark.parametrize("slice_max", [1, 50, 5000])
def test_shaken_linux_ends_as_a_plain_one(linux: Linux, plain: tuple[int, bytes], slice_max: int) -> None:
    with linux.machine() as machine:
        machine.chaos(seed=9, slice_max=slice_max)
        out = step(machine, INSNS)
        assert (machine.state_hash(with_ram=True), out) == plain


@pytest.mark.parametrize("engine", list(Engine))
def test_hooked_linux_ends_as_a_plain_one(linux: Linux, plain: tuple[int, bytes], engine: Engine) -> None:
    seen: dict[On, list[Hit]] = {}
    with linux.machine(engine=engine) as machine:
        entry = machine["pc"]

        def keep(_: Machine, hit: Hit) -> None:
            seen.setdefault(hit.on, []).append(hit)

        machine.hook(On.CODE, entry, call=keep)
        machine.hook(On.DEVICE_WRITE, linux.uart[0], linux.uart[-1], call=keep)
        out = step(machine, INSNS // 2)
        with machine.hook(On.READ | On.WRITE, linux.kernel, 0xFFFFFFFF, call=keep):
            out += step(machine, WATCHED_INSNS)
        out += step(machine, INSNS - machine.insns)
        assert (machine.state_hash(with_ram=True), out) == plain
    assert [hit.pc for hit in seen[On.CODE]] == [entry]
    assert linux.sent(seen[On.DEVICE_WRITE]) == out
    assert seen[On.READ] and seen[On.WRITE]


def test_linux_runs_the_same_again_after_a_restore(linux: Linux, plain: tuple[int, bytes]) -> None:
    with linux.machine() as machine:
        out = step(machine, INSNS // 3)
        before = machine.snapshot()
        for _ in range(3):
            machine.restore(before)
            rest = step(machine, INSNS - INSNS // 3)
            assert (machine.state_hash(with_ram=True), out + rest) == plain
            step(machine, 100_000)

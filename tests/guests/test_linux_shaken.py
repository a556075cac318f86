# SPDX-License-Identifier: MIT
"""Linux in lock step with the interpreter, shaken, hooked, and taken back to a snapshot: it never notices."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from l4vm.binding import Checked, Engine, Hit, Machine, On, Stop, Time
from l4vm.guests import build_guest, load_elf

pytestmark = pytest.mark.guest
INSNS = 6_000_000
CHECKED_INSNS = 3_000_000
WATCHED_INSNS = 50_000
UART, UART_CONTROL, UART_END = 0x80000100, 0x80000108, 0x800001FF
TE, FIFO_BYTES = 2, 16
KERNEL = 0xF0000000


@pytest.fixture(scope="module")
def kernel() -> object:
    return load_elf(build_guest("leon3-linux", progress=print).kernel)


def step(machine: Machine, insns: int) -> bytes:
    """Run exactly `insns` instructions; while the guest waits, go to its next event."""
    end = machine.insns + insns
    while machine.insns < end:
        stop = machine.run(end - machine.insns)
        assert stop in (Stop.BUDGET, Stop.IDLE), stop
        if stop == Stop.IDLE:
            machine.advance(machine.idle_until_ns)
    return machine.console_read()


def sent(writes: list[Hit]) -> bytes:
    """Return what writes to the UART send: at once while the transmitter is on, else what the FIFO can keep."""
    is_on, waiting, out = True, b"", b""
    for hit in writes:
        if hit.address == UART_CONTROL:
            is_on = bool(hit.value & TE)
        elif hit.address == UART and (is_on or len(waiting) < FIFO_BYTES):
            waiting += bytes((hit.value & 0xFF,))
        if is_on:
            out, waiting = out + waiting, b""
    return out


@pytest.fixture(scope="module")
def plain(kernel: object) -> Iterator[tuple[int, bytes]]:
    with Machine("leon3", time=Time.EXACT) as machine:
        machine.load_executable(kernel)  # type: ignore[arg-type]
        out = step(machine, INSNS)
        assert b"Linux version" in out
        yield machine.state_hash(with_ram=True), out


def test_engines_agree_on_linux_in_lock_step_under_chaos(kernel: object) -> None:
    with Checked("leon3", time=Time.EXACT, every=50_000) as machine:
        machine.load_executable(kernel)  # type: ignore[arg-type]
        machine.chaos(seed=5, slice_max=200)
        while machine.insns < CHECKED_INSNS:
            machine.run_for(CHECKED_INSNS - machine.insns, wall_s=60)
            machine.console_read()
        assert machine.partner.insns == machine.insns


@pytest.mark.parametrize("slice_max", [1, 50, 5000])
def test_shaken_linux_ends_as_a_plain_one(kernel: object, plain: tuple[int, bytes], slice_max: int) -> None:
    with Machine("leon3", time=Time.EXACT) as machine:
        machine.load_executable(kernel)  # type: ignore[arg-type]
        machine.chaos(seed=9, slice_max=slice_max)
        out = step(machine, INSNS)
        assert (machine.state_hash(with_ram=True), out) == plain


@pytest.mark.parametrize("engine", list(Engine))
def test_hooked_linux_ends_as_a_plain_one(kernel: object, plain: tuple[int, bytes], engine: Engine) -> None:
    seen: dict[On, list[Hit]] = {}
    with Machine("leon3", engine=engine, time=Time.EXACT) as machine:
        machine.load_executable(kernel)  # type: ignore[arg-type]
        entry = machine["pc"]

        def keep(_: Machine, hit: Hit) -> None:
            seen.setdefault(hit.on, []).append(hit)

        machine.hook(On.CODE, entry, call=keep)
        machine.hook(On.DEVICE_WRITE, UART, UART_END, call=keep)
        out = step(machine, INSNS // 2)
        with machine.hook(On.READ | On.WRITE, KERNEL, 0xFFFFFFFF, call=keep):
            out += step(machine, WATCHED_INSNS)
        out += step(machine, INSNS - machine.insns)
        assert (machine.state_hash(with_ram=True), out) == plain
    assert [hit.pc for hit in seen[On.CODE]] == [entry]
    assert sent(seen[On.DEVICE_WRITE]) == out
    assert seen[On.READ] and seen[On.WRITE]


def test_linux_runs_the_same_again_after_a_restore(kernel: object, plain: tuple[int, bytes]) -> None:
    with Machine("leon3", time=Time.EXACT) as machine:
        machine.load_executable(kernel)  # type: ignore[arg-type]
        out = step(machine, INSNS // 3)
        before = machine.snapshot()
        for _ in range(3):
            machine.restore(before)
            rest = step(machine, INSNS - INSNS // 3)
            assert (machine.state_hash(with_ram=True), out + rest) == plain
            step(machine, 100_000)

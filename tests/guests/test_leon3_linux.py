# SPDX-License-Identifier: MIT
"""Linux on the LEON3 machine: it runs, and both engines run it the same way to the instruction."""

from __future__ import annotations

import random

import pytest

from l4vm.binding import Engine, Machine, Stop, Time
from l4vm.guests import build_guest, load_elf

pytestmark = pytest.mark.guest
PROMPT = b"\n# "
INSNS_MAX = 120_000_000


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


def boot(machine: Machine, kernel: object, slices: random.Random) -> bytes:
    machine.load_executable(kernel)  # type: ignore[arg-type]
    out = b""
    while PROMPT not in out and machine.insns < INSNS_MAX:
        out += step(machine, slices.randint(1, 2_000_000))
    assert PROMPT in out, out.decode(errors="replace")
    return out


def test_shell_answers_what_is_typed(kernel: object) -> None:
    with Machine("leon3", time=Time.EXACT) as machine:
        boot(machine, kernel, random.Random(1))
        out, text = b"", b"uname -m\n"
        for _ in range(200):
            text = text[machine.console_write(text) :]
            out += step(machine, 100_000)
        assert b"uname -m\r\nsparc\r\n# " in out, out


def state_after(kernel: object, engine: Engine, insns: int, seed: int, switches: int = 0) -> tuple[int, bytes]:
    slices = random.Random(seed)
    out = b""
    with Machine("leon3", engine=engine, time=Time.EXACT, switches=switches) as machine:
        machine.load_executable(kernel)  # type: ignore[arg-type]
        while machine.insns < insns:
            out += step(machine, min(slices.choice([1, 7, 1000, 300_000]), insns - machine.insns))
        return machine.state_hash(with_ram=True), out


def test_interpreter_and_blocks_agree_on_registers_ram_and_output(kernel: object) -> None:
    insns = 34_000_000
    assert state_after(kernel, Engine.BLOCK, insns, 1) == state_after(kernel, Engine.INTERP, insns, 2)


@pytest.mark.parametrize("switches", [1, 2, 4, 8, 16, 32, 64, 127])
def test_every_optimisation_switched_off_changes_nothing(kernel: object, switches: int) -> None:
    insns = 33_000_000
    plain = state_after(kernel, Engine.BLOCK, insns, 3)
    assert state_after(kernel, Engine.BLOCK, insns, 4, switches) == plain


def test_two_runs_are_equal_whatever_the_slices(kernel: object) -> None:
    assert state_after(kernel, Engine.BLOCK, 20_000_000, 5) == state_after(kernel, Engine.BLOCK, 20_000_000, 6)

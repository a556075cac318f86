# SPDX-License-Identifier: MIT
"""Linux on each machine: it runs, and both engines run it the same way to the instruction."""

from __future__ import annotations

import random

import pytest

from l4vm.binding import Engine, Machine
from tests.guests.linux import Linux, step

pytestmark = pytest.mark.guest
PROMPT = b"\n# "


def boot(linux: Linux, machine: Machine, slices: random.Random) -> bytes:
    out = b""
    while PROMPT not in out and machine.insns < 4 * linux.insns:
        out += step(machine, slices.randint(1, 2_000_000))
    assert PROMPT in out, out.decode(errors="replace")
    return out


def test_shell_answers_what_is_typed(linux: Linux) -> None:
    with linux.machine() as machine:
        boot(linux, machine, random.Random(1))
        out, text = b"", b"uname -m\n"
        for _ in range(200):
            text = text[machine.console_write(text) :]
            out += step(machine, 100_000)
        assert f"uname -m\r\n{linux.cpu}\r\n# ".encode() in out, out


def state_after(linux: Linux, engine: Engine, insns: int, seed: int, switches: int = 0) -> tuple[int, bytes]:
    slices = random.Random(seed)
    out = b""
    with linux.machine(engine=engine, switches=switches) as machine:
        while machine.insns < insns:
            out += step(machine, min(slices.choice([1, 7, 1000, 300_000]), insns - machine.insns))
        return machine.state_hash(with_ram=True), out


def test_interpreter_and_blocks_agree_on_registers_ram_and_output(linux: Linux) -> None:
    insns = linux.insns
    assert state_after(linux, Engine.BLOCK, insns, 1) == state_after(linux, Engine.INTERP, insns, 2)


@pytest.mark.parametrize("switches", [1, 2, 4, 8, 16, 32, 64, 127])
def test_every_optimisation_switched_off_changes_nothing(linux: Linux, switches: int) -> None:
    insns = linux.insns - 1_000_000
    plain = state_after(linux, Engine.BLOCK, insns, 3)
    assert state_after(linux, Engine.BLOCK, insns, 4, switches) == plain


def test_two_runs_are_equal_whatever_the_slices(linux: Linux) -> None:
    assert state_after(linux, Engine.BLOCK, 20_000_000, 5) == state_after(linux, Engine.BLOCK, 20_000_000, 6)

# SPDX-License-Identifier: MIT
"""Linux on each machine: it runs, and both engines run it the same way to the instruction."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from l4vm.binding import Engine, Machine, Stop, Time
from l4vm.guests import Load, Start, build_guest, lay_out, start_of_recipe

pytestmark = pytest.mark.guest
PROMPT = b"\n# "
INSNS_MAX = 120_000_000


@dataclass(frozen=True)
class Linux:
    """A guest that boots Linux: what RAM holds, what `uname -m` says, instructions until the shell runs."""

    load: Load
    cpu: str
    insns: int

    def machine(self, engine: Engine = Engine.BLOCK, switches: int = 0) -> Machine:
        """Return the machine, ready to start."""
        made = Machine(self.load.machine, self.load.ram_mib, engine=engine, time=Time.EXACT, switches=switches)
        made.load_executable(self.load.executable)
        return made


@pytest.fixture(
    scope="module",
    params=[("leon3-linux", "sparc", 34_000_000), ("bamboo-linux", "ppc", 64_000_000)],
    ids=lambda p: p[0],
)
def linux(request: pytest.FixtureRequest) -> Linux:
    recipe, cpu, insns = request.param
    files = build_guest(recipe, progress=print)
    return Linux(lay_out(start_of_recipe(files, Start(files.machine, b"", ""))), cpu, insns)


def step(machine: Machine, insns: int) -> bytes:
    """Run exactly `insns` instructions; while the guest waits, go to its next event."""
    end = machine.insns + insns
    while machine.insns < end:
        stop = machine.run(end - machine.insns)
        assert stop in (Stop.BUDGET, Stop.IDLE), stop
        if stop == Stop.IDLE:
            machine.advance(machine.idle_until_ns)
    return machine.console_read()


def boot(machine: Machine, slices: random.Random) -> bytes:
    out = b""
    while PROMPT not in out and machine.insns < INSNS_MAX:
        out += step(machine, slices.randint(1, 2_000_000))
    assert PROMPT in out, out.decode(errors="replace")
    return out


def test_shell_answers_what_is_typed(linux: Linux) -> None:
    with linux.machine() as machine:
        boot(machine, random.Random(1))
        out, text = b"", b"uname -m\n"
        for _ in range(200):
            text = text[machine.console_write(text) :]
            out += step(machine, 100_000)
        assert f"uname -m\r\n{linux.cpu}\r\n# ".encode() in out, out


def state_after(linux: Linux, engine: Engine, insns: int, seed: int, switches: int = 0) -> tuple[int, bytes]:
    slices = random.Random(seed)
    out = b""
    with linux.machine(engine, switches) as machine:
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

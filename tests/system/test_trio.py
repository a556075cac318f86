# SPDX-License-Identifier: MIT
"""Image trio: guests of two architectures on one board; what is done to one leaves the others alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from l4vm.console.qemu import Boot, Manifest, Qemu, command_line
from l4vm.exit_codes import ExitCode
from l4vm.formats import link as wire
from l4vm.link.line import Inbox
from l4vm.link.management import tasks_listing
from tests.system.conftest import ICOUNT_S, Board, Talk
from tests.system.test_demo import PROMPT_S, assert_real_time_held

CPUS = {"leon0": b"sparc", "leon1": b"sparc", "ppc0": b"ppc"}


@pytest.fixture
def trio(built: Callable[[str], Manifest], tmp_path: Path) -> Board:
    """The image trio on the board x86-embedded."""
    return Board(built("trio"), tmp_path)


def test_three_guests_of_two_architectures_answer_and_no_deadline_is_missed(trio: Board) -> None:
    assert trio.manifest.memory_mib == 512
    steps = [f"{name}=# " for name in CPUS] + [f">{name}=uname -m\\n" for name in CPUS]
    run = trio.run([*steps, *(f"{name}={cpu.decode()}" for name, cpu in CPUS.items())], ICOUNT_S, Boot(icount=True))
    assert run.outcome.code is ExitCode.OK, run.outcome.reason
    assert_real_time_held(run)


@pytest.fixture
def three(trio: Board) -> Iterator[Talk]:
    """The board in counted time, where waiting costs nothing, all guests at their prompts."""
    inbox, path, boot = Inbox(), str(trio.folder / "line"), Boot(icount=True)
    with Qemu(command_line(trio.manifest, boot, path), path, inbox) as qemu:
        talk = Talk(qemu, inbox, boot.preset)
        for name in CPUS:
            talk.wait_for(name, rb"\n# ", PROMPT_S)
        yield talk


def answers(talk: Talk, name: str) -> None:
    """Ask a guest what it is."""
    behind = len(talk.text[name])
    talk.connection.send(name, b"uname -m\n")
    talk.wait_for(name, rb"\n" + CPUS[name] + rb"\r", PROMPT_S, behind)


def state(talk: Talk, name: str) -> wire.TaskState:
    return next(wire.TaskState(r.state) for r in talk.list(tasks_listing()) if r.name.rstrip("\0") == name)


def test_stopping_pausing_and_restarting_one_guest_leaves_the_others_alone(three: Talk) -> None:
    ok = wire.ReplyStatus.OK
    assert three.task("leon0", wire.TaskAction.STOP) is ok
    assert three.task("ppc0", wire.TaskAction.PAUSE) is ok
    answers(three, "leon1")
    assert state(three, "leon0") is wire.TaskState.STOPPED
    assert three.task("ppc0", wire.TaskAction.RESUME) is ok
    answers(three, "ppc0")
    behind = len(three.text["leon0"])
    assert three.task("leon0", wire.TaskAction.RESTART) is ok
    three.wait_for("leon0", rb"\n# ", PROMPT_S, behind)
    for name in CPUS:
        answers(three, name)

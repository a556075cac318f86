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
from l4vm.link.management import realtime_listing, tasks_listing
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


def ask(talk: Talk, name: str, line: str) -> str:
    """Type a command into a guest's shell; return what it printed."""
    behind = len(talk.text[name])
    talk.connection.send(name, f"{line}; echo =done=\n".encode())
    behind = talk.wait_for(name, rb"=done=\r\n", PROMPT_S, behind)  # what is typed comes back
    end = talk.wait_for(name, rb"=done=\r\n", PROMPT_S, behind)
    return talk.text[name][behind:end].decode("ascii", "replace").removesuffix("=done=\r\n")


def states(talk: Talk) -> dict[str, tuple[wire.TaskState, int]]:
    """Each task's state, and how often it was started anew."""
    return {r.name.rstrip("\0"): (wire.TaskState(r.state), int(r.restarts)) for r in talk.list(tasks_listing())}


def assert_untouched(talk: Talk, *names: str) -> None:
    """These guests are the ones that were told the word, and no task but guests ever stopped or started anew."""
    now = states(talk)
    for name in names:
        assert ask(talk, name, "echo $word from $(uname -m)") == f"kept from {CPUS[name].decode()}\r\n"
    for name in (*names, "root", "serial", "heartbeat"):
        assert now[name] == (wire.TaskState.RUNNING, 0), name


def test_what_is_done_to_one_guest_leaves_the_others_untouched(three: Talk) -> None:
    ok, action, state = wire.ReplyStatus.OK, wire.TaskAction, wire.TaskState
    for name in CPUS:
        ask(three, name, "word=kept")
    assert three.task("leon0", action.PAUSE) is ok
    assert_untouched(three, "leon1", "ppc0")
    assert states(three)["leon0"][0] is state.PAUSED
    assert three.task("leon0", action.RESUME) is ok
    assert_untouched(three, *CPUS)
    assert three.task("leon0", action.STOP) is ok
    assert_untouched(three, "leon1", "ppc0")
    assert states(three)["leon0"][0] is state.STOPPED
    for killed, others in (("leon0", ("leon1", "ppc0")), ("leon1", ("ppc0",))):
        behind = len(three.text[killed])
        assert three.task(killed, action.RESTART) is ok, "in the middle of whatever it does"
        three.wait_for(killed, rb"\n# ", PROMPT_S, behind)
        assert_untouched(three, *others)
        assert ask(three, killed, "echo $word from $(uname -m)") == f"from {CPUS[killed].decode()}\r\n"
    three.connection.send("ppc0", b"reboot\n")
    three.wait_for("log", rb"ppc0: stays stopped", PROMPT_S)
    assert states(three)["ppc0"][0] is not state.RUNNING
    for name in ("leon0", "leon1"):
        assert ask(three, name, "uname -m") == "sparc\r\n"
    (heartbeat,) = three.list(realtime_listing())
    assert heartbeat.misses == 0

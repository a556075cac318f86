# SPDX-License-Identifier: MIT
"""What the workstation asks of root on a running board: lists, and to stop, pause, resume and restart tasks."""

from __future__ import annotations

import re

from l4vm.formats import link as wire
from l4vm.link.management import realtime_listing, tasks_listing
from tests.system.conftest import Talk

PROMPT_S = 300.0
RESTARTS = 20


def states(talk: Talk) -> dict[str, wire.TaskState]:
    return {record.name.rstrip("\0"): wire.TaskState(record.state) for record in talk.list(tasks_listing())}


def periods(talk: Talk) -> int:
    return int(talk.list(realtime_listing())[0].periods)


def test_tasks_are_listed_with_what_they_do(talk: Talk) -> None:
    assert set(states(talk)) == {"root", "serial", "heartbeat", "leon0"}
    assert states(talk)["leon0"] is wire.TaskState.RUNNING


def test_a_guest_is_paused_and_goes_on_while_the_others_run(talk: Talk) -> None:
    talk.wait_for("leon0", b"Linux version", PROMPT_S)
    assert talk.task("leon0", wire.TaskAction.PAUSE) is wire.ReplyStatus.OK
    before, seen = periods(talk), len(talk.text["leon0"])
    talk.wait(lambda: periods(talk) > before + 100, 60.0, "100 periods of the heartbeat")
    quiet = len(talk.text["leon0"])
    assert quiet - seen < 16384, "only what was in its ring still comes"
    assert talk.task("leon0", wire.TaskAction.RESUME) is wire.ReplyStatus.OK
    talk.wait_for("leon0", b"# ", PROMPT_S)


def test_a_guest_is_stopped_and_started_anew(talk: Talk) -> None:
    first = talk.wait_for("leon0", b"Linux version", PROMPT_S)
    assert talk.task("leon0", wire.TaskAction.STOP) is wire.ReplyStatus.OK
    assert states(talk)["leon0"] is not wire.TaskState.RUNNING
    assert talk.task("leon0", wire.TaskAction.RESTART) is wire.ReplyStatus.OK
    second = talk.wait_for("leon0", b"Linux version", PROMPT_S, behind=first)
    talk.wait_for("leon0", b"# ", PROMPT_S, behind=second)


def test_a_name_that_no_task_has_is_answered_so(talk: Talk) -> None:
    assert talk.task("nobody", wire.TaskAction.STOP) is not wire.ReplyStatus.OK
    assert talk.request(wire.Op.TASK, b"short").status != wire.ReplyStatus.OK


def test_the_serial_server_restarts_and_no_byte_is_lost_or_doubled(talk: Talk) -> None:
    talk.wait_for("leon0", b"# ", PROMPT_S)
    behind = len(talk.text["leon0"])
    talk.connection.send("leon0", b"i=0; while [ $i -lt 3000 ]; do echo line $i of the count; i=$(($i+1)); done\n")
    for number in range(RESTARTS):
        wanted = 100 * (number + 1)
        talk.wait_for("leon0", rb"line %d of" % wanted, PROMPT_S, behind)
        talk.task("serial", wire.TaskAction.RESTART)
    talk.wait_for("leon0", b"line 2999 of the count\r\n", PROMPT_S, behind)
    lines = re.findall(rb"^line (\d+) of the count\r$", talk.text["leon0"][behind:], re.M)
    assert [int(line) for line in lines] == list(range(3000))
    assert talk.connection.counters()["board_server_epoch"] == RESTARTS + 1

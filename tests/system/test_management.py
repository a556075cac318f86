# SPDX-License-Identifier: MIT
"""What the workstation asks of root on a running board: lists, and to stop, pause, resume and restart tasks."""

from __future__ import annotations

import re

from l4vm.formats import link as wire
from l4vm.link.management import Listing, realtime_listing, tasks_listing
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


def test_a_ping_comes_back_as_it_was(talk: Talk) -> None:
    for data in (b"", b"\0ping\xff" * 100):
        reply = talk.request(wire.Op.PING, data)
        assert (reply.status, reply.data) == (wire.ReplyStatus.OK, data)


def test_no_task_uses_more_kernel_memory_than_its_account(talk: Talk) -> None:
    records = talk.list(Listing(wire.Op.MEMORY, wire.MemoryEntry))
    assert [record.name for record in records] == [record.name for record in talk.list(tasks_listing())]
    for record in records:
        assert 0 < record.used_bytes <= record.account_bytes, record.name


def test_the_statistics_of_a_real_time_task_agree_with_each_other(talk: Talk) -> None:
    talk.wait(lambda: periods(talk) > 200, 60.0, "200 periods of the heartbeat")
    (record,) = talk.list(realtime_listing())
    assert (record.name.rstrip("\0"), record.period_us) == ("heartbeat", 1000)
    assert record.min_ticks <= record.median_ticks <= record.max_ticks
    assert record.min_ns <= record.median_ns <= record.max_ns
    assert 0 < sum(record.histogram) <= record.periods
    assert record.start_ticks < record.last_ticks


def test_a_long_list_is_fetched_from_any_record_on(talk: Talk) -> None:
    whole = talk.list(tasks_listing())
    for first in range(len(whole) + 2):
        reply = talk.request(wire.Op.TASKS, wire.ListArgs.build({"first": first}))
        head = wire.ListHead.parse(reply.data)
        assert (head.total, head.first, head.count) == (len(whole), first, max(0, len(whole) - first))


def test_what_cannot_be_done_is_refused_and_changes_nothing(talk: Talk) -> None:
    before = states(talk)
    status, action = wire.ReplyStatus, wire.TaskAction
    assert talk.task("serial", action.STOP) is status.REFUSED, "the answer itself needs the server"
    assert talk.task("serial", action.PAUSE) is status.REFUSED
    assert talk.task("leon0", action.RESUME) is status.REFUSED, "it is not paused"
    assert talk.task("nobody", action.STOP) is status.NO_SUCH_TASK
    assert talk.task("root", action.STOP) is status.NO_SUCH_TASK, "root does not stop itself"
    unknown = wire.TaskArgs.build({"name": "leon0", "action": 99})
    wrong = [
        (wire.Op.TASK, b"short"),
        (wire.Op.TASK, unknown),
        (wire.Op.SHUTDOWN, b""),
        (wire.Op.SHUTDOWN, b"\xff" * 4),
    ]
    for op, arguments in wrong:
        assert talk.request(op, arguments).status == status.BAD_ARGUMENT, (op, arguments)
    assert states(talk) == before


def test_a_stopped_task_is_not_paused_and_a_paused_one_not_paused_again(talk: Talk) -> None:
    status, action = wire.ReplyStatus, wire.TaskAction
    assert talk.task("leon0", action.PAUSE) is status.OK
    assert talk.task("leon0", action.PAUSE) is status.REFUSED
    assert talk.task("leon0", action.STOP) is status.OK
    assert talk.task("leon0", action.RESUME) is status.REFUSED
    assert states(talk)["leon0"] is wire.TaskState.STOPPED


def test_the_board_answers_and_then_ends_with_the_code_it_was_given(talk: Talk) -> None:
    reply = talk.request(wire.Op.SHUTDOWN, wire.ShutdownArgs.build({"code": 7}))
    assert reply.status == wire.ReplyStatus.OK
    talk.wait(lambda: bool(talk.ended), 60.0, "the board's end")
    assert "with code 7" in talk.ended


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

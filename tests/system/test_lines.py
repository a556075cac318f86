# SPDX-License-Identifier: MIT
"""A board with two serial lines: who floods a line takes its fair turn there, and nothing from the other line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from l4vm.cli.run import tree_root
from l4vm.console.qemu import Boot, Manifest, Qemu, command_line, line_paths
from l4vm.formats import link as wire
from l4vm.link.line import Inbox
from l4vm.link.management import realtime_listing, tasks_listing
from tests.system.conftest import Board, Talk, packed

WAIT_S = 600.0
RESTARTS = 5
SECOND_LINE = """
[root]
budget_us = 1000

[[server]]
name = "serial2"
program = "serial"
device = "com2"
priority = 199
budget_us = 500
period_us = 5000

"""
FLOODS = """
[[rt]]
name = "{name}"
program = "floods"
period_us = 20000
budget_us = 300
priority = 220
channel = {channel}
"""
FRAMES = 4
"""The link takes whole frames in turn; a restart or a lost frame shifts the turns by this many at most."""


@pytest.fixture(scope="module")
def manifest(built: Callable[[str], Manifest], tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The demo with two flooding tasks on its line, its guest on a second one."""
    root, folder = tree_root(), tmp_path_factory.mktemp("lines")
    programs, home = built("attack").kernel.parent / "bin", folder / "images" / "demo"
    home.mkdir(parents=True)
    for name in ("heartbeat.c", "floods.c"):
        (home / name).write_bytes((root / "images/attack" / name).read_bytes())
    text = (root / "images/demo/image.toml").read_text().replace("channel = 8", 'channel = 8\nline = "serial2"')
    head, tasks = text.split("[[rt]]")
    floods = "".join(FLOODS.format(name=name, channel=channel) for name, channel in (("floods", 5), ("pours", 6)))
    (home / "image.toml").write_text(head + SECOND_LINE + floods + "\n[[rt]]" + tasks)
    return packed(home, programs, folder / "out")


@pytest.fixture
def two_lines(manifest: Manifest, tmp_path: Path) -> Iterator[Talk]:
    """The board in counted time, its guest at the prompt."""
    inbox, path, boot = Inbox(), str(tmp_path / "line"), Boot(icount=True)
    with Qemu(command_line(manifest, boot, path), line_paths(manifest, path), inbox) as qemu:
        talk = Talk(qemu, inbox, boot.preset)
        talk.wait_for("leon0", rb"\n# ", WAIT_S)
        yield talk


def received(talk: Talk, name: str) -> int:
    return len(talk.text.get(name, b""))


def test_two_that_flood_a_line_get_equal_shares_and_others_their_turn(two_lines: Talk) -> None:
    names = ("floods", "pours")
    before = {name: received(two_lines, name) for name in names}
    two_lines.wait(lambda: received(two_lines, "floods") > before["floods"] + 50_000, WAIT_S, "50 KB of the flood")
    shares = {name: received(two_lines, name) - before[name] for name in names}
    assert abs(shares["floods"] - shares["pours"]) <= FRAMES * wire.MAX_PAYLOAD
    two_lines.list(tasks_listing())  # root answers over the same line
    (heartbeat,) = (r for r in two_lines.list(realtime_listing()) if r.name.rstrip("\0") == "heartbeat")
    assert heartbeat.misses == 0


def test_a_guest_on_the_other_line_works_while_the_first_line_floods_and_its_server_ends(two_lines: Talk) -> None:
    lines = 200
    behind = len(two_lines.text["leon0"])
    loop = f"i=0; while [ $i -lt {lines} ]; do echo line $i of the count; i=$(($i+1)); done\n"
    two_lines.connection.send("leon0", loop.encode())
    for number in range(RESTARTS):
        two_lines.wait_for("leon0", rb"line %d of" % (lines // RESTARTS * number), WAIT_S, behind)
        assert two_lines.task("serial", wire.TaskAction.RESTART) is wire.ReplyStatus.OK
    end = two_lines.wait_for("leon0", rb"line %d of the count\r\n" % (lines - 1), WAIT_S, behind)
    said = two_lines.text["leon0"][behind:end].replace(b"\r", b"")
    assert said.endswith(b"".join(b"line %d of the count\n" % n for n in range(lines)))
    restarts = {r.name.rstrip("\0"): int(r.restarts) for r in two_lines.list(tasks_listing())}
    assert (restarts["serial"], restarts["serial2"]) == (RESTARTS, 0)


def test_a_scripted_run_talks_to_channels_of_both_lines(manifest: Manifest, tmp_path: Path) -> None:
    steps = ["floods=misses", "leon0=# ", ">leon0=uname -m\\n", "leon0=sparc"]
    run = Board(manifest, tmp_path).run(steps, WAIT_S, Boot(icount=True))
    assert run.outcome.reason == "every step was taken"
    assert {task["task"] for task in run.outcome.realtime} == {"heartbeat", "floods", "pours"}

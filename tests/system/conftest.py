# SPDX-License-Identifier: MIT
"""Boards for system tests: images booted in QEMU and talked to over the real link.

What is here: the fixture `board`, which boots a built image with a script and returns all there is
to judge. The image is built when it is missing or old. Set L4VM_NO_BUILD=1 to take it as it is.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from l4vm.cli.run import board_of, build, tree_root
from l4vm.console.conversation import Conversation, Ended, Manner, Outcome
from l4vm.console.logs import Logs
from l4vm.console.qemu import Boot, Manifest, Qemu, command_line, line_paths
from l4vm.console.script import Script, Step, read_send, read_until
from l4vm.formats import link as wire
from l4vm.link.connection import ChannelText
from l4vm.link.line import Inbox, Line, Received
from l4vm.link.lines import Connections
from l4vm.link.management import Listing
from l4vm.link.session import Replied
from l4vm.pack.image import Inputs, pack

KERNELS_OWN = b"random: crng init done\r\n"
"""A guest's kernel says it when it comes to it, in the middle of whatever else is said."""
MODE = os.environ.get("L4VM_MODE", "release")
ICOUNT_S = 900.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder boots boards."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.system)


@dataclass
class Run:
    """A run that is over."""

    outcome: Outcome
    script: Script
    counters: dict[str, int]
    logs: Path

    def log(self, channel: str) -> bytes:
        """Return all bytes of a channel."""
        return (self.logs / f"{channel}.log").read_bytes()


@dataclass(frozen=True)
class Board:
    """A built image that can be booted again and again."""

    manifest: Manifest
    folder: Path

    def run(
        self,
        steps: list[str],
        timeout_s: float,
        boot: Boot | None = None,
        through: Callable[[Line], Line] = lambda line: line,
        inbox: Inbox | None = None,
        manifest: Manifest | None = None,
    ) -> Run:
        """Boot, play `CHANNEL=REGEX` and `>CHANNEL=TEXT` steps, and end.

        Args:
            through: wraps the line, for tests that disturb what goes to the board.
            inbox: where the line's items arrive, for tests that disturb what comes from it.
            manifest: another image than the built one.
        """
        played: list[Step] = [read_send(step[1:]) if step.startswith(">") else read_until(step) for step in steps]
        number = len(list(self.folder.iterdir()))
        logs = Logs(self.folder / str(number))
        script, inbox = Script(played), inbox or Inbox()
        path = str(self.folder / f"line{number}")
        boot = boot or Boot()
        words = command_line(manifest or self.manifest, boot, path)
        try:
            with Qemu(words, line_paths(manifest or self.manifest, path), inbox) as qemu:
                manner = Manner(headless=True, timeout_s=timeout_s, preset=boot.preset)
                talk = Conversation(through(qemu.line), inbox, script, None, logs, manner, qemu.lines[1:])
                outcome = talk.run()
        finally:
            logs.close()
        return Run(outcome, script, talk.connection.counters(), logs.folder)


class Talk:
    """A booted board under a test's own hands: what the command line does, one step at a time."""

    def __init__(self, qemu: Qemu, inbox: Inbox, preset: int = 0) -> None:
        self._inbox = inbox
        self.connection = Connections(qemu.lines, time.monotonic(), preset)
        self.text: dict[str, bytes] = {}
        self.replies: dict[int, Replied] = {}
        self.ended = ""
        self._begun: dict[str, bytes] = {}

    def _heard(self, name: str, data: bytes) -> None:
        """Add to a channel's text what is not the kernel's own; what may be its beginning waits for the rest."""
        data = (self._begun.pop(name, b"") + data).replace(KERNELS_OWN, b"")
        begun = next(n for n in range(len(KERNELS_OWN) - 1, -1, -1) if data.endswith(KERNELS_OWN[:n]))
        self._begun[name] = data[len(data) - begun :]
        self.text[name] = self.text.get(name, b"") + data[: len(data) - begun]

    def turn(self) -> None:
        """Take what came within 50 ms."""
        with contextlib.suppress(queue.Empty):
            item = self._inbox.get(timeout=0.05)
            if isinstance(item, Received):
                self.connection.received(item.data, time.monotonic(), item.line)
            elif isinstance(item, Ended):
                self.ended = item.sentence
        self.connection.tick(time.monotonic())
        for event in self.connection.take_events():
            if isinstance(event, ChannelText):
                self._heard(event.name, event.data)
            elif isinstance(event, Replied):
                self.replies[event.id] = event

    def wait(self, ready: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Turn until something is so."""
        end = time.monotonic() + timeout_s
        while not ready():
            assert time.monotonic() < end, f"{what} did not come in {timeout_s:g} s; {self.text.get('log')!r}"
            self.turn()

    def wait_for(self, channel: str, pattern: bytes, timeout_s: float, behind: int = 0) -> int:
        """Wait for text on a channel; return where it ends."""
        self.wait(lambda: re.search(pattern, self.text.get(channel, b"")[behind:]) is not None, timeout_s, str(pattern))
        found = re.search(pattern, self.text[channel][behind:])
        assert found
        return behind + found.end()

    def request(self, op: wire.Op, arguments: bytes, timeout_s: float = 60.0) -> Replied:
        """Ask root something and wait for its answer."""
        number = self.connection.session.request(op, arguments)
        self.wait(lambda: number in self.replies, timeout_s, f"the answer to {op.name}")
        return self.replies.pop(number)

    def task(self, name: str, action: wire.TaskAction) -> wire.ReplyStatus:
        """Stop, pause, resume or restart a task."""
        arguments = wire.TaskArgs.build({"name": name, "action": action})
        return wire.ReplyStatus(self.request(wire.Op.TASK, arguments).status)

    def list(self, listing: Listing) -> list[Any]:
        """Fetch a whole list."""
        while True:
            reply = self.request(listing.op, listing.arguments())
            if listing.take(reply.status, reply.data):
                return listing.records


@pytest.fixture
def talk(demo: Board) -> Iterator[Talk]:
    """The demo, booted and open."""
    inbox = Inbox()
    path = str(demo.folder / "line")
    with Qemu(command_line(demo.manifest, Boot(), path), path, inbox) as qemu:
        one = Talk(qemu, inbox)
        one.wait(lambda: one.connection.is_open, 60.0, "the session")
        yield one


@pytest.fixture(scope="session")
def built() -> Callable[[str], Manifest]:
    """Return a function that builds an image once and reads its manifest."""
    root = tree_root()
    done: dict[str, Manifest] = {}

    def get(image: str) -> Manifest:
        if image not in done:
            name = board_of(root, image, None)
            if not os.environ.get("L4VM_NO_BUILD"):
                build(root, name, image, MODE)
            done[image] = Manifest.load(root / "build" / f"{name}-{image}-{MODE}" / "manifest.json")
        return done[image]

    return get


def packed(home: Path, programs: Path, out: Path) -> Manifest:
    """Pack the image that home/image.toml describes, of programs that are built, into folder `out`."""
    board = tree_root() / "boards/x86-embedded.toml"
    pack(Inputs(board, home / "image.toml", programs, programs / "kernel.elf", out))
    return Manifest.load(out / "manifest.json")


@pytest.fixture
def bin_folder(built: Callable[[str], Manifest]) -> Path:
    """The board's programs and its kernel."""
    return built("demo").kernel.parent / "bin"


@pytest.fixture
def demo(built: Callable[[str], Manifest], tmp_path: Path) -> Board:
    """The demo image on the board x86-embedded."""
    return Board(built("demo"), tmp_path)


@pytest.fixture(scope="session")
def counted(built: Callable[[str], Manifest], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The demo in counted time, to its prompt, with nothing sent: each such run is the same, so tests share it."""
    return Board(built("demo"), tmp_path_factory.mktemp("counted")).run(["leon0=# "], ICOUNT_S, Boot(icount=True))


@pytest.fixture
def attack(built: Callable[[str], Manifest], tmp_path: Path) -> Board:
    """The image whose tasks attack each other."""
    return Board(built("attack"), tmp_path)

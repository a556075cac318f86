# SPDX-License-Identifier: MIT
"""Boards for system tests: images booted in QEMU and talked to over the real link.

What is here: the fixture `board`, which boots a built image with a script and returns all there is
to judge. The image is built when it is missing or old. Set L4VM_NO_BUILD=1 to take it as it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from l4vm.cli.run import board_of, build, tree_root
from l4vm.console.conversation import Conversation, Manner, Outcome
from l4vm.console.logs import Logs
from l4vm.console.qemu import Boot, Manifest, Qemu, command_line
from l4vm.console.script import Script, Step, read_send, read_until
from l4vm.link.line import Inbox, Line

MODE = os.environ.get("L4VM_MODE", "release")


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
        manifest: Manifest | None = None,
    ) -> Run:
        """Boot, play `CHANNEL=REGEX` and `>CHANNEL=TEXT` steps, and end.

        Args:
            through: wraps the line, for tests that disturb it.
            manifest: another image than the built one.
        """
        played: list[Step] = [
            read_send(step[1:]) if step.startswith(">") else read_until(step) for step in steps
        ]
        number = len(list(self.folder.iterdir()))
        logs = Logs(self.folder / str(number))
        script, inbox = Script(played), Inbox()
        path = str(self.folder / f"line{number}")
        boot = boot or Boot()
        words = command_line(manifest or self.manifest, boot, path)
        try:
            with Qemu(words, path, inbox) as qemu:
                manner = Manner(headless=True, timeout_s=timeout_s, preset=boot.preset)
                talk = Conversation(through(qemu.line), inbox, script, None, logs, manner)
                outcome = talk.run()
        finally:
            logs.close()
        return Run(outcome, script, talk.connection.counters(), logs.folder)


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


@pytest.fixture
def demo(built: Callable[[str], Manifest], tmp_path: Path) -> Board:
    """The demo image on the board x86-embedded."""
    return Board(built("demo"), tmp_path)

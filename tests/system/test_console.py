# SPDX-License-Identifier: MIT
"""The image screens: terminals on the board's display, and keys that reach the visible guest only.

The display is read in two ways through QEMU's monitor: the characters from the display's memory, and the picture.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from l4vm.console.qemu import Boot, Manifest, Qemu, command_line
from l4vm.exit_codes import ExitCode
from l4vm.formats import link as wire
from l4vm.link.line import Inbox
from tests.system.conftest import ICOUNT_S, Board, Talk
from tests.system.test_demo import assert_real_time_held

PROMPT_S = 300.0
COLUMNS, ROWS = 80, 25
LOG, RT, GUEST = "alt-f1", "alt-f2", "alt-f3"
KEYS = {" ": "spc", "\n": "ret", "-": "minus", "/": "slash", ";": "semicolon"}


class Monitor:
    """QEMU's monitor: commands in, text out."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(30.0)
        self._socket.connect(str(path))
        self._answer()

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def _answer(self) -> str:
        data = b""
        while not data.endswith(b"(qemu) "):
            data += self._socket.recv(65536)
        return data.decode("utf-8", "replace")

    def command(self, text: str) -> str:
        """Say a command and return what comes."""
        self._socket.sendall(text.encode() + b"\n")
        return self._answer()

    def type(self, text: str) -> None:
        """Press the keys that write a text."""
        for character in text:
            self.command(f"sendkey {KEYS.get(character, character)} 20")
            time.sleep(0.1)

    def rows(self) -> list[str]:
        """Return the characters on the display."""
        words = re.findall(r"0x([0-9a-f]{4})\b", self.command(f"xp /{COLUMNS * ROWS}hx 0xb8000").split("\n", 1)[1])
        text = "".join(chr(int(word, 16) & 0x7F) for word in words)
        assert len(text) == COLUMNS * ROWS, "the display's memory was read whole"
        return [text[at : at + COLUMNS].rstrip() for at in range(0, len(text), COLUMNS)]

    def picture(self, path: Path) -> tuple[int, int, bytes]:
        """Return width, height and pixels of the display, three bytes each."""
        self.command(f"screendump {path}")
        head, size, _, pixels = path.read_bytes().split(b"\n", 3)
        assert head == b"P6"
        width, height = map(int, size.split())
        return width, height, pixels


@pytest.fixture
def board(built: Callable[[str], Manifest], tmp_path: Path) -> Iterator[tuple[Talk, Monitor]]:
    """The image screens with its guest at its prompt, and the monitor."""
    manifest, inbox, path = built("screens"), Inbox(), tmp_path / "monitor"
    manifest = replace(manifest, extra=(*manifest.extra, "-monitor", f"unix:{path},server=on,wait=off"))
    line = str(tmp_path / "line")
    with Qemu(command_line(manifest, Boot(), line), line, inbox) as qemu:
        talk = Talk(qemu, inbox)
        talk.wait_for("leon0", b"# $", PROMPT_S)
        monitor = Monitor(path)
        yield talk, monitor
        monitor.close()


def wait_for_row(talk: Talk, monitor: Monitor, pattern: str) -> None:
    """Wait until a row of the display fits a pattern."""
    try:
        talk.wait(lambda: any(re.search(pattern, row) for row in monitor.rows()), 60.0, pattern)
    except AssertionError as error:
        raise AssertionError("\n".join([pattern, *monitor.rows()])) from error


def test_terminals_are_shown_and_keys_reach_the_visible_guest_only(
    board: tuple[Talk, Monitor], tmp_path: Path
) -> None:
    talk, monitor = board
    wait_for_row(talk, monitor, r"^ F1 log .F2 rt .F3 leon0$")
    before = talk.text["leon0"]
    monitor.type("uname -m\n")  # to the log's terminal, which has no program
    monitor.command(f"sendkey {RT}")
    wait_for_row(talk, monitor, r"periods of 1000 us, \d+ misses")
    monitor.type("uname -m\n")
    monitor.command(f"sendkey {GUEST}")
    wait_for_row(talk, monitor, r"# $|#$")
    assert talk.text["leon0"] == before, "keys went to a guest that is not shown"
    monitor.type("uname -m\n")
    talk.wait_for("leon0", rb"uname -m\r\nsparc\r\n", 60.0)
    wait_for_row(talk, monitor, r"^sparc$")
    wait_for_row(talk, monitor, r"^.F1 log .F2 rt .F3 leon0$")
    width, height, pixels = monitor.picture(tmp_path / "screen.ppm")
    places = range((height - 1) * width * 3, height * width * 3, 3)
    bottom = {bytes(byte & 0xF0 for byte in pixels[at : at + 3]) for at in places}
    assert {b"\xa0\xa0\xa0", b"\x00\x00\xa0"} <= bottom, "grey, and blue behind the visible terminal's name"


def test_a_server_that_starts_anew_shows_what_was_there_and_takes_keys(board: tuple[Talk, Monitor]) -> None:
    talk, monitor = board
    monitor.command(f"sendkey {GUEST}")
    monitor.type("uname -m\n")
    talk.wait(lambda: monitor.rows()[-3:-1] == ["sparc", "#"], 60.0, "the prompt on the display")
    rows = monitor.rows()[:-1]
    assert talk.task("console", wire.TaskAction.RESTART) is wire.ReplyStatus.OK
    wait_for_row(talk, monitor, r"console: started anew")  # the log's terminal is the first that it shows
    monitor.command(f"sendkey {GUEST}")
    talk.wait(lambda: monitor.rows()[:-1] == rows, 60.0, "what was shown")
    seen = len(talk.text["leon0"])
    monitor.type("uname -r\n")
    talk.wait_for("leon0", rb"uname -r\r\n\d", 60.0, seen)


def test_the_bottom_row_says_what_became_of_a_guest(board: tuple[Talk, Monitor]) -> None:
    talk, monitor = board
    wait_for_row(talk, monitor, r"^ F1 log .F2 rt .F3 leon0$")
    assert talk.task("leon0", wire.TaskAction.PAUSE) is wire.ReplyStatus.OK
    wait_for_row(talk, monitor, r"^ F1 log .F2 rt .F3 leon0 paused$")
    assert talk.task("leon0", wire.TaskAction.RESUME) is wire.ReplyStatus.OK
    wait_for_row(talk, monitor, r"^ F1 log .F2 rt .F3 leon0$")
    assert talk.task("leon0", wire.TaskAction.STOP) is wire.ReplyStatus.OK
    wait_for_row(talk, monitor, r"^ F1 log .F2 rt .F3 leon0 stopped$")


def test_no_deadline_is_missed_while_terminals_are_drawn(built: Callable[[str], Manifest], tmp_path: Path) -> None:
    run = Board(built("screens"), tmp_path).run(["leon0=# "], ICOUNT_S, Boot(icount=True))
    assert run.outcome.code is ExitCode.OK, run.outcome.reason
    assert_real_time_held(run)

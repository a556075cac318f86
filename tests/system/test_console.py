# SPDX-License-Identifier: MIT
"""The image screens: terminals on the board's display, and keys that reach the visible guest only.

The display is read through QEMU's monitor: text from the picture through the font, a guest's own screen through the
glyphs that the guest drew, and in text mode the characters from the display's memory. CONSOLE_RESTARTS=100 is the
long form:

    CONSOLE_RESTARTS=100 ./kit pytest -q tests/system/test_console.py -k again_and_again
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from l4vm import font
from l4vm.cli import screenshot
from l4vm.console.qemu import Boot, Manifest, Qemu, command_line
from l4vm.exit_codes import ExitCode
from l4vm.formats import link as wire
from l4vm.link.line import Inbox
from tests.guests.glyphs import ALPHABET, cells_of, learn, read
from tests.system.conftest import ICOUNT_S, KERNELS_OWN, Board, Talk
from tests.system.test_demo import assert_real_time_held
from tests.system.test_share import assert_no_deadline_was_missed, finish, restarts, start

PROMPT_S = 300.0
RESTARTS = int(os.environ.get("CONSOLE_RESTARTS", "5"))
COLUMNS, ROWS = 80, 25  # of text mode
WIDTH, HEIGHT = 1024, 768  # of the frame
LOG, RT, GUEST, OTHER, SCREEN, OTHER_SCREEN = (f"alt-f{n}" for n in range(1, 7))
NAMES = r"F1 log .F2 rt .F3 leon0 .F4 ppc0  F5 leon0/screen  F6 ppc0/screen"
SHOW = r"echo '\033[?25l\033[2J\033[H{}' >/dev/tty1"
KEYS = {" ": "spc", "\n": "ret", "-": "minus", "/": "slash", ";": "semicolon"}


class Monitor:
    """QEMU's monitor: commands in, text out."""

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
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

    def text_rows(self) -> list[str]:
        """Return the characters on the display in text mode."""
        words = re.findall(r"0x([0-9a-f]{4})\b", self.command(f"xp /{COLUMNS * ROWS}hx 0xb8000").split("\n", 1)[1])
        text = "".join(chr(int(word, 16) & 0x7F) for word in words)
        assert len(text) == COLUMNS * ROWS, "the display's memory was read whole"
        return [text[at : at + COLUMNS].rstrip() for at in range(0, len(text), COLUMNS)]

    def rows(self) -> list[str]:
        """Return the text on the frame, read through the font: a pixel is back where it is like its place's corner."""
        width, height, pixels = self.picture(self.folder / "rows.ppm")
        assert (width, height) == (WIDTH, HEIGHT), "the display shows its frame"
        rows = []
        for top in range(0, HEIGHT, font.HEIGHT):
            lines = []
            for y in range(top, top + font.HEIGHT):
                line = bytearray()
                for x in range(0, WIDTH, font.WIDTH):
                    at, corner = (y * WIDTH + x) * 3, (top * WIDTH + x) * 3
                    cell, back = pixels[at : at + font.WIDTH * 3], pixels[corner : corner + 3]
                    is_blank = cell == back * font.WIDTH
                    ones = () if is_blank else (n for n in range(font.WIDTH) if cell[n * 3 : n * 3 + 3] != back)
                    line.append(sum(0x80 >> n for n in ones))
                lines.append(bytes(line))
            rows.append(font.load().text(lines).rstrip())
        return rows

    def guest_cells(self) -> list[list[bytes]]:
        """Return the cells of the visible guest's screen, 640 by 480 in the middle above the bottom row."""
        width, _, pixels = self.picture(self.folder / "screen.ppm")
        left, top = (WIDTH - 640) // 2, (HEIGHT - font.HEIGHT - 480) // 2
        lines = [pixels[(y * width + left) * 3 : (y * width + left + 640) * 3] for y in range(top, top + 480)]
        return cells_of(640, 480, b"".join(lines))

    def picture(self, path: Path) -> tuple[int, int, bytes]:
        """Return width, height and pixels of the display, three bytes each."""
        self.command(f"screendump {path}")
        head, size, _, pixels = path.read_bytes().split(b"\n", 3)
        assert head == b"P6"
        width, height = map(int, size.split())
        return width, height, pixels


@contextlib.contextmanager
def running(manifest: Manifest, folder: Path, boot: Boot | None = None) -> Iterator[tuple[Talk, Monitor]]:
    """The image screens with its guests at their prompts, and the monitor."""
    boot = boot or Boot()
    inbox, path, line = Inbox(), folder / "monitor", str(folder / "line")
    manifest = replace(manifest, extra=(*manifest.extra, "-monitor", f"unix:{path},server=on,wait=off"))
    with Qemu(command_line(manifest, boot, line), line, inbox) as qemu:
        talk = Talk(qemu, inbox, boot.preset)
        for guest in ("leon0", "ppc0"):  # the kernel has a last word when it has found the keyboard
            talk.wait_for(guest, rb"(?s)# .*input: AT Raw", PROMPT_S)
            say(talk, guest, "")
        monitor = Monitor(path)
        yield talk, monitor
        monitor.close()


@pytest.fixture(scope="module")
def board(
    built: Callable[[str], Manifest], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Talk, Monitor]]:
    """The image screens on the board's usual display; the tests find it as the one before left it."""
    with running(built("screens"), tmp_path_factory.mktemp("console")) as both:
        yield both


def learned(talk: Talk, monitor: Monitor, guest: str) -> dict[bytes, str]:
    """Have a guest write every character on its visible screen; return their shapes once the picture stands still."""

    def is_whole() -> bool:
        first = monitor.guest_cells()
        with contextlib.suppress(AssertionError):
            learn(first)
            return monitor.guest_cells() == first
        return False

    say(talk, guest, SHOW.format(ALPHABET.replace("\\", r"\\").replace("'", r"'\''")))
    talk.wait(is_whole, 60.0, "the alphabet on the screen")
    return learn(monitor.guest_cells())


def say(talk: Talk, guest: str, line: str) -> None:
    """Have a guest's shell do a line, said over the serial line."""
    seen = len(talk.text[guest])
    talk.connection.send(guest, line.encode() + b"\n")
    talk.wait_for(guest, rb"\r\n# $", 60.0, seen)


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
    wait_for_row(talk, monitor, f"^ {NAMES}$")  # the log is visible
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
    wait_for_row(talk, monitor, f"^.{NAMES}$")
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
    log = len(talk.text["log"])
    assert talk.task("console", wire.TaskAction.RESTART) is wire.ReplyStatus.OK
    talk.wait_for("log", rb"console: started anew", 60.0, log)
    talk.wait(lambda: monitor.rows()[:-1] == rows, 60.0, "what was shown")
    seen = len(talk.text["leon0"])
    monitor.type("uname -r\n")
    talk.wait_for("leon0", rb"uname -r\r\n\d", 60.0, seen)


@pytest.mark.parametrize(
    ("guest", "other", "terminal", "screen", "machine"),
    [("leon0", "ppc0", GUEST, SCREEN, "sparc"), ("ppc0", "leon0", OTHER, OTHER_SCREEN, "ppc")],
)
def test_a_visible_guests_screen_is_on_the_display_and_hears_the_keys(
    board: tuple[Talk, Monitor], guest: str, other: str, terminal: str, screen: str, machine: str
) -> None:
    talk, monitor = board
    monitor.command(f"sendkey {screen}")
    shapes = learned(talk, monitor, guest)
    say(talk, guest, SHOW.format("seen on the board"))
    talk.wait(lambda: read(monitor.guest_cells(), shapes)[0] == "seen on the board", 60.0, "the guest's text")
    before = talk.text[other], talk.text[guest]
    monitor.type("uname -m\n")
    talk.wait(lambda: machine in read(monitor.guest_cells(), shapes), 60.0, "the answer on the screen")
    assert (talk.text[other], talk.text[guest]) == before, "keys went to a place that is not shown"
    monitor.command(f"sendkey {terminal}")
    monitor.type("uname -m\n")
    talk.wait_for(guest, rb"uname -m\r\n" + machine.encode() + rb"\r\n", 60.0, len(before[1]))
    assert talk.text[other] == before[0]


def test_pictures_for_the_workstation_show_what_the_display_shows(board: tuple[Talk, Monitor]) -> None:
    talk, monitor = board

    def ask(name: str, offset: int) -> tuple[str, bytes]:
        reply = talk.request(wire.Op.PICTURE, wire.PictureArgs.build({"name": name, "offset": offset}))
        return wire.ReplyStatus(reply.status).name, reply.data

    assert screenshot.places(ask) == ["log", "rt", "leon0", "ppc0", "leon0/screen", "ppc0/screen"]
    monitor.command(f"sendkey {GUEST}")
    say(talk, "leon0", "echo seen from the workstation")
    wait_for_row(talk, monitor, "^seen from the workstation$")
    width, _, pixels = screenshot.pixels(screenshot.fetch(ask, "leon0"))
    shown, _, display = monitor.picture(monitor.folder / "shot.ppm")
    assert (width, shown) == (WIDTH, WIDTH)
    cursor = font.HEIGHT * WIDTH * 3  # the last row has the cursor, which a picture leaves out
    assert pixels[:-cursor] == display[: len(pixels) - cursor]
    say(talk, "ppc0", SHOW.format(ALPHABET.replace("\\", r"\\").replace("'", r"'\''")))
    shapes = learn(cells_of(*screenshot.pixels(screenshot.fetch(ask, "ppc0/screen"))))
    say(talk, "ppc0", SHOW.format("nobody looks but the workstation"))
    lines = read(cells_of(*screenshot.pixels(screenshot.fetch(ask, "ppc0/screen"))), shapes)
    assert lines[0] == "nobody looks but the workstation"


def test_the_bottom_row_says_what_became_of_a_guest(board: tuple[Talk, Monitor]) -> None:
    talk, monitor = board
    wait_for_row(talk, monitor, f"^.{NAMES}$")
    assert talk.task("leon0", wire.TaskAction.PAUSE) is wire.ReplyStatus.OK
    wait_for_row(talk, monitor, "F3 leon0 paused ")
    assert talk.task("leon0", wire.TaskAction.RESUME) is wire.ReplyStatus.OK
    wait_for_row(talk, monitor, f"^.{NAMES}$")
    assert talk.task("leon0", wire.TaskAction.STOP) is wire.ReplyStatus.OK
    wait_for_row(talk, monitor, "F3 leon0 stopped ")


def test_a_display_without_a_frame_shows_terminals_as_text(built: Callable[[str], Manifest], tmp_path: Path) -> None:
    manifest = built("screens")
    with running(replace(manifest, extra=(*manifest.extra, "-vga", "cirrus")), tmp_path) as (talk, monitor):
        row = r"^ F1 log .F2 rt .F3 leon0 .F4 ppc0$"
        talk.wait(lambda: any(re.search(row, text) for text in monitor.text_rows()), 60.0, row)
        monitor.command(f"sendkey {GUEST}")
        before = {guest: talk.text[guest] for guest in ("leon0", "ppc0")}
        monitor.type("uname -m\n")
        talk.wait(lambda: "sparc" in monitor.text_rows(), 60.0, "the answer on the display")
        talk.wait_for("leon0", rb"uname -m\r\nsparc\r\n# $", 60.0, len(before["leon0"]))
        assert talk.text["ppc0"] == before["ppc0"], "keys went to a guest that is not shown"
        monitor.command("sendkey alt-right")
        before["leon0"] = talk.text["leon0"]
        monitor.type("uname -m\n")
        talk.wait(lambda: "ppc" in monitor.text_rows(), 60.0, "the answer on the display")
        assert talk.text["leon0"] == before["leon0"], "keys went to a guest that is not shown"


def history(talk: Talk, monitor: Monitor) -> list[str]:
    """Return the visible terminal's lines, those of its history too, by looking back half a screen at a time."""
    lines, step = monitor.rows()[:-1], (HEIGHT // font.HEIGHT - 1) // 2
    for page in range(1, 100):
        shown = f" -{page * step} lines"
        monitor.command("sendkey shift-pgup")
        with contextlib.suppress(AssertionError):
            talk.wait(lambda wanted=shown: wanted in monitor.rows()[-1], 5.0, shown)
        rows = monitor.rows()
        back = int(re.search(r" -(\d+) lines$", rows[-1])[1])
        lines = rows[: back - (page - 1) * step] + lines
        if back != page * step:
            return lines
    raise AssertionError("the history has no end")


def test_console_server_that_is_ended_again_and_again_loses_no_byte_and_no_key(
    built: Callable[[str], Manifest], tmp_path: Path
) -> None:
    """Guests write to their terminals and draw on their screens meanwhile, and keys go to the visible screen."""
    count = 30 * (RESTARTS + 8)
    loop = f"i=0; while [ $i -lt {count} ]; do echo line $i of the count; i=$(($i+1)); done"
    with running(built("screens"), tmp_path, Boot(icount=True)) as (talk, monitor):
        shapes: dict[str, dict[bytes, str]] = {}
        for guest, screen in (("leon0", SCREEN), ("ppc0", OTHER_SCREEN)):
            monitor.command(f"sendkey {screen}")
            shapes[guest] = learned(talk, monitor, guest)
            monitor.type("clear\n")
        began = {guest: start(talk, guest, loop) for guest in shapes}
        for number in range(RESTARTS):
            guest, screen = (("leon0", SCREEN), ("ppc0", OTHER_SCREEN))[number % 2]
            for name, behind in began.items():
                talk.wait_for(name, rb"line %d of" % (30 * number), PROMPT_S, behind)
            monitor.command(f"sendkey {screen}")
            monitor.type(f"echo {number}-seen\n")
            assert talk.task("console", wire.TaskAction.RESTART) is wire.ReplyStatus.OK
            typed = f"{number}-seen"
            talk.wait(lambda s=shapes[guest], t=typed: t in read(monitor.guest_cells(), s), PROMPT_S, typed)
        expected = [f"line {n} of the count" for n in range(count)]
        for name, behind in began.items():
            assert finish(talk, name, behind).split("\n") == [*expected, ""], "a byte was lost, or came twice"
        for name, key in (("leon0", GUEST), ("ppc0", OTHER)):
            monitor.command(f"sendkey {key}")
            wait_for_row(talk, monitor, f"^line {count - 1} of the count$")
            assert talk.task(name, wire.TaskAction.PAUSE) is wire.ReplyStatus.OK  # else a line may come and move these
            text = "\n".join(history(talk, monitor)).replace(KERNELS_OWN.decode().replace("\r", ""), "")
            lines = [line for line in text.split("\n") if line.startswith("line ")]
            assert lines == expected[-len(lines) :], f"{name}'s terminal shows a line twice, or not:\n{text}"
            assert len(lines) > 200
        assert restarts(talk, "console") == RESTARTS
        assert_no_deadline_was_missed(talk)


def test_no_deadline_is_missed_while_terminals_are_drawn(built: Callable[[str], Manifest], tmp_path: Path) -> None:
    run = Board(built("screens"), tmp_path).run(["leon0=# "], ICOUNT_S, Boot(icount=True))
    assert run.outcome.code is ExitCode.OK, run.outcome.reason
    assert_real_time_held(run)

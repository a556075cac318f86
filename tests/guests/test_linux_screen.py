# SPDX-License-Identifier: MIT
"""Linux with a screen and a keyboard: text is in the pixels, the shell hears the keys; without one it has neither."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from l4vm.binding import Machine, Time
from l4vm.cli.guest import command
from l4vm.console.scancodes import scan_codes
from l4vm.errors import L4vmError
from l4vm.guests import Load, Start, build_guest, lay_out, start_of_recipe
from l4vm.guests.wrap import wrap
from tests.guests.glyphs import ALPHABET, cells, learn, read
from tests.guests.linux import WITH_SCREEN
from tests.guests.shell import Guest, Room

pytestmark = [pytest.mark.guest, pytest.mark.slow]
CLEAR = r"\033[?25l\033[2J\033[H"


def load_of(recipe: str, **wish: object) -> Load:
    """Return the recipe's Linux with a screen."""
    files = build_guest(recipe, progress=print)
    start = Start(files.machine, b"", "", screen=True)
    return lay_out(start_of_recipe(files, replace(start, **wish)))  # type: ignore[arg-type]


class Desk:
    """A guest with a screen, at its prompt; its kernel has found the keyboard and has no more to say about it."""

    def __init__(self, load: Load) -> None:
        self.guest = Guest(load, screen=True)
        self.room = Room(self.guest)
        self.room.boot()
        self.room.command(self.guest, "until test -e /sys/class/input/input0; do sleep 1; done")
        self.wait(200)

    @property
    def machine(self) -> Machine:
        return self.guest.machine

    def show(self, text: str) -> None:
        """Have the screen cleared and a text written there."""
        self.room.command(self.guest, f"echo '{CLEAR}{text}' >/dev/tty1")

    def shapes(self) -> dict[bytes, str]:
        """Learn the guest's font."""
        self.show(ALPHABET.replace("\\", r"\\").replace("'", r"'\''"))
        return learn(cells(self.machine))

    def type(self, text: bytes) -> None:
        """Type at the keyboard, as fast as it takes it."""
        codes = scan_codes(text)
        while codes:
            codes = codes[self.machine.keys(codes) :]
            for _ in range(20):
                self.room.step()

    def wait(self, ms: int) -> None:
        """Let time pass."""
        for _ in range(ms):
            self.room.step()


@pytest.fixture(scope="module", params=WITH_SCREEN)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    made = Desk(load_of(request.param))
    with made.room:
        yield made


def test_text_on_the_screen_reads_back_from_its_pixels(desk: Desk) -> None:
    shapes = desk.shapes()
    desk.show(r"Hello, screen!\n  (second line)")
    lines = read(cells(desk.machine), shapes)
    assert lines[:3] == ["Hello, screen!", "  (second line)", ""]
    assert len(lines) == 30


def test_colours_are_those_that_were_asked_for(desk: Desk) -> None:
    for number, colour in ((41, "aa0000"), (42, "00aa00"), (44, "0000aa"), (47, "aaaaaa")):
        desk.show(rf"\033[{number}m\033[2J\033[0m")
        pixels = desk.machine.screen()[2]
        seen = pixels[-3:]  # the last pixel, where no text is
        assert all(abs(a - b) <= 6 for a, b in zip(seen, bytes.fromhex(colour), strict=True)), seen.hex()


def test_shell_at_the_keyboard_does_what_is_typed(desk: Desk) -> None:
    shapes = desk.shapes()
    desk.show("")
    desk.type(b"echo Typed-$((6*7)) | cat; echo also_here >/dev/console\n")
    desk.room.until(desk.guest, "also_here")
    desk.wait(200)
    assert "Typed-42" in read(cells(desk.machine), shapes)


def test_keys_that_come_faster_than_the_kernel_reads_are_not_lost(desk: Desk) -> None:
    line = b"abcdefghijklmnopqrstuvwxyz0123456789" * 3
    desk.type(b"echo " + line + b" >/dev/console\n")
    desk.room.until(desk.guest, line.decode())


def test_picture_that_stands_still_is_not_told_of(desk: Desk) -> None:
    desk.show("still")
    desk.wait(200)
    before = desk.machine.screen_changes
    desk.wait(1000)
    assert desk.machine.screen_changes == before


@pytest.mark.parametrize("mode", ["640x480-32@60", "800x600-16@60", "1024x768-8@60"])
def test_other_modes_of_the_display_show_the_same_text(mode: str) -> None:
    append = f"console=tty0 console=ttyS0,38400 clocksource=jiffies video=grvga:{mode}"
    desk = Desk(load_of("leon3-linux", append=append))
    with desk.room:
        shapes = desk.shapes()
        desk.show("another mode")
        assert read(cells(desk.machine), shapes)[0] == "another mode"
        assert f"{desk.machine.screen()[0]}x{desk.machine.screen()[1]}" == mode.partition("-")[0]


def test_guest_without_a_screen_has_neither_display_nor_keyboard() -> None:
    for recipe in WITH_SCREEN:
        files = build_guest(recipe, progress=print)
        with Room(Guest(lay_out(start_of_recipe(files, Start(files.machine, b"", ""))))) as room:
            room.boot()
            (guest,) = room.guests
            assert guest.machine.screen() == (0, 0, b"")
            assert room.command(guest, "test -e /dev/fb0 || echo none").strip() == "none"
            assert guest.machine.keys(b"\x1c") == 1


def test_kernel_wrapped_without_a_screen_is_not_run_with_one() -> None:
    files = build_guest("leon3-linux", progress=print)
    with pytest.raises(L4vmError, match="or for no screen"):
        lay_out(Start("leon3", files.kernel.read_bytes(), "linux.elf", screen=True))
    wrapped = wrap(files.vmlinux.read_bytes(), None, "", 32 << 20, screen=True)
    assert lay_out(Start("leon3", wrapped, "linux.elf", screen=True)).ram_mib == 32


GUIDE = Path(__file__).resolve().parents[2] / "docs/guide/screens-and-keyboards.md"


def test_example_of_the_guide_runs_in_python() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)
    exec(example, {})


@pytest.mark.parametrize("recipe", WITH_SCREEN)
def test_command_of_the_guide_types_and_takes_a_picture(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = re.findall(r"^    ./kit l4vm guest (run leon3-linux .*\\\n.*)$", GUIDE.read_text(encoding="utf-8"), re.M)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line.replace("\\\n", " ").replace("leon3-linux", recipe))
    done = CliRunner().invoke(command, [*words, "--quiet", "--timeout", "60", "--time", "exact"])
    assert done.exit_code == 0, done.output
    with Image.open("screen.png") as picture:
        lit = [y for y in range(480) for x in range(0, 640, 4) if picture.getpixel((x, y)) != (0, 0, 0)]
    assert picture.size == (640, 480) and len(lit) > 1000
    assert len({y // 16 for y in lit}) > 20, "lines of text down the screen"


def test_looking_at_the_screen_changes_nothing_for_the_guest() -> None:
    load = load_of("leon3-linux")
    states = []
    for looks in (False, True):
        with Machine(load.machine, load.ram_mib, time=Time.EXACT, screen=True) as machine:
            machine.load_executable(load.executable)
            for _ in range(40):
                machine.run(500_000)
                if looks:
                    machine.screen()
            states.append((machine.insns, machine.guest_ns, machine.state_hash(with_ram=True)))
    assert states[0] == states[1]

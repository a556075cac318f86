# SPDX-License-Identifier: MIT
"""`l4vm guest run --screen`: what is refused, and pictures of bare programs."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from l4vm.binding import Checked, Machine, Stop, Time
from l4vm.cli.guest import command
from l4vm.errors import L4vmError
from l4vm.guests import parse_executable
from tests.guests.test_guest_command import HALT, LOOP, elf

RAM = 0x40000000
FRAME = RAM + 0x10000


def store(address: int, value: int) -> list[int]:
    """Return words that store a number: sethi and or into %g1 and %g2, st %g2, [%g1]."""
    return [
        0x03000000 | address >> 10,
        0x82106000 | address & 0x3FF,
        0x05000000 | value >> 10,
        0x8410A000 | value & 0x3FF,
        0xC4204000,
    ]


SHOW = [  # 8x2 pixels of 32 bits: the first red, the last blue
    *store(FRAME, 0x00FF0000),
    *store(FRAME + 4 * 15, 0x000000FF),
    *store(0x80000604, 1 << 16 | 7),
    *store(0x80000614, FRAME),
    *store(0x80000600, 0x31),
]


def run(tmp_path: Path, words: list[int], *options: str) -> Result:
    program = tmp_path / "program.elf"
    program.write_bytes(elf(words))
    arguments = ["run", "--kernel", str(program), "--headless", "--quiet", "--timeout", "20", "--time", "exact"]
    return CliRunner().invoke(command, [*arguments, *options])


def refusal(tmp_path: Path, *options: str) -> str:
    done = run(tmp_path, HALT, *options)
    assert isinstance(done.exception, L4vmError), done.output
    return f"{done.exception} {done.exception.hint}"


def test_screenshot_is_what_the_program_put_into_its_frame(tmp_path: Path) -> None:
    shot = tmp_path / "shot.png"
    done = run(tmp_path, [*SHOW, *HALT], "--screen", "--screenshot", str(shot))
    assert done.exit_code == 0, done.output
    with Image.open(shot) as picture:
        assert (picture.format, picture.size, picture.mode) == ("PNG", (8, 2), "RGB")
        pixels = [picture.getpixel((x, y)) for y in range(2) for x in range(8)]
    assert pixels == [(255, 0, 0), *[(0, 0, 0)] * 14, (0, 0, 255)]


def test_devices_are_not_there_without_a_screen(tmp_path: Path) -> None:
    with Machine("leon3", 8, time=Time.EXACT) as machine:
        machine.load_executable(parse_executable(elf([*SHOW, *LOOP]), "program"))
        machine.run(1000)
        assert machine.screen() == (0, 0, b"")
        assert machine.keys(b"\x1c") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--screenshot", "x.png"), "needs --screen"),
        (("--screen", "--screenshot", "never-written.png"), "screen is off"),
        (("--screen", "--until", "keyboard=x"), "a keyboard says nothing"),
        (("--screen", "--send", r"keyboard=\xe9"), "no key writes the byte 0xe9"),
        (("--send", "keyboard=x"), "and 'keyboard' with --screen"),
        (("--screen", "--send", "mouse=x"), "channel 'mouse'"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    assert words in refusal(tmp_path, *options)


def test_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    for shot, cause in (("no-such-folder/x.png", "there is no folder no-such-folder"), ("/dev/full", "No space left")):
        done = run(tmp_path, [*SHOW, *HALT], "--screen", "--screenshot", shot)
        assert isinstance(done.exception, L4vmError)
        assert f"{shot}: {cause}" in str(done.exception)


def test_snapshot_taken_while_the_screen_was_off_takes_the_picture_away(tmp_path: Path) -> None:
    with Machine("leon3", 8, time=Time.EXACT, screen=True) as machine:
        machine.load_executable(parse_executable(elf([*SHOW, *LOOP]), "program"))
        before = machine.snapshot()
        machine.run(1000)
        assert machine.screen()[:2] == (8, 2)
        after = machine.snapshot()
        machine.restore(before)
        assert machine.screen() == (0, 0, b"")
        machine.restore(after)
        assert machine.screen()[:2] == (8, 2)


def test_picture_is_shown_in_time_though_nobody_asks(tmp_path: Path) -> None:
    with Machine("leon3", 8, time=Time.EXACT, screen=True) as machine:
        machine.load_executable(parse_executable(elf([*SHOW, *LOOP]), "program"))
        assert machine.run(4_500_000) == Stop.BUDGET  # 90 ms, more than two frames
        assert machine.screen_changes > 0
        told = machine.screen_changes
        machine.run(4_500_000)
        assert machine.screen_changes == told


REGISTERS = [*range(0x80000500, 0x80000510, 4), *range(0x80000600, 0x8000062C, 4)]
TAKE_KEYS = [  # switch the receiver on; 1: st of what 0x80000500 holds to RAM, again and again
    *store(0x80000508, 1),
    *store(0x80000500, 0xF2)[:2],
    0xC8004000,  # ld [%g1], %g4
    0x88810004,  # addcc %g4, %g4, %g4
    0x8A014004,  # add %g5, %g4, %g5
    0x10BFFFFD,
    0x01000000,
]


def test_both_engines_hear_the_same_keys() -> None:
    with Checked("leon3", 8, time=Time.EXACT, screen=True, every=1000) as machine:
        machine.load_executable(parse_executable(elf(TAKE_KEYS), "program"))
        machine.run_for(2000, wall_s=60)
        assert machine.keys(b"\x1c\xf0\x1c") == 3
        machine.run_for(500_000, wall_s=60)
        assert machine["g5"] == 2 * (0x1C + 0xF0 + 0x1C)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(REGISTERS), st.integers(0, 0xFFFFFFFF)), max_size=30))
def test_any_registers_leave_the_machine_running(writes: list[tuple[int, int]]) -> None:
    words = [word for address, value in writes for word in store(address, value)]
    with Machine("leon3", 8, time=Time.EXACT, screen=True) as machine:
        machine.load_executable(parse_executable(elf([*words, *LOOP]), "program"))
        machine.keys(bytes(range(64)))
        assert machine.run(3_000_000) == Stop.BUDGET
        machine.screen()

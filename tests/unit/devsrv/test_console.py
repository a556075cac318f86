# SPDX-License-Identifier: MIT
"""A hostile client and a hostile keyboard controller cost the console server's other clients nothing."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest

from l4vm import font
from tests.unit.devsrv.board import build_console, build_frame

CASES, RACED, KILLED = 2000, 3, 2


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole console server, under both sanitizers."""
    return build_console(tmp_path_factory.mktemp("console"))


def run(program: Path, what: str, cases: int) -> dict[str, int]:
    done = subprocess.run([program, what, str(cases), "1"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    counts = {name: int(number) for number, name in re.findall(r"(\d+) (\w+)", done.stdout)}
    assert counts["cases"] == cases
    return counts


@pytest.mark.parametrize("display", ["text", pytest.param("frame", marks=pytest.mark.slow)])
def test_hostile_client_keyboard_and_screen_leave_a_good_client_its_terminal(program: Path, display: str) -> None:
    counts = run(program, display, CASES)
    assert counts["lines"] == 12 * CASES
    assert min(counts["restarts"], counts["keys"]) > CASES
    assert counts["left"] > CASES // 10, "a ring whose layout was spoiled costs its own client only"


def test_memory_that_changes_while_it_is_read_leaves_a_good_client_its_terminal(program: Path) -> None:
    counts = run(program, "raced", RACED)
    assert min(counts["lines"], counts["restarts"]) > RACED


@pytest.mark.parametrize("layout", [0, 1], ids=["us", "jp"])
@pytest.mark.parametrize("code_set", [1, 2])
def test_keys_reach_the_visible_place_in_either_code_set(program: Path, code_set: int, layout: int) -> None:
    """Set 1 is that of a controller whose translation cannot be switched off; a guest's keyboard has set 2 always."""
    done = subprocess.run([program, "keys", str(code_set), str(layout)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith(f"set {code_set}, ")


@pytest.mark.slow
def test_console_server_that_is_killed_anywhere_shows_each_byte_once(program: Path) -> None:
    counts = run(program, "killed", KILLED)
    assert counts["kills"] > 4 * KILLED


WIDTH, HEIGHT = 1024, 768


def bits(pixels: bytes, row: int, back: int) -> list[bytes]:
    """Return the rows of a line of text as a font has them: where a pixel is not of the back colour."""
    lines = []
    for y in range(row * font.HEIGHT, (row + 1) * font.HEIGHT):
        words = struct.unpack_from(f"<{WIDTH}I", pixels, y * WIDTH * 4)
        ones = "".join("0" if word == back else "1" for word in words)
        lines.append(int(ones, 2).to_bytes(WIDTH // 8, "big"))
    return lines


def test_text_on_a_frame_reads_back_through_the_font(tmp_path: Path) -> None:
    written = "\033[2Jplain\r\n\033[1;32mbright green\033[0m \033[7mreversed\033[0m\r\nß ä é ┌─┐ █ →\r\n\U0001f600?"
    command = [build_frame(tmp_path), "text"]
    done = subprocess.run(command, input=written.encode(), capture_output=True, timeout=60)
    assert (done.returncode, len(done.stdout)) == (0, WIDTH * HEIGHT * 4), done.stderr[-3000:]
    glyphs = font.load()
    lines = [glyphs.text(bits(done.stdout, row, 0)).rstrip() for row in range(HEIGHT // font.HEIGHT - 1)]
    assert lines[0] == "plain"
    assert lines[1].startswith("bright green ")
    assert lines[2] == "ß ä é ┌─┐ █ →"
    assert lines[3][0] == chr(font.UNKNOWN)
    assert set(lines[4:]) == {""}
    bottom = bits(done.stdout, HEIGHT // font.HEIGHT - 1, 0xAAAAAA)
    assert glyphs.text([row[8:] for row in bottom]).rstrip() == "F2 two".rjust(7)
    assert b"\x55\xff\x55\x00" in done.stdout, "bold green is bright"


def test_a_picture_is_copied_where_it_changed_and_nowhere_else(tmp_path: Path) -> None:
    done = subprocess.run([build_frame(tmp_path), "picture"], capture_output=True, text=True, timeout=60)
    assert done.stdout.split("\n")[0] == (
        f"wanted 1 off 0 first 480 same 0 some 16 corners 0 {640 * 480 - 1:x} 0 large 768 bottom 0 wrong 0 wanted 0"
    ), done.stderr[-3000:]

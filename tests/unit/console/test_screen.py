# SPDX-License-Identifier: MIT
"""Output: whole labelled lines, nothing that could harm the user's terminal."""

from __future__ import annotations

import io
import re

from hypothesis import given
from hypothesis import strategies as st

from l4vm.console.cells import LineBuffer
from l4vm.console.keys import Command, Keys, Typed
from l4vm.console.screen import QUIET_S, Screen

OWN = re.compile(r"\x1b\[[0-9;]*[mK]")


def lines(data: bytes) -> list[str]:
    return LineBuffer().feed(data)


def test_a_line_edited_with_backspaces_is_what_stands_at_its_end() -> None:
    assert lines(b"unane\b\b\bame\n") == ["uname"]
    assert lines(b"secret\b \b\b \b\n") == ["secr  "]
    assert lines(b"50%\r100%\r\n") == ["100%"]
    assert lines(b"abcdef\x1b[3D\x1b[Kx\n") == ["abcx"]


def test_colours_stay_and_end_with_the_line() -> None:
    (line,) = lines(b"\x1b[31mred\x1b[0m\n")
    assert line.startswith("\x1b[31mred")
    assert line.endswith("\x1b[0m")


def test_hostile_sequences_are_swallowed() -> None:
    hostile = b"\x1b]0;title\x07\x1b[2J\x1b[10;10H\x1b[?1049h\x1bc\x1bP+q\x1b\\\x9b5n\x07ok\n"
    (line,) = lines(hostile)
    assert re.sub(OWN, "", line).replace("\ufffd", "") in ("5nok", "ok")


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_no_control_character_of_a_guest_reaches_the_terminal(pieces: list[bytes]) -> None:
    out = io.StringIO()
    screen = Screen(out, is_terminal=True)
    screen.add("g")
    screen.select("g")
    for piece in pieces:
        screen.write("g", piece, 0.0)
    screen.end()
    left = OWN.sub("", out.getvalue()).replace("\r\n", "").replace("\r", "")
    assert all(char.isprintable() for char in left)


def test_lines_of_two_channels_never_mix() -> None:
    out = io.StringIO()
    screen = Screen(out, is_terminal=False)
    screen.write("a", b"first ", 0.0)
    screen.write("b", b"other\n", 0.0)
    screen.write("a", b"half\n", 0.0)
    assert out.getvalue() == "   b | other\n   a | first half\n"


def test_a_prompt_without_line_end_appears_when_its_channel_is_silent() -> None:
    out = io.StringIO()
    screen = Screen(out, is_terminal=False)
    screen.write("g", b"# ", 0.0)
    screen.tick(QUIET_S / 2)
    assert out.getvalue() == ""
    screen.tick(QUIET_S)
    assert out.getvalue() == "   g | # \n"


def test_a_muted_channel_is_silent() -> None:
    out = io.StringIO()
    screen = Screen(out, is_terminal=False)
    screen.add("g")
    assert screen.mute("g")
    screen.write("g", b"noise\n", 0.0)
    assert out.getvalue() == ""


def test_the_prefix_key_tells_commands_from_typing() -> None:
    keys = Keys()
    assert keys.feed(b"ls\r\x14") == [Typed(b"ls\r")]
    assert keys.feed(b"nx\x14\x14y") == [Command("n"), Typed(b"x\x14y")]

# SPDX-License-Identifier: MIT
"""The console's virtual terminal: what programs write, what is shown; and that no bytes can harm it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.devsrv.board import Board, build_terminal

HEAD, CELL = struct.Struct("<5I"), struct.Struct("<IBBBx")
SHOWN, APPLICATION, KEYPAD, REVERSED = 1, 2, 4, 8
BOLD, DIM, ITALIC, UNDERLINE, BLINK, REVERSE, WIDE = 1, 2, 4, 8, 16, 32, 64


@dataclass(frozen=True)
class Cell:
    text: str
    fore: int
    back: int
    style: int


@dataclass(frozen=True)
class View:
    """What is to be seen; rows without the blanks at their ends."""

    column: int
    row: int
    history: int
    flags: int
    bells: int
    cells: tuple[tuple[Cell, ...], ...]

    @property
    def rows(self) -> list[str]:
        return ["".join(cell.text for cell in row).rstrip() for row in self.cells]

    @property
    def cursor(self) -> tuple[int, int]:
        return self.column, self.row


class Terminal:
    """One terminal at a time, in the process of the C program."""

    def __init__(self, program: Path) -> None:
        self.board = Board(program)
        self.columns = self.rows = 0

    def open(self, columns: int, rows: int, history: int = 0) -> bool:
        self.columns, self.rows = columns, rows
        return self.board.op("o", columns | rows << 16, history) == b"\1"

    def write(self, data: bytes | str, first: int = 0) -> Terminal:
        self.board.op("w", first, data=data.encode() if isinstance(data, str) else data)
        return self

    def view(self, back: int = 0) -> View:
        raw = self.board.op("v", back)
        cells = [Cell(chr(code), *rest) for code, *rest in CELL.iter_unpack(raw[HEAD.size :])]
        rows = tuple(tuple(cells[at : at + self.columns]) for at in range(0, len(cells), self.columns))
        return View(*HEAD.unpack_from(raw), rows)

    def answer(self, room: int = 64) -> bytes:
        return self.board.op("a", room)

    def colour(self, number: int) -> int:
        return int.from_bytes(self.board.op("c", number), "little")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    terminal = Terminal(build_terminal(tmp_path_factory.mktemp("terminal")))
    yield terminal
    assert terminal.board.close() == 0


@pytest.fixture
def small(program: Terminal) -> Terminal:
    """Ten columns, four rows, three lines of history."""
    assert program.open(10, 4, 3)
    return program


FILLED = "aaaa\r\nbbbb\r\ncccc\r\ndddd"
SHOWS = {
    "text": ("ab\r\ncd", ["ab", "cd"], (2, 1)),
    "wrap_waits_for_the_next_character": ("0123456789", ["0123456789"], (9, 0)),
    "wrap": ("0123456789x", ["0123456789", "x"], (1, 1)),
    "wrap_is_cancelled_by_return": ("0123456789\rx", ["x123456789"], (1, 0)),
    "no_wrap_overwrites_the_last_column": ("\033[?7l0123456789xy", ["012345678y"], (9, 0)),
    "backspace_stops_at_the_edge": ("ab\b\b\b\bx", ["xb"], (1, 0)),
    "tab": ("a\tb\tc", ["a       bc"], (9, 0)),
    "own_tab": ("\033[3g\033[4G\033H\r\tx", ["   x"], (4, 0)),
    "one_tab_cleared": ("\033[9G\033[g\r\tx", ["         x"], (9, 0)),
    "cursor_goes": ("\033[3;5Hx", ["", "", "    x"], (5, 2)),
    "cursor_is_cut_to_the_screen": ("\033[99;9999999999Hx", ["", "", "", "         x"], (9, 3)),
    "cursor_steps": ("\033[2;2H\033[2C\033[B\033[D\033[Ax", ["", "  x"], (3, 1)),
    "next_and_previous_line": ("abc\033[2Ex\033[Fy", ["abc", "y", "x"], (1, 1)),
    "column_and_row_absolute": ("\033[4Ga\033[3db", ["   a", "", "    b"], (5, 2)),
    "erase_to_the_end": (FILLED + "\033[2;3H\033[J", ["aaaa", "bb"], (2, 1)),
    "erase_from_the_start": (FILLED + "\033[2;3H\033[1J", ["", "   b", "cccc", "dddd"], (2, 1)),
    "erase_all": (FILLED + "\033[2J", [], (4, 3)),
    "erase_line_right": ("abcdef\033[3G\033[K", ["ab"], (2, 0)),
    "erase_line_left": ("abcdef\033[3G\033[1K", ["   def"], (2, 0)),
    "erase_line": ("abcdef\033[3G\033[2K", [], (2, 0)),
    "erase_characters": ("abcdef\033[3G\033[2X", ["ab  ef"], (2, 0)),
    "insert_characters": ("abcdef\033[3G\033[2@", ["ab  cdef"], (2, 0)),
    "insert_pushes_out_at_the_edge": ("0123456789\033[2G\033[9@", ["0"], (1, 0)),
    "delete_characters": ("abcdef\033[3G\033[2P", ["abef"], (2, 0)),
    "insert_mode": ("abc\r\033[4hxy\033[4lz", ["xyzbc"], (3, 0)),
    "insert_lines": (FILLED + "\033[2;3H\033[L", ["aaaa", "", "bbbb", "cccc"], (2, 1)),
    "delete_lines": (FILLED + "\033[2;3H\033[2M", ["aaaa", "dddd"], (2, 1)),
    "insert_more_lines_than_there_are": (FILLED + "\033[2H\033[99L", ["aaaa"], (0, 1)),
    "region_scrolls": (FILLED + "\033[2;3r\033[3H\n", ["aaaa", "cccc", "", "dddd"], (0, 2)),
    "region_scrolls_back": (FILLED + "\033[2;3r\033[2H\033M", ["aaaa", "", "bbbb", "dddd"], (0, 1)),
    "lines_outside_the_region_stay": (FILLED + "\033[2;3r\033[4;2H\033[M\n", ["aaaa", "bbbb", "cccc", "dddd"], (1, 3)),
    "region_that_is_upside_down_is_ignored": (FILLED + "\033[3;2r\n", ["bbbb", "cccc", "dddd"], (4, 3)),
    "origin_mode": ("\033[2;3r\033[?6hx\033[9;3Hy", ["", "x", "  y"], (3, 2)),
    "save_and_restore": ("\033[2;3H\0337\033[Hx\0338y", ["x", "  y"], (3, 1)),
    "restore_without_save_goes_home": ("ab\033[uc", ["cb"], (1, 0)),
    "line_drawing": ("\033(0lqk\033(Bq", ["\u250c\u2500\u2510q"], (4, 0)),
    "line_drawing_in_g1": ("\033)0q\016q\017q", ["q\u2500q"], (3, 0)),
    "new_line_mode": ("ab\033[20h\nc", ["ab", "c"], (1, 1)),
    "alignment_screen": ("\033#8", ["E" * 10] * 4, (0, 0)),
    "reset": (FILLED + "\033[2;3r\033[?7l\033(0\033cq", ["q"], (1, 0)),
    "utf8": ("äß€𝄞", ["äß€𝄞"], (4, 0)),
    "wide_takes_two_cells": ("日本x", ["日 本 x"], (5, 0)),
    "wide_does_not_lie_over_the_edge": ("012345678日", ["012345678", "日"], (2, 1)),
    "combining_is_dropped": ("e\u0301x", ["ex"], (2, 0)),
    "control_within_a_sequence": ("abc\033[2\bDx", ["xbc"], (1, 0)),
    "cancel": ("\033[12\030mx", ["mx"], (2, 0)),
    "escape_begins_anew": ("\033[12\033[2Cx", ["  x"], (3, 0)),
    "unknown_functions_show_nothing": ("\033[5y\033[?9999h\033[>c\033[1$r\033[!p\033Qx", ["x"], (1, 0)),
    "strings_show_nothing": ("\033]0;title\007\033Pq#0\033\\\033_apc\033\\\033^pm\033\\x", ["x"], (1, 0)),
    "echoed_function_key": ("\033[[Ax", ["x"], (1, 0)),
    "seventeen_numbers": ("\033[" + "1;" * 40 + "3Hx", ["x"], (1, 0)),
}


@pytest.mark.parametrize("name", SHOWS)
def test_what_is_written_is_shown(small: Terminal, name: str) -> None:
    written, rows, cursor = SHOWS[name]
    view = small.write(written).view()
    assert view.rows == rows + [""] * (4 - len(rows))
    assert view.cursor == cursor


# The Unicode Standard 15.0, 3.9, tables 3-8 to 3-11: one U+FFFD for each part that could have become a character.
BROKEN = {
    "lone_continuation": (b"\x80", "\ufffd"),
    "overlong": (b"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82A", "\ufffd" * 8 + "A"),
    "surrogates": (b"\xed\xa0\x80\xed\xbf\xafA", "\ufffd" * 6 + "A"),
    "past_the_end": (b"\xf4\x91\x92\x93\xffA", "\ufffd" * 5 + "A"),
    "truncated": (b"\xe1\x80\xe2\xf0\x91\x92A", "\ufffd" * 3 + "A"),
    "cut_by_an_escape": (b"\xe2\x82\x1b[2Cx", "\ufffd  x"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_utf8_shows_replacement(small: Terminal, name: str) -> None:
    data, shown = BROKEN[name]
    assert small.write(data).view().rows[0] == shown


STYLES = {
    "usual": ("", (7, 0, 0)),
    "colours": ("\033[31;42m", (1, 2, 0)),
    "bright": ("\033[95;103m", (13, 11, 0)),
    "all_styles": ("\033[1;2;3;4;5;7m", (7, 0, BOLD | DIM | ITALIC | UNDERLINE | BLINK | REVERSE)),
    "styles_off": ("\033[1;2;3;4;5;7m\033[22;23;24;25;27m", (7, 0, 0)),
    "colours_off": ("\033[31;42m\033[39;49m", (7, 0, 0)),
    "number_of_256": ("\033[38;5;208;48;5;17m", (208, 17, 0)),
    "true_colour_is_the_nearest": ("\033[38;2;255;0;95m", (16 + 5 * 36 + 1, 0, 0)),
    "broken_long_colour_changes_nothing": ("\033[38;5m\033[38;2;1;2m\033[48m", (7, 0, 0)),
    "numbers_too_great": ("\033[38;5;9999m\033[48;2;9999;9999;9999m", (255, 231, 0)),
    "reset_by_nothing": ("\033[1;31m\033[m", (7, 0, 0)),
    "reset_in_the_middle": ("\033[1;31;0;4m", (7, 0, UNDERLINE)),
}


@pytest.mark.parametrize("name", STYLES)
def test_style(small: Terminal, name: str) -> None:
    sequence, (fore, back, style) = STYLES[name]
    assert small.write(sequence + "x").view().cells[0][0] == Cell("x", fore, back, style)


def test_erased_cells_have_the_background_of_the_pen(small: Terminal) -> None:
    view = small.write("\033[44;4m\033[2J").view()
    assert {cell for row in view.cells for cell in row} == {Cell(" ", 7, 4, 0)}


def test_wide_character_is_marked(small: Terminal) -> None:
    first, second = small.write("日").view().cells[0][:2]
    assert (first.style, second.text, second.style) == (WIDE, " ", 0)


def test_palette_can_be_changed_and_set_back(small: Terminal) -> None:
    small.write("\033]P1123456\033]PZx")
    assert small.view().rows[0] == "x"
    assert small.colour(1) == 0x123456
    small.write("\033]R")
    assert small.colour(1) == 0xAA0000


def test_fixed_colours_are_cube_and_greys(small: Terminal) -> None:
    assert [small.colour(n) for n in (16, 21, 196, 231, 232, 255)] == [0, 0xFF, 0xFF0000, 0xFFFFFF, 0x080808, 0xEEEEEE]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("\033[5n", b"\033[0n"),
        ("\033[3;7H\033[6n", b"\033[3;7R"),
        ("\033[2;3r\033[?6h\033[2H\033[6n", b"\033[2;1R"),
        ("\033[c", b"\033[?6c"),
        ("\033Z", b"\033[?6c"),
        ("\033[7n\033[?6n", b""),
    ],
)
def test_question_is_answered_once(small: Terminal, asked: str, answered: bytes) -> None:
    small.write(asked)
    assert small.answer() == answered
    assert small.answer() == b""


def test_answers_nobody_takes_are_dropped_whole(small: Terminal) -> None:
    small.write("\033[5n" * 1000)
    assert small.answer(6) == b"\033[0n\033["
    assert small.answer() == b"0n" + b"\033[0n" * 14


def test_modes_for_keys_cursor_and_bell(small: Terminal) -> None:
    view = small.write("\033[?1h\033=\033[?25l\033[?5h\a\a").view()
    assert (view.flags, view.bells) == (APPLICATION | KEYPAD | REVERSED, 2)
    assert small.write("\033[?1;5l\033>\033[?25h").view().flags == SHOWN


def test_history_keeps_the_last_lines(small: Terminal) -> None:
    view = small.write("\r\n".join("abcdefghi")).view()
    assert (view.rows, view.history) == (list("fghi"), 3)
    assert small.view(2).rows == list("defg")
    assert small.view(99).rows == list("cdef")


def test_scroll_of_a_region_and_deleted_lines_are_no_history(small: Terminal) -> None:
    view = small.write(FILLED + "\033[1;3r\033[3H\n\n\033[r\033[H\033[2M").view()
    assert view.history == 0


def test_history_can_be_erased(small: Terminal) -> None:
    assert small.write("\r\n".join("abcdefghi") + "\033[3J").view().history == 0


def test_terminal_without_history(program: Terminal) -> None:
    assert program.open(10, 4)
    view = program.write("\r\n".join("abcdefghi")).view(5)
    assert (view.rows, view.history) == (list("fghi"), 0)


@pytest.mark.parametrize("shape", [(0, 1, 0), (1, 0, 0), (257, 1, 0), (1, 129, 0), (1, 1, 4096), (1, 1, 2**32 - 1)])
def test_shape_that_does_not_fit_is_refused(program: Terminal, shape: tuple[int, int, int]) -> None:
    assert not program.open(*shape)


NUMBERS = st.one_of(st.integers(0, 12), st.sampled_from([99, 9999, 65535, 2**31, 2**32, 10**30])).map(str)
FUNCTION = st.builds(
    lambda prefix, numbers, between, final: "\033[" + prefix + ";".join(numbers) + between + final,
    st.sampled_from(["", "", "", "?", ">", "["]),
    st.lists(NUMBERS, max_size=20),
    st.sampled_from(["", "", "", "$", "\b", "\n"]),
    st.sampled_from("@ABCDEFGHJKLMPXacdefghlmnrsu`qtyST~"),
)
PIECE = st.one_of(
    FUNCTION.map(str.encode),
    st.text(max_size=12).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=8),
    st.sampled_from([b"\033" + bytes([c]) for c in range(0x20, 0x7F)]),
    st.sampled_from([b"\n", b"\r", b"\b", b"\t", b"\033[?6h", b"\033[?7l", b"\033[4h", b"\033]P", "日".encode()]),
)
HOSTILE = st.lists(PIECE, max_size=40).map(b"".join)
SHAPE = st.tuples(st.integers(1, 12), st.integers(1, 6), st.integers(0, 5))


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(shape=SHAPE, data=HOSTILE)
def test_no_bytes_harm_it(program: Terminal, shape: tuple[int, int, int], data: bytes) -> None:
    assert program.open(*shape)
    view = program.write(data).view(2)
    assert len(view.cells) == shape[1]
    assert program.write("\030\033c\033[2;2Hx").view().cells[min(1, shape[1] - 1)][min(1, shape[0] - 1)].text == "x"


@settings(max_examples=300, deadline=None)
@given(data=HOSTILE, cut=st.integers(0, 400))
def test_bytes_may_be_cut_anywhere(program: Terminal, data: bytes, cut: int) -> None:
    assert program.open(10, 4, 3)
    whole = program.write(data).view(), program.answer()
    assert program.open(10, 4, 3)
    pieces = program.write(data[:cut]).write(data[cut:]).view(), program.answer()
    assert pieces == whole


@settings(max_examples=300, deadline=None)
@given(data=HOSTILE, first=st.integers(1, 100))
def test_write_that_is_broken_off_and_begun_anew_shows_what_one_shows(
    program: Terminal, data: bytes, first: int
) -> None:
    assert program.open(10, 4, 3)
    once = program.write(data).view(3), program.view(), program.answer()
    assert program.open(10, 4, 3)
    twice = program.write(data, first).view(3), program.view(), program.answer()
    assert twice == once

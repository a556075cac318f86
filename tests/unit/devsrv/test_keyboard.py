# SPDX-License-Identifier: MIT
"""The console's keyboard: scan codes in, what a program or the console gets out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.devsrv.board import Board, build_keyboard

US, JP = 0, 1
WRITE, SHOW, NEXT, PREVIOUS, UP, DOWN, LEDS = range(1, 8)
EVENT = 12
# Make codes as the IBM manual lists them: name -> (set 1, set 2).
MAKE = {
    "a": ("1e", "1c"), "q": ("10", "15"), "1": ("02", "16"), "2": ("03", "1e"), "0": ("0b", "45"), "c": ("2e", "21"),
    "[": ("1a", "54"), "\\": ("2b", "5d"), "=": ("0d", "55"), "space": ("39", "29"),
    "yen": ("7d", "6a"), "ro": ("73", "51"),
    "esc": ("01", "76"), "bs": ("0e", "66"), "tab": ("0f", "0d"), "enter": ("1c", "5a"), "shift": ("2a", "12"),
    "rshift": ("36", "59"), "ctrl": ("1d", "14"), "rctrl": ("e01d", "e014"), "alt": ("38", "11"),
    "ralt": ("e038", "e011"),
    "caps": ("3a", "58"), "num": ("45", "77"), "scroll": ("46", "7e"), "f1": ("3b", "05"), "f7": ("41", "83"),
    "f10": ("44", "09"), "f12": ("58", "07"), "up": ("e048", "e075"), "left": ("e04b", "e06b"),
    "right": ("e04d", "e074"),
    "home": ("e047", "e06c"), "pgup": ("e049", "e07d"), "pgdn": ("e051", "e07a"), "del": ("e053", "e071"),
    "kp7": ("47", "6c"), "kp5": ("4c", "73"), "kp+": ("4e", "79"), "kp/": ("e035", "e04a"), "kpenter": ("e01c", "e05a"),
}  # fmt: skip


def make(key: str, code_set: int) -> bytes:
    return bytes.fromhex(MAKE[key][code_set])


def release(key: str, code_set: int) -> bytes:
    codes = make(key, code_set)
    return codes[:-1] + (bytes([0xF0, codes[-1]]) if code_set else bytes([codes[-1] | 0x80]))


def chord(keys: str, code_set: int) -> bytes:
    """Keys joined by blanks, pressed in this order and released in the other."""
    names = keys.split()
    return b"".join([make(n, code_set) for n in names] + [release(n, code_set) for n in reversed(names)])


class Keyboard:
    def __init__(self, board: Board) -> None:
        self.board = board

    def open(self, code_set: int, layout: int = US) -> None:
        self.board.op("o", code_set, layout)

    def events(self, data: bytes, modes: int = 0) -> list[tuple[int, int, int, bytes]]:
        """Action, number, leds and bytes."""
        raw = self.board.op("k", modes, data=data)
        parts = [raw[at : at + EVENT] for at in range(0, len(raw), EVENT)]
        return [(p[0], p[1], p[3], p[4 : 4 + p[2]]) for p in parts]

    def written(self, data: bytes, modes: int = 0) -> bytes:
        return b"".join(text for action, _, _, text in self.events(data, modes) if action == WRITE)


@pytest.fixture(scope="module")
def keyboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyboard]:
    running = Board(build_keyboard(tmp_path_factory.mktemp("keyboard")))
    yield Keyboard(running)
    assert running.close() == 0


# Chord, layout, modes (1: application cursor keys, 2: new line), what the program gets.
WRITES = [
    ("a", US, 0, b"a"), ("shift a", US, 0, b"A"), ("rshift 1", US, 0, b"!"),
    ("shift 2", US, 0, b"@"), ("shift 2", JP, 0, b'"'),
    ("shift 0", US, 0, b")"), ("shift 0", JP, 0, b""), ("[", US, 0, b"["), ("[", JP, 0, b"@"), ("=", JP, 0, b"^"),
    ("\\", US, 0, b"\\"), ("\\", JP, 0, b"]"), ("yen", US, 0, b""), ("yen", JP, 0, b"\\"), ("shift ro", JP, 0, b"_"),
    ("ctrl c", US, 0, b"\3"), ("rctrl [", US, 0, b"\33"), ("ctrl space", US, 0, b"\0"), ("alt q", US, 0, b"\33q"),
    ("ralt shift q", US, 0, b"\33Q"), ("enter", US, 0, b"\r"), ("enter", US, 2, b"\r\n"), ("bs", US, 0, b"\x7f"),
    ("tab", US, 0, b"\t"), ("shift tab", US, 0, b"\33[Z"), ("esc", US, 0, b"\33"),
    ("up", US, 0, b"\33[A"), ("up", US, 1, b"\33OA"),
    ("home", US, 1, b"\33[1~"), ("del", US, 0, b"\33[3~"), ("f1", US, 0, b"\33[[A"),
    ("f7", US, 0, b"\33[18~"), ("f12", US, 0, b"\33[24~"),
    ("kp7", US, 0, b"\33[1~"), ("kp5", US, 0, b"\33[G"), ("kp+", US, 0, b"+"),
    ("kp/", JP, 0, b"/"), ("kpenter", US, 0, b"\r"),
]  # fmt: skip


@pytest.mark.parametrize("code_set", [0, 1])
@pytest.mark.parametrize(("keys", "layout", "modes", "text"), WRITES)
def test_key_writes(keyboard: Keyboard, code_set: int, keys: str, layout: int, modes: int, text: bytes) -> None:
    keyboard.open(code_set, layout)
    assert keyboard.written(chord(keys, code_set), modes) == text


COMMANDS = [
    ("alt f1", SHOW, 0), ("alt f10", SHOW, 9), ("ralt f12", SHOW, 11), ("alt right", NEXT, 0),
    ("alt left", PREVIOUS, 0),
    ("shift pgup", UP, 0), ("shift pgdn", DOWN, 0),
]  # fmt: skip


@pytest.mark.parametrize("code_set", [0, 1])
@pytest.mark.parametrize(("keys", "action", "number"), COMMANDS)
def test_key_is_for_the_console(keyboard: Keyboard, code_set: int, keys: str, action: int, number: int) -> None:
    keyboard.open(code_set)
    assert keyboard.events(chord(keys, code_set)) == [(action, number, 0, b"")]


@pytest.mark.parametrize("key", MAKE)
def test_code_of_set_1_is_that_of_set_2_for_a_guest(keyboard: Keyboard, key: str) -> None:
    assert keyboard.board.op("c", data=make(key, 0)) == make(key, 1)
    assert keyboard.board.op("c", data=release(key, 0)) == release(key, 1)


def test_code_of_no_key_is_none_for_a_guest(keyboard: Keyboard) -> None:
    assert keyboard.board.op("c", data=b"\xe0\x2a") == b""


@pytest.mark.parametrize("code_set", [0, 1])
def test_locks_toggle_once_while_they_repeat(keyboard: Keyboard, code_set: int) -> None:
    keyboard.open(code_set)
    held = make("caps", code_set) * 5 + release("caps", code_set)
    assert keyboard.events(held) == [(LEDS, 0, 4, b"")]
    assert keyboard.written(chord("a", code_set) + chord("shift a", code_set) + chord("1", code_set)) == b"Aa1"
    assert keyboard.events(held + chord("num", code_set) + chord("scroll", code_set)) == [
        (LEDS, 0, 0, b""), (LEDS, 0, 2, b""), (LEDS, 0, 3, b""),
    ]  # fmt: skip
    assert keyboard.written(chord("kp7", code_set) + chord("kp5", code_set)) == b"75"


@pytest.mark.parametrize("code_set", [0, 1])
def test_held_key_repeats(keyboard: Keyboard, code_set: int) -> None:
    keyboard.open(code_set)
    assert keyboard.written(make("a", code_set) * 3 + release("a", code_set)) == b"aaa"


@pytest.mark.parametrize(("code_set", "codes"), [(0, "e11d45e19dc5"), (1, "e11477e1f014f077")])
def test_pause_does_nothing(keyboard: Keyboard, code_set: int, codes: str) -> None:
    keyboard.open(code_set)
    assert keyboard.events(bytes.fromhex(codes)) == []
    assert keyboard.written(chord("c", code_set)) == b"c"


@pytest.mark.parametrize(("code_set", "lost"), [(0, 0xFF), (0, 0x00), (1, 0x00), (1, 0xFF), (1, 0xAA)])
def test_after_lost_codes_no_key_is_held(keyboard: Keyboard, code_set: int, lost: int) -> None:
    keyboard.open(code_set)
    keyboard.events(make("ctrl", code_set) + make("shift", code_set))
    assert keyboard.written(bytes([lost]) + chord("a", code_set)) == b"a"


@settings(max_examples=300, deadline=None)
@given(code_set=st.integers(0, 1), layout=st.integers(0, 1), modes=st.integers(0, 3), data=st.binary(max_size=200))
def test_no_bytes_harm_it(keyboard: Keyboard, code_set: int, layout: int, modes: int, data: bytes) -> None:
    keyboard.open(code_set, layout)
    assert all(0 < event[0] <= LEDS and event[1] < 12 and event[2] < 8 for event in keyboard.events(data, modes))

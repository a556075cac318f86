# SPDX-License-Identifier: MIT
"""Pictures of a board's places: pieces put together, drawn, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from l4vm import font
from l4vm.cli import screenshot
from l4vm.errors import L4vmError
from l4vm.formats import link as wire

CELLS, PIXELS, NAMES = wire.PictureKind.CELLS, wire.PictureKind.PIXELS, wire.PictureKind.NAMES
Runs = Sequence[dict[str, int]]
Ask = Callable[[str, int], tuple[str, bytes]]


def piece(
    kind: wire.PictureKind, width: int, height: int, runs: Runs, following: int, count: int | None = None
) -> bytes:
    """Return one piece as the board packs it."""
    record = wire.CellRun if kind is CELLS else wire.PixelRun
    head = {"kind": kind, "reserved": 0, "width": width, "height": height, "next": following}
    packed = wire.PictureHead.build(head | {"runs": len(runs) if count is None else count})
    return bytes(packed) + b"".join(record.build(run) for run in runs)


def saying(*answers: tuple[str, bytes]) -> Ask:
    """Return a board that gives these answers in turn, and the last one for ever."""
    left = list(answers)
    return lambda name, offset: left.pop(0) if len(left) > 1 else left[0]


def test_pieces_make_one_picture_and_a_busy_board_is_asked_again() -> None:
    first = piece(PIXELS, 3, 2, [{"colour": 0x112233, "count": 4}], 4)
    second = piece(PIXELS, 3, 2, [{"colour": 0xFF0000FF, "count": 2}], 6)
    picture = screenshot.fetch(saying(("BUSY", b""), ("OK", first), ("BUSY", b""), ("OK", second)), "x")
    assert screenshot.pixels(picture) == (3, 2, bytes.fromhex("112233") * 4 + bytes.fromhex("0000ff") * 2)


def test_cells_are_drawn_with_the_boards_font() -> None:
    codes = (ord("ä"), ord("b") | 1 << 31)
    runs = [{"code": code, "fore": 0xFFFFFF, "back": 0, "count": 1} for code in codes]
    width, height, body = screenshot.pixels(screenshot.fetch(saying(("OK", piece(CELLS, 2, 1, runs, 2))), "x"))
    assert (width, height) == (16, 16)
    bits = "".join("1" if body[at] else "0" for at in range(0, len(body), 3))
    rows = [int(bits[y * 16 : y * 16 + 16], 2).to_bytes(2, "big") for y in range(16)]
    under = bytearray(font.load().glyph(ord("b")))
    under[14] = 0xFF
    assert [row[0] for row in rows] == list(font.load().glyph(ord("ä")))
    assert [row[1] for row in rows] == list(under)


def test_a_picture_whose_size_changes_is_begun_anew() -> None:
    old = piece(PIXELS, 2, 2, [{"colour": 1, "count": 2}], 2)
    new = piece(PIXELS, 1, 1, [{"colour": 2, "count": 1}], 1)
    assert screenshot.fetch(saying(("OK", old), ("OK", new)), "x").width == 1
    with pytest.raises(L4vmError, match="its size changed 3 times"):
        screenshot.fetch(saying(*[("OK", data) for data in (old, new) * 3]), "x")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 40,
        piece(PIXELS, 2, 2, [], 0),
        piece(PIXELS, 2, 2, [{"colour": 1, "count": 2}], 3),
        piece(PIXELS, 2, 2, [{"colour": 1, "count": 5}], 5),
        piece(PIXELS, 2, 2, [{"colour": 1, "count": 1}], 1, count=3),
        piece(PIXELS, 2000, 2, [{"colour": 1, "count": 4000}], 4000),
        piece(CELLS, 300, 1, [{"code": 65, "fore": 1, "back": 2, "count": 300}], 300),
    ],
    ids=["empty", "noise", "stuck", "wrong_next", "too_many", "truncated", "too_wide", "too_many_columns"],
)
def test_nonsense_of_a_board_is_refused(data: bytes) -> None:
    with pytest.raises(L4vmError, match="the board sent a p"):
        screenshot.fetch(saying(("OK", data)), "x")


def test_an_unknown_place_names_the_nearest() -> None:
    names = piece(NAMES, 0, 0, [], 0) + b"log\nleon0\nleon0/screen\n"
    with pytest.raises(L4vmError, match=r"(?s)no place of the board is called 'leon1'.*leon0"):
        screenshot.fetch(lambda name, offset: ("BAD_ARGUMENT", b"") if name else ("OK", names), "leon1")


def test_a_board_without_a_console_server_says_so() -> None:
    with pytest.raises(L4vmError, match="no console server"):
        screenshot.places(saying(("REFUSED", b"")))

# SPDX-License-Identifier: MIT
"""SVGACTRL and what it shows, register by register, without a CPU."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.screen.rig import (
    CLOCKS,
    FRAME,
    FRAME_MS,
    FRONT_PORCH,
    LENGTH,
    LINE,
    PALETTE,
    RAM_BASE,
    RAM_BYTES,
    STATUS,
    SYNC,
    Desk,
)

EACH = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)


def test_nothing_is_shown_after_power_on(desk: Desk) -> None:
    desk.advance_ms(3 * FRAME_MS)
    assert (desk.count("w"), desk.count("t"), desk[STATUS]) == (0, 0, 0)


def test_registers_keep_what_is_written(desk: Desk) -> None:
    for number, register in enumerate((LENGTH, FRONT_PORCH, SYNC, LINE, FRAME)):
        desk[register] = 0x01020304 + number
        assert desk[register] == 0x01020304 + number
    desk[STATUS] = 0xFFFFFFFF & ~2
    assert desk[STATUS] == 0x3F9


def test_clocks_are_those_of_the_usual_modes(desk: Desk) -> None:
    assert [desk[CLOCKS + 4 * n] for n in range(4)] == [40000, 25000, 20000, 15385]
    desk[CLOCKS] = 1
    assert desk[CLOCKS] == 40000


def test_palette_gives_colours_to_bytes(desk: Desk) -> None:
    desk[PALETTE] = 5 << 24 | 0xABCDEF
    desk.write(RAM_BASE, bytes([5, 0] * 32))
    desk.mode(64, 1, 1)
    desk.advance_ms(2 * FRAME_MS)
    assert desk.shadow[:4] == [0xABCDEF, 0, 0xABCDEF, 0]
    assert (desk.count("w"), desk.count("h")) == (64, 1)


@EACH
@given(red=st.integers(0, 31), green=st.integers(0, 63), blue=st.integers(0, 31))
def test_565_is_widened_evenly(desk: Desk, red: int, green: int, blue: int) -> None:
    desk.write(RAM_BASE, (red << 11 | green << 5 | blue).to_bytes(2, "big"))
    desk.mode(8, 8, 2)
    desk.refresh()
    wide = (red * 33 // 4, green * 65 // 16, blue * 33 // 4)  # the upper bits again below the lower ones
    assert tuple(desk.shadow[0] >> n & 255 for n in (16, 8, 0)) == wide


def test_words_are_pixels_without_their_highest_byte(desk: Desk) -> None:
    desk.write(RAM_BASE + 8, bytes.fromhex("ff123456 00fedcba"))
    desk.mode(2, 2, 3)
    desk.refresh()
    assert desk.shadow[:4] == [0, 0, 0x123456, 0xFEDCBA]


def test_picture_that_stands_still_is_told_of_once(desk: Desk) -> None:
    desk.mode(640, 480, 1)
    desk.advance_ms(2 * FRAME_MS)
    assert desk.count("r") >= 480
    before = desk.count("t")
    desk.advance_ms(20 * FRAME_MS)
    assert desk.count("t") == before


def test_only_rows_that_changed_are_told_of(desk: Desk) -> None:
    desk.mode(640, 480, 1)
    desk[PALETTE] = 1 << 24 | 0xFFFFFF
    desk.advance_ms(2 * FRAME_MS)
    rows = desk.count("r")
    desk.write(RAM_BASE + 640 * 300 + 17, b"\1")
    desk.advance_ms(2 * FRAME_MS)
    assert (desk.count("r"), desk.count("f")) == (rows + 1, 300)
    assert desk.shadow[640 * 300 + 16 : 640 * 300 + 19] == [0, 0xFFFFFF, 0]


def test_change_is_shown_within_two_frames(desk: Desk) -> None:
    desk.mode(1024, 768, 1)
    desk[PALETTE] = 1 << 24 | 0x00FF00
    desk.advance_ms(2 * FRAME_MS)
    for at in (0, 1024 * 768 - 1):
        desk.write(RAM_BASE + at, b"\1")
        desk.advance_ms(2 * FRAME_MS)
        assert desk.shadow[at] == 0x00FF00


def test_a_step_reads_a_bounded_number_of_rows(desk: Desk) -> None:
    desk.mode(640, 480, 1)
    desk.advance_ms(FRAME_MS)
    assert desk.count("r") <= 32768 // 640


def test_nothing_is_done_while_nobody_looks(desk: Desk) -> None:
    desk.look(False)
    desk.mode(640, 480, 1)
    desk.advance_ms(10 * FRAME_MS)
    assert (desk.count("w"), desk.count("t")) == (0, 0)
    desk.look(True)
    desk.advance_ms(3 * FRAME_MS)
    assert (desk.count("w"), desk.count("h")) == (640, 480)


def test_other_frame_of_the_same_size_is_shown_row_by_row(desk: Desk) -> None:
    desk[PALETTE] = 1 << 24 | 0x0000FF
    desk.mode(64, 64, 1)
    desk.advance_ms(2 * FRAME_MS)
    desk.write(RAM_BASE + 64 * 64, b"\1" * 64)
    desk[FRAME] = RAM_BASE + 64
    rows = desk.count("r")
    desk.advance_ms(2 * FRAME_MS)
    assert (desk.count("r"), desk.count("f")) == (rows + 1, 63)


def test_another_size_makes_every_row_news(desk: Desk) -> None:
    desk.mode(640, 480, 1)
    desk.advance_ms(2 * FRAME_MS)
    rows = desk.count("r")
    desk.mode(320, 200, 1)
    desk.advance_ms(3 * FRAME_MS)
    assert desk.count("r") == rows + 200
    assert (desk.count("w"), desk.count("h")) == (320, 200)


@pytest.mark.parametrize("status", [0x10, 0x01, 0x00])
def test_disabled_display_is_off(desk: Desk, status: int) -> None:
    desk.mode(640, 480, 1)
    desk.advance_ms(2 * FRAME_MS)
    desk[STATUS] = status
    desk.advance_ms(2 * FRAME_MS)
    assert (desk.count("w"), desk.count("h")) == (0, 0)


def test_reset_bit_clears_the_registers_and_itself(desk: Desk) -> None:
    desk.mode(640, 480, 1)
    desk[STATUS] = 2
    assert [desk[r] for r in (STATUS, LENGTH, FRAME)] == [0, 0, 0]
    desk.advance_ms(2 * FRAME_MS)
    assert desk.count("w") == 0


@pytest.mark.parametrize(("width", "height"), [(1025, 768), (1024, 769), (65536, 65536), (65536, 1)])
def test_size_without_room_in_the_shadow_shows_nothing(desk: Desk, width: int, height: int) -> None:
    desk.mode(width, height, 3)
    desk.advance_ms(3 * FRAME_MS)
    assert (desk.count("w"), desk.count("t")) == (0, 0)


@pytest.mark.parametrize("frame", [0, RAM_BASE - 4, RAM_BASE + RAM_BYTES - 64 * 31, 0xFFFFFFFC])
def test_rows_beyond_ram_are_black(desk: Desk, frame: int) -> None:
    desk[PALETTE] = 0xFFFFFF
    desk.mode(64, 32, 1, frame)
    desk.refresh()
    rows = [desk.shadow[64 * y : 64 * y + 64] for y in range(32)]
    for y, row in enumerate(rows):
        is_ram = frame + 64 * y >= RAM_BASE and frame + 64 * y + 64 <= RAM_BASE + RAM_BYTES
        assert row == [0xFFFFFF if is_ram else 0] * 64

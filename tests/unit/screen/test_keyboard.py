# SPDX-License-Identifier: MIT
"""APBPS2 and the keyboard behind it, register by register, without a CPU."""

from __future__ import annotations

import pytest

from tests.unit.screen.rig import CONTROL, DATA, KEY_STATUS, RELOAD, Desk

RE, TE, RI, TI = 1, 2, 4, 8
FA, FE = b"\xfa", b"\xfe"


@pytest.fixture
def host(desk: Desk) -> Desk:
    """A desk whose driver receives and sends, with interrupts."""
    desk[CONTROL] = RE | TE | RI
    return desk


def test_registers_keep_their_bits(desk: Desk) -> None:
    desk[RELOAD] = 0xFFFFFFFF
    desk[CONTROL] = 0xFFFFFFF0 | RE
    assert (desk[RELOAD], desk[CONTROL]) == (0x1FFFF, RE)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ((0xEE,), b"\xee"),
        ((0xF2,), b"\xfa\xab\x83"),
        ((0xFF,), b"\xfa\xaa"),
        ((0xED, 2), FA + FA),
        ((0xED, 8), FA + FE),
        ((0xF3, 0x7F), FA + FA),
        ((0xF3, 0x80), FA + FE),
        ((0xF0, 0), FA + FA + b"\x02"),
        ((0xF0, 2), FA + FA),
        ((0xF0, 3), FA + FE),
        ((0xF4,), FA),
        ((0xF5,), FA),
        ((0xF6,), FA),
        ((0x12,), FE),
        ((0xE1,), FE),
        ((0xFB,), FE),
        ((0xED, 0xF2), FA + b"\xfa\xab\x83"),
    ],
)
def test_commands_are_answered_as_a_keyboard_does(host: Desk, sent: tuple[int, ...], answer: bytes) -> None:
    out = b"".join(host.command(byte) for byte in sent)
    assert out == answer


def test_leds_and_repeat_rate_are_taken_and_reset_clears_them(host: Desk) -> None:
    for byte in (0xED, 5, 0xF3, 0x11):
        host.command(byte)
    assert (host.count("l"), host.count("m")) == (5, 0x11)
    host.command(0xFF)
    assert (host.count("l"), host.count("m")) == (0, 0x2B)


def test_last_byte_is_sent_again_when_asked_for(host: Desk) -> None:
    host.keys(0x1C)
    assert host.received() == b"\x1c"
    assert host.command(0xFE) == b"\x1c"
    assert host.command(0xFE) == b"\x1c"


def test_keys_arrive_in_order_with_an_interrupt_each(host: Desk) -> None:
    assert host.keys(0x1C, 0xF0, 0x1C) == 3
    assert host.received() == b"\x1c\xf0\x1c"
    assert host.count("p") == 3


def test_byte_takes_its_time_on_the_wire(host: Desk) -> None:
    host.keys(0x1C, 0x32)
    host.advance_ms(0.9)
    assert not host[KEY_STATUS] & 1
    host.advance_ms(0.2)
    assert host[KEY_STATUS] >> 27 == 1
    assert host[DATA] == 0x1C


def test_answer_goes_before_keys_that_wait(host: Desk) -> None:
    host[CONTROL] = TE
    host.keys(0x1C)
    host[DATA] = 0xEE
    host.advance_ms(2)
    host[CONTROL] = RE | TE
    assert host.received() == b"\xee\x1c"


def test_keys_wait_while_a_command_is_half_sent(host: Desk) -> None:
    host[DATA] = 0xED
    host.keys(0x1C)
    assert host.received() == FA
    host[DATA] = 2
    assert host.received() == FA + b"\x1c"


def test_nothing_is_received_or_sent_while_switched_off(desk: Desk) -> None:
    desk.keys(0x1C)
    desk[DATA] = 0xEE
    desk.advance_ms(20)
    assert desk[KEY_STATUS] == 1 << 22
    assert desk.count("p") == 0


def test_transmitter_tells_when_it_asked_for_that(desk: Desk) -> None:
    desk[CONTROL] = TE | TI
    desk[DATA] = 0xF4
    desk.advance_ms(2)
    assert desk.count("p") == 1


def test_full_fifo_holds_the_keyboard_back_and_loses_nothing(host: Desk) -> None:
    assert host.keys(*range(1, 41)) == 40
    host.advance_ms(100)
    assert host[KEY_STATUS] == 16 << 27 | 16 | 8 | 1  # 16 bytes, full, held back, data
    assert host.received(60) == bytes(range(1, 41))
    host[KEY_STATUS] = 0
    assert host[KEY_STATUS] == 0


def test_keyboard_takes_no_more_than_its_queue_holds(host: Desk) -> None:
    host[CONTROL] = 0
    assert host.keys(*[0x1C] * 100) == 64
    assert host.keys(0x1C) == 0


def test_seventeenth_byte_to_send_is_lost(desk: Desk) -> None:
    for _ in range(20):
        desk[DATA] = 0xEE
    assert desk[KEY_STATUS] == 16 << 22 | 32
    desk[CONTROL] = RE | TE
    assert desk.received(100) == b"\xee"  # the host sends first; the last answer is the one that is left


def test_disabled_keyboard_takes_keys_and_forgets_them(host: Desk) -> None:
    host.command(0xF5)
    assert host.keys(0x1C, 0xF0, 0x1C) == 3
    assert host.received() == b""
    host.command(0xF4)
    host.keys(0x32)
    assert host.received() == b"\x32"


def test_empty_fifo_reads_as_zero(host: Desk) -> None:
    assert (host[DATA], host[KEY_STATUS]) == (0, 0)

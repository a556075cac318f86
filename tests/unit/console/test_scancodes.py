# SPDX-License-Identifier: MIT
"""Text to scan codes, and back by the decoder that the board's console has for its own keyboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l4vm.console.scancodes import scan_codes
from l4vm.errors import L4vmError
from tests.unit.devsrv.board import Board, build_keyboard

SET_2, US, WRITE = 1, 0, 1
HEAD_BYTES, EVENT_BYTES = 4, 12
PLAIN = bytes(range(32, 127))


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    running = Board(build_keyboard(tmp_path_factory.mktemp("keyboard")))
    yield running
    assert running.close() == 0


def written(decoder: Board, codes: bytes) -> bytes:
    """Return what a terminal's program gets."""
    decoder.op("o", SET_2, US)
    raw = decoder.op("k", 0, data=codes)
    events = [raw[at : at + EVENT_BYTES] for at in range(0, len(raw), EVENT_BYTES)]
    assert {event[0] for event in events} <= {WRITE}
    return b"".join(event[HEAD_BYTES : HEAD_BYTES + event[2]] for event in events)


@given(st.lists(st.sampled_from([*PLAIN, *b"\t\r\x1b\x01\x03\x1a"]), max_size=40).map(bytes))
def test_text_comes_back_from_the_keys_that_write_it(decoder: Board, text: bytes) -> None:
    assert written(decoder, scan_codes(text)) == text


def test_newline_is_the_enter_key_and_backspace_the_key_that_deletes(decoder: Board) -> None:
    assert written(decoder, scan_codes(b"\n\b\x7f")) == b"\r\x7f\x7f"


def test_each_key_is_released() -> None:
    assert scan_codes(b"a") == bytes.fromhex("1cf01c")
    assert scan_codes(b"A") == bytes.fromhex("12 1cf01c f012")
    assert scan_codes(b"\x03") == bytes.fromhex("14 21f021 f014")


@pytest.mark.parametrize("byte", [0, 0x1C, 0x80, 0xFF])
def test_byte_on_no_key_is_refused(byte: int) -> None:
    with pytest.raises(L4vmError, match=f"no key writes the byte 0x{byte:02x}"):
        scan_codes(bytes((byte,)))

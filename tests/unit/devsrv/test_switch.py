# SPDX-License-Identifier: MIT
"""The net server's switch: who gets a frame, and who does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.devsrv.board import Board, build_switch

ALL = b"\xff" * 6
PORTS_MAX, ENTRIES, LEARNED = 32, 64, 8


def mac(port: int) -> bytes:
    """The address of a port's own."""
    return bytes([2, 0, 0, 0, 0, port + 1])


def other(number: int) -> bytes:
    """The address of somebody behind a port."""
    return bytes([2, 9, 0, 0, 0, number])


class Switch:
    """A switch and the clients at its ports."""

    def __init__(self, board: Board) -> None:
        self.board, self.ports = board, 0

    def open(self, *networks: int) -> bool:
        """Begin anew with a port on each of these networks."""
        self.ports = len(networks)
        return self.board.op("o", self.ports, data=bytes(networks)) == b"\1"

    def send(self, port: int, to: bytes, source: bytes | None = None, text: bytes = b"") -> bool:
        """Send a frame; from another address than the port's own if one is given."""
        frame = to + (source or mac(port)) + b"\x88\xb5" + text
        return self.board.op("s", port, data=frame) == b"\1"

    def turn(self) -> set[int]:
        """Let the switch work; the ports that are signalled."""
        signals = int.from_bytes(self.board.op("t"), "little")
        return {n for n in range(64) if signals >> n & 1}

    def received(self, port: int) -> list[bytes]:
        """All that came to a port."""
        return list(iter(lambda: self.board.op("r", port), b""))

    def reaches(self, port: int, to: bytes, source: bytes | None = None) -> set[int]:
        """Send one frame; the ports that got it, each once and as it was sent."""
        self.send(port, to, source, b"a frame")
        signalled, reached = self.turn(), set()
        for n in range(self.ports):
            if frames := self.received(n):
                assert frames == [to + (source or mac(port)) + b"\x88\xb5a frame"]
                reached.add(n)
        assert signalled == reached
        return reached


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    running = Board(build_switch(tmp_path_factory.mktemp("switch")))
    yield running
    assert running.close() == 0


@pytest.fixture
def four(board: Board) -> Switch:
    """Four ports on one network."""
    switch = Switch(board)
    assert switch.open(0, 0, 0, 0)
    return switch


def test_frame_goes_to_the_port_of_its_destination_alone(four: Switch) -> None:
    assert four.reaches(0, mac(2)) == {2}
    assert four.reaches(2, mac(0)) == {0}


def test_frame_to_all_and_to_a_group_reaches_everyone_else(four: Switch) -> None:
    assert four.reaches(1, ALL) == {0, 2, 3}
    assert four.reaches(1, b"\x01\x00\x5e\x00\x00\x01") == {0, 2, 3}


def test_unknown_destination_is_flooded_until_it_was_heard(four: Switch) -> None:
    assert four.reaches(0, other(1)) == {1, 2, 3}
    four.reaches(3, mac(0), other(1))
    assert four.reaches(0, other(1)) == {3}


def test_address_that_moved_is_found_at_its_new_port(four: Switch) -> None:
    four.reaches(3, mac(0), other(1))
    four.reaches(2, mac(0), other(1))
    assert four.reaches(0, other(1)) == {2}


def test_frame_to_its_own_port_goes_nowhere(four: Switch) -> None:
    assert four.reaches(0, mac(0)) == set()
    four.reaches(0, mac(1), other(1))
    assert four.reaches(0, other(1)) == set()


def test_port_cannot_take_anothers_address(four: Switch) -> None:
    four.reaches(3, mac(0), mac(1))
    assert four.reaches(0, mac(1)) == {1}


def test_group_address_as_source_is_not_learned(four: Switch) -> None:
    four.reaches(3, mac(0), ALL)
    assert four.reaches(0, ALL) == {1, 2, 3}


def test_port_that_sends_from_many_addresses_forgets_its_own_oldest_only(four: Switch) -> None:
    four.reaches(2, mac(0), other(99))
    for number in range(LEARNED + 1):
        four.reaches(3, mac(0), other(number))
    assert four.reaches(0, other(0)) == {1, 2, 3}
    assert all(four.reaches(0, other(number)) == {3} for number in range(1, LEARNED + 1))
    assert four.reaches(0, other(99)) == {2}


def test_networks_are_apart(board: Board) -> None:
    switch = Switch(board)
    assert switch.open(0, 1, 0, 1)
    assert switch.reaches(0, ALL) == {2}
    assert switch.reaches(1, ALL) == {3}
    assert switch.reaches(0, mac(1)) == {2}, "an address of another network is an unknown one"
    switch.reaches(1, mac(3), other(1))
    assert switch.reaches(0, other(1)) == {2}


def test_port_that_does_not_read_loses_its_own_frames_only(four: Switch) -> None:
    for number in range(ENTRIES + 10):
        assert four.send(0, ALL, text=bytes([number]))
        four.turn()
        assert [frame[-1] for frame in four.received(1)] == [number]
    assert [frame[-1] for frame in four.received(2)] == list(range(ENTRIES))
    assert int.from_bytes(four.board.op("d", 2), "little") == 10


def test_client_that_sends_faster_than_the_switch_works_is_told_and_loses_the_rest(four: Switch) -> None:
    assert [four.send(0, mac(1), text=bytes([n])) for n in range(ENTRIES + 2)] == [True] * ENTRIES + [False] * 2
    four.turn()
    assert [frame[-1] for frame in four.received(1)] == list(range(ENTRIES))


def test_one_port_more_than_there_is_room_for_is_refused(board: Board) -> None:
    switch = Switch(board)
    assert switch.open(*[0] * PORTS_MAX)
    assert switch.reaches(0, ALL) == set(range(1, PORTS_MAX))
    assert not switch.open(*[0] * (PORTS_MAX + 1))

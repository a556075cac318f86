# SPDX-License-Identifier: MIT
"""The virtio network device: frames out and in, their headers, what is dropped and what is refused."""

from __future__ import annotations

import itertools

import pytest

from tests.unit.virtio.rig import RAM_BASE, Piece, Rig

FRAME = bytes(range(14)) + b"payload" * 20
HEADER = bytes(12)
FRAME_MAX = 1518


def send(net: Rig, pieces: list[Piece]) -> None:
    net.chain(1, pieces)
    net.notify(1)


@pytest.mark.parametrize("cuts", [[12], [5], [12, 26], [1, 2, 3, 100]])
def test_frame_goes_out_whole_however_it_is_divided(net: Rig, cuts: list[int]) -> None:
    data = HEADER + FRAME
    edges = [0, *cuts, len(data)]
    send(net, [Piece(data[a:b]) for a, b in itertools.pairwise(edges)])
    assert net.sent(0) == FRAME
    assert net.used(1) == [(0, 0)]


@pytest.mark.parametrize("size", [1, 12, 12 + 13, 12 + FRAME_MAX + 1, 65536])
def test_what_is_no_frame_is_dropped_and_its_buffer_given_back(net: Rig, size: int) -> None:
    send(net, [Piece(bytes(size))])
    assert (net.count("s"), net.used(1)) == (0, [(0, 0)])
    assert not net.is_broken


@pytest.mark.parametrize("size", [14, 60, FRAME_MAX])
def test_frame_comes_in_behind_a_header_that_counts_one_buffer(net: Rig, size: int) -> None:
    first, second = net.chain(0, [Piece(room=20), Piece(room=2000)])
    frame = bytes(i & 255 for i in range(size))
    assert net.frame_in(frame)
    got = net.read(first, 20) + net.read(second, 2000)
    assert got[:12] == HEADER[:10] + b"\x01\x00"
    assert got[12 : 12 + size] == frame
    assert not any(got[12 + size :])
    assert net.used(0) == [(0, 12 + size)]


def test_frame_without_a_buffer_stays_outside_and_needs_no_notification_later(net: Rig) -> None:
    assert not net.frame_in(FRAME)
    net.chain(0, [Piece(room=1530)])
    assert net.frame_in(FRAME)
    assert not net.frame_in(FRAME)


def test_no_frame_is_given_to_a_driver_that_has_not_started(net: Rig) -> None:
    net.set(0x70, 0)
    assert not net.frame_in(FRAME)


def test_receive_buffer_that_is_too_small_is_refused(net: Rig) -> None:
    net.chain(0, [Piece(room=12 + len(FRAME) - 1)])
    assert not net.frame_in(FRAME)
    assert net.is_broken


def test_receive_buffer_that_is_not_for_writing_is_refused(net: Rig) -> None:
    net.chain(0, [Piece(bytes(1600))])
    assert not net.frame_in(FRAME)
    assert net.is_broken


def test_one_notification_sends_at_most_what_a_ring_holds(net: Rig) -> None:
    for head in range(8):
        net.descriptor(1, head, RAM_BASE + 0x10000, 100, 0, 0)
        net.publish(1, head)
    net.notify(1)
    assert net.count("s") == 8
    assert net.used(1) == [(head, 0) for head in range(8)]


def test_receive_queue_that_lies_breaks_only_when_a_frame_comes(net: Rig) -> None:
    net.publish(0, 99)
    net.notify(0)
    assert not net.is_broken
    assert not net.frame_in(FRAME)
    assert net.is_broken

# SPDX-License-Identifier: MIT
"""The virtio block device: requests of every kind and division, answers at once and later, and hostile chains."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.virtio.rig import DISK, LATER, RAM_BASE, RAM_BYTES, SECTORS, Piece, Rig, load_rig

READ, WRITE, FLUSH, GET_ID = 0, 1, 4, 8
OK, IOERR, UNSUPP = 0, 1, 2


def header(kind: int, sector: int = 0) -> bytes:
    return struct.pack("<IIQ", kind, 0, sector)


def test_what_is_written_is_read_back(disk: Rig) -> None:
    data = bytes(range(256)) * 4
    assert disk.request(WRITE, 3, data) == (OK, b"", 1)
    assert bytes(disk.disk[3 * 512 : 5 * 512]) == data
    assert disk.request(READ, 3, room=1024) == (OK, data, 1025)


def test_flush_reaches_the_port(disk: Rig) -> None:
    assert disk.request(FLUSH, 0)[0] == OK
    assert disk.count("f") == 1


def test_identification_is_told_and_cut_to_the_room_there_is(disk: Rig) -> None:
    assert disk.request(GET_ID, 0, room=20) == (OK, b"the disk".ljust(20, b"\0"), 21)
    assert disk.request(GET_ID, 0, room=3) == (OK, b"the", 4)


def test_unknown_request_is_unsupported(disk: Rig) -> None:
    for kind in (2, 3, 5, 11, 13, 0xFFFFFFFF):
        assert disk.request(kind, 0, room=512)[0] == UNSUPP
    assert disk.count("r") == 0


@pytest.mark.parametrize(
    ("sector", "count"), [(SECTORS, 1), (SECTORS - 1, 2), (1 << 63, 1), ((1 << 64) - 1, 1), ((1 << 64) - 1, 2)]
)
def test_sectors_outside_the_disk_are_an_error(disk: Rig, sector: int, count: int) -> None:
    assert disk.request(READ, sector, room=512 * count)[0::2] == (IOERR, 0)
    assert disk.request(WRITE, sector, bytes(512 * count))[0] == IOERR
    assert disk.count("r") == 0
    assert not disk.is_broken


def test_part_of_a_sector_and_nothing_at_all_are_errors(disk: Rig) -> None:
    assert disk.request(READ, 0, room=511)[0] == IOERR
    assert disk.request(WRITE, 0, bytes(513))[0] == IOERR
    assert disk.request(READ, 0)[0] == IOERR
    assert disk.request(WRITE, 0)[0] == IOERR


def test_more_than_a_buffer_is_an_error(disk: Rig) -> None:
    assert disk.request(READ, 0, room=65536 + 512)[0] == IOERR
    assert disk.count("r") == 0


def test_read_only_disk_refuses_to_be_written(make: Callable[..., Rig]) -> None:
    rig = make(DISK, is_read_only=True)
    rig.start()
    assert rig.request(WRITE, 0, bytes(512))[0] == IOERR
    assert rig.request(READ, 0, room=512)[0] == OK


def test_port_that_fails_is_an_error_of_the_request(disk: Rig) -> None:
    disk.lib.fake_answer_set(disk.vm, 1)
    assert disk.request(READ, 0, room=512)[0::2] == (IOERR, 0)
    assert not disk.is_broken


def test_later_answers_come_in_any_order_and_waiting_chains_follow(disk: Rig) -> None:
    disk.lib.fake_answer_set(disk.vm, LATER)
    disk.disk[0] = 77
    for i in range(6):
        disk.chain(0, [Piece(header(READ)), Piece(room=513)], head=0) if i else disk.chain(
            0, [Piece(header(READ)), Piece(room=513)], head=2
        )
    disk.notify(0)
    assert (disk.count("r"), disk.used(0)) == (4, [])
    assert disk.finish(3)
    assert disk.used(0) == [(0, 513)]
    assert disk.count("r") == 5
    assert disk.finish(0, is_good=False)
    assert disk.used(0)[1] == (2, 0)
    assert all(disk.finish(tag) for tag in (0, 1, 2, 3))
    assert len(disk.used(0)) == 6
    assert not disk.finish(0)


def test_reset_forgets_requests_but_not_their_tags(disk: Rig) -> None:
    disk.lib.fake_answer_set(disk.vm, LATER)
    place = disk.chain(0, [Piece(header(READ)), Piece(room=513)])[1]
    disk.notify(0)
    disk.start()
    disk.write(place, b"mine")
    disk.chain(0, [Piece(header(FLUSH)), Piece(room=1)])
    disk.notify(0)
    assert disk.finish(0)
    assert (disk.read(place, 4), disk.used(0)) == (b"mine", [])
    assert disk.finish(1)
    assert disk.used(0) == [(0, 1)]


def test_queue_out_of_service_forgets_its_requests(disk: Rig) -> None:
    disk.lib.fake_answer_set(disk.vm, LATER)
    disk.chain(0, [Piece(header(FLUSH)), Piece(room=1)])
    disk.notify(0)
    disk.set(0x44, 0)
    disk.write(disk.queue_base(0) + 0x800, bytes(80))
    disk.queue(0)
    assert disk.finish(0)
    assert disk.used(0) == []


def broken_by(disk: Rig) -> bool:
    disk.notify(0)
    assert disk.used(0) == []
    return disk.is_broken


def test_loop_is_refused(disk: Rig) -> None:
    for i in range(8):
        disk.descriptor(0, i, RAM_BASE + 0x10000, 16, 1, (i + 1) % 8)
    disk.publish(0, 0)
    assert broken_by(disk)


@pytest.mark.parametrize(
    ("address", "size", "flags", "following"),
    [
        (RAM_BASE + 0x10000, 0, 0, 0),
        (RAM_BASE + 0x10000, 0xFFFFFFFF, 0, 0),
        (RAM_BASE + RAM_BYTES - 8, 16, 0, 0),
        (RAM_BASE - 8, 16, 0, 0),
        ((1 << 64) - 8, 16, 0, 0),
        (RAM_BASE + 0x10000, 16, 1, 8),
        (RAM_BASE + 0x10000, 16, 1, 0xFFFF),
        (RAM_BASE + 0x10000, 16, 4, 0),
        (RAM_BASE + 0x10000, 16, 8, 0),
        (RAM_BASE + 0x10000, 16, 0, 0),
        (RAM_BASE + 0x10000, 15, 1, 1),
    ],
    ids=["empty", "4GiB", "past", "before", "wraps", "next-8", "next-ffff", "indirect", "flag", "no-answer", "short"],
)
def test_bad_chain_is_refused(disk: Rig, address: int, size: int, flags: int, following: int) -> None:
    disk.descriptor(0, 0, address, size, flags, following)
    disk.descriptor(0, 1, RAM_BASE + 0x11000, 1, 2, 0)
    disk.publish(0, 0)
    assert broken_by(disk)


def test_readable_behind_writable_is_refused(disk: Rig) -> None:
    disk.descriptor(0, 0, RAM_BASE + 0x10000, 512, 3, 1)
    disk.descriptor(0, 1, RAM_BASE + 0x11000, 16, 0, 0)
    disk.publish(0, 0)
    assert broken_by(disk)


@pytest.mark.parametrize("head", [8, 0x7FFF, 0xFFFF])
def test_head_outside_the_table_is_refused(disk: Rig, head: int) -> None:
    disk.publish(0, head)
    assert broken_by(disk)


def test_index_that_runs_ahead_of_the_ring_is_refused(disk: Rig) -> None:
    disk.chain(0, [Piece(header(FLUSH)), Piece(room=1)])
    disk.write(disk.queue_base(0) + 0x402, struct.pack("<H", 9))
    assert broken_by(disk)


def test_disk_that_overwrites_the_ring_it_comes_from_ends(disk: Rig) -> None:
    ring = disk.queue_base(0) + 0x400
    disk.disk[0:512] = list(struct.pack("<HH", 0, 8) + bytes(508))
    disk.descriptor(0, 0, RAM_BASE + 0x10000, 16, 1, 1)
    disk.descriptor(0, 1, ring, 512, 3, 2)
    disk.descriptor(0, 2, RAM_BASE + 0x11000, 1, 2, 0)
    disk.write(RAM_BASE + 0x10000, header(READ))
    disk.publish(0, 0)
    disk.notify(0)
    assert 1 <= disk.count("r") <= 64


@pytest.fixture(scope="module")
def any_disk(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return Rig(load_rig(tmp_path_factory.mktemp("disk")), DISK)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({at % len(data) for at in places} - {0}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(places=st.lists(st.integers(0, 1039), max_size=5), sector=st.integers(0, SECTORS - 2))
def test_request_may_be_divided_anyhow(any_disk: Rig, places: list[int], sector: int) -> None:
    data = bytes((sector * 7 + i) & 255 for i in range(1024))
    any_disk.start()
    any_disk.next_buffer = RAM_BASE + 0x10000
    any_disk.chain(0, [*(Piece(part) for part in cut(header(WRITE, sector) + data, places)), Piece(room=1)])
    any_disk.notify(0)
    assert bytes(any_disk.disk[sector * 512 : sector * 512 + 1024]) == data
    any_disk.start()
    rooms = [Piece(room=len(part)) for part in cut(bytes(1025), places)]
    addresses = any_disk.chain(0, [Piece(header(READ, sector)), *rooms])[1:]
    any_disk.notify(0)
    assert any_disk.used(0) == [(0, 1025)]
    got = b"".join(any_disk.read(at, room.room) for at, room in zip(addresses, rooms, strict=True))
    assert got == data + bytes([OK])

# SPDX-License-Identifier: MIT
"""The virtio MMIO transport: registers, negotiation, status, queues, interrupts; and what it refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.virtio.rig import DISK, DRIVER_OK, FEATURES_OK, NEEDS_RESET, NET, RAM_BASE, RAM_BYTES, STATUS, Rig


@pytest.mark.parametrize("is_big_endian", [True, False])
@pytest.mark.parametrize("kind", [DISK, NET])
def test_registers_are_little_endian_for_either_guest(make: Callable[..., Rig], kind: int, is_big_endian: bool) -> None:
    rig = make(kind, is_big_endian)
    assert [rig.get(off) for off in (0x00, 0x04, 0x08)] == [0x74726976, 2, kind]
    assert rig.get(0x34) == 64


def test_configuration_is_read_in_any_size(make: Callable[..., Rig]) -> None:
    net, disk = make(NET), make(DISK)
    assert bytes(net.get(0x100 + i, 1) for i in range(6)) == bytes([2, 0, 0, 0, 0, 7])
    assert net.get(0x106, 2) == 1
    assert (disk.get(0x100), disk.get(0x104)) == (256, 0)
    assert (disk.get(0x108), disk.get(0x10C), disk.get(0x114)) == (4096, 16, 512)
    assert disk.get(0x1FC) == disk.get(0x11F, 2) == 0


def test_control_registers_answer_to_words_only(disk: Rig) -> None:
    assert disk.get(0x00, 1) == disk.get(0x04, 2) == 0


@pytest.mark.parametrize("features", [0, 1 << 33 | 1 << 32, 1 << 32 | 1, 1 << 9])
def test_features_that_were_not_offered_are_not_agreed(make: Callable[..., Rig], features: int) -> None:
    rig = make(DISK)
    assert not rig.negotiate(features) & FEATURES_OK
    rig.set(STATUS, 3 | FEATURES_OK | DRIVER_OK)
    assert not rig.get(STATUS) & DRIVER_OK


def test_only_a_read_only_disk_offers_that(make: Callable[..., Rig]) -> None:
    for is_read_only in (False, True):
        rig = make(DISK, is_read_only=is_read_only)
        assert bool(rig.get(0x10) & 1 << 5) == is_read_only


def test_features_do_not_change_once_agreed(disk: Rig) -> None:
    disk.set(0x24, 0)
    disk.set(0x20, 0xFFFFFFFF)
    disk.set(STATUS, 3 | FEATURES_OK)
    assert disk.get(STATUS) == 3 | FEATURES_OK | DRIVER_OK


PLACED = [RAM_BASE, RAM_BASE + 0x400, RAM_BASE + 0x800]


@pytest.mark.parametrize(
    ("entries", "parts"),
    [
        (0, PLACED),
        (3, PLACED),
        (128, PLACED),
        (0xFFFFFFFF, PLACED),
        (8, [RAM_BASE + 8, *PLACED[1:]]),
        (8, [PLACED[0], RAM_BASE + 0x401, PLACED[2]]),
        (8, [*PLACED[:2], RAM_BASE + 0x802]),
        (8, [0, *PLACED[1:]]),
        (8, [RAM_BASE + RAM_BYTES - 16, *PLACED[1:]]),
        (8, [PLACED[0], RAM_BASE + RAM_BYTES - 4, PLACED[2]]),
        (8, [*PLACED[:2], RAM_BASE + RAM_BYTES - 64]),
        (8, [0xFFFF_FFFF_FFFF_FFF0, *PLACED[1:]]),
        (8, [*PLACED[:2], PLACED[2] + (1 << 32)]),
    ],
)
def test_unsound_queue_is_refused(make: Callable[..., Rig], entries: int, parts: list[int]) -> None:
    rig = make(DISK)
    rig.negotiate()
    rig.queue(0, entries, parts)
    assert rig.get(0x44) == 0
    assert rig.is_broken
    rig.start()
    assert not rig.is_broken


def test_queue_of_a_number_too_large_does_not_exist(make: Callable[..., Rig]) -> None:
    rig = make(DISK)
    rig.negotiate()
    for number in (1, 2, 0xFFFFFFFF):
        rig.set(0x30, number)
        assert rig.get(0x34) == 0
        rig.set(0x44, 1)
        assert rig.get(0x44) == 0
    rig.notify(0xFFFFFFFF)
    assert not rig.is_broken


def test_nothing_is_taken_before_the_driver_is_ready(make: Callable[..., Rig]) -> None:
    rig = make(DISK)
    rig.negotiate()
    rig.queue(0)
    assert rig.request(4, 0) == (0xEE, b"", -1)
    rig.set(STATUS, 3 | FEATURES_OK | DRIVER_OK)
    rig.notify(0)
    assert rig.count("f") == 1


def test_interrupt_is_held_until_acknowledged_and_raised_at_every_cause(disk: Rig) -> None:
    disk.request(4, 0)
    disk.request(4, 0)
    assert (disk.count("i"), disk.count("h"), disk.get(0x60)) == (2, 1, 1)
    disk.set(0x64, 2)
    assert disk.count("h") == 1
    disk.set(0x64, 1)
    assert (disk.count("h"), disk.get(0x60)) == (0, 0)


def test_driver_can_do_without_interrupts(disk: Rig) -> None:
    disk.write(disk.queue_base(0) + 0x400, b"\x01\x00")
    assert disk.request(4, 0)[0] == 0
    assert disk.count("i") == 0


def test_broken_device_says_so_is_deaf_and_comes_back_by_a_reset(disk: Rig) -> None:
    disk.descriptor(0, 0, 0, 16, 0, 0)
    disk.publish(0, 0)
    disk.notify(0)
    assert disk.get(STATUS) & NEEDS_RESET
    assert disk.get(0x60) == 2
    assert disk.request(4, 0)[0] == 0xEE
    disk.start()
    assert disk.get(STATUS) == 3 | FEATURES_OK | DRIVER_OK
    assert disk.request(4, 0)[0] == 0

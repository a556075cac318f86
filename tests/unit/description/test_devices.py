# SPDX-License-Identifier: MIT
"""Disks and networks in the table: who sees which memory, who wakes whom, and what each side is told."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from l4vm.description import Resolved
from l4vm.description.builder import PAGE, Rights
from l4vm.description.devices import net_uses
from l4vm.description.resolve import SCREEN_BYTES
from l4vm.formats import system_table as st
from l4vm.formats.args import ArgKind, Argument
from tests.unit.description.case import IMAGE, PROGRAM, PROGRAMS, description, resolved
from tests.unit.description.test_resolve import arguments, cap, task

TABLES = """[[server]]
name = "block"
program = "block"
priority = 190
budget_us = 500
period_us = 10000
[[server]]
name = "net"
program = "net"
priority = 180
budget_us = 500
period_us = 10000
[[disk]]
name = "work"
size_kib = 4096
file = "guest.elf"
partitions = ["boot:1024", "data:2048"]
[[disk]]
name = "small"
size_kib = 3
[[net]]
name = "lan"
[[net]]
name = "wan"
[[rt]]
name = "beat"
nets = ["wan"]
"""
LEON0 = 'screen = true\ndisks = ["work.data", "small,ro"]\nnets = ["wan", "lan,mac=02:00:00:00:00:07"]\n'
LEON1 = 'disks = ["work.boot", "small,ro"]\nnets = ["lan"]\n'
SHARING = IMAGE.replace('[[rt]]\nname = "beat"\n', TABLES, 1)
SHARING = SHARING.replace('name = "leon0"\n', 'name = "leon0"\n' + LEON0).replace(
    'name = "leon1"\n', 'name = "leon1"\n' + LEON1
)
SECTOR = 512


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Resolved:
    """The table of the case, with both servers."""
    PROGRAMS.update(block=PROGRAM, net=PROGRAM)
    return resolved(tmp_path_factory.mktemp("table"), SHARING)


def given(whole: Resolved, name: str, kind: ArgKind) -> list[Argument]:
    return [a for a in arguments(whole, name).values() if a.kind is kind]


def mapped(whole: Resolved, name: str, va: int) -> st.MapRecord:
    return next(m for m in whole.table.map if m.task == task(whole, name) and m.va <= va < m.va + m.bytes)


def test_table_is_one_that_root_takes(whole: Resolved) -> None:
    assert st.parse(st.build(whole.table)) == whole.table
    for number, record in enumerate(whole.table.task):
        assert record.account_bytes % PAGE == 0
        maps = sorted((m.va, m.bytes) for m in whole.table.map if m.task == number)
        assert all(va + size <= above for (va, size), (above, _) in itertools.pairwise(maps))


@pytest.mark.parametrize(
    ("server", "clients"),
    [
        ("block", [("leon0", "disk0"), ("leon0", "disk1"), ("leon1", "disk0"), ("leon1", "disk1")]),
        ("net", [("beat", "net0"), ("leon0", "net0"), ("leon0", "net1"), ("leon1", "net0")]),
    ],
)
def test_each_end_of_a_queue_sees_one_memory_and_wakes_the_other(
    whole: Resolved, server: str, clients: list[tuple[str, str]]
) -> None:
    rings = given(whole, server, ArgKind.RING)
    assert [ring.name for ring in rings] == [f"{client}.{name}" for client, name in clients]
    for n, (ring, (client, name)) in enumerate(zip(rings, clients, strict=True)):
        own = arguments(whole, client)[ArgKind.RING, name]
        assert (own.value, own.bytes) == (ring.value, ring.bytes)
        ends = mapped(whole, server, ring.va), mapped(whole, client, own.va)
        assert ends[0].memory == ends[1].memory
        assert whole.table.memory[ends[0].memory].flags == st.MemoryFlags.KEEP
        seen_by = {m.task for m in whole.table.map if m.memory == ends[0].memory}
        assert seen_by == {task(whole, server), task(whole, client)}
        to_client, to_server = cap(whole, server, ring.slot), cap(whole, client, own.slot)
        assert to_client.object == cap(whole, client, arguments(whole, client)[ArgKind.CAP, "wake"].slot).object
        assert to_server.object == cap(whole, server, arguments(whole, server)[ArgKind.CAP, "wake"].slot).object
        assert (to_client.badge, to_server.badge) == (1, 1 << n)
        assert to_client.rights == to_server.rights == Rights.WRITE


def test_screen_is_memory_of_its_guest_alone_and_outlives_it(whole: Resolved) -> None:
    screen = arguments(whole, "leon0")[ArgKind.MEMORY, "screen"]
    where = mapped(whole, "leon0", screen.va)
    assert (where.va, screen.bytes, where.rights) == (screen.va, SCREEN_BYTES, Rights.READ | Rights.WRITE)
    assert whole.table.memory[where.memory].flags == st.MemoryFlags.KEEP
    assert [m.task for m in whole.table.map if m.memory == where.memory] == [task(whole, "leon0")]
    assert (ArgKind.MEMORY, "screen") not in arguments(whole, "leon1")


def test_each_disk_is_the_part_that_was_asked_for(whole: Resolved) -> None:
    areas, rings = given(whole, "block", ArgKind.MEMORY), given(whole, "block", ArgKind.RING)
    found = []
    for area, ring in zip(areas, rings, strict=True):
        where = mapped(whole, "block", area.va)
        memory = whole.table.memory[where.memory]
        assert memory.flags & st.MemoryFlags.KEEP
        assert area.va + area.bytes <= where.va + where.bytes
        assert ring.value >> 1 == area.bytes // SECTOR
        found.append((memory.name, area.va - where.va, area.bytes, ring.value & 1))
    assert found == [
        ("disk.work", 1 << 20, 2 << 20, 0),
        ("disk.small", 0, 3 << 10, 1),
        ("disk.work", 0, 1 << 20, 0),
        ("disk.small", 0, 3 << 10, 1),
    ]
    assert arguments(whole, "leon0")[ArgKind.TEXT, "disk0"].text == "work.data"


def test_disk_begins_with_its_file_and_only_the_server_sees_it(whole: Resolved) -> None:
    number = [m.name for m in whole.table.memory].index("disk.work")
    (load,) = [n for n in whole.table.load if n.memory == number]
    assert whole.blobs[load.blob : load.blob + 4] == b"\x7fELF"
    assert load.offset == 0 and whole.table.memory[number].bytes == 4 << 20
    assert {m.task for m in whole.table.map if m.memory == number} == {task(whole, "block")}


def test_every_port_has_its_network_and_an_address_of_its_own(whole: Resolved, tmp_path: Path) -> None:
    values = [ring.value for ring in given(whole, "net", ArgKind.RING)]
    assert [value >> 48 for value in values] == [1, 1, 0, 0]
    addresses = [(value & (1 << 48) - 1).to_bytes(6, "little") for value in values]
    assert len(set(addresses)) == 4
    assert addresses[2] == bytes.fromhex("020000000007")
    assert all(address[0] & 3 == 2 for address in addresses), "locally administered, one station each"
    assert [use.mac for use in net_uses(description(tmp_path, SHARING).image)] == addresses


def test_servers_without_device_get_no_port_and_no_interrupt(whole: Resolved) -> None:
    servers = {task(whole, "block"), task(whole, "net")}
    assert not [c for c in whole.table.cap if c.task in servers and c.kind in (st.CapKind.IRQ, st.CapKind.IOPORT)]
    assert whole.channels["leon0"] == 8
    assert {r.server for r in whole.table.ring} == {task(whole, "serial")}


def test_client_of_an_own_server_shares_memory_with_it_alone(tmp_path: Path) -> None:
    PROGRAMS.update(dice=PROGRAM)
    server = '[[server]]\nname = "luck"\nprogram = "dice"\nclient_kib = 8\npriority = 190\nbudget_us = 500\n'
    server += 'period_us = 10000\n[[rt]]\nname = "beat"\nservers = ["luck"]\n'
    table = resolved(tmp_path, IMAGE.replace('[[rt]]\nname = "beat"\n', server, 1))
    (ring,) = given(table, "luck", ArgKind.RING)
    own = arguments(table, "beat")[ArgKind.RING, "luck"]
    assert (ring.name, ring.bytes, own.bytes) == ("beat", 8 << 10, 8 << 10)
    memory = mapped(table, "luck", ring.va).memory
    assert memory == mapped(table, "beat", own.va).memory
    assert {m.task for m in table.table.map if m.memory == memory} == {task(table, "luck"), task(table, "beat")}
    assert (cap(table, "luck", ring.slot).badge, cap(table, "beat", own.slot).badge) == (1, 2)
    assert arguments(table, "luck")[ArgKind.MEMORY, "state"].bytes == PAGE
    assert task(table, "luck") not in {c.task for c in table.table.cap if c.kind is st.CapKind.IOPORT}

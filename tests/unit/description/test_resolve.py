# SPDX-License-Identifier: MIT
"""The table of a description: who has which memory, capability, ring and share; no page is writable and executable."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from l4vm.description import Resolved, resolve
from l4vm.description.builder import PAGE, Rights, page_up
from l4vm.formats import args
from l4vm.formats import system_table as st
from l4vm.formats.args import ArgKind, Argument
from l4vm.formats.link import ChannelKind
from tests.unit.description.case import BOARD, CODE, DATA, GUEST, IMAGE, PROGRAMS, description, resolved


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Resolved:
    """The table of the case."""
    return resolved(tmp_path_factory.mktemp("table"))


def task(whole: Resolved, name: str) -> int:
    return [t.name for t in whole.table.task].index(name)


def arguments(whole: Resolved, name: str) -> dict[tuple[ArgKind, str], Argument]:
    """What a task finds at ARGS_VA, as its program would read it."""
    table = whole.table
    mapped = next(m for m in table.map if m.task == task(whole, name) and m.va == st.ARGS_VA)
    memory = table.memory[mapped.memory]
    assert memory.flags & st.MemoryFlags.IN_IMAGE and mapped.rights == Rights.READ
    block = whole.blobs[memory.blob : memory.blob + memory.bytes]
    size = int(args.ArgsHeader.parse(block).total_bytes)
    owner, found = args.parse(block[:size], st.ARGS_VA)
    assert owner == name
    return {(a.kind, a.name): a for a in found}


def test_table_is_one_that_root_takes(whole: Resolved) -> None:
    assert st.parse(st.build(whole.table)) == whole.table
    assert [(t.name, t.kind) for t in whole.table.task] == [
        ("root", st.TaskKind.ROOT),
        ("serial", st.TaskKind.SERVER),
        ("beat", st.TaskKind.RT),
        ("pulse", st.TaskKind.RT),
        ("leon0", st.TaskKind.GUEST),
        ("leon1", st.TaskKind.GUEST),
    ]
    assert [t.restart for t in whole.table.task][4:] == [st.Restart.STOP, st.Restart.RESTART]


def test_equal_descriptions_give_equal_bytes(whole: Resolved, tmp_path: Path) -> None:
    again = resolved(tmp_path)
    assert st.build(again.table) == st.build(whole.table)
    assert again.blobs == whole.blobs


def test_mappings_are_whole_pages_and_never_overlap(whole: Resolved) -> None:
    for number in range(len(whole.table.task)):
        maps = sorted((m.va, m.bytes) for m in whole.table.map if m.task == number)
        assert all(va % PAGE == 0 and size % PAGE == 0 and size for va, size in maps)
        for (va, size), (above, _) in itertools.pairwise(maps):
            assert va + size <= above


def test_nothing_is_writable_and_executable_nor_writable_in_the_image(whole: Resolved) -> None:
    for m in whole.table.map:
        assert not (m.rights & Rights.WRITE and m.rights & Rights.EXEC)
        if whole.table.memory[m.memory].flags & st.MemoryFlags.IN_IMAGE:
            assert not m.rights & Rights.WRITE


def test_stack_has_a_guard_and_its_thread_starts_at_its_top(whole: Resolved) -> None:
    for thread in whole.table.thread[1:]:
        maps = [m for m in whole.table.map if m.task == thread.task]
        stack = next(m for m in maps if m.va < thread.stack_top <= m.va + m.bytes)
        assert stack.bytes == 64 << 10 and stack.rights == Rights.READ | Rights.WRITE
        assert not any(m.va < stack.va and m.va + m.bytes > stack.va - PAGE for m in maps)
        assert not any(m.va <= thread.utcb_va < m.va + m.bytes for m in maps)
        assert thread.stack_top % 16 == 8  # System V ABI, AMD64: as behind a call


def test_loads_and_images_lie_inside(whole: Resolved) -> None:
    table = whole.table
    for load in table.load:
        assert load.offset + load.bytes <= table.memory[load.memory].bytes
        assert load.blob + load.bytes <= len(whole.blobs)
        assert not table.memory[load.memory].flags & st.MemoryFlags.IN_IMAGE
    for memory in table.memory:
        if memory.flags & st.MemoryFlags.IN_IMAGE:
            assert memory.blob % PAGE == 0
            assert memory.blob + memory.bytes <= page_up(len(whole.blobs))


def test_equal_bytes_lie_in_the_image_once(whole: Resolved) -> None:
    texts = [m for m in whole.table.memory if m.name.endswith(".text") and m.flags & st.MemoryFlags.IN_IMAGE]
    assert len(texts) == 10  # two segments of five tasks
    assert len({m.blob for m in texts}) == 2


def test_segments_are_zero_behind_their_bytes(whole: Resolved) -> None:
    table = whole.table
    text = next(m for m in table.memory if m.name == "serial.text")
    assert whole.blobs[text.blob : text.blob + PAGE] == CODE.data.ljust(PAGE, b"\0")
    data = [m.name for m in table.memory].index("serial.data")
    assert table.memory[data].bytes == page_up(DATA.mem_bytes)
    assert [(n.offset, n.bytes) for n in table.load if n.memory == data] == [(0, len(DATA.data))]


def test_slots_are_used_once_and_in_their_range(whole: Resolved) -> None:
    slots = [(c.task, c.slot) for c in whole.table.cap]
    assert len(set(slots)) == len(slots)
    for number, slot in slots:
        low, high = (64, 512) if number == 0 else (1, whole.table.task[number].cap_slots)
        assert low <= slot < high


def cap(whole: Resolved, name: str, slot: int) -> st.CapRecord:
    return next(c for c in whole.table.cap if c.task == task(whole, name) and c.slot == slot)


CLIENTS = [("root", "management"), ("root", "log"), ("beat", "report"), ("pulse", "report")]
CLIENTS += [("leon0", "console"), ("leon1", "console")]


def test_each_end_of_a_ring_wakes_the_other_by_a_bit_of_its_own(whole: Resolved) -> None:
    server = arguments(whole, "serial")
    rings = [a for a in server.values() if a.kind is ArgKind.RING]
    assert [a.name for a in rings] == ["management", "log", "beat", "pulse", "leon0", "leon1"]
    for n, (ring, (client, name)) in enumerate(zip(rings, CLIENTS, strict=True)):
        own = arguments(whole, client)
        other = own[ArgKind.RING, name]
        assert (ring.value, ring.bytes) == (other.value, other.bytes)
        to_client, to_server = cap(whole, "serial", ring.slot), cap(whole, client, other.slot)
        assert to_client.object == cap(whole, client, own[ArgKind.CAP, "wake"].slot).object
        assert to_server.object == cap(whole, "serial", server[ArgKind.CAP, "wake"].slot).object
        assert (to_client.badge, to_server.badge) == (1, 2 << n)
        assert to_client.rights == to_server.rights == Rights.WRITE
        record = whole.table.ring[n]
        memories = {m.memory for m in whole.table.map if (m.task, m.va) in {(1, ring.va), (record.client, other.va)}}
        assert memories == {record.memory}
        assert ring.value == record.channel | record.kind << 8
        assert whole.table.memory[record.memory].flags & st.MemoryFlags.KEEP
    assert whole.channels == {"management": 1, "log": 2, "beat": 4, "pulse": 5, "leon0": 8, "leon1": 9}
    kinds = [ChannelKind(r.kind).name for r in whole.table.ring]
    assert kinds == ["MANAGEMENT", "LOG", "RT", "RT", "GUEST", "GUEST"]


def test_faults_and_reports_come_with_the_tasks_number(whole: Resolved) -> None:
    endpoint = cap(whole, "root", arguments(whole, "root")[ArgKind.CAP, "supervisor"].slot).object
    for name in ("serial", "beat", "leon1"):
        own = cap(whole, name, arguments(whole, name)[ArgKind.CAP, "supervisor"].slot)
        assert (own.object, own.badge, own.rights) == (endpoint, task(whole, name), Rights.WRITE)


def test_guest_may_map_its_own_memory_again_and_no_others(whole: Resolved) -> None:
    held = [(c.task, c.object, c.rights) for c in whole.table.cap if c.kind is st.CapKind.MEMORY]
    expected = []
    for name in ("leon0", "leon1"):
        own = arguments(whole, name)
        for what in ("ram", "arena"):
            record = cap(whole, name, own[ArgKind.MEMORY, what].slot)
            assert whole.table.memory[record.object].name == f"{name}.{what}"
            assert whole.table.memory[record.object].flags & st.MemoryFlags.LARGE
            expected.append((task(whole, name), record.object, Rights.READ | Rights.WRITE))
    assert held == expected


def test_server_owns_its_device_and_nobody_else_does(whole: Resolved) -> None:
    server = arguments(whole, "serial")
    assert whole.table.ioport == (st.IoportRecord(0x3F8, 8),)
    assert whole.table.irq == (st.IrqRecord(4, st.IrqFlags(0)),)
    wake = cap(whole, "serial", server[ArgKind.CAP, "wake"].slot).object
    assert st.BindRecord(st.BindKind.IRQ_NOTIFICATION, 0, wake, 1) in whole.table.bind
    assert st.BindRecord(st.BindKind.IOPORT_TASK, 0, 1) in whole.table.bind
    assert [c.task for c in whole.table.cap if c.kind in (st.CapKind.IRQ, st.CapKind.IOPORT)] == [1]
    assert [server[ArgKind.VALUE, n].value for n in ("port", "clock_hz", "baud")] == [0x3F8, 1843200, 115200]


def test_irq_line_is_set_as_the_board_says(tmp_path: Path) -> None:
    board = BOARD.replace("gsi = 4\n", 'gsi = 20\ntrigger = "level"\npolarity = "low"\n')
    table = resolve(description(tmp_path, IMAGE, board), PROGRAMS, {"leon0": GUEST, "leon1": GUEST}).table
    assert table.irq == (st.IrqRecord(20, st.IrqFlags.LEVEL | st.IrqFlags.LOW),)


def test_realtime_task_and_root_see_one_page_of_statistics(whole: Resolved) -> None:
    for index, name in enumerate(("beat", "pulse")):
        record = whole.table.realtime[index]
        assert record.task == task(whole, name)
        pages = {m.task: m for m in whole.table.map if m.memory == record.memory}
        assert pages[0].rights == Rights.READ and pages[record.task].rights == Rights.READ | Rights.WRITE
        assert arguments(whole, "root")[ArgKind.MEMORY, f"stats.{index}"].va == pages[0].va
        assert arguments(whole, name)[ArgKind.MEMORY, "stats"].va == pages[record.task].va
    values = [arguments(whole, "pulse")[ArgKind.VALUE, f"{n}_us"].value for n in ("period", "budget", "deadline")]
    assert values == [2000, 100, 500]


def test_guest_has_ram_code_twice_arena_and_time(whole: Resolved) -> None:
    own, number = arguments(whole, "leon0"), task(whole, "leon0")
    views = {n: next(m for m in whole.table.map if (m.task, m.va) == (number, own[ArgKind.MEMORY, n].va)) for n in
             ("ram", "code_rw", "code_rx", "arena")}  # fmt: skip
    assert {n: v.bytes for n, v in views.items()} == {
        "ram": 32 << 20, "code_rw": 8 << 20, "code_rx": 8 << 20, "arena": 0x123000,
    }  # fmt: skip
    assert views["code_rw"].memory == views["code_rx"].memory
    assert views["code_rw"].rights == Rights.READ | Rights.WRITE
    assert views["code_rx"].rights == Rights.READ | Rights.EXEC | Rights.EXEC_VIEW
    ram = views["ram"].memory
    assert whole.table.memory[ram].flags == st.MemoryFlags.LARGE
    (load,) = [n for n in whole.table.load if n.memory == ram]
    assert load.offset == 0x1000 and whole.blobs[load.blob : load.blob + load.bytes] == b"guest"
    assert own[ArgKind.TEXT, "machine"].text == "leon3"
    assert (own[ArgKind.VALUE, "entry"].value, own[ArgKind.VALUE, "time"].value) == (0x4000_0000, 2)
    assert arguments(whole, "leon1")[ArgKind.VALUE, "time"].value == 255
    word = own[ArgKind.MEMORY, "wake_word"]
    wake = cap(whole, "leon0", own[ArgKind.CAP, "wake"].slot).object
    assert st.BindRecord(st.BindKind.NOTIFICATION_VIEW, wake, number, word.va) in whole.table.bind
    assert not any(m.task == number and m.va <= word.va < m.va + m.bytes for m in whole.table.map)


def test_shares_are_those_of_the_description(whole: Resolved) -> None:
    shares = [
        (t.priority, whole.table.sched[t.sched].budget_us, whole.table.sched[t.sched].period_us)
        for t in whole.table.thread
    ]
    assert shares == [(210, 2000, 10000), (200, 1000, 5000), (220, 100, 1000), (221, 100, 2000)] + [
        (50, 6000, 10000)
    ] * 2

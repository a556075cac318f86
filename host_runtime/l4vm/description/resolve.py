# SPDX-License-Identifier: MIT
"""Resolve a description into the system table: who gets which memory, which capability, which share.

Task 0 is root. Every other task has its program's segments (read-only ones straight from the image), a stack
with nothing mapped below it, its arguments, its own notification `wake`, and root's endpoint as `supervisor`.
A ring of bytes joins each channel's client with the server that carries it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from l4vm.description.builder import Rights, TableBuilder, page_up
from l4vm.description.checks import screen_ports
from l4vm.description.devices import (
    CARRIER,
    CLIENT_KIB,
    CONSOLE,
    SHARERS,
    DiskUse,
    NetUse,
    disk_bytes,
    disk_uses,
    net_uses,
    own_servers,
)
from l4vm.description.load import Description
from l4vm.description.model import LAYOUTS, TIMES, Guest, Realtime, Screen, Server, Share
from l4vm.description.programs import parse_programs
from l4vm.formats import system_table as st
from l4vm.formats.args import ArgKind
from l4vm.formats.link import MAX_CHANNELS, ChannelKind
from l4vm.guests import Executable

MIB = 1 << 20
STACK_BYTES, STACK_TOP, UTCB_VA = 0x10000, 0x1F0000, 0x1FF000
RINGS_VA, STATE_VA, BOOT_VA, STATS_VA = 0x10_0000_0000, 0x20_0000_0000, 0x20_0020_0000, 0x20_0040_0000
RAM_VA, CODE_RW_VA, CODE_RX_VA, ARENA_VA, WAKE_VA, SCREEN_VA = (n << 32 for n in range(1, 7))
QUEUES_VA, QUEUE_STRIDE, DISKS_VA, DISK_STRIDE = 0x30_0000_0000, 0x20_0000, 0x40_0000_0000, 1 << 31
BLOCK_BYTES, NET_BYTES = 0x41000, 0x32000  # struct ds_block_memory, struct ds_net_memory
SCREEN_BYTES = 0x301000  # devsrv/screen.h
NETS_BEHIND, OWN_BEHIND = 0x8000_0000, 0x1_0000_0000
SECTOR = 512
DISPLAY_VA, TERMINALS_VA, STATES_VA = 0x20_0060_0000, 0x20_0080_0000, 0x20_0200_0000
SCREEN_BEHIND = 0x1_8000_0000
DISPLAY_BASE, DISPLAY_BYTES = 0xB8000, 0x1000  # of a PC's text mode
SHOT_VA = 0x20_0220_0000
FRAME_VA, FRAME_BYTES, SCREENS_VA, SCREEN_STRIDE = 0x20_0400_0000, 0x30_0000, 0x20_0800_0000, 0x40_0000  # frame.h
SHOWN_BYTES, TERMINAL_OUT = 0x48000, 32768  # devsrv/console/main.c
HEARS, KEYBOARD = 0x100, 0x200  # devsrv/terminal.h
RING_PAGE, RING_OUT, RING_IN = 4096, 65536, 4096
ACCOUNTS = {st.TaskKind.SERVER: 256 << 10, st.TaskKind.RT: 256 << 10, st.TaskKind.GUEST: 2 * MIB}
CAP_SLOTS = 64
NO_CHANNEL = 255
TIME_AUTO = 255
RW = Rights.READ | Rights.WRITE


@dataclass(frozen=True)
class GuestImage:
    """What a guest needs on the board: its program at physical addresses, and the translator's tables."""

    executable: Executable
    ram_base: int
    arena_bytes: int


@dataclass(frozen=True)
class Resolved:
    """A finished table, the blobs it names, and the channels by name."""

    table: st.SystemTable
    blobs: bytes
    channels: dict[str, int]

    @property
    def ram_bytes(self) -> int:
        """Bytes of RAM that root takes for memory objects."""
        elsewhere = st.MemoryFlags.IN_IMAGE | st.MemoryFlags.DISPLAY
        return sum(m.bytes for m in self.table.memory if not m.flags & elsewhere)


@dataclass(frozen=True)
class _Channel:
    name: str
    number: int
    kind: ChannelKind
    client: int
    argument: str
    line: str = ""


class _Resolver:
    """Makes one table; tasks are numbered in the order they are made."""

    def __init__(
        self, description: Description, programs: Mapping[str, bytes], guests: Mapping[str, GuestImage]
    ) -> None:
        self.description, self.guests = description, guests
        self.programs = parse_programs(description, programs)
        self.supervisor = 0
        self.t = TableBuilder()
        self.wake: dict[int, int] = {}
        self.channels: list[_Channel] = []
        self.has_frame = False
        self.screens: dict[str, int] = {}
        self.disk_uses = disk_uses(description.image, description.folder)
        self.net_uses = net_uses(description.image)

    def resolve(self) -> Resolved:
        image = self.description.image
        self._root()
        servers = [(server, self._server(server)) for server in image.servers]
        realtime = [(task, self._realtime(task)) for task in image.realtime]
        guests = [(guest, self._guest(guest)) for guest in image.guests]
        self.channels = [
            _Channel("management", 1, ChannelKind.MANAGEMENT, 0, "management"),
            _Channel("log", 2, ChannelKind.LOG, 0, "log"),
            *(_Channel(t.name, t.channel, ChannelKind.RT, number, "report", t.line) for t, number in realtime),
            *(_Channel(g.name, g.channel, ChannelKind.GUEST, number, "console", g.line) for g, number in guests),
        ]
        tasks = {self.t.records["task"][number].name: number for _, number in [*realtime, *guests]}
        by_program = {server.program: number for server, number in servers}
        lines = {server.name: number for server, number in servers if server.program == CARRIER}
        for name, number in lines.items():
            self._rings(number, [c for c in self.channels if (c.line or next(iter(lines))) == name])
        if "block" in by_program:
            self._disks(by_program["block"], tasks)
        if "net" in by_program:
            for n, use in enumerate(self.net_uses):
                self._port(by_program["net"], tasks[use.task], n, use)
        for server in own_servers(image):
            clients = [task for task, _ in realtime if server.name in task.servers]
            self._clients(server, next(number for s, number in servers if s is server), clients, tasks)
        for server, number in servers:
            if server.program == CONSOLE:
                self._terminals(server, number, [n for _, n in realtime], guests)
        channels = {channel.name: channel.number for channel in self.channels} if lines else {}
        return Resolved(self.t.finish(), bytes(self.t.blobs), channels)

    # ---- tasks ----

    def _root(self) -> None:
        t = self.t
        self._task("root", st.TaskKind.ROOT, "stop", NO_CHANNEL, self.description.image.root)
        endpoint = t.endpoint()
        self.supervisor = endpoint
        self.wake[0] = t.notification()
        t.argument(0, ArgKind.CAP, "supervisor", slot=t.cap(0, st.CapKind.OBJECT, endpoint, Rights.ALL))
        t.argument(0, ArgKind.CAP, "wake", slot=t.cap(0, st.CapKind.OBJECT, self.wake[0], Rights.ALL))
        t.add("bind", st.BindRecord(st.BindKind.NOTIFICATION_THREAD, self.wake[0], 0))

    def _task(
        self, name: str, kind: st.TaskKind, restart: str, channel: int, share: Share, entry: int = 0, extra: int = 0
    ) -> int:
        t = self.t
        account = ACCOUNTS.get(kind, 0) + extra
        task = t.add("task", st.TaskRecord(name, kind, st.Restart[restart.upper()], channel, CAP_SLOTS, account))
        sched = t.add("sched", st.SchedRecord(share.budget_us, share.period_us))
        t.add("thread", st.ThreadRecord(task, sched, share.priority, 0, entry, STACK_TOP - 8, UTCB_VA))
        return task

    def _program_task(
        self, name: str, program: str, kind: st.TaskKind, restart: str, channel: int, share: Share, extra: int = 0
    ) -> int:
        t = self.t
        elf = self.programs[program]
        task = self._task(name, kind, restart, channel, share, elf.entry, extra)
        for segment in elf.segments:
            if segment.rights & Rights.WRITE:
                memory = t.memory(f"{name}.data", segment.mem_bytes, content=segment.data)
            else:
                memory = t.image_memory(f"{name}.text", segment.data.ljust(segment.mem_bytes, b"\0"))
            t.map(task, memory, segment.va, segment.rights)
        t.map(task, t.memory(f"{name}.stack", STACK_BYTES), STACK_TOP - STACK_BYTES, RW)
        supervisor = t.cap(task, st.CapKind.OBJECT, self.supervisor, Rights.WRITE, task)
        t.argument(task, ArgKind.CAP, "supervisor", slot=supervisor)
        self.wake[task] = t.notification()
        t.argument(task, ArgKind.CAP, "wake", slot=t.cap(task, st.CapKind.OBJECT, self.wake[task], RW))
        return task

    def _server(self, server: Server) -> int:
        t = self.t
        kind = st.TaskKind.SERVER
        extra = self._page_tables(server.program)
        task = self._program_task(server.name, server.program, kind, server.restart, NO_CHANNEL, server.share, extra)
        if server.program in SHARERS:
            return task
        board = self.description.board
        if server.program == CONSOLE:
            self._screen(task, next(screen for screen in board.screen if screen.name == server.device))
            return task
        if server.device:
            uart = next(u for u in board.uart if u.name == server.device)
            self._device(task, uart.irq, [(uart.port, uart.ports)])
            for name, value in (("port", uart.port), ("clock_hz", uart.clock_hz), ("baud", uart.baud)):
                t.argument(task, ArgKind.VALUE, name, value=value)
        t.give_memory(task, "state", t.memory(f"{server.name}.state", 4096, st.MemoryFlags.KEEP), STATE_VA, RW)
        t.give_memory(task, "boot", t.memory("boot", 4096, st.MemoryFlags.BOOT_INFO), BOOT_VA, Rights.READ)
        return task

    def _device(self, task: int, isa: int, ports: Sequence[tuple[int, int]]) -> None:
        """Give a server an interrupt, at bit 0 of its wake, and I/O ports."""
        t = self.t
        route = next(r for r in self.description.board.irq if r.isa == isa)
        level = st.IrqFlags.LEVEL if route.trigger == "level" else 0
        low = st.IrqFlags.LOW if route.polarity == "low" else 0
        irq = t.add("irq", st.IrqRecord(route.gsi, st.IrqFlags(level | low)))
        t.add("bind", st.BindRecord(st.BindKind.IRQ_NOTIFICATION, irq, self.wake[task], 1))
        t.argument(task, ArgKind.CAP, "irq", slot=t.cap(task, st.CapKind.IRQ, irq, RW))
        for first, count in ports:
            number = t.add("ioport", st.IoportRecord(first, count))
            t.add("bind", st.BindRecord(st.BindKind.IOPORT_TASK, number, task))

    def _screen(self, task: int, screen: Screen) -> None:
        t = self.t
        self._device(task, screen.irq, screen_ports(screen))
        flags = st.MemoryFlags.DISPLAY | st.MemoryFlags.KEEP
        display = t.add("memory", st.MemoryRecord("display", DISPLAY_BYTES, DISPLAY_BASE, flags))
        t.give_memory(task, "display", display, DISPLAY_VA, RW)
        if screen.frame:
            vendor, device = (int(number, 16) for number in screen.frame.split(":"))
            flags = st.MemoryFlags.FRAME | st.MemoryFlags.KEEP
            frame = t.add("memory", st.MemoryRecord("frame", FRAME_BYTES, vendor | device << 16, flags))
            t.give_memory(task, "frame", frame, FRAME_VA, RW)
            self.has_frame = True

    def _realtime(self, task: Realtime) -> int:
        t = self.t
        number = self._program_task(task.name, task.program, st.TaskKind.RT, task.restart, task.channel, task.share)
        stats = t.memory(f"{task.name}.stats", 4096, st.MemoryFlags.KEEP)
        t.give_memory(number, "stats", stats, STATS_VA, RW)
        record = st.RealtimeRecord(number, stats, task.share.period_us, task.share.budget_us, task.deadline_us)
        index = t.add("realtime", record)
        t.give_memory(0, f"stats.{index}", stats, STATS_VA + index * 0x1000, Rights.READ)
        for name in ("period_us", "budget_us", "deadline_us"):
            t.argument(number, ArgKind.VALUE, name, value=getattr(record, name))
        return number

    def _guest(self, guest: Guest) -> int:
        t, image = self.t, self.guests[guest.name]
        tables = page_up(guest.ram_mib * MIB // 256)  # a table for every 2 MiB of RAM, in two windows
        task = self._program_task(
            guest.name, "vm", st.TaskKind.GUEST, guest.restart, guest.channel, guest.share, tables
        )
        ram = t.memory(f"{guest.name}.ram", guest.ram_mib * MIB, st.MemoryFlags.LARGE)
        for segment in image.executable.segments:
            if segment.data:
                t.load(ram, segment.pa - image.ram_base, bytes(segment.data))
        code = t.memory(f"{guest.name}.code", guest.code_cache_mib * MIB, st.MemoryFlags.LARGE)
        arena = t.memory(f"{guest.name}.arena", image.arena_bytes, st.MemoryFlags.LARGE)
        t.give_memory(task, "ram", ram, RAM_VA, RW, own=True)
        t.give_memory(task, "code_rw", code, CODE_RW_VA, RW)
        t.give_memory(task, "code_rx", code, CODE_RX_VA, Rights.READ | Rights.EXEC | Rights.EXEC_VIEW)
        t.give_memory(task, "arena", arena, ARENA_VA, RW, own=True)
        if guest.screen:
            screen = t.memory(f"{guest.name}.screen", SCREEN_BYTES, st.MemoryFlags.KEEP)
            t.give_memory(task, "screen", screen, SCREEN_VA, RW)
            self.screens[guest.name] = screen
        t.add("bind", st.BindRecord(st.BindKind.NOTIFICATION_VIEW, self.wake[task], task, WAKE_VA))
        t.argument(task, ArgKind.MEMORY, "wake_word", va=WAKE_VA, bytes=4096)
        t.argument(task, ArgKind.TEXT, "machine", text=guest.machine)
        time = TIME_AUTO if guest.time == "auto" else TIMES.index(guest.time) - 1
        for name, value in (("entry", image.executable.entry), ("time", time), ("ns_per_insn", guest.ns_per_insn)):
            t.argument(task, ArgKind.VALUE, name, value=value)
        return task

    # ---- channels ----

    def _rings(self, server: int, channels: list[_Channel]) -> None:
        t = self.t
        for n, channel in enumerate(channels):
            memory = t.memory(f"ring.{channel.name}", RING_PAGE + RING_OUT + RING_IN, st.MemoryFlags.KEEP)
            t.add("ring", st.RingRecord(channel.name, memory, channel.number, channel.kind, channel.client, server))
            va, value = RINGS_VA + n * 0x200000, channel.number | channel.kind << 8
            ends = (
                (server, channel.name, self.wake[channel.client], 1),
                (channel.client, channel.argument, self.wake[server], 2 << n),
            )
            for task, name, other, badge in ends:
                t.map(task, memory, va, RW)
                slot = t.cap(task, st.CapKind.OBJECT, other, Rights.WRITE, badge)
                t.argument(task, ArgKind.RING, name, slot=slot, va=va, bytes=t.bytes_of(memory), value=value)

    def _terminals(
        self, server: Server, number: int, realtime: Sequence[int], guests: Sequence[tuple[Guest, int]]
    ) -> None:
        """Give the log, all real-time tasks together and each guest a terminal; guests' screens are places behind them.

        Keys go to guests: to a screen from a ring of its own.
        """
        t = self.t
        names = ["log", *(["rt"] if realtime else []), *(guest.name for guest, _ in guests)]
        first = len(names) - len(guests)
        clients = [("log", 0, 0), *((t.records["task"][n].name, n, 1) for n in realtime)]
        clients += [(guest.name, n, (first + i) | HEARS) for i, (guest, n) in enumerate(guests)]
        t.give_memory(
            number, "terminals", t.memory("terminals", len(names) * SHOWN_BYTES, st.MemoryFlags.KEEP), TERMINALS_VA, RW
        )
        t.argument(number, ArgKind.VALUE, "layout", value=LAYOUTS.index(server.layout))
        states = t.memory("states", 4096, st.MemoryFlags.KEEP)
        t.give_memory(0, "states", states, STATES_VA, RW)
        t.give_memory(number, "states", states, STATES_VA, Rights.READ)
        shot = t.memory("shot", 4096, st.MemoryFlags.KEEP)
        for task in (0, number):
            t.give_memory(task, "shot", shot, SHOT_VA, RW)
        for n, name in enumerate(names):
            task = guests[n - first][1] if n >= first else 0
            t.argument(number, ArgKind.TEXT, str(n), text=name, value=task)
        for n, (name, client, value) in enumerate(clients):
            memory = self._console_ring(number, client, n, (f"{name}.terminal", "terminal"), TERMINAL_OUT, value)
            t.add("ring", st.RingRecord(name, memory, NO_CHANNEL, ChannelKind.LOG, client, number))
        screens = [(guest.name, n) for guest, n in guests if guest.name in self.screens] if self.has_frame else []
        for i, (name, client) in enumerate(screens):
            n, place = len(clients) + i, len(names) + i
            t.argument(number, ArgKind.TEXT, str(place), text=f"{name}/screen", value=client)
            va = SCREENS_VA + i * SCREEN_STRIDE
            t.give_memory(number, f"screen{place}", self.screens[name], va, RW)
            memory = self._console_ring(number, client, n, (f"{name}.keys", "keys"), RING_IN, place | KEYBOARD)
            t.add("ring", st.RingRecord(f"{name}.keys", memory, NO_CHANNEL, ChannelKind.LOG, client, number))

    def _console_ring(
        self, server: int, client: int, n: int, names: tuple[str, str], out_bytes: int, value: int
    ) -> int:
        """Make the n-th ring pair of the console server; `value` is of its RING argument."""
        va = QUEUES_VA + SCREEN_BEHIND + n * QUEUE_STRIDE
        return self._shared(server, client, names, va, RING_PAGE + out_bytes + RING_IN, 2 << n, value)

    # ---- disks and networks ----

    def _page_tables(self, program: str) -> int:
        """Return what a server pays for page tables of disks and queues, at most: one of 4 KiB maps 2 MiB."""
        image, folder = self.description.image, self.description.folder
        if program == CONSOLE:
            clients = len(image.guests) + len(image.realtime) + 1
            screens = sum(guest.screen for guest in image.guests)
            frame = FRAME_BYTES // 512
            return page_up(clients * (8192 + SHOWN_BYTES // 512) + frame + screens * (16384 + SCREEN_BYTES // 512))
        if program not in SHARERS:
            return 0
        disks = sum(disk_bytes(disk, folder) + 4 * MIB for disk in image.disks) if program == "block" else 0
        uses = len(self.disk_uses) if program == "block" else len(self.net_uses)
        return page_up(disks // 512 + uses * 8192)

    def _shared(
        self, server: int, client: int, names: tuple[str, str], va: int, size: int, badge: int, value: int
    ) -> int:
        """Give a server's client memory with queues at `va`, and each side a way to signal the other."""
        t, shown = self.t, names[0][-st.NAME_BYTES :]
        memory = t.memory(shown, size, st.MemoryFlags.KEEP)
        ends = ((server, shown, self.wake[client], 1), (client, names[1], self.wake[server], badge))
        for task, name, other, bits in ends:
            t.map(task, memory, va, RW)
            slot = t.cap(task, st.CapKind.OBJECT, other, Rights.WRITE, bits)
            t.argument(task, ArgKind.RING, name, slot=slot, va=va, bytes=t.bytes_of(memory), value=value)
        return memory

    def _disks(self, server: int, tasks: Mapping[str, int]) -> None:
        t, folder = self.t, self.description.folder
        at: dict[str, int] = {}
        for i, disk in enumerate(self.description.image.disks):
            content = (folder / disk.file).read_bytes() if disk.file else b""
            size = disk_bytes(disk, folder)
            large = st.MemoryFlags.LARGE if size >= 2 * MIB else st.MemoryFlags(0)
            memory = t.memory(f"disk.{disk.name}", size, st.MemoryFlags.KEEP | large, content)
            at[disk.name] = DISKS_VA + i * DISK_STRIDE
            t.map(server, memory, at[disk.name], RW)
        for n, use in enumerate(self.disk_uses):
            self._disk(server, tasks[use.guest], n, use, at[use.disk])

    def _disk(self, server: int, guest: int, n: int, use: DiskUse, base: int) -> None:
        t, name, value = self.t, f"{use.guest}.disk{use.n}", use.size // SECTOR << 1 | use.is_read_only
        va = QUEUES_VA + n * QUEUE_STRIDE
        self._shared(server, guest, (name, f"disk{use.n}"), va, BLOCK_BYTES, 1 << n, value)
        t.argument(server, ArgKind.MEMORY, name[-st.NAME_BYTES :], va=base + use.start, bytes=use.size)
        t.argument(guest, ArgKind.TEXT, f"disk{use.n}", text=use.name)

    def _port(self, server: int, task: int, n: int, use: NetUse) -> None:
        value = int.from_bytes(use.mac, "little") | use.group << 48
        va = QUEUES_VA + NETS_BEHIND + n * QUEUE_STRIDE
        self._shared(server, task, (f"{use.task}.net{use.n}", f"net{use.n}"), va, NET_BYTES, 1 << n, value)

    def _clients(self, server: Server, number: int, clients: list[Realtime], tasks: Mapping[str, int]) -> None:
        """Give each client of an image's own server its memory; bit 0 of the server's wake is its device's."""
        for n, client in enumerate(clients):
            va = QUEUES_VA + OWN_BEHIND + (number * MAX_CHANNELS + n) * QUEUE_STRIDE
            size = (server.client_kib or CLIENT_KIB) << 10
            self._shared(number, tasks[client.name], (client.name, server.name), va, size, 2 << n, 0)


def resolve(description: Description, programs: Mapping[str, bytes], guests: Mapping[str, GuestImage]) -> Resolved:
    """Return the table of a description.

    Args:
        description: what `load_description` returned.
        programs: ELF files of the programs it names, by name.
        guests: of each guest, by name.

    Raises:
        L4vmErrors: programs are missing, or no task's programs.
    """
    return _Resolver(description, programs, guests).resolve()

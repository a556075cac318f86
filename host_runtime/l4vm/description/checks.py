# SPDX-License-Identifier: MIT
"""What must hold between the tables of a board, of an image, and of both; each rule is one function.

A rule says everything that breaks it through `Reader.wrong` and raises nothing. tests/refuse/ has a file for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from l4vm.description.devices import CARRIER, CONSOLE, check_disks, check_nets, check_servers
from l4vm.description.model import Board, Guest, Image, Screen, Share, Uart
from l4vm.description.schedule import Analysis, utilisation
from l4vm.description.schema import TOP, Place, Reader
from l4vm.errors import L4vmError, nearest
from l4vm.guests import (
    check_fits,
    is_wrapped,
    read_machine_map,
    read_program,
    recipe_names,
    takes_arguments,
    wrapped_ram_bytes,
)
from l4vm.guests.recipe import read_recipe
from l4vm.guests.wrap import APPEND_BYTES_MAX

MIB = 1 << 20
KERNEL_BASE, KERNEL_BYTES = MIB, 16 * MIB
IOAPIC, MMIO_END = 0xFEC0_0000, 1 << 32
SYSTEM_CHANNELS = {0: "control", 1: "management", 2: "log"}
SYSTEM_PORTS = {
    "interrupt controller": (0x20, 0x22), "timer": (0x40, 0x44), "timer's gate": (0x61, 0x62),
    "interrupt controller 2": (0xA0, 0xA2), "debug exit": (0xF4, 0xF8),
}  # fmt: skip
"""Ports the kernel uses itself (kernel/x64)."""
CLOCKS_PER_BIT, DIVISOR_MAX, PERCENT_OFF = 16, 0xFFFF, 3
"""Of a 16550, and how far off a rate may be: devsrv/serial/uart16550.c."""
SCREEN_PORTS = ((0x60, 1), (0x64, 1), (0x3D4, 2))
FRAME_PORTS = ((0x1CE, 3),)
"""Those of a display with a linear frame, beside a PC's."""


def screen_ports(screen: Screen) -> tuple[tuple[int, int], ...]:
    """Return the I/O ports of a display and its keyboard: first and count."""
    return SCREEN_PORTS + (FRAME_PORTS if screen.frame else ())

"""Data and status of a PC's keyboard controller, and the display's CRT controller."""
ROOT, QEMU, HEAD = (Place(name, name) for name in ("root", "qemu", "image"))


# ---- the board ----


def check_board(reader: Reader, board: Board) -> None:
    """Hold a board to itself."""
    _ram(reader, board)
    _once(reader, [*((uart.place, uart.name) for uart in board.uart), *((s.place, s.name) for s in board.screen)])
    if len(board.screen) > 1:
        reader.wrong(board.screen[1].place, "", ": the board has one already", "leave it out: a PC has one")
    _routes(reader, board)
    _uart_irqs(reader, board)
    _uart_ports(reader, board)
    _uart_bauds(reader, board)


def _span(first: int, end: int) -> str:
    return f"0x{first:x}..0x{end:x}"


def _ram(reader: Reader, board: Board) -> None:
    if reader.is_bad(TOP, "ram") or any(reader.is_bad(r.place, key) for r in board.ram for key in ("base", "size")):
        return
    before = len(reader.errors)
    for i, ram in enumerate(board.ram):
        end = ram.base + ram.size
        if ram.base < MMIO_END and end > IOAPIC:
            text = f" = 0x{ram.size:x}: {_span(ram.base, end)} overlaps the devices at {_span(IOAPIC, MMIO_END)}"
            reader.wrong(ram.place, "size", text, f"RAM below 4 GiB ends at 0x{IOAPIC:x} at most")
        for other in board.ram[:i]:
            if ram.base < other.base + other.size and other.base < end:
                text = f" = 0x{ram.base:x}: overlaps {other.place.shown} ({_span(other.base, other.base + other.size)})"
                reader.wrong(ram.place, "base", text, "give each range its own addresses")
    if not any(r.base <= KERNEL_BASE and r.base + r.size >= KERNEL_BASE + KERNEL_BYTES for r in board.ram):
        text = f": none holds {_span(KERNEL_BASE, KERNEL_BASE + KERNEL_BYTES)}, where the kernel is loaded"
        reader.wrong(TOP, "ram", text, "write a [[ram]] with base = 0 and the size of the memory below the first hole")
    if len(reader.errors) > before or reader.is_bad(QEMU, "memory_mib"):
        return
    mib = -(-board.ram_bytes // MIB)
    if board.qemu_memory_mib < mib:
        text = f" = {board.qemu_memory_mib}: less than the board's RAM, {mib} MiB"
        reader.wrong(QEMU, "memory_mib", text, f"give QEMU {mib}")


def _once(reader: Reader, named: list[tuple[Place, str]]) -> None:
    """Refuse a name that an earlier table has."""
    seen: dict[str, Place] = {}
    for place, name in named:
        if reader.is_bad(place, "name"):
            continue
        if name in seen:
            line = reader.document.lines.get(seen[name].path)
            text = f" = '{name}': {seen[name].path}{f', line {line},' if line else ''} has this name already"
            reader.wrong(place, "name", text, "give each its own name")
        seen.setdefault(name, place)


def _routes(reader: Reader, board: Board) -> None:
    for key in ("isa", "gsi"):
        seen: dict[int, Place] = {}
        for route in board.irq:
            value = getattr(route, key)
            if reader.is_bad(route.place, key):
                continue
            if value in seen:
                text = f" = {value}: {seen[value].path} has it already"
                reader.wrong(route.place, key, text, "route each interrupt once, to an input of its own")
            seen.setdefault(value, route.place)


def _uart_irqs(reader: Reader, board: Board) -> None:
    routed = [route.isa for route in board.irq]
    used: dict[int, Uart | Screen] = {}
    devices: list[Uart | Screen] = [*board.uart, *board.screen]
    for uart in devices:
        if reader.is_bad(uart.place, "irq"):
            continue
        if uart.irq not in routed:
            text = f" = {uart.irq}: no [[irq]] says where it arrives"
            reader.wrong(uart.place, "irq", text, f"write an [[irq]] with isa = {uart.irq}")
        if uart.irq in used:
            text = f" = {uart.irq}: {used[uart.irq].place.shown} has it already"
            reader.wrong(uart.place, "irq", text, "give each device its own interrupt")
        used.setdefault(uart.irq, uart)


def _uart_ports(reader: Reader, board: Board) -> None:
    taken = [(f"the {name}", first, end) for name, (first, end) in SYSTEM_PORTS.items()]
    for screen in board.screen:
        taken += [(screen.place.shown, first, first + count) for first, count in screen_ports(screen)]
    for uart in board.uart:
        if reader.is_bad(uart.place, "port"):
            continue
        for name, first, end in taken:
            if uart.port < end and first < uart.port + uart.ports:
                text = f" = 0x{uart.port:x}: its {uart.ports} ports overlap {name} ({_span(first, end)})"
                reader.wrong(uart.place, "port", text, "give each device its own ports")
        taken.append((uart.place.shown, uart.port, uart.port + uart.ports))


def _uart_bauds(reader: Reader, board: Board) -> None:
    """The serial server refuses such a rate, too, but it has no line then to say so on."""
    for uart in board.uart:
        if reader.is_bad(uart.place, "baud") or reader.is_bad(uart.place, "clock_hz"):
            continue
        unit = uart.baud * CLOCKS_PER_BIT
        divisor = (uart.clock_hz + unit // 2) // unit
        if 1 <= divisor <= DIVISOR_MAX and abs(divisor * unit - uart.clock_hz) * 100 <= uart.clock_hz * PERCENT_OFF:
            continue
        near = min(max(divisor, 1), DIVISOR_MAX) * CLOCKS_PER_BIT
        text = f" = {uart.baud}: a clock of {uart.clock_hz} Hz does not make it to {PERCENT_OFF} %"
        reader.wrong(uart.place, "baud", text, f"the nearest is {uart.clock_hz / near:.0f}; or correct clock_hz")


# ---- the image ----


def check_pair(reader: Reader, image: Image, board: Board) -> None:
    """Hold an image to its board, which has no errors itself."""
    if not reader.is_bad(TOP, "board") and image.board != board.name:
        text = f" = '{image.board}': this build is for the board '{board.name}'"
        reader.wrong(TOP, "board", text, f'write board = "{board.name}", or build with board={image.board}')
    _devices(reader, image, board)
    _guest_ram(reader, image, board)


def check_image(reader: Reader, image: Image, folder: Path) -> None:
    """Hold an image to itself; `folder` is where its paths begin."""
    _own_root(reader, image)
    _once(reader, [(ROOT, "root"), *((place, name) for place, name, _ in _tasks(image))])
    _shares(reader, image)
    check_servers(reader, image)
    _channels(reader, image)
    _priorities(reader, image)
    for guest in image.guests:
        _machine(reader, guest)
        _sources(reader, guest, folder)
    _once(reader, [(disk.place, disk.name) for disk in image.disks])
    _once(reader, [(net.place, net.name) for net in image.nets])
    check_disks(reader, image, folder)
    check_nets(reader, image)


def _tasks(image: Image) -> Iterator[tuple[Place, str, Share]]:
    yield from ((s.place, s.name, s.share) for s in image.servers)
    yield from ((t.place, t.name, t.share) for t in image.realtime)
    yield from ((g.place, g.name, g.share) for g in image.guests)


def _own_root(reader: Reader, image: Image) -> None:
    """Refuse tables that nobody would read: only the program `root` makes what they say."""
    if image.root_program == "root":
        return
    for name in ("root", "server", "disk", "net", "rt", "guest"):
        if name in reader.document.values:
            text = f": has no meaning with image.root = '{image.root_program}'"
            reader.wrong(TOP, name, text, "leave it out, or leave image.root out")


def _shares(reader: Reader, image: Image) -> None:
    for place, share in [(ROOT, image.root), *((place, share) for place, _, share in _tasks(image))]:
        if reader.is_bad(place, "budget_us") or reader.is_bad(place, "period_us"):
            continue
        if share.budget_us > share.period_us:
            text = f" = {share.budget_us}: larger than its period_us = {share.period_us}"
            reader.wrong(place, "budget_us", text, f"give it at most {share.period_us}, or lengthen the period")
    for task in image.realtime:
        if reader.is_bad(task.place, "deadline_us") or reader.is_bad(task.place, "period_us"):
            continue
        if task.deadline_us > task.share.period_us:
            text = f" = {task.deadline_us}: later than its period_us = {task.share.period_us}"
            reader.wrong(task.place, "deadline_us", text, f"give it at most {task.share.period_us}")


def _devices(reader: Reader, image: Image, board: Board) -> None:
    uarts, screens = [uart.name for uart in board.uart], [screen.name for screen in board.screen]
    kinds = {CARRIER: ("a serial port", uarts), CONSOLE: ("a screen", screens)}
    known = [*uarts, *screens]
    for server in image.servers:
        if server.device and not reader.is_bad(server.place, "device") and server.device not in known:
            text = f" = '{server.device}': the board {board.name} has no such device"
            reader.wrong(server.place, "device", text, nearest(server.device, known))
        elif server.device and not reader.is_bad(server.place, "device"):
            what, names = kinds.get(server.program, kinds[CARRIER])
            if server.device not in names:
                text = f" = '{server.device}': is not {what}, which program '{server.program}' needs"
                reader.wrong(server.place, "device", text, nearest(server.device, names))


def _channels(reader: Reader, image: Image) -> None:
    used: dict[int, Place] = {}
    places = [(t.place, t.name, t.channel) for t in image.realtime]
    places += [(g.place, g.name, g.channel) for g in image.guests]
    for place, name, channel in places:
        if name in SYSTEM_CHANNELS.values():
            reader.wrong(place, "name", f" = '{name}': a channel of the system has this name", "choose another")
        if reader.is_bad(place, "channel"):
            continue
        if channel in SYSTEM_CHANNELS:
            text = f" = {channel}: is the system's channel '{SYSTEM_CHANNELS[channel]}'"
            reader.wrong(place, "channel", text, f"take a free number from {len(SYSTEM_CHANNELS)} on")
        elif channel in used:
            text = f" = {channel}: {used[channel].shown} has it already"
            reader.wrong(place, "channel", text, "take a free number")
        used.setdefault(channel, place)


def _priorities(reader: Reader, image: Image) -> None:
    tasks = [task for task in image.realtime if not reader.is_bad(task.place, "priority")]
    if not tasks:
        return
    lowest = min(tasks, key=lambda task: task.share.priority)
    others = [(ROOT, image.root), *((s.place, s.share) for s in image.servers)]
    others += [(g.place, g.share) for g in image.guests]
    for place, share in others:
        if not reader.is_bad(place, "priority") and share.priority >= lowest.share.priority:
            text = f" = {share.priority}: not below {lowest.place.shown}'s {lowest.share.priority}"
            hint = "real-time tasks stand above root, servers and guests: lower this one, or raise that one"
            reader.wrong(place, "priority", text, hint)


# ---- guests ----


def _machine(reader: Reader, guest: Guest) -> None:
    if reader.is_bad(guest.place, "machine"):
        return
    try:
        facts = read_machine_map(guest.machine).facts
    except L4vmError as error:
        reader.wrong(guest.place, "machine", f" = '{guest.machine}': no such machine", error.hint)
        return
    low, high = facts["ram_min"] // MIB, facts["ram_max"] // MIB
    if not reader.is_bad(guest.place, "ram_mib") and not low <= guest.ram_mib <= high:
        text = f" = {guest.ram_mib}: outside what machine {guest.machine} can have"
        reader.wrong(guest.place, "ram_mib", text, f"allowed: {low} to {high}")


def _sources(reader: Reader, guest: Guest, folder: Path) -> None:
    place = guest.place
    if any(reader.is_bad(place, key) for key in ("recipe", "kernel", "initrd", "append")):
        return
    if guest.recipe and guest.kernel:
        reader.wrong(place, "kernel", f" = '{guest.kernel}': recipe is given too", "give one of the two")
    elif not guest.recipe and not guest.kernel:
        text = ": neither recipe nor kernel is given"
        reader.wrong(place, "recipe", text, f"write recipe = ... ({', '.join(recipe_names())}), or kernel = a file")
    elif guest.recipe and guest.recipe not in recipe_names():
        text = f" = '{guest.recipe}': no such guest in images/guests"
        reader.wrong(place, "recipe", text, nearest(guest.recipe, recipe_names()))
    elif guest.recipe and not reader.is_bad(place, "machine") and read_recipe(guest.recipe)["machine"] != guest.machine:
        text = f" = '{guest.recipe}': is for machine {read_recipe(guest.recipe)['machine']}, not {guest.machine}"
        reader.wrong(place, "recipe", text, "change machine, or take another recipe")
    if guest.recipe and guest.initrd:
        text = f" = '{guest.initrd}': the recipe makes its own"
        reader.wrong(place, "initrd", text, "leave it out, or give a kernel in the recipe's place")
    append = guest.append or ""
    if not append.isascii() or not append.isprintable():
        odd = next(c for c in append if not c.isascii() or not c.isprintable())
        reader.wrong(place, "append", f": holds {odd!r}, which is no printable ASCII", "write it in printable ASCII")
    elif len(append) > APPEND_BYTES_MAX:
        reader.wrong(place, "append", f": has {len(append)} characters", f"at most {APPEND_BYTES_MAX}")
    for key, name in (("kernel", guest.kernel), ("initrd", guest.initrd)):
        if name and not (folder / name).is_file():
            text = f" = '{name}': there is no such file in {folder.name}/"
            reader.wrong(place, key, text, "paths begin at the image file's folder")
    if guest.kernel and not reader.is_bad(place, "kernel"):
        _kernel(reader, guest, folder / guest.kernel)


def _kernel(reader: Reader, guest: Guest, path: Path) -> None:
    """Look into the file that the guest starts with."""
    where, linux = f"'{guest.kernel}'", False
    if reader.is_bad(guest.place, "machine"):
        return
    try:
        data = path.read_bytes()
        program = read_program(guest.machine, data, where)
        linux = takes_arguments(guest.machine, data, where)
        wrapped = guest.machine == "leon3" and is_wrapped(data)
        made_for = wrapped_ram_bytes(data) // MIB if wrapped else 0
        if made_for > guest.ram_mib and not reader.is_bad(guest.place, "ram_mib"):
            text = f" = {guest.ram_mib}: {guest.kernel} was wrapped for {made_for} MiB"
            reader.wrong(guest.place, "ram_mib", text, f"write ram_mib = {made_for}, or give the plain vmlinux")
        elif not linux:
            check_fits(program, where, read_machine_map(guest.machine).facts["ram_base"], guest.ram_mib * MIB)
    except (OSError, L4vmError) as error:
        text, hint = f" = '{guest.kernel}': cannot be read", "check the file's rights"
        if isinstance(error, L4vmError):
            text, hint = f" = {error.message}", error.hint
        reader.wrong(guest.place, "kernel", text, hint)
        return
    for key, value in (("initrd", guest.initrd), ("append", guest.append)):
        if value and not linux:
            text = f" = '{value}': {guest.kernel} is no plain Linux kernel, it would be ignored"
            reader.wrong(guest.place, key, text, "leave it out, or give a plain vmlinux")


def _guest_ram(reader: Reader, image: Image, board: Board) -> None:
    """Refuse guests that cannot fit, whatever else the image needs; the packer knows the exact sum."""
    sizes = ("ram_mib", "code_cache_mib")
    if not image.guests or any(reader.is_bad(guest.place, key) for guest in image.guests for key in sizes):
        return
    want = sum(guest.ram_mib + guest.code_cache_mib for guest in image.guests)
    if want * MIB > board.ram_bytes:
        largest = max(image.guests, key=lambda guest: guest.ram_mib)
        text = f" = {largest.ram_mib}: all guests need {want} MiB with their code caches"
        hint = f"board {board.name} has {board.ram_bytes // MIB} MiB: make guests smaller"
        reader.wrong(largest.place, "ram_mib", text, hint)


# ---- the schedule ----


def check_schedule(reader: Reader, analysis: tuple[Analysis, ...]) -> None:
    """Refuse deadlines that may be missed."""
    used = utilisation([entry.share for entry in analysis])
    if used > 1:
        text = f": root, servers and real-time tasks take {float(used * 100):.1f} % of the processor"
        hint = "shorten budgets or lengthen periods until they take less than 100 %"
        reader.wrong(HEAD, "", text, hint)
        return
    for entry in analysis:
        if entry.response_us is not None:
            continue
        above = f" under {', '.join(entry.above)}" if entry.above else ""
        text = f" = {entry.share.budget_us}: cannot end within {entry.deadline_us} us{above}"
        hint = "shorten budgets at or above its priority, or lengthen its period or deadline"
        reader.wrong(entry.place, "budget_us", text, hint)

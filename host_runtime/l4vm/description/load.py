# SPDX-License-Identifier: MIT
"""Read a board file and an image file and check them against each other; all errors in one run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from l4vm.description import model
from l4vm.description.model import Board, Guest, Image, IrqRoute, Ram, Realtime, Server, Share, Uart
from l4vm.description.positions import read
from l4vm.description.schema import Reader, Schema
from l4vm.errors import L4vmError, L4vmErrors, nearest
from l4vm.guests import read_machine_map, recipe_names

MIB = 1 << 20
IOAPIC, MMIO_END = 0xFEC0_0000, 1 << 32
RESERVED = {0: "control", 1: "management", 2: "log"}


@dataclass(frozen=True)
class Analysis:
    """Response time of one task under those above it, in us; None: it may never end."""

    name: str
    share: Share
    deadline_us: int
    response_us: int | None


@dataclass(frozen=True)
class Description:
    """A board and an image that fit each other."""

    board: Board
    image: Image
    folder: Path  # of the image file: its relative paths begin there
    analysis: tuple[Analysis, ...]

    @property
    def programs(self) -> tuple[str, ...]:
        """Names of the programs that the image needs, each once; root's first."""
        image = self.image
        names = [image.root_program, *(s.program for s in image.servers), *(t.program for t in image.realtime)]
        return tuple(dict.fromkeys([*names, *(["vm"] if image.guests else [])]))

    @property
    def files(self) -> tuple[Path, ...]:
        """Files beside the two descriptions that the image is made from."""
        found: list[Path] = []
        for guest in self.image.guests:
            found += [self.folder / name for name in (guest.kernel, guest.initrd) if name]
            if guest.recipe:
                folder = Path(__file__).resolve().parents[3] / "images/guests" / guest.recipe
                found += sorted(path for path in folder.glob("*") if path.is_file())
        return tuple(found)


def _share(values: dict[str, Any]) -> Share:
    return Share(values["priority"], values["budget_us"], values["period_us"])


def _only(values: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """Return the values that are not part of a share."""
    return {name: values[name] for name in schema if name not in ("priority", "budget_us", "period_us")}


class _Board:
    """Reads a board file."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        top = reader.table("", reader.document.values, model.BOARD_TOP, "")
        ram = [Ram(**v) for _, v in self.each("ram", top["ram"], model.RAM)]
        uarts = [Uart(**v) for _, v in self.each("uart", top["uart"], model.UART)]
        irqs = [IrqRoute(**v) for _, v in self.each("irq", top["irq"], model.IRQ)]
        qemu = reader.table("qemu", top["qemu"], model.QEMU, "qemu")
        extra = tuple(str(word) for word in qemu["extra"])
        self.board = Board(
            top["name"], top["arch"], tuple(ram), tuple(uarts), tuple(irqs), qemu["memory_mib"], qemu["cpu"], extra
        )
        self._check()

    def each(self, name: str, tables: Any, schema: Schema) -> Iterator[tuple[str, dict[str, Any]]]:
        for i, values in enumerate(tables):
            path = f"{name}[{i}]"
            shown = f"{name}.{values['name']}" if isinstance(values, dict) and "name" in values else path
            yield path, self.reader.table(path, values, schema, shown)

    def _check(self) -> None:
        board, wrong = self.board, self.reader.wrong
        if not board.ram:
            wrong("ram", ": the board has no RAM", "write a [[ram]] with base and size")
        for i, a in enumerate(board.ram):
            if a.base < MMIO_END and a.base + a.size > IOAPIC:
                text = f" = 0x{a.base:x}: 0x{a.base:x}..0x{a.base + a.size:x} overlaps the interrupt controllers"
                wrong(f"ram[{i}].base", text, f"RAM below 4 GiB ends at 0x{IOAPIC:x} at most")
            for j, b in enumerate(board.ram[:i]):
                if a.base < b.base + b.size and b.base < a.base + a.size:
                    text = f" = 0x{a.base:x}: overlaps ram[{j}] (0x{b.base:x}..0x{b.base + b.size:x})"
                    wrong(f"ram[{i}].base", text, "give each range its own addresses")
        _once(self.reader, "uart", [u.name for u in board.uart], "name")
        routes: dict[int, int] = {}
        for i, route in enumerate(board.irq):
            if route.isa in routes:
                text = f" = {route.isa}: irq[{routes[route.isa]}] routes it already"
                wrong(f"irq[{i}].isa", text, "route each interrupt once")
            routes.setdefault(route.isa, i)
        used: dict[int, str] = {}
        for i, uart in enumerate(board.uart):
            if uart.irq not in routes:
                text = f" = {uart.irq}: no [[irq]] says where it arrives"
                wrong(f"uart[{i}].irq", text, f"write an [[irq]] with isa = {uart.irq}", f"uart.{uart.name}.irq")
            if uart.irq in used:
                text = f" = {uart.irq}: uart.{used[uart.irq]} has it already"
                wrong(f"uart[{i}].irq", text, "give each device its own interrupt", f"uart.{uart.name}.irq")
            used.setdefault(uart.irq, uart.name)


def _once(reader: Reader, array: str, names: list[str], key: str) -> None:
    """Refuse a name that an earlier table of the array has."""
    for i, name in enumerate(names):
        if name and name in names[:i]:
            text = f" = '{name}': {array}[{names.index(name)}] has this name already"
            reader.wrong(f"{array}[{i}].{key}", text, "give each its own name")


class _Image:
    """Reads an image file for a board."""

    def __init__(self, reader: Reader, board: Board, folder: Path) -> None:
        self.reader, self.board, self.folder = reader, board, folder
        top = reader.table("", reader.document.values, model.IMAGE_TOP, "")
        head = reader.table("image", top["image"], model.IMAGE, "image")
        root = reader.table("root", top["root"], model.ROOT, "root")
        self.paths: dict[str, str] = {}  # of each task, by its name
        servers = [
            Server(**_only(v, model.SERVER), share=_share(v)) for v in self._tasks("server", top["server"], model.SERVER)
        ]
        realtime = []
        for v in self._tasks("rt", top["rt"], model.RT):
            rest = _only(v, model.RT) | {"deadline_us": v["deadline_us"] or v["period_us"]}
            realtime.append(Realtime(**rest, share=_share(v)))
        guests = [
            Guest(**_only(v, model.GUEST), share=_share(v)) for v in self._tasks("guest", top["guest"], model.GUEST)
        ]
        self.image = Image(
            head["name"], top["board"], head["root"], _share(root), tuple(servers), tuple(realtime), tuple(guests)
        )
        self._check()

    def _tasks(self, name: str, tables: Any, schema: Schema) -> Iterator[dict[str, Any]]:
        for i, values in enumerate(tables):
            path = f"{name}[{i}]"
            called = values.get("name") if isinstance(values, dict) else None
            shown = f"{name}.{called}" if isinstance(called, str) else path
            read_values = self.reader.table(path, values, schema, shown)
            task = read_values["name"]
            if task in self.paths or task == "root":
                text = f" = '{task}': {self.paths.get(task, 'root')} has this name already"
                self.reader.wrong(f"{path}.name", text, "give each task its own name", f"{shown}.name")
            self.paths.setdefault(task, path)
            yield read_values

    def wrong(self, kind: str, name: str, key: str, sentence: str, hint: str) -> None:
        """Keep an error of a task's key."""
        path = self.paths.get(name, "")
        self.reader.wrong(f"{path}.{key}" if path else key, sentence, hint, f"{kind}.{name}.{key}")

    def _check(self) -> None:
        image = self.image
        if image.board != self.board.name:
            text = f" = '{image.board}': this build is for the board '{self.board.name}'"
            self.reader.wrong("board", text, f"write board = \"{self.board.name}\", or build with board={image.board}")
        for kind, name, share in self._shares():
            if share.budget_us > share.period_us:
                text = f" = {share.budget_us}: larger than its period_us = {share.period_us}"
                self.wrong(kind, name, "budget_us", text, f"give it at most {share.period_us}, or lengthen the period")
        self._channels()
        self._devices()
        self._priorities()
        for task in image.realtime:
            if task.deadline_us > task.share.period_us:
                text = f" = {task.deadline_us}: later than its period_us = {task.share.period_us}"
                self.wrong("rt", task.name, "deadline_us", text, f"give it at most {task.share.period_us}")
        for guest in image.guests:
            self._guest(guest)

    def _shares(self) -> Iterator[tuple[str, str, Share]]:
        image = self.image
        yield from (("server", s.name, s.share) for s in image.servers)
        yield from (("rt", t.name, t.share) for t in image.realtime)
        yield from (("guest", g.name, g.share) for g in image.guests)

    def _channels(self) -> None:
        used: dict[int, str] = {}
        named = [("rt", t.name, t.channel) for t in self.image.realtime]
        named += [("guest", g.name, g.channel) for g in self.image.guests]
        for kind, name, channel in named:
            if channel in used:
                self.wrong(kind, name, "channel", f" = {channel}: {used[channel]} has it already", "take a free number")
            used.setdefault(channel, f"{kind}.{name}")
            if name in RESERVED.values():
                self.wrong(kind, name, "name", f" = '{name}': the name of a channel of the system", "choose another")
        if named and not self.image.servers:
            self.reader.wrong("image", ": tasks have channels, and no server carries them", "add a [[server]] \"serial\"")

    def _devices(self) -> None:
        known = [u.name for u in self.board.uart]
        used: dict[str, str] = {}
        for server in self.image.servers:
            if server.device not in known:
                text = f" = '{server.device}': the board {self.board.name} has no such device"
                self.wrong("server", server.name, "device", text, nearest(server.device, known))
            elif server.device in used:
                text = f" = '{server.device}': server.{used[server.device]} owns it already"
                self.wrong("server", server.name, "device", text, "a device has one owner")
            used.setdefault(server.device, server.name)

    def _priorities(self) -> None:
        for task in self.image.realtime:
            for kind, name, share in self._shares():
                if kind != "rt" and share.priority >= task.share.priority:
                    text = f" = {share.priority}: not below rt.{task.name}'s {task.share.priority}"
                    self.wrong(kind, name, "priority", text, "real-time tasks stand above all servers and guests")
            if self.image.root.priority >= task.share.priority:
                text = f" = {self.image.root.priority}: not below rt.{task.name}'s {task.share.priority}"
                self.reader.wrong("root.priority", text, "real-time tasks stand above root")

    def _guest(self, guest: Guest) -> None:
        try:
            facts = read_machine_map(guest.machine).facts
        except L4vmError as error:
            self.wrong("guest", guest.name, "machine", f" = '{guest.machine}': no such machine", error.hint)
            return
        low, high = facts["ram_min"] // MIB, facts["ram_max"] // MIB
        if not low <= guest.ram_mib <= high:
            text = f" = {guest.ram_mib}: outside what machine {guest.machine} can have"
            self.wrong("guest", guest.name, "ram_mib", text, f"allowed: {low} to {high}")
        if bool(guest.recipe) == bool(guest.kernel):
            text = ": both recipe and kernel are given" if guest.recipe else ": neither recipe nor kernel is given"
            self.wrong("guest", guest.name, "recipe", text, "give one: a recipe of images/guests, or a file")
        elif guest.recipe and guest.recipe not in recipe_names():
            text = f" = '{guest.recipe}': no such folder in images/guests"
            self.wrong("guest", guest.name, "recipe", text, nearest(guest.recipe, list(recipe_names())))
        for key, name in (("kernel", guest.kernel), ("initrd", guest.initrd)):
            if name and not (self.folder / name).is_file():
                text = f" = '{name}': there is no such file in {self.folder.name}/"
                self.wrong("guest", guest.name, key, text, "paths begin at the image file's folder")


def response_us(budget_us: int, above: list[Share], limit_us: int) -> int | None:
    """Return the longest time from release to end of a task's budget, or None when it passes the limit.

    Source: Joseph, Pandya: Finding Response Times in a Real-Time System (1986).
    """
    response = budget_us
    while response <= limit_us:
        longer = budget_us + sum(math.ceil(response / s.period_us) * s.budget_us for s in above)
        if longer == response:
            return response
        response = longer
    return None


def analyse(image: Image) -> list[tuple[str, Analysis]]:
    """Return kind and analysis of root, servers and real-time tasks, the highest priority first."""
    named = [("root", "root", image.root, image.root.period_us)]
    named += [("server", s.name, s.share, s.share.period_us) for s in image.servers]
    named += [("rt", t.name, t.share, t.deadline_us) for t in image.realtime]
    named.sort(key=lambda entry: -entry[2].priority)
    found = []
    for i, (kind, name, share, deadline) in enumerate(named):
        above = [s for j, (_, _, s, _) in enumerate(named) if j != i and s.priority >= share.priority]
        found.append((kind, Analysis(name, share, deadline, response_us(share.budget_us, above, deadline))))
    return found


def _schedulable(image: _Image, found: list[tuple[str, Analysis]]) -> None:
    for kind, a in found:
        if a.response_us is not None:
            continue
        above = [f"{k}.{b.name}" if k != "root" else "root" for k, b in found if b is not a and b.share.priority >= a.share.priority]
        text = f" = {a.share.budget_us}: cannot end within {a.deadline_us} us under {', '.join(above) or 'nothing'}"
        hint = "shorten the budgets at or above its priority, or lengthen its period or deadline"
        if kind == "root":
            image.reader.wrong("root.budget_us", text, hint)
        else:
            image.wrong(kind, a.name, "budget_us", text, hint)


def load_description(board_file: Path, image_file: Path) -> Description:
    """Read and check both files.

    Raises:
        L4vmErrors: everything that is wrong with either, in the order of the files (exit code 2).
    """
    names = [f"{p.parent.parent.name}/{p.parent.name}/{p.name}" if p.name == "image.toml" else f"{p.parent.name}/{p.name}" for p in (board_file, image_file)]
    boards = Reader(read(board_file, names[0]))
    images = Reader(read(image_file, names[1]))
    board = _Board(boards).board
    image = _Image(images, board, image_file.parent)
    found = analyse(image.image)
    if not images.errors:
        _schedulable(image, found)
    if boards.errors or images.errors:
        raise L4vmErrors([*boards.errors, *images.errors])
    return Description(board, image.image, image_file.parent, tuple(a for _, a in found))

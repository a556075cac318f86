# SPDX-License-Identifier: MIT
"""Boards and images as frozen facts, and the keys their files may have.

Each fact that is a table of its own keeps its place, so that a later check can say where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from l4vm.description.schema import NAME, TOP, Key, Place
from l4vm.formats.link import MAX_CHANNELS

PERIOD_MAX_US = 3_600_000_000
RESTARTS = ("stop", "restart", "reboot", "ignore")
LAYOUTS = ("us", "jp")
TIMES = ("auto", "host", "insn", "exact")
DEFAULT_ROOT = {"priority": 210, "budget_us": 2000, "period_us": 10000}


@dataclass(frozen=True)
class Ram:
    """RAM at [base, base + size)."""

    base: int
    size: int
    place: Place = field(default=TOP, compare=False)


@dataclass(frozen=True)
class Uart:
    """A serial port: `irq` is its ISA interrupt."""

    name: str
    kind: str
    port: int
    ports: int
    irq: int
    clock_hz: int
    baud: int
    place: Place = field(default=TOP, compare=False)


@dataclass(frozen=True)
class Screen:
    """A display and a keyboard: `irq` is the keyboard's ISA interrupt.

    `frame` names the PCI device (vendor:device, hexadecimal) whose first memory is a linear frame as Bochs has it.
    """

    name: str
    kind: str
    irq: int
    frame: str
    place: Place = field(default=TOP, compare=False)


@dataclass(frozen=True)
class IrqRoute:
    """Where an ISA interrupt arrives at the IOAPIC."""

    isa: int
    gsi: int
    trigger: str
    polarity: str
    place: Place = field(default=TOP, compare=False)


@dataclass(frozen=True)
class Board:
    """A machine that images run on."""

    name: str
    arch: str
    ram: tuple[Ram, ...]
    uart: tuple[Uart, ...]
    screen: tuple[Screen, ...]
    irq: tuple[IrqRoute, ...]
    qemu_memory_mib: int
    qemu_cpu: str
    qemu_extra: tuple[str, ...]

    @property
    def ram_bytes(self) -> int:
        """All of its RAM."""
        return sum(ram.size for ram in self.ram)


@dataclass(frozen=True)
class Share:
    """A share of the processor: priority, and budget in each period."""

    priority: int
    budget_us: int
    period_us: int


@dataclass(frozen=True)
class Disk:
    """A RAM disk: empty, or filled from a file; its parts by name and size."""

    name: str
    size_kib: int
    file: str
    partitions: tuple[str, ...]
    place: Place = field(default=TOP, compare=False)


@dataclass(frozen=True)
class Net:
    """A network, apart from all others."""

    name: str
    place: Place = field(default=TOP, compare=False)


@dataclass(frozen=True)
class Server:
    """A device server."""

    name: str
    program: str
    device: str
    layout: str
    client_kib: int
    restart: str
    share: Share
    place: Place = field(default=TOP, compare=False)


@dataclass(frozen=True)
class Realtime:
    """A real-time task."""

    name: str
    program: str
    deadline_us: int
    channel: int
    line: str
    nets: tuple[str, ...]
    servers: tuple[str, ...]
    restart: str
    share: Share
    place: Place = field(default=TOP, compare=False)


@dataclass(frozen=True)
class Guest:
    """A guest: its machine, RAM, and where its program comes from (a recipe, or a file)."""

    name: str
    machine: str
    ram_mib: int
    recipe: str
    kernel: str
    initrd: str
    append: str | None
    time: str
    ns_per_insn: int
    code_cache_mib: int
    disks: tuple[str, ...]
    nets: tuple[str, ...]
    screen: bool
    channel: int
    line: str
    restart: str
    share: Share
    place: Place = field(default=TOP, compare=False)


@dataclass(frozen=True)
class Image:
    """A system to run on a board."""

    name: str
    board: str
    root_program: str
    root: Share
    servers: tuple[Server, ...]
    disks: tuple[Disk, ...]
    nets: tuple[Net, ...]
    realtime: tuple[Realtime, ...]
    guests: tuple[Guest, ...]


_SHARE = {
    "priority": Key(int, low=1, high=255),
    "budget_us": Key(int, low=1, high=PERIOD_MAX_US),
    "period_us": Key(int, low=1, high=PERIOD_MAX_US),
}
_CHANNEL = Key(int, low=0, high=MAX_CHANNELS - 1, form=f"3 to {MAX_CHANNELS - 1}")
_LINE = Key(str, default="", pattern=NAME.pattern, form=NAME.form)
_TABLES = Key(list, default=(), element=dict)
_TEXTS = Key(list, default=(), element=str)

BOARD_TOP = {
    "name": NAME,
    "arch": Key(str, choices=("x86-64",)),
    "ram": Key(list, element=dict),
    "uart": _TABLES,
    "screen": _TABLES,
    "irq": _TABLES,
    "qemu": Key(dict, default={}),
}
RAM = {"base": Key(int, low=0, high=1 << 46, multiple=4096), "size": Key(int, low=4096, high=1 << 40, multiple=4096)}
UART = {
    "name": NAME,
    "kind": Key(str, choices=("16550",)),
    "port": Key(int, low=8, high=0xFFF8, multiple=8),
    "ports": Key(int, default=8, low=8, high=8),
    "irq": Key(int, low=0, high=15),
    "clock_hz": Key(int, default=1843200, low=1, high=1 << 31),
    "baud": Key(int, default=115200, low=50, high=4000000),
}
SCREEN = {
    "name": NAME,
    "kind": Key(str, choices=("pc",)),
    "irq": Key(int, default=1, low=0, high=15),
    "frame": Key(str, default="", pattern=r"[0-9a-f]{4}:[0-9a-f]{4}", form="vendor:device, 4 hexadecimal digits each"),
}
IRQ = {
    "isa": Key(int, low=0, high=15),
    "gsi": Key(int, low=0, high=63),
    "trigger": Key(str, default="edge", choices=("edge", "level")),
    "polarity": Key(str, default="high", choices=("high", "low")),
}
QEMU = {
    "memory_mib": Key(int, default=512, low=64, high=1 << 20),
    "cpu": Key(str, default="max"),
    "extra": Key(list, default=(), element=str),
}
IMAGE_TOP = {
    "board": NAME,
    "image": Key(dict),
    "root": Key(dict, default={}),
    "server": _TABLES,
    "disk": _TABLES,
    "net": _TABLES,
    "rt": _TABLES,
    "guest": _TABLES,
}
IMAGE = {"name": NAME, "root": Key(str, default="root", pattern=NAME.pattern, form=NAME.form)}
ROOT = {name: Key(int, default=DEFAULT_ROOT[name], low=1, high=key.high) for name, key in _SHARE.items()}
DISK = {
    "name": NAME,
    "size_kib": Key(int, default=0, low=1, high=1 << 20),
    "file": Key(str, default=""),
    "partitions": _TEXTS,
}
NET = {"name": NAME}
SERVER = {
    "name": NAME,
    "program": NAME,
    "device": Key(str, default="", pattern=NAME.pattern, form=NAME.form),
    "layout": Key(str, default="us", choices=LAYOUTS),
    "client_kib": Key(int, default=0, low=4, high=1024, multiple=4),
    "restart": Key(str, default="restart", choices=RESTARTS),
    **_SHARE,
}
RT = {
    "name": NAME,
    "program": NAME,
    "deadline_us": Key(int, default=None, low=1, high=PERIOD_MAX_US),
    "channel": _CHANNEL,
    "line": _LINE,
    "nets": _TEXTS,
    "servers": _TEXTS,
    "restart": Key(str, default="stop", choices=RESTARTS),
    **_SHARE,
}
GUEST = {
    "name": NAME,
    "machine": NAME,
    "ram_mib": Key(int, low=1, high=2048),
    "recipe": Key(str, default=""),
    "kernel": Key(str, default=""),
    "initrd": Key(str, default=""),
    "append": Key(str, default=None),
    "time": Key(str, default="auto", choices=TIMES),
    "ns_per_insn": Key(int, default=0, low=0, high=100000),
    "code_cache_mib": Key(int, default=8, low=1, high=64),
    "disks": _TEXTS,
    "nets": _TEXTS,
    "screen": Key(bool, default=False),
    "channel": _CHANNEL,
    "line": _LINE,
    "restart": Key(str, default="stop", choices=RESTARTS),
    **_SHARE,
}

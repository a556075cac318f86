# SPDX-License-Identifier: MIT
"""Read a machine map, `translator/machine/NAME.def`: the lines that the C models expand too.

A map is C preprocessor text of a few macros, described in its own head. Nothing is computed here;
values are C integer literals.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from l4vm.errors import L4vmError

VIRTIO_BYTES = 0x200  # translator/machine/virtio.h VIRTIO_REGISTER_BYTES
_LINE = re.compile(r"^(MACHINE|MASTER|AHB|APB|SCREEN_APB|SCREEN_OPB|VIRTIO|DCR|OPB|BUS|ISA)\(([^)]*)\)\s*$")
_WIDTHS = {"MACHINE": 2, "MASTER": 5, "AHB": 7, "APB": 7, "VIRTIO": 4, "DCR": 3, "OPB": 5}
_WIDTHS |= {"SCREEN_APB": 7, "SCREEN_OPB": 5, "BUS": 4, "ISA": 4}
_FACTS = ("elf_machine", "ram_base", "ram_min", "ram_max")


@dataclass(frozen=True)
class Device:
    """One device: registers at [base, base + size_bytes).

    irq is the line into interrupt controller `controller`; on the LEON, which has one, 0 is none.
    """

    name: str
    irq: int
    base: int
    size_bytes: int
    controller: int = 0


@dataclass(frozen=True)
class VirtioPlace:
    """Where disk or network n lies in guests that have it; kind is "DISK" or "NET"."""

    kind: str
    n: int
    irq: int
    base: int
    size_bytes: int = VIRTIO_BYTES


@dataclass(frozen=True)
class MachineMap:
    """Facts of a machine by name, its devices in map order, its places for disks and networks.

    screen: devices that guests with a screen have more.
    dcrs: the first number and the count of each group of DCRs, by name.
    """

    name: str
    facts: dict[str, int]
    devices: tuple[Device, ...]
    virtio: tuple[VirtioPlace, ...] = ()
    screen: tuple[Device, ...] = ()
    dcrs: dict[str, tuple[int, int]] = field(default_factory=dict)

    def device(self, name: str) -> Device:
        """Return the device called `name`.

        Raises:
            L4vmError: the machine has no such device.
        """
        for device in (*self.devices, *self.screen):
            if device.name == name:
                return device
        known = ", ".join(device.name for device in self.devices)
        raise L4vmError(f"machine {self.name} has no device {name}", f"it has {known}")


    def virtio_places(self, disks: int, nets: int) -> list[VirtioPlace]:
        """Return the places of a guest's first `disks` disks and `nets` networks.

        Raises:
            L4vmError: the machine has not so many.
        """
        for kind, wanted in (("DISK", disks), ("NET", nets)):
            have = sum(place.kind == kind for place in self.virtio)
            if wanted > have:
                what = ("disk" if kind == "DISK" else "network") + "s" * (wanted > 1)
                raise L4vmError(
                    f"{wanted} {what}: machine {self.name} has places for {have}",
                    "give it fewer" if have else "leave them out",
                )
        return [place for place in self.virtio if place.n < (disks if place.kind == "DISK" else nets)]


def machine_names() -> list[str]:
    """Return the names of the machines that there are."""
    return sorted(path.stem for path in machine_map_path("").parent.glob("*.def"))


def machine_map_path(name: str) -> Path:
    """Return where the map of machine `name` lies in this checkout."""
    return Path(__file__).resolve().parents[3] / "translator" / "machine" / f"{name}.def"


def read_machine_map(name: str) -> MachineMap:
    """Read the map of machine `name`.

    Raises:
        L4vmError: there is no such map, a line of it does not have its macro's columns, or a fact is missing.
    """
    path = machine_map_path(name)
    if not path.is_file():
        raise L4vmError(f"no machine is called {name!r}", f"known machines: {', '.join(machine_names())}")
    facts: dict[str, int] = {}
    devices: list[Device] = []
    screen: list[Device] = []
    virtio: list[VirtioPlace] = []
    dcrs: dict[str, tuple[int, int]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = _LINE.match(line)
        if not match:
            continue
        macro, columns = match[1], [column.strip() for column in match[2].split(",")]
        if len(columns) != _WIDTHS[macro]:
            raise L4vmError(
                f"{path}:{number}: {macro} has {len(columns)} columns, not {_WIDTHS[macro]}",
                "see the head of the file",
            )
        try:
            values = [int(column, 0) for column in columns[1:]]
        except ValueError as bad:
            step = "write integers as 0x100 or 256; nothing is computed"
            raise L4vmError(f"{path}:{number}: {line}: {bad}", step) from bad
        if macro == "VIRTIO":
            virtio.append(VirtioPlace(columns[0], *values))
        elif macro == "MACHINE":
            facts[columns[0]] = values[0]
        elif macro in ("APB", "SCREEN_APB"):
            (screen if "SCREEN" in macro else devices).append(Device(columns[0], *values[3:]))
        elif macro in ("OPB", "SCREEN_OPB"):
            controller, irq, base, size = values
            (screen if "SCREEN" in macro else devices).append(Device(columns[0], irq, base, size, controller))
        elif macro in ("BUS", "ISA"):
            devices.append(Device(columns[0], *values))
        elif macro == "DCR":
            dcrs[columns[0]] = (values[0], values[1])
    for fact in _FACTS:
        if fact not in facts:
            raise L4vmError(f"{path}: a line MACHINE({fact}, ...) is missing", "see docs/guide/machines.md")
    return MachineMap(name, facts, tuple(devices), tuple(virtio), tuple(screen), dcrs)

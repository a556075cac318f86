# SPDX-License-Identifier: MIT
"""Rows of `l4vm bench io`: instructions a unit of input and output on the board, and rates on the workstation."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from l4vm.bench import io_board, io_guest
from l4vm.bench.io_board import BoardBench, Cost
from l4vm.bench.io_guest import GuestBench, Rate
from l4vm.bench.programs import MACHINES
from l4vm.guests import read_machine_map

BLOCK_BYTES = 4096
WHERE = ("board", "workstation")
GUESTS = tuple(name for name in MACHINES if read_machine_map(name).virtio)  # that have disks and networks


@dataclass(frozen=True)
class BoardRow:
    """Instructions a unit on the board."""

    guest: str
    operation: str
    unit: str
    cost: Cost
    where: str = "board"


@dataclass(frozen=True)
class GuestRow:
    """Units a second of `l4vm guest run`, and of QEMU where it has the device.

    ratio: ours / QEMU's, above 1 we are faster. mb_per_s: of blocks, by wall seconds, in 10^6 bytes.
    """

    guest: str
    operation: str
    unit: str
    ours: Rate
    qemu: Rate | None
    ratio: float | None
    cpu_ratio: float | None
    mb_per_s: float | None
    qemu_mb_per_s: float | None
    where: str = "workstation"


Row = BoardRow | GuestRow


def _guest_row(guest: str, name: str, ours: Rate, qemu: Rate | None) -> GuestRow:
    operation = io_guest.OPERATIONS[name]
    sizes = [round(rate.wall * BLOCK_BYTES / 1e6, 1) if rate and operation.has_disk else None for rate in (ours, qemu)]
    ratios = (round(ours.wall / qemu.wall, 2), round(ours.cpu / qemu.cpu, 2)) if qemu else (None, None)
    return GuestRow(guest, name, operation.unit, ours, qemu, *ratios, *sizes)


def measure(
    root: Path, programs: Path, guests: list[str], only: list[str], where: list[str], runs: int, share: int = 1
) -> Iterator[Row]:
    """Measure and give row by row; an empty `only` means all.

    Args:
        root: the checkout.
        programs: folder of the program files of the built image `io`; not looked at without "board" in `where`.
        guests: of GUESTS.
        only: names of operations.
        where: of WHERE.
        runs: of each.
        share: each thing is done one in `share` times as often.

    Raises:
        L4vmError: something does not build, or a guest did not do it.
    """
    with tempfile.TemporaryDirectory(prefix="l4vm-") as folder:
        for guest in guests:
            if "workstation" in where:
                station = GuestBench(guest, Path(folder))
                for name in io_guest.OPERATIONS:
                    if not only or name in only:
                        ours, qemu = station.run(io_guest.OPERATIONS[name], runs, share)
                        yield _guest_row(guest, name, ours, qemu)
            if "board" in where:
                board = BoardBench(root, programs, guest, Path(folder))
                for name, operation in io_board.OPERATIONS.items():
                    if not only or name in only:
                        yield BoardRow(guest, name, operation.unit, board.run(operation, runs, share))


def to_json(rows: list[Row]) -> str:
    """Return rows as JSON text: a list; `where` says which of the two forms a row has."""
    return json.dumps([asdict(row) for row in rows], indent=2) + "\n"



# SPDX-License-Identifier: MIT
"""What bare guest programs cost on the board: host instructions for each guest instruction, and for each slow event.

The programs are those of programs.py. The board runs in QEMU in counted time; the plugin of io_board.py
counts each host instruction for the program it belongs to, and the guest's task says at its end how many guest
instructions it has executed. Translated code and translator are the same as on the workstation, where
translator_station.py counts the same program; `kernel` and `server` are what the board adds. Figures are the
difference of two runs, one with twice the rounds, so that start, first translation and end cancel out.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from l4vm.bench.io_board import CountedBoard
from l4vm.bench.programs import build_native, build_program, kind_of, program_names, programs_of
from l4vm.bench.translator_station import PARTS as STATION_PARTS
from l4vm.bench.translator_station import Counted, count
from l4vm.errors import L4vmError

PARTS = ("translated", "translator", "kernel", "server")
_COUNTED = ("guest", "translator", "ipc", "server")
_COUNTERS = re.compile(rb"guest: guest instructions (\d+), through windows (\d+), windows mapped (\d+)")


@dataclass(frozen=True)
class BoardRow:
    """A program on the board.

    parts, total: host instructions for each guest instruction. event: host instructions for each event, the
    guest's own around it included; of kind "slow" only. through_windows: accesses in translated code. station_parts,
    station_total, station_event: the same of the workstation, without its kernel.
    """

    guest: str
    benchmark: str
    kind: str
    insns: int
    parts: dict[str, float]
    total: float
    event: int | None
    through_windows: int
    station_parts: dict[str, float]
    station_total: float
    station_event: int | None


@dataclass(frozen=True)
class _Run:
    insns: int
    through_windows: int
    counts: tuple[int, ...]
    rounds: int
    station: Counted


def _rounds(elf: Path) -> int:
    """Return the program's own constant."""
    with elf.open("rb") as file:
        parsed = ELFFile(file)
        table = parsed.get_section_by_name(".symtab")
        found = table.get_symbol_by_name("bench_rounds") if isinstance(table, SymbolTableSection) else None
        if not found:
            raise L4vmError(f"{elf}: there is no symbol bench_rounds", "link it with tests/bench/programs/main.c", 1)
        symbol = found[0]
        section = parsed.get_section(symbol["st_shndx"])
        at = symbol["st_value"] - section["sh_addr"]
        return int.from_bytes(section.data()[at : at + 4], "little" if parsed.little_endian else "big")


class ProgramBench(CountedBoard):
    """Bare programs as the only guest of a board with nothing but a serial server."""

    def _image_text(self, elf: Path) -> str:
        head = (self._root / "images/io/image.toml").read_text().split('[[server]]\nname = "block"')[0]
        guest = ['name = "guest"', f'machine = "{self._machine}"', "ram_mib = 32", f'kernel = "{elf}"', "priority = 50"]
        return head + "\n".join(["[[guest]]", *guest, "budget_us = 9000", "period_us = 10000", "channel = 8"]) + "\n"

    def _once(self, name: str, share: int) -> _Run:
        elf = build_program(name, self._home, self._machine, share)
        says = f"{name} ok ".encode()
        if kind_of(name) == "cpu":
            words = [str(build_native(name, self._home, share=share))]
            says = subprocess.run(words, capture_output=True, check=True).stdout.strip()
        text, counts = self._run(self._packed(self._image_text(elf)), says)
        found = _COUNTERS.search(text["log"])
        if says not in text["guest"] or not found:
            raise L4vmError(f"{name}: the guest did not say {says!r} but {text['guest'][-200:]!r}", "", exit_code=1)
        parts = tuple(counts[part] for part in _COUNTED)
        station = count(self._machine, elf, says, self._home)
        return _Run(int(found[1]), int(found[2]), parts, _rounds(elf), station)

    def measure(self, name: str, share: int) -> BoardRow:
        """Run a program with one in `share` and one in 2 * `share` of its rounds.

        Raises:
            L4vmError: it does not build, computes something else, or the board did not come to rest.
        """
        much, less = self._once(name, share), self._once(name, 2 * share)
        is_slow, rounds = kind_of(name) == "slow", much.rounds - less.rounds
        board = _spent(PARTS, much.counts, less.counts, much.insns - less.insns)
        station = _spent(
            STATION_PARTS, much.station.counts, less.station.counts, much.station.insns - less.station.insns
        )
        return BoardRow(
            self._machine,
            name,
            kind_of(name),
            much.insns - less.insns,
            board.parts,
            board.total,
            round(board.sum / rounds) if is_slow else None,
            much.through_windows,
            station.parts,
            station.total,
            round(station.sum / rounds) if is_slow else None,
        )


@dataclass(frozen=True)
class _Spent:
    """What lies between two runs: all of it, and for each guest instruction."""

    sum: int
    parts: dict[str, float]
    total: float


def _spent(names: tuple[str, ...], much: tuple[int, ...], less: tuple[int, ...], insns: int) -> _Spent:
    spent = [max(a - b, 0) for a, b in zip(much, less, strict=True)]
    parts = {part: round(one / insns, 3) for part, one in zip(names, spent, strict=True)}
    return _Spent(sum(spent), parts, round(sum(spent) / insns, 3))


def measure(root: Path, programs: Path, guests: list[str], names: list[str], share: int) -> Iterator[BoardRow]:
    """Measure and give row by row; an empty `names` means all bare programs.

    Args:
        root: the checkout.
        programs: folder of the program files of the built image `io`.
        guests: keys of MACHINES.
        names: of bare programs.
        share: one in so many of a program's rounds.

    Raises:
        L4vmError: something does not build, or a program computed something else.
    """
    with tempfile.TemporaryDirectory(prefix="l4vm-") as folder:
        for guest in guests:
            bench = ProgramBench(root, programs, guest, Path(folder))
            for name in names or program_names():
                if name not in programs_of(guest):
                    continue
                yield bench.measure(name, share)


def to_json(rows: list[BoardRow]) -> str:
    """Return rows as JSON text."""
    return json.dumps([asdict(row) for row in rows], indent=2) + "\n"

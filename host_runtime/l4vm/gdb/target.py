# SPDX-License-Identifier: MIT
"""How GDB numbers and names the registers of each guest CPU, and the target description that says so.

A row pairs GDB's name with the machine's; "" reads as 0 and takes no writes. A guest's CPU is the
first of the list all of whose registers the machine has.

Source: Debugging with GDB, appendix G, Target Descriptions; Standard Target Features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from l4vm.binding import Machine
from l4vm.errors import L4vmError


@dataclass(frozen=True)
class Register:
    """One register: its number and name in GDB, its name in the machine, bytes, type."""

    number: int
    name: str
    own: str
    size: int = 4
    kind: str = "int"


@dataclass(frozen=True)
class Cpu:
    """A CPU as GDB knows it."""

    architecture: str
    features: tuple[tuple[str, tuple[Register, ...]], ...]
    code_bytes: int = 4

    @cached_property
    def registers(self) -> dict[int, Register]:
        """All registers by their numbers, ascending."""
        rows = [row for _, rows in self.features for row in rows]
        return {row.number: row for row in sorted(rows, key=lambda row: row.number)}

    def description(self) -> bytes:
        """Return target.xml."""
        lines = ['<?xml version="1.0"?>', '<!DOCTYPE target SYSTEM "gdb-target.dtd">', '<target version="1.0">']
        lines.append(f"<architecture>{self.architecture}</architecture>")
        for feature, rows in self.features:
            lines.append(f'<feature name="{feature}">')
            lines += [
                f'<reg name="{row.name}" bitsize="{8 * row.size}" type="{row.kind}" regnum="{row.number}"/>'
                for row in rows
            ]
            lines.append("</feature>")
        return ("\n".join([*lines, "</target>"]) + "\n").encode()


def _row(
    first: int, names: list[str], own: list[str] | None = None, kind: str = "int", size: int = 4
) -> tuple[Register, ...]:
    return tuple(
        Register(first + i, name, mine, size, kind)
        for i, (name, mine) in enumerate(zip(names, own or names, strict=True))
    )


_WINDOW = [f"{bank}{n}" for bank in "goli" for n in range(8)]
_CONTROL = ["y", "psr", "wim", "tbr", "pc", "npc", "fsr"]
SPARC = Cpu(
    "sparc",
    (
        (
            "org.gnu.gdb.sparc.cpu",
            _row(0, [{"o6": "sp", "i6": "fp"}.get(name, name) for name in _WINDOW], _WINDOW),
        ),
        ("org.gnu.gdb.sparc.fpu", _row(32, [f"f{n}" for n in range(32)], kind="ieee_single")),
        ("org.gnu.gdb.sparc.cp0", _row(64, [*_CONTROL, "csr"], [*_CONTROL, ""])),
    ),
)

# Numbers as GDB gives them to a PowerPC without a description; registers of the 440's own behind them.
_PPC_CONTROL = ["pc", "msr", "cr", "lr", "ctr", "xer"]
_PPC_440 = ["srr0", "srr1", "csrr0", "csrr1", "mcsrr0", "mcsrr1", "esr", "dear", "mcsr", "pid", "mmucr", "ivpr"]
_PPC_440 += ["dbcr0", "dbsr", "tcr", "tsr", *(f"sprg{n}" for n in range(8))]
POWERPC = Cpu(
    "powerpc:common",
    (
        ("org.gnu.gdb.power.core", (*_row(0, [f"r{n}" for n in range(32)]), *_row(64, _PPC_CONTROL))),
        (
            "org.gnu.gdb.power.fpu",
            (*_row(32, [f"f{n}" for n in range(32)], kind="ieee_double", size=8), *_row(70, ["fpscr"])),
        ),
        ("org.l4vm.power.440", _row(71, _PPC_440)),
    ),
)
CPUS = (SPARC, POWERPC)


def cpu_of(machine: Machine) -> Cpu:
    """Return what GDB shall take the machine's CPU for.

    Raises:
        L4vmError: no CPU of the list fits the machine.
    """
    names = {*machine.register_names(), ""}
    for cpu in CPUS:
        if all(row.own in names for row in cpu.registers.values()):
            return cpu
    raise L4vmError("this machine's CPU is not known to the GDB stub", "run it without --gdb")

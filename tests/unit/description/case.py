# SPDX-License-Identifier: MIT
"""A description of two guests and two real-time tasks, and programs for it that are small ELF files made here."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from l4vm.description import Description, GuestImage, Resolved, load_description, resolve
from l4vm.guests import Executable, Segment

R, W, X = 4, 2, 1

BOARD = """name = "bench"
arch = "x86-64"
[[ram]]
base = 0
size = 0x20000000
[[uart]]
name = "com1"
kind = "16550"
port = 0x3f8
irq = 4
[[irq]]
isa = 4
gsi = 4
"""
IMAGE = """board = "bench"
[image]
name = "case"
[[server]]
name = "serial"
program = "serial"
device = "com1"
priority = 200
budget_us = 1000
period_us = 5000
[[rt]]
name = "beat"
program = "beat"
priority = 220
budget_us = 100
period_us = 1000
channel = 4
[[rt]]
name = "pulse"
program = "beat"
priority = 221
budget_us = 100
period_us = 2000
deadline_us = 500
channel = 5
[[guest]]
name = "leon0"
machine = "leon3"
kernel = "guest.elf"
ram_mib = 32
priority = 50
budget_us = 6000
period_us = 10000
channel = 8
time = "exact"
[[guest]]
name = "leon1"
machine = "leon3"
kernel = "guest.elf"
ram_mib = 16
priority = 50
budget_us = 6000
period_us = 10000
channel = 9
restart = "restart"
"""


@dataclass(frozen=True)
class Part:
    """One segment of a program to make."""

    va: int
    data: bytes
    flags: int
    mem_bytes: int = 0


CODE = Part(0x40_0000, b"\xc3" * 100, R | X)
CONSTANTS = Part(0x40_1000, b"constants", R)
DATA = Part(0x40_2000, b"data", R | W, 0x1800)


def elf64(*parts: Part, entry: int = 0x40_0000, machine: int = 62, kind: int = 2) -> bytes:
    """Return an ELF64 executable of these segments (System V gABI, chapters 4 and 5)."""
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    at = 64 + 56 * len(parts)
    header = struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, entry, 64, 0, 0, 64, 56, len(parts), 0, 0, 0)
    table, content = b"", b""
    for part in parts:
        size = max(part.mem_bytes, len(part.data))
        where = (at + len(content), part.va, part.va, len(part.data), size, 4096)
        table += struct.pack("<II6Q", 1, part.flags, *where)
        content += part.data
    return ident + header + table + content


def elf32_sparc() -> bytes:
    """Return a guest program of one word at the start of RAM."""
    ident = b"\x7fELF" + bytes([1, 2, 1]) + bytes(9)
    header = struct.pack(">HHIIIIIHHHHHH", 2, 2, 1, 0x4000_0000, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    return ident + header + struct.pack(">8I", 1, 84, 0x4000_0000, 0x4000_0000, 4, 4, 5, 4) + bytes(4)


PROGRAM = elf64(CODE, CONSTANTS, DATA)
PROGRAMS = {name: PROGRAM for name in ("root", "serial", "beat", "vm")}
GUEST = GuestImage(Executable(0x4000_0000, (Segment(0x4000_1000, 0, b"guest", 64),)), 0x4000_0000, 0x123000)


def description(folder: Path, image: str = IMAGE, board: str = BOARD) -> Description:
    """Write the files and load them.

    Raises:
        L4vmErrors: they are refused.
    """
    home = folder / "case"
    home.mkdir(exist_ok=True)
    (home / "guest.elf").write_bytes(elf32_sparc())
    (home / "board.toml").write_text(board, encoding="utf-8")
    (home / "case.toml").write_text(image, encoding="utf-8")
    return load_description(home / "board.toml", home / "case.toml")


def resolved(folder: Path, image: str = IMAGE) -> Resolved:
    """Return the table of the description."""
    return resolve(description(folder, image), PROGRAMS, {"leon0": GUEST, "leon1": GUEST})

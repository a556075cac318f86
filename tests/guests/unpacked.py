# SPDX-License-Identifier: MIT
"""Debian's kernel for the Malta after it has unpacked itself, as an ELF file.

Unpacking takes two thousand million instructions, which an interpreter need not do again and again: blocks do it
once, up to the first instruction of the kernel itself.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import replace

from l4vm.binding import Machine, On, Stop, Time
from l4vm.guests import GuestFiles, Start, lay_out, start_of_recipe

RECIPE = "malta-linux"
LINKED = 0x80100000
_INSNS_MAX = 4_000_000_000


def elf(entry: int, at: int, data: bytes) -> bytes:
    """Return an executable for a little-endian MIPS: one segment at a virtual address."""
    ident = b"\x7fELF" + bytes([1, 1, 1]) + bytes(9)
    header = struct.pack("<HHIIIIIHHHHHH", 2, 8, 1, entry, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    return ident + header + struct.pack("<8I", 1, 84, at, at, len(data), len(data), 7, 4) + data


@functools.cache
def unpacked(files: GuestFiles) -> bytes:
    """Return the kernel of the recipe as it lies in memory when it starts."""
    start = start_of_recipe(files, Start(files.machine, b"", ""))
    program = lay_out(replace(start, initrd=None, append=None)).executable
    packed_at = min(segment.va for segment in program.segments)
    end = max(segment.pa + segment.mem_bytes for segment in program.segments)
    load = lay_out(start)
    with Machine(load.machine, load.ram_mib, time=Time.EXACT) as machine:
        machine.load_executable(load.executable)
        machine.hook(On.CODE, LINKED, packed_at - 1)
        assert machine.run(_INSNS_MAX) is Stop.HOOK
        physical = LINKED & 0x1FFFFFFF
        return elf(machine["pc"], LINKED, machine.read(physical, end - physical))

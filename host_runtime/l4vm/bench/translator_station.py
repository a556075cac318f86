# SPDX-License-Identifier: MIT
"""Host instructions that a bare guest program costs on the workstation, counted by valgrind: the board's partner.

What runs is the core and the workstation's port around tests/bench/counted/guest.c, without Python, with the engine and
the kind of time that the board has, so that translated code is the same there and here. Callgrind counts every
instruction outside the kernel, and knows translated code by having no object file to name for it.

Two options of valgrind are needed: code in the cache changes through another view than the one that runs
(--smc-check=all), and an access that faults in a window is known by its exact place (--px-file-backed).

Source: Valgrind manual 3.19, 2.6 (core options); Callgrind format specification.
"""

from __future__ import annotations

import re
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from l4vm.bench.programs import MACHINES, PROGRAMS
from l4vm.binding.build import build_program
from l4vm.errors import L4vmError
from l4vm.guests import load_elf

MAIN = PROGRAMS.parent / "counted" / "guest.c"
PARTS = ("translated", "translator")
RAM_MIB = 32
_PIECE = struct.Struct("<QQ")
_TOOL = ("valgrind", "--tool=callgrind", "--smc-check=all", "--px-default=allregs-at-mem-access")
_FORM = ("--px-file-backed=allregs-at-mem-access", "--compress-strings=no", "--compress-pos=no")
_NO_OBJECT = "???"
_INSNS = re.compile(rb"guest instructions (\d+)")


@dataclass(frozen=True)
class Counted:
    """One run: guest instructions, and host instructions as in PARTS."""

    insns: int
    counts: tuple[int, int]


def counts_of(profile: str) -> tuple[int, int]:
    """Return the instructions of code without and with an object file, of a profile in callgrind's format.

    A line of two numbers is a place and its own cost, but for the line behind `calls=`, whose cost the
    called function has too.
    """
    sums, is_translated, is_call = [0, 0], False, False
    for line in profile.splitlines():
        if line.startswith("ob="):
            is_translated = line[3:] == _NO_OBJECT
        elif line.startswith("calls="):
            is_call = True
        elif line[:1].isdigit():
            if not is_call:
                sums[0 if is_translated else 1] += int(line.split()[1])
            is_call = False
    return sums[0], sums[1]


def count(machine: str, elf: Path, says: bytes, scratch: Path) -> Counted:
    """Run a bare program under the counter.

    Args:
        machine: a key of MACHINES.
        elf: the program.
        says: what its console must hold at the end.
        scratch: a folder that exists.

    Raises:
        L4vmError: a tool is missing, or the program says something else.
    """
    program = load_elf(elf, MACHINES[machine].cpu)
    pieces, profile = scratch / "pieces", scratch / "callgrind.out"
    with pieces.open("wb") as file:
        for segment in program.segments:
            file.write(_PIECE.pack(segment.pa, segment.mem_bytes))
            file.write(bytes(segment.data).ljust(segment.mem_bytes, b"\0"))
    guest = [str(build_program(MAIN)), machine, str(RAM_MIB), str(program.entry), str(pieces)]
    command = [*_TOOL, *_FORM, f"--callgrind-out-file={profile}", *guest]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise L4vmError(f"{command[0]} does not run: {error.strerror}", "./kit installs it", exit_code=3) from error
    found = _INSNS.search(done.stderr)
    if done.returncode or says not in done.stdout or not found:
        told = (done.stdout + done.stderr)[-300:]
        raise L4vmError(f"{elf.name} under valgrind did not say {says!r} but {told!r}", "", exit_code=1)
    return Counted(int(found[1]), counts_of(profile.read_text()))

# SPDX-License-Identifier: MIT
"""Programs of tasks: what of an x86-64 ELF file lies where, and which files are refused.

A task's program lies above what the table itself maps for every task (arguments, stack, UTCB: below 4 MiB) and below
4 GiB, where rings, guest RAM and code begin. Source: System V ABI, AMD64 supplement, chapter 4; kernel/user/task.ld.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from l4vm.description.builder import PAGE, Rights, page_up
from l4vm.description.load import Description
from l4vm.description.schema import Place
from l4vm.errors import L4vmError, L4vmErrors

FIRST_VA, END_VA = 0x40_0000, 1 << 32
LINK_HINT = "link it by kernel/user/task.ld"
_RIGHTS = ((4, Rights.READ), (2, Rights.WRITE), (1, Rights.EXEC))  # PF_R, PF_W, PF_X


@dataclass(frozen=True)
class ProgramSegment:
    """Bytes of a program at `va`, zero up to mem_bytes."""

    va: int
    data: bytes
    mem_bytes: int
    rights: Rights


@dataclass(frozen=True)
class Program:
    """A program: its entry and its segments, by address."""

    entry: int
    segments: tuple[ProgramSegment, ...]


def parse_program(data: bytes, where: str) -> Program:
    """Parse a task's program.

    Args:
        data: the ELF file.
        where: how an error begins.

    Raises:
        L4vmError: no linked x86-64 program, or a segment that no task may have.
    """
    try:
        elf = ELFFile(io.BytesIO(data))
        if elf.elfclass != 64 or elf.header.e_machine != "EM_X86_64" or elf.header.e_type != "ET_EXEC":
            raise L4vmError(f"{where}: is no linked x86-64 program", "build it by the kit's SConscript")
        segments = [_segment(s.header, s.data(), where) for s in elf.iter_segments("PT_LOAD") if s.header.p_memsz]
        entry = elf.header.e_entry
    except (ELFError, OverflowError) as error:  # pyelftools lets offsets of 2**63 and more through
        raise L4vmError(f"{where}: is no ELF file ({error})", "build it again") from error
    segments.sort(key=lambda segment: segment.va)
    for lower, upper in itertools.pairwise(segments):
        if page_up(lower.va + lower.mem_bytes) > upper.va:
            raise L4vmError(f"{where}: the segment at 0x{upper.va:x} begins on a page of the one before", LINK_HINT)
    if not any(s.va <= entry < s.va + len(s.data) and s.rights & Rights.EXEC for s in segments):
        raise L4vmError(f"{where}: its entry 0x{entry:x} lies in no executable segment", LINK_HINT)
    return Program(entry, tuple(segments))


def _segment(header: Mapping[str, int], data: bytes, where: str) -> ProgramSegment:
    va, size = header["p_vaddr"], header["p_memsz"]
    called = f"{where}: the segment at 0x{va:x}"
    rights = Rights(sum(int(right) for bit, right in _RIGHTS if header["p_flags"] & bit))
    if va % PAGE:
        raise L4vmError(f"{called} is not page aligned", LINK_HINT)
    if va < FIRST_VA or va + size > END_VA:
        raise L4vmError(f"{called}, {size} bytes, lies outside 0x{FIRST_VA:x}..0x{END_VA:x}", LINK_HINT)
    if rights & Rights.WRITE and rights & Rights.EXEC:
        raise L4vmError(f"{called} is writable and executable", LINK_HINT)
    if len(data) != header["p_filesz"] or len(data) > size:
        raise L4vmError(f"{called} has {len(data)} of {header['p_filesz']} bytes", "it is cut short; build it again")
    return ProgramSegment(va, data, size, rights)


def task_programs(description: Description) -> list[tuple[str, Place, str]]:
    """Return (program, table, key) for each table of the image that names one, but root's."""
    image = description.image
    named = [(server.program, server.place, "program") for server in image.servers]
    named += [(task.program, task.place, "program") for task in image.realtime]
    return [*named, *(("vm", guest.place, "machine") for guest in image.guests)]


def parse_programs(description: Description, programs: Mapping[str, bytes]) -> dict[str, Program]:
    """Parse the programs of all tasks.

    Raises:
        L4vmErrors: programs that were not built, or that are no programs; all of them.
    """
    parsed: dict[str, Program] = {}
    errors: list[L4vmError] = []
    image = description.image
    for name, place, key in [(image.root_program, Place("image", "image"), "root"), *task_programs(description)]:
        where = f"{description.where(place, key)} = '{name}'"
        if name not in programs:
            errors.append(L4vmError(f"{where}: this program was not built", "scons builds what the image names", 3))
            continue
        if name in parsed:
            continue
        try:
            parsed[name] = parse_program(programs[name], where)
        except L4vmError as error:
            errors.append(error)
    if errors:
        raise L4vmErrors(errors)
    return parsed

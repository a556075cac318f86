# SPDX-License-Identifier: MIT
"""Guest executables: what of an ELF file must lie where, and which files are refused.

Only Python parses ELF; the board sees segments, an entry and bytes. A start needs the two headers below and nothing
else of the format; a general parser takes longer to import than a guest's kernel to begin.

Source: System V ABI, ELF gABI, chapters 4 (ELF header) and 5 (program header).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from l4vm.errors import L4vmError
from l4vm.guests.machine_map import machine_names, read_machine_map


@dataclass(frozen=True)
class _Cpu:
    """What tells a guest CPU's files, e_machine (ELF gABI) and byte order, and how it names RAM in them."""

    number: int
    order: str
    physical: Callable[[int], int] = lambda address: address


def _unmapped(address: int) -> int:
    """Programs that run without the TLB are linked to kseg0 and kseg1, which show the first 512 MiB."""
    return address & 0x1FFFFFFF if 0x80000000 <= address < 0xC0000000 else address


_CPUS = {
    "sparc": _Cpu(2, "big"),
    "ppc": _Cpu(20, "big"),
    "mips": _Cpu(8, "little", _unmapped),
}
_MAGIC, _IDENT_BYTES = b"\x7fELF", 16
_ORDERS = {1: "little", 2: "big"}  # EI_DATA
_BITS = {1: 32, 2: 64}  # EI_CLASS
_HEADER = "HHIIIIIHHHHHH"  # e_type .. e_shstrndx
_PROGRAM = "IIIIIIII"  # p_type .. p_align
_ET_EXEC, _PT_LOAD = 2, 1
_HINTS = {
    "EM_SPARC32PLUS": "it holds V8+ code (a 64-bit libgcc or -mcpu=v9 was linked in); build it with -mcpu=v8",
    "EM_PPC64": "it is a 64-bit PowerPC file; build it with -m32",
    "EM_SPARCV9": "it is a 64-bit SPARC V9 file; build it with -m32 -mcpu=v8",
}


@dataclass(frozen=True)
class Segment:
    """Bytes that must lie at physical address `pa`, virtual `va`; zeroes up to `mem_bytes`."""

    pa: int
    va: int
    data: bytes | memoryview  # of a file's bytes, which are large
    mem_bytes: int


@dataclass(frozen=True)
class Executable:
    """A guest ELF file: entry address and its loadable segments in file order."""

    entry: int
    segments: tuple[Segment, ...]

    @property
    def end_va(self) -> int:
        """The first virtual address behind everything loaded, zeroed parts included."""
        return max(segment.va + segment.mem_bytes for segment in self.segments)


def _others(number: int) -> str:
    """Name the machines whose CPU runs this kind of file."""
    maps = [read_machine_map(name) for name in machine_names()]
    names = ", ".join(board.name for board in maps if board.facts["elf_machine"] == number)
    return f", or give the machine that it is for, by --machine or an image's machine =: {names}" if names else ""


def _name_of(number: int, what: str) -> str:
    """Return the ELF specification's name of a number; `what` is E_MACHINE or E_TYPE."""
    from elftools.elf import enums

    names = {value: name for name, value in getattr(enums, f"ENUM_{what}").items()}
    return str(names.get(number, number))


def cpu_of_machine(facts: Mapping[str, int]) -> str:
    """Return the CPU whose executables a machine runs, by the `elf_machine` of its map.

    Raises:
        L4vmError: there is no such CPU.
    """
    for cpu, known in _CPUS.items():
        if known.number == facts["elf_machine"]:
            return cpu
    there_are = ", ".join(f"{known.number} ({cpu})" for cpu, known in _CPUS.items())
    step = f"there are {there_are}; a new CPU has its line in _CPUS of host_runtime/l4vm/guests/elf.py"
    raise L4vmError(f"MACHINE(elf_machine, {facts['elf_machine']}): no guest CPU has this number", step)


def parse_executable(data: bytes, where: str, cpu: str = "sparc") -> Executable:
    """Parse a guest executable.

    Args:
        data: the file.
        where: how to name it in an error.
        cpu: the guest CPU that shall run it.

    Raises:
        L4vmError: not ELF, of another CPU or byte order, not executable, truncated, or empty.
    """
    known = _CPUS[cpu]
    if data[:4] != _MAGIC:
        raise _no_elf(where, "Magic number does not match")
    if len(data) < _IDENT_BYTES + struct.calcsize(f"<{_HEADER}"):
        raise _no_elf(where, "its header is cut off")
    bits, order = _BITS.get(data[4]), _ORDERS.get(data[5])
    if not bits or not order:
        raise _no_elf(where, f"class {data[4]}, byte order {data[5]}")
    mark = "<" if order == "little" else ">"
    kind, number, _, entry, at, _, _, _, step, count, *_ = struct.unpack_from(mark + _HEADER, data, _IDENT_BYTES)
    if number != known.number:
        name, ours = _name_of(number, "E_MACHINE"), _name_of(known.number, "E_MACHINE")
        raise L4vmError(
            f"{where}: e_machine is {name}, the {cpu} guest runs {ours} ({known.number})",
            _HINTS.get(name) or f"build it for a 32-bit {cpu} CPU{_others(number)}",
        )
    if bits != 32 or order != known.order:
        raise L4vmError(
            f"{where}: ELF{bits} {order}-endian, the {cpu} guest runs ELF32 {known.order}-endian",
            f"build it for a 32-bit {known.order}-endian {cpu} CPU",
        )
    if kind != _ET_EXEC:
        raise L4vmError(
            f"{where}: ELF type {_name_of(kind, 'E_TYPE')}, only linked executables (ET_EXEC) can be loaded",
            "link it to fixed addresses, without -pie",
        )
    segments = []
    for place in range(at, at + step * count, step or 1):
        if step < struct.calcsize(_PROGRAM) or place + step > len(data):
            raise _no_elf(where, f"program headers of {step} bytes at 0x{at:x} are not in it")
        what, offset, va, pa, file_bytes, mem_bytes, *_ = struct.unpack_from(mark + _PROGRAM, data, place)
        if what != _PT_LOAD:
            continue
        content = memoryview(data)[offset : offset + file_bytes]
        if len(content) != file_bytes or file_bytes > mem_bytes:
            raise L4vmError(
                f"{where}: the segment at 0x{va:x} has {len(content)} of {file_bytes} bytes",
                "the file is truncated; build or copy it again",
            )
        if mem_bytes:
            segments.append(Segment(known.physical(pa), va, content, mem_bytes))
    if not segments:
        raise L4vmError(f"{where}: nothing in it is loadable", "give a linked ELF executable")
    return Executable(entry, tuple(segments))


def _no_elf(where: str, why: str) -> L4vmError:
    return L4vmError(f"{where}: not an ELF file ({why})", "give a linked ELF executable")


def load_elf(path: Path, cpu: str = "sparc") -> Executable:
    """Read and parse a guest executable.

    Raises:
        L4vmError: the file cannot be read, or as `parse_executable`.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise L4vmError(f"{path}: {error.strerror}", "check the file's name and rights") from error
    return parse_executable(data, str(path), cpu)


def check_fits(executable: Executable, where: str, ram_base: int, ram_bytes: int) -> None:
    """Check that every segment lies in RAM.

    Raises:
        L4vmError: a segment does not; the sentence names it and the range.
    """
    for segment in executable.segments:
        if segment.pa < ram_base or segment.pa + segment.mem_bytes > ram_base + ram_bytes:
            step = "give the guest more RAM, or link the program inside it"
            if segment.pa < ram_base:
                step = "link the program inside RAM; -Wl,-N keeps the file's own headers from lying before it"
            raise L4vmError(
                f"{where}: the segment at 0x{segment.pa:x}, {segment.mem_bytes} bytes, is outside RAM "
                f"(0x{ram_base:x}..0x{ram_base + ram_bytes:x})",
                step,
            )

# SPDX-License-Identifier: MIT
"""Guest executables: what of an ELF file must lie where, and which files are refused.

Only Python parses ELF; the board sees segments, an entry and bytes. The parser takes a fifth of `l4vm`'s start, so it
is imported where a file is parsed.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from l4vm.errors import L4vmError
from l4vm.guests.machine_map import machine_names, read_machine_map


@dataclass(frozen=True)
class _Cpu:
    """What tells a guest CPU's files, e_machine (ELF gABI) and byte order, and how it names RAM in them."""

    number: int
    name: str
    order: str
    physical: Callable[[int], int] = lambda address: address


def _unmapped(address: int) -> int:
    """Programs that run without the TLB are linked to kseg0 and kseg1, which show the first 512 MiB."""
    return address & 0x1FFFFFFF if 0x80000000 <= address < 0xC0000000 else address


_CPUS = {
    "sparc": _Cpu(2, "EM_SPARC", "big"),
    "ppc": _Cpu(20, "EM_PPC", "big"),
    "mips": _Cpu(8, "EM_MIPS", "little", _unmapped),
}
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
    data: bytes
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


def _others(kind: str) -> str:
    """Name the machines whose CPU runs this kind of file."""
    maps = [read_machine_map(name) for name in machine_names()]
    number = next((known.number for known in _CPUS.values() if known.name == kind), None)
    names = [f"--machine {board.name}" for board in maps if board.facts["elf_machine"] == number]
    return f", or give the machine that it is for ({', '.join(names)})" if names else ""


def cpu_of_machine(facts: Mapping[str, int]) -> str:
    """Return the CPU whose executables a machine runs, by the `elf_machine` of its map."""
    return next(cpu for cpu, known in _CPUS.items() if known.number == facts["elf_machine"])


def parse_executable(data: bytes, where: str, cpu: str = "sparc") -> Executable:
    """Parse a guest executable.

    Args:
        data: the file.
        where: how to name it in an error.
        cpu: the guest CPU that shall run it.

    Raises:
        L4vmError: not ELF, of another CPU or byte order, not executable, truncated, or empty.
    """
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    known = _CPUS[cpu]
    try:
        elf = ELFFile(io.BytesIO(data))
        kind = elf.header.e_machine
        if kind != known.name:
            raise L4vmError(
                f"{where}: e_machine is {kind}, the {cpu} guest runs {known.name} ({known.number})",
                _HINTS.get(str(kind)) or f"build it for a 32-bit {cpu} CPU{_others(str(kind))}",
            )
        order = "little" if elf.little_endian else "big"
        if elf.elfclass != 32 or order != known.order:
            raise L4vmError(
                f"{where}: ELF{elf.elfclass} {order}-endian, the {cpu} guest runs ELF32 {known.order}-endian",
                f"build it for a 32-bit {known.order}-endian {cpu} CPU",
            )
        if elf.header.e_type != "ET_EXEC":
            raise L4vmError(
                f"{where}: ELF type {elf.header.e_type}, only linked executables (ET_EXEC) can be loaded",
                "link it to fixed addresses, without -pie",
            )
        segments = []
        for program in elf.iter_segments("PT_LOAD"):
            header = program.header
            content = program.data()
            if len(content) != header.p_filesz or header.p_filesz > header.p_memsz:
                raise L4vmError(
                    f"{where}: the segment at 0x{header.p_vaddr:x} has {len(content)} of {header.p_filesz} bytes",
                    "the file is truncated; build or copy it again",
                )
            if header.p_memsz:
                segments.append(Segment(known.physical(header.p_paddr), header.p_vaddr, content, header.p_memsz))
    except (ELFError, UnicodeDecodeError) as error:
        raise L4vmError(f"{where}: not an ELF file ({error})", "give a linked ELF executable") from error
    if not segments:
        raise L4vmError(f"{where}: nothing in it is loadable", "give a linked ELF executable")
    return Executable(elf.header.e_entry, tuple(segments))


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
            raise L4vmError(
                f"{where}: the segment at 0x{segment.pa:x}, {segment.mem_bytes} bytes, is outside RAM "
                f"(0x{ram_base:x}..0x{ram_base + ram_bytes:x})",
                "give the guest more RAM, or link the program inside it",
            )

# SPDX-License-Identifier: MIT
"""Names for the addresses in a kernel panic.

What is here: `symbolise`, which appends `function+offset (file:line)` to each line of a panic
that has kernel
addresses, from the symbols and line tables of the kernel ELF.
"""

from __future__ import annotations

import bisect
import re
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

ADDRESS = re.compile(r"\b(?:0x)?([0-9a-fA-F]{16}|[0-9a-fA-F]{8})\b")


class Symbols:
    """Functions of an ELF by address."""

    def __init__(self, path: Path) -> None:
        found: list[tuple[int, int, str]] = []
        with path.open("rb") as file:
            elf = ELFFile(file)
            self.lines = _lines(elf)
            for section in elf.iter_sections():
                if isinstance(section, SymbolTableSection):
                    found += [
                        (symbol["st_value"], symbol["st_size"], symbol.name)
                        for symbol in section.iter_symbols()
                        if symbol["st_info"]["type"] in ("STT_FUNC", "STT_NOTYPE") and symbol.name
                    ]
        self._functions = sorted(found)
        self._line_starts = [address for address, _ in self.lines]

    def name(self, address: int) -> str | None:
        """Return `function+offset (file:line)`, or None when the address is in no function."""
        at = bisect.bisect_right(self._functions, (address, 1 << 64, "")) - 1
        if at < 0:
            return None
        start, size, name = self._functions[at]
        if size and address >= start + size:
            return None
        if not size and (at + 1 == len(self._functions) or address - start > 0x1000):
            return None
        place = bisect.bisect_right(self._line_starts, address) - 1
        where = f" ({self.lines[place][1]})" if place >= 0 and self.lines[place][1] else ""
        return f"{name}+{address - start:#x}{where}"


def _lines(elf: ELFFile) -> list[tuple[int, str]]:
    """Return (first address, file:line) of the whole program, sorted; '' ends a range."""
    out: list[tuple[int, str]] = []
    if not elf.has_dwarf_info():
        return out
    dwarf = elf.get_dwarf_info()
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        if program is None:
            continue
        files = program["file_entry"]
        base = 0 if program["version"] >= 5 else 1
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            index = state.file - base
            name = files[index].name.decode() if 0 <= index < len(files) else "?"
            out.append((state.address, "" if state.end_sequence else f"{name}:{state.line}"))
    return sorted(out)


def symbolise(text: str, elf: Path) -> str:
    """Return the text with names behind the addresses the ELF knows; unchanged without an ELF."""
    try:
        symbols = Symbols(elf)
    except (OSError, ELFError):
        return text
    out = []
    for line in text.splitlines():
        names = [symbols.name(int(found, 16)) for found in ADDRESS.findall(line)]
        known = [name for name in names if name]
        out.append(f"{line}    <- {', '.join(known)}" if known else line)
    return "\n".join(out)

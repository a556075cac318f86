# SPDX-License-Identifier: MIT
"""Text of an instruction word by its instruction table, for reports and golden files."""

from __future__ import annotations

from l4vm.decode.table import Table


def _operand(kind: str, value: int, pc: int, guest: str) -> str:
    match kind:
        case "r" if guest == "sparc":
            return f"%{'goli'[value // 8]}{value % 8}"
        case "f" if guest == "sparc":
            return f"%f{value}"
        case "r" if guest == "mips":
            return f"${value}"
        case "r" | "f":
            return f"{kind}{value}"
        case "a" | "l" | "o":  # a letter of the mnemonic
            return kind * value
        case "c":
            return "." * value
        case "d" | "n":
            return str(value)
        case "b":
            return f"{pc + 4 * value & 0xFFFFFFFF:#x}"
        case _:
            return f"{value:#x}"


def disassemble(table: Table, word: int, pc: int) -> str:
    """Return the text of a word at `pc`."""
    entry = table.decode(word)
    if entry is None:
        return "illegal"
    if table.guest == "ppc" and word & 2:
        pc = 0  # AA: the target is absolute
    if table.guest == "mips":  # from the slot; J and JAL within its 256 MiB
        pc = pc + 4 & 0xF0000000 if entry.name in ("J", "JAL") else pc + 4
    text = entry.text
    for name, kind in entry.holes():
        field = entry.field(name)
        if field is not None:
            text = text.replace(f"{{{name}:{kind}}}", _operand(kind, field.get(word), pc, table.guest))
    return text

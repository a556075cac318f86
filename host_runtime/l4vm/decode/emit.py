# SPDX-License-Identifier: MIT
r"""Write the C header of an instruction table: operand struct, list of entries, matcher, texts.

For a table of guest NAME the header defines

    enum NAME_entry                      NAME_ILLEGAL, then one member an entry
    NAME_ENTRIES(X)                      X(Entry, entry_in_lower_case) in the order of the table
    struct NAME_insn                     entry, word, and every operand by its name
    NAME_decode(word, &insn)             fills the struct; a switch tree over the fixed bits
    NAME_texts[]                         disassembly, holes coded as \\001 kind low bits (offset 64)
"""

from __future__ import annotations

from pathlib import Path

from l4vm.decode.table import Entry, Table, read


def write_header(table: Path, out: Path) -> None:
    """Check the table at `table` and write its header to `out`."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(header(read(table)), encoding="utf-8")


def header(table: Table) -> str:
    """Return the text of the header."""
    guest = table.guest
    lines = [
        "/* SPDX-License-Identifier: MIT */",
        f"/* Generated from the instruction table of {guest} (insn.decode). */",
        f"#ifndef {guest.upper()}_DEC_GEN_H",
        f"#define {guest.upper()}_DEC_GEN_H",
        "#include <stdint.h>",
        "",
        f"#define {guest.upper()}_ENTRIES(X) \\",
    ]
    lines += [f"    X({entry.name}, {entry.name.lower()}) \\" for entry in table.entries]
    lines += [
        "",
        f"enum {guest}_entry {{",
        f"    {guest.upper()}_ILLEGAL,",
        f"#define X(name, lower) {guest.upper()}_##name,",
        f"    {guest.upper()}_ENTRIES(X)",
        "#undef X",
        f"    {guest.upper()}_ENTRY_COUNT",
        "};",
        "",
        f"struct {guest}_insn {{",
        f"    enum {guest}_entry entry;",
        "    uint32_t word;",
    ]
    for name, signed in sorted(table.field_signs().items()):
        lines.append(f"    {'int32_t' if signed else 'uint32_t'} {name};")
    lines += ["};", "", *_texts(table), "", *_decoder(table), "", "#endif", ""]
    return "\n".join(lines)


def _texts(table: Table) -> list[str]:
    lines = [f"static const char *const {table.guest}_texts[] = {{", '    "illegal",']
    for entry in table.entries:
        text = entry.text
        for name, kind in entry.holes():
            field = entry.field(name)
            assert field is not None
            bits = field.bits + (32 if field.signed else 0)
            coded = "".join(f"\\{ord(c):03o}" for c in f"\1{kind}{chr(64 + field.low)}")
            text = text.replace(f"{{{name}:{kind}}}", coded + f"\\{64 + bits:03o}")
        lines.append(f'    "{text}",')
    return [*lines, "};"]


def _decoder(table: Table) -> list[str]:
    guest = table.guest
    plain = [entry for entry in table.entries if not entry.default]
    lines = [
        f"static inline void {guest}_decode(uint32_t word, struct {guest}_insn *d)",
        "{",
        f"    d->entry = {guest.upper()}_ILLEGAL;",
        "    d->word = word;",
    ]
    lines += _tree(table, plain, 0, 1)
    for entry in table.entries:
        if entry.default:
            lines.append(f"    if ((word & {entry.mask:#x}u) == {entry.value:#x}u) {{")
            lines += [*_leaf(table, entry, 2), "    }"]
    return [*lines, "}"]


def _tree(table: Table, entries: list[Entry], known: int, depth: int) -> list[str]:
    """Lines that pick one of `entries`, whose `known` bits are already compared."""
    pad = "    " * depth
    common = (1 << table.width) - 1
    for entry in entries:
        common &= entry.mask
    common &= ~known
    if not common or len(entries) == 1:
        lines: list[str] = []
        for entry in entries:
            rest = entry.mask & ~known
            value = entry.value & rest
            test = f"if ((word & {rest:#x}u) == {value:#x}u) {{" if rest else "{"
            lines += [pad + test, *_leaf(table, entry, depth + 1), pad + "}"]
        return lines
    lines = [f"{pad}switch (word & {common:#x}u) {{"]
    for value in sorted({entry.value & common for entry in entries}):
        inner = [entry for entry in entries if entry.value & common == value]
        lines.append(f"{pad}case {value:#x}u:")
        lines += _tree(table, inner, known | common, depth + 1)
        lines.append(f"{pad}    break;")
    return [*lines, f"{pad}}}"]


def _leaf(table: Table, entry: Entry, depth: int) -> list[str]:
    pad = "    " * depth
    lines = []
    for field in entry.fields:
        mask = (1 << field.bits) - 1
        if field.signed:
            top = 32 - field.low - field.bits
            lines.append(f"{pad}d->{field.name} = (int32_t)(word << {top}) >> {32 - field.bits};")
        else:
            lines.append(f"{pad}d->{field.name} = word >> {field.low} & {mask:#x}u;")
    return [*lines, f"{pad}d->entry = {table.guest.upper()}_{entry.name};", f"{pad}return;"]

# SPDX-License-Identifier: MIT
"""Write C headers from construct formats, so that a layout is said once.

A format module offers C_PREFIX and C_STRUCTS (C name -> Struct), and may offer C_CONSTANTS (name ->
int) and C_ENUMS (name -> enum class). Every struct becomes a packed C struct with
its offsets asserted. A field that has no fixed little-endian layout is refused by its name.

`python -m l4vm.formats.cheader MODULE OUT.h` is the build step.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from construct import Array, Bytes, Construct, FixedSized, FormatField, Renamed, Struct

from l4vm.errors import L4vmError

_INTEGERS = {
    "<B": "uint8_t", "=B": "uint8_t", ">B": "uint8_t", "<b": "int8_t", ">b": "int8_t", "=b": "int8_t",
    "<H": "uint16_t", "<h": "int16_t", "<L": "uint32_t", "<l": "int32_t", "<I": "uint32_t", "<i": "int32_t",
    "<Q": "uint64_t", "<q": "int64_t",
}  # fmt: skip


def _bare(field: Any) -> Any:
    """Strip names, enums and other adapters down to the layout."""
    while not isinstance(field, (Struct, Array, Bytes, FixedSized, FormatField)) and hasattr(field, "subcon"):
        field = field.subcon
    return field


def _c_type(field: Construct, path: str, names: dict[int, str]) -> tuple[str, str]:
    """Return a C type and its array suffix, or refuse."""
    bare = _bare(field)
    if isinstance(bare, FormatField):
        if bare.fmtstr in _INTEGERS:
            return _INTEGERS[bare.fmtstr], ""
        raise L4vmError(f"{path}: {bare.fmtstr!r} is not a little-endian integer", "use Int8ul .. Int64ul")
    if isinstance(bare, Bytes) and isinstance(bare.length, int):
        return "uint8_t", f"[{bare.length}]"
    if isinstance(bare, FixedSized) and isinstance(bare.length, int):
        return "uint8_t", f"[{bare.length}]"
    if isinstance(bare, Array) and isinstance(bare.count, int):
        inner, suffix = _c_type(bare.subcon, path, names)
        return inner, f"[{bare.count}]{suffix}"
    if isinstance(bare, Struct):
        if id(bare) in names:
            return f"struct {names[id(bare)]}", ""
        raise L4vmError(f"{path}: its struct is not in C_STRUCTS before it", "list it there")
    raise L4vmError(f"{path}: {type(bare).__name__} has no fixed layout", "use integers, Bytes(n), Array(n, ..)")


def _struct(name: str, layout: Struct, names: dict[int, str]) -> Iterator[str]:
    asserts, offset = [], 0
    yield f"struct {name} {{"
    for field in layout.subcons:
        if not isinstance(field, Renamed) or not field.name:
            raise L4vmError(f"{name}: a field at offset {offset} has no name", "name every field")
        kind, suffix = _c_type(field, f"{name}.{field.name}", names)
        yield f"    {kind} {field.name}{suffix};"
        asserts.append(f'_Static_assert(offsetof(struct {name}, {field.name}) == {offset}, "{name}.{field.name}");')
        offset += field.sizeof()
    yield "} __attribute__((packed, aligned(4)));"
    yield from asserts
    yield f'_Static_assert(sizeof(struct {name}) >= {offset}, "{name}");'
    yield ""


def header(module: ModuleType) -> str:
    """Return the text of the header of a format module.

    Raises:
        L4vmError: a field has no fixed little-endian layout; the sentence names it.
    """
    prefix: str = module.C_PREFIX
    guard = f"{prefix.upper()}GEN_H"
    first = (module.__doc__ or "").strip().splitlines()[0]
    lines = ["/* SPDX-License-Identifier: MIT */", f"/* Generated from {module.__name__}: {first} */"]
    lines += [f"#ifndef {guard}", f"#define {guard}", "#include <stddef.h>", "#include <stdint.h>", ""]
    for name, value in getattr(module, "C_CONSTANTS", {}).items():
        lines.append(f"enum {{ {prefix.upper()}{name} = {int(value)} }};")
    for name, kind in getattr(module, "C_ENUMS", {}).items():
        members = ", ".join(f"{prefix}{name}_{m.name}".upper() + f" = {int(m.value)}" for m in kind)
        lines.append(f"enum {prefix}{name} {{ {members} }};")
    lines.append("")
    names: dict[int, str] = {}
    for name, layout in module.C_STRUCTS.items():
        lines += _struct(prefix + name, layout, names)
        names[id(layout)] = prefix + name
    return "\n".join([*lines, "#endif", ""])


def main(arguments: list[str]) -> int:
    """Write the header of the module named first to the file named second."""
    if len(arguments) != 2:
        print("usage: python -m l4vm.formats.cheader MODULE OUT.h", file=sys.stderr)
        return 2
    try:
        text = header(importlib.import_module(arguments[0]))
    except L4vmError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    out = Path(arguments[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

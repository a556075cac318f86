# SPDX-License-Identifier: MIT
"""A task's arguments: what it was given, by kind and name, in one read-only block at ARGS_VA.

    ArgsHeader | Arg[count] | text

A program asks for things by name (`arg_find(ARG_KIND_RING, "console")`), so no slot and no address is wired into it.

On parse: `parse` checks magic, version, sizes and text ranges. On build: `build` fills the header in.
Size: total_bytes, at most ARGS_MAX_BYTES. Refuses: a name longer than 16 bytes, too many arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from construct import ConstructError, Int32ul, Int64ul, PaddedString, Struct

from l4vm.errors import L4vmError

MAGIC = 0x31475241_4D56344C  # "L4VMARG1"
VERSION = 1
NAME_BYTES = 16
ARGS_MAX_BYTES = 16384


class ArgKind(IntEnum):
    """What an argument is."""

    CAP = 0  # slot
    MEMORY = 1  # va, bytes, mapped with the rights the image grants; slot: its capability, 0: none
    RING = 2  # va, bytes: one ring pair; slot: notification of the other side; value: channel number | kind << 8
    VALUE = 3  # value
    TEXT = 4  # va, bytes: text in this block, with a NUL behind it that `bytes` does not count


Name = PaddedString(NAME_BYTES, "ascii")
ArgsHeader = Struct(
    "magic" / Int64ul,
    "version" / Int32ul,
    "total_bytes" / Int32ul,
    "count" / Int32ul,
    "reserved" / Int32ul,
    "task" / Name,
)
Arg = Struct(
    "kind" / Int32ul,
    "slot" / Int32ul,
    "va" / Int64ul,
    "bytes" / Int64ul,
    "value" / Int64ul,
    "name" / Name,
)

C_PREFIX = "arg_"
C_STRUCTS = {"header": ArgsHeader, "entry": Arg}
C_CONSTANTS = {"VERSION": VERSION, "NAME_BYTES": NAME_BYTES, "MAX_BYTES": ARGS_MAX_BYTES}
C_ENUMS = {"kind": ArgKind}


@dataclass(frozen=True)
class Argument:
    """One argument; `text` is for TEXT only, whose va and bytes `build` fills in."""

    kind: ArgKind
    name: str
    slot: int = 0
    va: int = 0
    bytes: int = 0
    value: int = 0
    text: str = ""


def build(task: str, arguments: Sequence[Argument], base_va: int) -> bytes:
    """Return the block of a task, to be mapped at base_va.

    Raises:
        L4vmError: a name or the whole is too long.
    """
    at = ArgsHeader.sizeof() + Arg.sizeof() * len(arguments)
    entries, texts = b"", b""
    for a in arguments:
        if len(a.name) > NAME_BYTES:
            raise L4vmError(f"task {task}: argument name '{a.name}' is longer than {NAME_BYTES} bytes")
        va, size = a.va, a.bytes
        if a.kind is ArgKind.TEXT:
            encoded = a.text.encode()
            va, size = base_va + at + len(texts), len(encoded)
            texts += encoded + b"\0"
        entries += Arg.build(
            {"kind": a.kind, "slot": a.slot, "va": va, "bytes": size, "value": a.value, "name": a.name}
        )
    total = at + len(texts)
    if total > ARGS_MAX_BYTES:
        raise L4vmError(f"task {task}: its arguments take {total} bytes, at most {ARGS_MAX_BYTES} fit")
    header: bytes = ArgsHeader.build(
        {"magic": MAGIC, "version": VERSION, "total_bytes": total, "count": len(arguments), "reserved": 0, "task": task}
    )
    return header + entries + texts


def parse(data: bytes, base_va: int) -> tuple[str, tuple[Argument, ...]]:
    """Parse and check a block; returns the task's name and its arguments.

    Raises:
        L4vmError: magic, version or a size is wrong.
    """
    try:
        header = ArgsHeader.parse(data)
    except ConstructError as error:
        raise L4vmError(f"the arguments: {len(data)} bytes are fewer than the header's") from error
    if header.magic != MAGIC or header.version != VERSION:
        raise L4vmError(f"the arguments: magic 0x{header.magic:x}, version {header.version}, not {VERSION}")
    first = ArgsHeader.sizeof()
    if header.total_bytes > len(data) or first + header.count * Arg.sizeof() > header.total_bytes:
        raise L4vmError(f"the arguments: {header.count} do not fit {header.total_bytes} bytes of {len(data)}")
    out = []
    for i in range(header.count):
        raw = Arg.parse(data[first + i * Arg.sizeof() :])
        kind, text = ArgKind(raw.kind), ""
        if kind is ArgKind.TEXT:
            start = raw.va - base_va
            if not 0 <= start <= start + raw.bytes < header.total_bytes:
                raise L4vmError(f"the arguments: the text of '{raw.name}' lies outside")
            text = data[start : start + raw.bytes].decode()
        va, size = (0, 0) if kind is ArgKind.TEXT else (raw.va, raw.bytes)
        out.append(Argument(kind, raw.name, raw.slot, va, size, raw.value, text))
    return header.task, tuple(out)

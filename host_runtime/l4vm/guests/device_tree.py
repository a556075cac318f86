# SPDX-License-Identifier: MIT
"""Flattened device trees: parse one, build one; every byte of a property is kept as it is.

Rules: version 17, big-endian; a parsed tree flattens to an equal tree. `parse` takes files of anyone:
every offset is checked, nesting and size are bounded.
Source: Devicetree Specification 0.4, chapter 5.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from l4vm.errors import L4vmError

_MAGIC, _VERSION, _COMPATIBLE = 0xD00DFEED, 17, 16
_HEADER = struct.Struct(">10I")
_BEGIN, _END, _PROPERTY, _NOP, _FINISH = 1, 2, 3, 4, 9
DEPTH_MAX, BYTES_MAX = 32, 1 << 20


@dataclass
class Node:
    """One node: properties and children keep their order."""

    properties: dict[str, bytes] = field(default_factory=dict)
    children: dict[str, Node] = field(default_factory=dict)

    def child(self, name: str) -> Node:
        """Return the child called `name`, made if it is not there."""
        return self.children.setdefault(name, Node())

    def walk(self) -> list[Node]:
        """Return this node and all below it."""
        return [self] + [node for child in self.children.values() for node in child.walk()]


def text(*values: str) -> bytes:
    """Return a property value that holds strings."""
    return b"".join(value.encode("ascii") + b"\0" for value in values)


def cells(*values: int) -> bytes:
    """Return a property value that holds 32-bit numbers."""
    return struct.pack(f">{len(values)}I", *values)


def flatten(root: Node) -> bytes:
    """Return the blob of a tree, without memory reservations."""
    strings, offsets = bytearray(), {}
    body = bytearray()

    def name_offset(name: str) -> int:
        if name not in offsets:
            offsets[name] = len(strings)
            strings.extend(name.encode("ascii") + b"\0")
        return offsets[name]

    def put(name: str, node: Node) -> None:
        label = name.encode("ascii") + b"\0"
        body.extend(cells(_BEGIN) + label + bytes(-len(label) % 4))
        for key, value in node.properties.items():
            body.extend(cells(_PROPERTY, len(value), name_offset(key)) + value + bytes(-len(value) % 4))
        for key, child in node.children.items():
            put(key, child)
        body.extend(cells(_END))

    put("", root)
    body.extend(cells(_FINISH))
    reserve_at = _HEADER.size
    body_at = reserve_at + 16
    strings_at = body_at + len(body)
    total = strings_at + len(strings)
    sizes = (_VERSION, _COMPATIBLE, 0, len(strings), len(body))
    header = _HEADER.pack(_MAGIC, total, body_at, strings_at, reserve_at, *sizes)
    return bytes(header + bytes(16) + body + strings)


def parse(data: bytes, where: str) -> Node:
    """Parse a blob.

    Args:
        data: the file.
        where: how to name it in an error.

    Raises:
        L4vmError: it is no device tree, of another version, truncated or damaged.
    """
    if len(data) < _HEADER.size or data[:4] != cells(_MAGIC):
        raise L4vmError(f"{where}: no flattened device tree (it begins with {data[:4].hex()})", "give a .dtb file")
    _, total, body_at, strings_at, _, version, compatible, _, strings_bytes, body_bytes = _HEADER.unpack_from(data)
    if version < _VERSION or compatible > _VERSION:
        raise L4vmError(f"{where}: device tree version {version}, not {_VERSION}", "compile it with a current dtc")
    if total > len(data):
        raise L4vmError(f"{where}: {len(data)} of {total} bytes are there", "the file is truncated; copy it again")
    ends = (body_at + body_bytes, strings_at + strings_bytes)
    if total > BYTES_MAX or max(ends) > total:
        raise L4vmError(f"{where}: its parts end at {max(ends)}, it has {total} bytes", "compile the tree again")
    return _Reader(data[body_at : ends[0]], data[strings_at : ends[1]], where).root()


class _Reader:
    """Reads one structure block; `at` never leaves it."""

    def __init__(self, body: bytes, strings: bytes, where: str) -> None:
        self.body, self.strings, self.where, self.at = body, strings, where, 0

    def damaged(self, what: str) -> L4vmError:
        return L4vmError(f"{self.where}: {what} at offset {self.at} of its structure", "compile the tree again")

    def word(self) -> int:
        if self.at + 4 > len(self.body):
            raise self.damaged("the end is missing")
        self.at += 4
        return int.from_bytes(self.body[self.at - 4 : self.at], "big")

    def take(self, size: int) -> bytes:
        if size > len(self.body) - self.at:
            raise self.damaged(f"a value of {size} bytes does not fit")
        value = self.body[self.at : self.at + size]
        self.at += size + -size % 4
        return value

    def name(self, data: bytes, start: int) -> str:
        end = data.find(b"\0", start)
        raw = data[start:end]
        if start > len(data) or end < 0 or not raw.isascii():
            raise self.damaged("a name does not end or is no ASCII")
        return raw.decode("ascii")

    def root(self) -> Node:
        root: Node | None = None
        path: list[Node] = []
        while (token := self.word()) != _FINISH:
            if token == _BEGIN:
                name = self.name(self.body, self.at)
                self.take(len(name) + 1)
                node = Node()
                if path:
                    path[-1].children[name] = node
                elif root is not None:
                    raise self.damaged("a second root begins")
                else:
                    root = node
                path.append(node)
                if len(path) > DEPTH_MAX:
                    raise self.damaged(f"nodes are nested deeper than {DEPTH_MAX}")
            elif token == _PROPERTY and path:
                size, name_at = self.word(), self.word()
                path[-1].properties[self.name(self.strings, name_at)] = self.take(size)
            elif token == _END and path:
                path.pop()
            elif token != _NOP:
                raise self.damaged(f"token {token} is out of place")
        if root is None or path:
            raise self.damaged("the tree is not whole")
        return root

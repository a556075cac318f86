# SPDX-License-Identifier: MIT
"""Grows a system table record by record: memory objects, mappings, capabilities, arguments, blobs.

Bytes that lie in the image are shared when equal; those that are mapped from there begin on a page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any

from l4vm.formats import args
from l4vm.formats import system_table as st
from l4vm.formats.args import ArgKind, Argument

PAGE = 4096
ROOT_SLOTS, TASK_SLOTS = 64, 1
"""First slot that the table gives away in root's table, and in another task's."""


class Rights(IntFlag):
    """Bits of kernel/include/abi/k_right.def; a contract test holds them together."""

    READ = 1
    WRITE = 2
    EXEC = 4
    EXEC_VIEW = 8
    ALL = 255


def page_up(size: int) -> int:
    """Return size rounded up to pages."""
    return (size + PAGE - 1) & ~(PAGE - 1)


@dataclass
class TableBuilder:
    """A table in the making; indices are those of the finished table."""

    records: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in st.HEADER_ARRAYS})
    blobs: bytearray = field(default_factory=bytearray)
    arguments: dict[int, list[Argument]] = field(default_factory=dict)
    _seen: dict[bytes, int] = field(default_factory=dict)
    _slots: dict[int, int] = field(default_factory=dict)

    def add(self, array: str, record: object) -> int:
        """Append a record; returns its index."""
        self.records[array].append(record)
        return len(self.records[array]) - 1

    def blob(self, data: bytes) -> int:
        """Return where bytes lie in the blobs, page aligned; equal bytes lie there once."""
        data = bytes(data)
        if data not in self._seen:
            self.blobs += bytes(-len(self.blobs) % PAGE)
            self._seen[data] = len(self.blobs)
            self.blobs += data
        return self._seen[data]

    def memory(self, name: str, size: int, flags: int = 0, content: bytes = b"") -> int:
        """Make a memory object of its own, zero where content ends."""
        number = self.add("memory", st.MemoryRecord(name[: st.NAME_BYTES], page_up(size), 0, flags))
        if content:
            self.load(number, 0, content)
        return number

    def image_memory(self, name: str, content: bytes) -> int:
        """Make a memory object of bytes in the image, read-only for all."""
        at = self.blob(content + bytes(-len(content) % PAGE))
        return self.add(
            "memory", st.MemoryRecord(name[: st.NAME_BYTES], page_up(len(content)), at, st.MemoryFlags.IN_IMAGE)
        )

    def load(self, memory: int, offset: int, content: bytes) -> None:
        """Have root copy bytes into a memory object."""
        self.add("load", st.LoadRecord(memory, offset, self.blob(content), len(content)))

    def bytes_of(self, memory: int) -> int:
        """Return the size of a memory object."""
        return int(self.records["memory"][memory].bytes)

    def map(self, task: int, memory: int, va: int, rights: int) -> None:
        """Map a whole memory object into a task."""
        self.add("map", st.MapRecord(task, memory, va, 0, self.bytes_of(memory), rights))

    def cap(self, task: int, kind: st.CapKind, number: int, rights: int, badge: int = 0) -> int:
        """Give a task a capability; returns its slot."""
        slot = self._slots.get(task, TASK_SLOTS if task else ROOT_SLOTS)
        self._slots[task] = slot + 1
        self.add("cap", st.CapRecord(task, slot, kind, number, rights, badge))
        return slot

    def notification(self) -> int:
        """Make a notification."""
        return self.add("object", st.ObjectRecord(st.ObjectKind.NOTIFICATION))

    def endpoint(self) -> int:
        """Make an endpoint."""
        return self.add("object", st.ObjectRecord(st.ObjectKind.ENDPOINT))

    def argument(self, task: int, kind: ArgKind, name: str, **values: Any) -> None:
        """Tell a task of something by name."""
        self.arguments.setdefault(task, []).append(Argument(kind, name, **values))

    def give_memory(self, task: int, name: str, memory: int, va: int, rights: int, own: bool = False) -> None:
        """Map a memory object and tell the task where; `own`: it may map it elsewhere as well."""
        self.map(task, memory, va, rights)
        slot = self.cap(task, st.CapKind.MEMORY, memory, rights) if own else 0
        self.argument(task, ArgKind.MEMORY, name, slot=slot, va=va, bytes=self.bytes_of(memory))

    def finish(self) -> st.SystemTable:
        """Pack the arguments of all tasks and return the table."""
        for task, arguments in sorted(self.arguments.items()):
            name = self.records["task"][task].name
            block = args.build(name, arguments, st.ARGS_VA)
            self.map(task, self.image_memory(f"{name}.args", block), st.ARGS_VA, Rights.READ)
        return st.SystemTable(**{name: tuple(records) for name, records in self.records.items()})

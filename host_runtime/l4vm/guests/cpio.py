# SPDX-License-Identifier: MIT
"""Write initial RAM disks: cpio archives in the "newc" form, the same bytes for the same contents.

Source: Linux Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import gzip
import stat
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One file of the archive; `mode` holds type and permissions, `device` (major, minor) of a node."""

    name: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def directory(name: str) -> Entry:
    """Return a directory entry, mode 755."""
    return Entry(name, stat.S_IFDIR | 0o755)


def program(name: str, data: bytes) -> Entry:
    """Return an executable file entry, mode 755."""
    return Entry(name, stat.S_IFREG | 0o755, data)


def symlink(name: str, target: str) -> Entry:
    """Return a symbolic link entry."""
    return Entry(name, stat.S_IFLNK | 0o777, target.encode())


def character_device(name: str, major: int, minor: int) -> Entry:
    """Return a character device node, mode 600."""
    return Entry(name, stat.S_IFCHR | 0o600, b"", (major, minor))


def archive(entries: list[Entry]) -> bytes:
    """Return the archive of `entries` in their order, all owned by root, times 0, inode numbers from 1."""
    out = bytearray()
    for number, entry in enumerate([*entries, Entry("TRAILER!!!", 0)], 1):
        name = entry.name.encode() + b"\0"
        links = 2 if stat.S_ISDIR(entry.mode) else 1
        values = (number, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, *entry.device, len(name), 0)
        out += b"070701" + b"".join(b"%08X" % value for value in values) + name
        out += bytes(-len(out) % 4)
        out += entry.data + bytes(-len(entry.data) % 4)
    return bytes(out + bytes(-len(out) % 512))


def compressed(entries: list[Entry]) -> bytes:
    """Return the archive of `entries`, gzip-compressed without a time stamp."""
    return gzip.compress(archive(entries), 9, mtime=0)

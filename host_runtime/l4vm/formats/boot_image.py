# SPDX-License-Identifier: MIT
"""The packed boot image: what lies behind the kernel in memory, page aligned.

    ImageHeader (128 bytes) | Segment * root_segments | system table | root's bytes | blobs

All numbers are little-endian; offsets count from the image's first byte. The kernel starts root
from the root segments and gives it the image read-only; root reads the rest.

On parse: `parse` checks magic, version, sizes, checksum, and that every range lies inside; it
raises L4vmError naming the check. On build: `build` fills sizes and checksum in. Size: header_bytes
+
what follows; total_bytes counts all. Refuses: nothing can be left undefined; unused bytes are zero.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass

from construct import Array, Bytes, ConstructError, Int8ul, Int32ul, Int64ul, Struct

from l4vm.errors import L4vmError

MAGIC = b"L4VMIMG1"
VERSION = 1
HEADER_BYTES = 128
PAGE_BYTES = 4096
_CHECKED_FROM = HEADER_BYTES

ImageHeader = Struct(
    "magic" / Bytes(8),
    "version" / Int32ul,
    "header_bytes" / Int32ul,
    "total_bytes" / Int64ul,
    "crc32" / Int32ul,
    "root_segments" / Int32ul,
    "root_segments_offset" / Int64ul,
    "root_entry" / Int64ul,
    "table_offset" / Int64ul,
    "table_bytes" / Int64ul,
    "build_id" / Bytes(32),
    "blobs_offset" / Int64ul,
    "blobs_bytes" / Int64ul,
    "reserved" / Array(16, Int8ul),
)
"""crc32 (zlib) is over everything behind the header; build_id is the SHA-256 of the same bytes."""

Segment = Struct(
    "offset" / Int64ul,
    "file_bytes" / Int64ul,
    "va" / Int64ul,
    "mem_bytes" / Int64ul,
    "rights" / Int32ul,
    "reserved" / Int32ul,
)
"""Bytes of a task that lie at va; zero from file_bytes to mem_bytes; both page aligned.

rights: bits of k_right.def.
"""

C_PREFIX = "img_"
C_STRUCTS = {"header": ImageHeader, "segment": Segment}
C_CONSTANTS = {"VERSION": VERSION, "HEADER_BYTES": HEADER_BYTES}


@dataclass(frozen=True)
class RootSegment:
    """One segment of the root task: its bytes, address, size in memory and rights."""

    va: int
    data: bytes
    mem_bytes: int
    rights: int


@dataclass(frozen=True)
class BootImage:
    """A parsed image: root's entry and segments, the system table's bytes, and the blobs it names."""

    root_entry: int
    root: tuple[RootSegment, ...]
    table: bytes
    blobs: bytes = b""


def _page_up(value: int) -> int:
    return (value + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1)


def build(image: BootImage) -> bytes:
    """Return the image's bytes."""
    at = _page_up(HEADER_BYTES + Segment.sizeof() * len(image.root) + len(image.table))
    records, content = b"", bytearray()
    for segment in image.root:
        records += Segment.build(
            {
                "offset": at + len(content),
                "file_bytes": len(segment.data),
                "va": segment.va,
                "mem_bytes": segment.mem_bytes,
                "rights": segment.rights,
                "reserved": 0,
            }
        )
        content += segment.data + bytes(-len(segment.data) % PAGE_BYTES)
    head = records + image.table
    blobs_offset = at + len(content)
    body = head + bytes(at - HEADER_BYTES - len(head)) + bytes(content)
    body += image.blobs + bytes(-len(image.blobs) % PAGE_BYTES)
    header: bytes = ImageHeader.build(
        {
            "magic": MAGIC,
            "version": VERSION,
            "header_bytes": HEADER_BYTES,
            "total_bytes": HEADER_BYTES + len(body),
            "crc32": zlib.crc32(body),
            "root_segments": len(image.root),
            "root_segments_offset": HEADER_BYTES,
            "root_entry": image.root_entry,
            "table_offset": HEADER_BYTES + len(records),
            "table_bytes": len(image.table),
            "build_id": hashlib.sha256(body).digest(),
            "blobs_offset": blobs_offset,
            "blobs_bytes": len(image.blobs),
            "reserved": [0] * 16,
        }
    )
    return header + body


def parse(data: bytes, where: str = "the boot image") -> BootImage:
    """Parse and check an image.

    Raises:
        L4vmError: a check failed; the sentence says which, with the value found.
    """

    def refuse(what: str) -> L4vmError:
        return L4vmError(f"{where}: {what}", "build the image again")

    try:
        header = ImageHeader.parse(data)
    except ConstructError as error:
        raise refuse(f"{len(data)} bytes are fewer than the header's {HEADER_BYTES}") from error
    if header.magic != MAGIC:
        raise refuse(f"magic is {bytes(header.magic)!r}, not {MAGIC!r}")
    if header.version != VERSION or header.header_bytes != HEADER_BYTES:
        raise refuse(f"version {header.version}, this kit reads {VERSION}")
    if header.total_bytes != len(data):
        raise refuse(f"total_bytes is {header.total_bytes}, the file has {len(data)}")
    if zlib.crc32(data[_CHECKED_FROM:]) != header.crc32:
        raise refuse("crc32 does not match; the file is damaged")
    root = []
    for i in range(header.root_segments):
        at = header.root_segments_offset + i * Segment.sizeof()
        if at + Segment.sizeof() > len(data):
            raise refuse(f"root segment {i} lies outside")
        s = Segment.parse(data[at : at + Segment.sizeof()])
        if s.offset + s.file_bytes > len(data) or s.file_bytes > s.mem_bytes:
            raise refuse(f"the bytes of root segment {i} lie outside")
        root.append(RootSegment(s.va, data[s.offset : s.offset + s.file_bytes], s.mem_bytes, s.rights))
    if header.table_offset + header.table_bytes > len(data):
        raise refuse("the system table lies outside")
    table = data[header.table_offset : header.table_offset + header.table_bytes]
    if header.blobs_offset % PAGE_BYTES or header.blobs_offset + header.blobs_bytes > len(data):
        raise refuse(f"blobs ({header.blobs_bytes} bytes at {header.blobs_offset}) lie outside")
    blobs = data[header.blobs_offset : header.blobs_offset + header.blobs_bytes]
    return BootImage(header.root_entry, tuple(root), table, blobs)

# SPDX-License-Identifier: MIT
"""U-Boot's legacy image: 64 bytes of header before a kernel, compressed by gzip.

    0 magic | 4 header CRC (with itself 0) | 8 time | 12 size | 16 load | 20 entry | 24 data CRC
    28 OS | 29 CPU | 30 type | 31 compression | 32..63 name

Only what boots a kernel is taken; everything else is refused by name.
Source: U-Boot documentation, "Legacy uImage format"; RFC 1952 for CRC-32 and gzip.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from l4vm.errors import L4vmError

HEADER_BYTES, NAME_BYTES = 64, 32
MAGIC = 0x27051956
_OS_LINUX, _TYPE_KERNEL, _PLAIN, _GZIP = 5, 2, 0, 1
_CPUS = {"ppc": 7, "sparc": 14, "x86": 3, "arm": 2, "mips": 5}
UNPACKED_MAX = 128 << 20


# magic, header CRC, time, size, load, entry, data CRC; OS, CPU, type, compression; name
_HEADER = struct.Struct(f">7I4B{NAME_BYTES}s")
assert _HEADER.size == HEADER_BYTES


@dataclass(frozen=True)
class Uimage:
    """A kernel as it lies in memory: bytes at `load`, started at `entry`."""

    load: int
    entry: int
    data: bytes | memoryview


def is_uimage(data: bytes) -> bool:
    """Tell whether a file is a legacy image."""
    return data[:4] == MAGIC.to_bytes(4, "big")


def build_uimage(kernel: bytes, load: int, entry: int, name: str, cpu: str = "ppc") -> bytes:
    """Return the image of a kernel's memory, compressed, time 0: the same bytes for the same kernel."""
    import gzip  # who runs a guest has no use for it

    data = gzip.compress(kernel, 9, mtime=0)
    kinds = (_OS_LINUX, _CPUS[cpu], _TYPE_KERNEL, _GZIP)
    places = (0, len(data), load, entry, zlib.crc32(data))
    text = name.encode("ascii")[:NAME_BYTES]
    blank = _HEADER.pack(MAGIC, 0, *places, *kinds, text)
    return _HEADER.pack(MAGIC, zlib.crc32(blank), *places, *kinds, text) + data


def parse_uimage(data: bytes, where: str, cpu: str = "ppc") -> Uimage:
    """Parse an image and unpack its kernel.

    Raises:
        L4vmError: truncated, a CRC is wrong, of another CPU, no kernel, or compressed otherwise.
    """
    if len(data) < HEADER_BYTES or not is_uimage(data):
        raise L4vmError(f"{where}: no uImage (it begins with {data[:4].hex()})", "give a uImage or an ELF file")
    _, header_crc, _, size, load, entry, data_crc, _, number, kind, compression, _ = _HEADER.unpack_from(data)
    blank = data[:4] + bytes(4) + data[8:HEADER_BYTES]
    if zlib.crc32(blank) != header_crc:
        raise L4vmError(f"{where}: the uImage's header has a wrong CRC", "the file is damaged; build or copy it again")
    if number != _CPUS[cpu]:
        names = {value: name for name, value in _CPUS.items()}
        found = names.get(number, f"number {number}")
        raise L4vmError(f"{where}: the uImage is for CPU {found}, the guest is {cpu}", f"build it for {cpu}")
    if kind != _TYPE_KERNEL or compression not in (_PLAIN, _GZIP):
        raise L4vmError(
            f"{where}: uImage type {kind}, compression {compression}; a kernel is type {_TYPE_KERNEL}, "
            f"compression {_PLAIN} (none) or {_GZIP} (gzip)",
            "make it by `mkimage -T kernel -C gzip`",
        )
    body = memoryview(data)[HEADER_BYTES : HEADER_BYTES + size]
    if len(body) != size:
        raise L4vmError(f"{where}: {len(body)} of the uImage's {size} bytes are there", "the file is truncated")
    if zlib.crc32(body) != data_crc:
        raise L4vmError(f"{where}: the uImage's data have a wrong CRC", "the file is damaged; build or copy it again")
    return Uimage(load, entry, _unpacked(body, where) if compression == _GZIP else body)


def _unpacked(body: memoryview, where: str) -> bytes:
    inflate = zlib.decompressobj(wbits=31)
    try:
        out = inflate.decompress(body, UNPACKED_MAX)
    except zlib.error as error:
        raise L4vmError(f"{where}: the uImage's kernel does not unpack ({error})", "build it again") from error
    if not inflate.eof:
        raise L4vmError(f"{where}: the uImage's kernel is cut off, or larger than {UNPACKED_MAX >> 20} MiB", "")
    return out

# SPDX-License-Identifier: MIT
"""Drive the virtio devices of fake_vm.c as a driver does: registers, rings in its RAM, requests."""

from __future__ import annotations

import ctypes
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TRANSLATOR = ROOT / "translator"
FLAGS = ["-std=c11", "-O2", "-g", "-Wall", "-Wextra", "-Werror"]
INCLUDE = [f"-I{path}" for path in (TRANSLATOR, TRANSLATOR / "include", HERE)]
DEVICES = [str(path) for path in sorted((TRANSLATOR / "machine").glob("virtio*.c"))]

RAM_BASE, RAM_BYTES, SECTORS = 0x40000000, 384 << 10, 256
NET, DISK = 1, 2
DONE, FAILED, LATER = range(3)
STATUS, NEEDS_RESET, DRIVER_OK, FEATURES_OK = 0x70, 64, 4, 8
ENTRIES, BUFFERS = 8, RAM_BASE + 0x10000
DESC, AVAILABLE, USED = 0x000, 0x400, 0x800  # within a queue's 4 KiB


def build_fuzz(folder: Path) -> Path:
    """Compile the fuzz program with both sanitizers."""
    program = folder / "virtio_fuzz"
    sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    sources = [str(HERE / "fuzz.c"), str(HERE / "fake_vm.c"), *DEVICES]
    subprocess.run(["gcc", *FLAGS, *sanitize, *INCLUDE, *sources, "-o", str(program)], check=True)
    return program


def load_rig(folder: Path) -> Any:
    """Compile the fake machine as a library."""
    library = folder / "libfake.so"
    sources = [str(HERE / "fake_vm.c"), *DEVICES]
    subprocess.run(["gcc", *FLAGS, "-shared", "-fPIC", *INCLUDE, *sources, "-o", str(library)], check=True)
    lib = ctypes.CDLL(str(library))
    pointers = ("fake_create", "fake_ram", "fake_disk", "fake_sent")
    for name in pointers:
        getattr(lib, name).restype = ctypes.c_void_p
    lib.fake_register_read.restype = ctypes.c_uint32
    lib.fake_finish.restype = lib.fake_frame_in.restype = ctypes.c_bool
    return lib


@dataclass(frozen=True)
class Piece:
    """One descriptor of a chain: given to read (data) or to write (room)."""

    data: bytes = b""
    room: int = 0


class Rig:
    """A driver of one device. is_big_endian: the guest loads and stores numbers that way."""

    def __init__(self, lib: Any, kind: int, is_big_endian: bool = True, is_read_only: bool = False) -> None:
        self.lib, self.kind, self.is_big_endian = lib, kind, is_big_endian
        self.vm = ctypes.c_void_p(lib.fake_create(is_big_endian, is_read_only))
        self.ram = (ctypes.c_uint8 * RAM_BYTES).from_address(lib.fake_ram(self.vm))
        self.disk = (ctypes.c_uint8 * (SECTORS * 512)).from_address(lib.fake_disk(self.vm))
        self.published = [0, 0]
        self.next_buffer = BUFFERS

    def close(self) -> None:
        """Free the machine."""
        self.lib.fake_destroy(self.vm)

    def _swap(self, value: int, size: int) -> int:
        order = "big" if self.is_big_endian else "little"
        return int.from_bytes(value.to_bytes(size, "little"), order)

    def get(self, off: int, size: int = 4) -> int:
        """Read a register; its little-endian value."""
        return self._swap(int(self.lib.fake_register_read(self.vm, self.kind, off, size)), size)

    def set(self, off: int, value: int) -> None:
        """Write a register."""
        self.lib.fake_register_write(self.vm, self.kind, off, 4, self._swap(value, 4))

    def count(self, what: str) -> int:
        """Counters of the machine: i, r, f, s, h as in fake_vm.h."""
        return int(self.lib.fake_count(self.vm, ctypes.c_char(what.encode())))

    def write(self, address: int, data: bytes) -> None:
        """Write RAM."""
        at = address - RAM_BASE
        self.ram[at : at + len(data)] = list(data)

    def read(self, address: int, size: int) -> bytes:
        """Read RAM."""
        at = address - RAM_BASE
        return bytes(self.ram[at : at + size])

    def negotiate(self, features: int = 1 << 32) -> int:
        """Reset, acknowledge, agree; returns the status."""
        for value in (0, 1, 3):
            self.set(STATUS, value)
        for half in (0, 1):
            self.set(0x24, half)
            self.set(0x20, features >> 32 * half & 0xFFFFFFFF)
        self.set(STATUS, 3 | FEATURES_OK)
        return self.get(STATUS)

    def queue(self, number: int, entries: int = ENTRIES, parts: Sequence[int] | None = None) -> None:
        """Place a queue and enable it."""
        base = self.queue_base(number)
        self.set(0x30, number)
        self.set(0x38, entries)
        for register, part in zip((0x80, 0x90, 0xA0), parts or (DESC, AVAILABLE, USED), strict=True):
            address = part if parts else base + part
            self.set(register, address & 0xFFFFFFFF)
            self.set(register + 4, address >> 32)
        self.set(0x44, 1)
        self.published[number] = 0

    @staticmethod
    def queue_base(number: int) -> int:
        """Where a queue's parts lie."""
        return RAM_BASE + 0x1000 * number

    def start(self, features: int = 1 << 32) -> None:
        """All that a driver does up to DRIVER_OK."""
        self.ram[0:0x2000] = [0] * 0x2000
        assert self.negotiate(features) & FEATURES_OK
        for number in range(2 if self.kind == NET else 1):
            self.queue(number)
        self.set(STATUS, 3 | FEATURES_OK | DRIVER_OK)

    def descriptor(self, number: int, index: int, address: int, size: int, flags: int, following: int) -> None:
        """Write one descriptor."""
        at = self.queue_base(number) + DESC + 16 * index
        self.write(at, struct.pack("<QIHH", address, size, flags, following))

    def chain(self, number: int, pieces: Sequence[Piece], head: int = 0) -> list[int]:
        """Put a chain into a queue and publish it; returns its buffers' addresses."""
        places = []
        for i, piece in enumerate(pieces):
            size = len(piece.data) or piece.room
            flags = (1 if i + 1 < len(pieces) else 0) | (2 if piece.room else 0)
            self.write(self.next_buffer, piece.data)
            self.descriptor(number, head + i, self.next_buffer, size, flags, head + i + 1)
            places.append(self.next_buffer)
            self.next_buffer += size + 15 & ~15
        self.publish(number, head)
        return places

    def publish(self, number: int, head: int) -> None:
        """Make a chain available."""
        ring = self.queue_base(number) + AVAILABLE
        self.write(ring + 4 + 2 * (self.published[number] % ENTRIES), struct.pack("<H", head))
        self.published[number] += 1
        self.write(ring + 2, struct.pack("<H", self.published[number] & 0xFFFF))

    def notify(self, number: int) -> None:
        """Tell the device."""
        self.set(0x50, number)

    def used(self, number: int) -> list[tuple[int, int]]:
        """What the device gave back so far: (head, written)."""
        ring = self.queue_base(number) + USED
        (count,) = struct.unpack("<H", self.read(ring + 2, 2))
        return [struct.unpack("<II", self.read(ring + 4 + 8 * (i % ENTRIES), 8)) for i in range(count)]  # type: ignore[misc]

    @property
    def is_broken(self) -> bool:
        """Did the device ask for a reset?"""
        return bool(self.get(STATUS) & NEEDS_RESET)

    def request(self, kind: int, sector: int, data: bytes = b"", room: int = 0) -> tuple[int, bytes, int]:
        """Do one disk request; returns its status, what was read, and how much the device says it wrote."""
        pieces = [Piece(struct.pack("<IIQ", kind, 0, sector))]
        pieces += [Piece(data)] if data else []
        pieces += [Piece(room=room)] if room else []
        places = self.chain(0, [*pieces, Piece(room=1)])
        self.write(places[-1], b"\xee")
        self.notify(0)
        self.next_buffer = BUFFERS
        written = self.used(0)[-1][1] if self.used(0) else -1
        return self.read(places[-1], 1)[0], self.read(places[-2], room), written

    def finish(self, tag: int, is_good: bool = True) -> bool:
        """Let the port answer a request."""
        return bool(self.lib.fake_finish(self.vm, tag, is_good))

    def frame_in(self, frame: bytes) -> bool:
        """Offer a frame; was it taken?"""
        return bool(self.lib.fake_frame_in(self.vm, frame, len(frame)))

    def sent(self, index: int) -> bytes:
        """Return a frame that was sent."""
        address = self.lib.fake_sent(self.vm, index)
        (size,) = struct.unpack("I", ctypes.string_at(address, 4))
        return ctypes.string_at(address + 4, size)

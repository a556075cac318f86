# SPDX-License-Identifier: MIT
"""What a guest's disks and networks are made of on the workstation: files, memory, hubs.

    disk = Disk.file(Path("disk.img"))                   locked until it is closed
    disk = Disk.memory(size_bytes=1 << 20)
    hub = Hub()                                          between machines of this process
    hub = Hub("/run/user/1000/lab.sock")                 and of others: the first that comes listens
    Machine("leon3", disks=[disk], nets=[Net(hub, "02:00:00:00:00:01")])

A machine keeps what it was given; close disks and hubs after it.
"""

from __future__ import annotations

import fcntl
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from l4vm.errors import L4vmError

SECTOR_BYTES = 512


@dataclass
class Disk:
    """A disk: an open descriptor, a size, and what the guest is told of it.

    name is its identification, of which the guest sees 20 bytes.
    """

    fd: int
    sectors: int
    is_read_only: bool
    name: str

    @classmethod
    def file(cls, path: Path, is_read_only: bool = False) -> Disk:
        """Open a file as a disk; it stays locked, so that no two guests write to it.

        Raises:
            L4vmError: it cannot be opened, is in use, or is no whole number of sectors.
        """
        try:
            fd = os.open(path, (os.O_RDONLY if is_read_only else os.O_RDWR) | os.O_CLOEXEC)
        except OSError as bad:
            step = "give a file that can be written, or FILE,ro" if not is_read_only else ""
            raise L4vmError(
                f"disk {path}: {bad.strerror}",
                f"`truncate -s 16M {path}` makes an empty one" if isinstance(bad, FileNotFoundError) else step,
            ) from bad
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if is_read_only else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            return cls(fd, _sectors(os.lseek(fd, 0, os.SEEK_END), f"disk {path}"), is_read_only, path.name)
        except BlockingIOError as bad:
            os.close(fd)
            raise L4vmError(f"disk {path}: another guest has it", "use a copy, or FILE,ro in all guests") from bad
        except (OSError, L4vmError):
            os.close(fd)
            raise

    @classmethod
    def memory(cls, data: bytes = b"", size_bytes: int = 0, is_read_only: bool = False) -> Disk:
        """Make a disk in memory, filled with data and then zeros up to size_bytes.

        Raises:
            L4vmError: its size is no whole number of sectors.
        """
        size = max(size_bytes, len(data))
        sectors = _sectors(size, "a disk in memory")
        fd = os.memfd_create("l4vm-disk", os.MFD_CLOEXEC)
        os.ftruncate(fd, size)
        at = 0
        while at < len(data):
            at += os.pwrite(fd, data[at:], at)
        return cls(fd, sectors, is_read_only, "memory")

    def read(self) -> bytes:
        """Return the whole content."""
        size, out = self.sectors * SECTOR_BYTES, bytearray()
        while len(out) < size and (piece := os.pread(self.fd, size - len(out), len(out))):
            out += piece
        return bytes(out)

    def close(self) -> None:
        """Give the descriptor and the lock back."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def _sectors(size_bytes: int, what: str) -> int:
    if not size_bytes or size_bytes % SECTOR_BYTES:
        raise L4vmError(
            f"{what}: {size_bytes} bytes are no whole number of sectors of {SECTOR_BYTES} bytes",
            "truncate -s gives a file a size",
        )
    return size_bytes // SECTOR_BYTES


class Hub:
    """A network hub: what one machine sends, all others get.

    Args:
        path: a socket's path to meet other processes at; empty: machines of this process only.

    Raises:
        L4vmError: the socket cannot be reached or made; the sentence has the system's reason.
    """

    def __init__(self, path: str = "") -> None:
        from l4vm.binding.machine import extension  # machine.py takes disks and nets: the arrow back is late

        module = extension()
        self._lib, self._null = module.lib, module.ffi.NULL
        error = module.ffi.new("char[200]")
        self.handle: Any = self._lib.xl_hub_create(os.fsencode(path), error, len(error))
        if self.handle == self._null:
            reason = module.ffi.string(error).decode()
            raise L4vmError(f"network {path}: {reason}", "give a path in a folder that you can write to")

    @property
    def lost(self) -> int:
        """Frames that a full queue lost."""
        return int(self._lib.xl_hub_lost(self.handle))

    def close(self) -> None:
        """End the hub; its machines are closed before."""
        if self.handle != self._null:
            self._lib.xl_hub_destroy(self.handle)
            self.handle = self._null


@dataclass(frozen=True)
class Net:
    """A network device: its hub, and its address as six hexadecimal bytes with colons."""

    hub: Hub
    mac: str

    @property
    def mac_bytes(self) -> bytes:
        """The address.

        Raises:
            L4vmError: it is none, or that of a group.
        """
        return parse_mac(self.mac)


def parse_mac(text: str) -> bytes:
    """Return the bytes of an Ethernet address.

    Raises:
        L4vmError: it is none, or that of a group.
    """
    if not re.fullmatch(r"([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}", text):
        raise L4vmError(f"network address {text!r}", "six hexadecimal bytes, for example 02:00:00:00:00:01")
    mac = bytes.fromhex(text.replace(":", ""))
    if mac[0] & 1 or not any(mac):
        raise L4vmError(f"network address {text}: is no single station's", "for example 02:00:00:00:00:01")
    return mac

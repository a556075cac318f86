# SPDX-License-Identifier: MIT
"""Drive the devices of desk.c as a driver does: registers, a frame in its RAM, bytes of a keyboard."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TRANSLATOR = HERE.parents[2] / "translator"
FLAGS = ["-std=c11", "-O2", "-g", "-Wall", "-Wextra", "-Werror"]
INCLUDE = [f"-I{path}" for path in (TRANSLATOR, TRANSLATOR / "include", HERE)]
SOURCES = [str(TRANSLATOR / "machine" / f"{name}.c") for name in ("screen", "svgactrl", "apbps2", "ps2_keyboard")]
SOURCES.append(str(HERE / "desk.c"))

RAM_BASE, RAM_BYTES = 0x40000000, 1 << 20
STATUS, LENGTH, FRONT_PORCH, SYNC, LINE, FRAME, CLOCKS, PALETTE = (0x600 + n for n in (0, 4, 8, 12, 16, 20, 24, 40))
DATA, KEY_STATUS, CONTROL, RELOAD = (0x500 + n for n in (0, 4, 8, 12))
MS = 1_000_000
FRAME_MS = 40


def build_fuzz(folder: Path) -> Path:
    """Compile the fuzz program with both sanitizers."""
    program = folder / "screen_fuzz"
    sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    subprocess.run(["gcc", *FLAGS, *sanitize, *INCLUDE, str(HERE / "fuzz.c"), *SOURCES, "-o", str(program)], check=True)
    return program


def load_desk(folder: Path) -> Any:
    """Compile the machine as a library."""
    library = folder / "libdesk.so"
    subprocess.run(["gcc", *FLAGS, "-shared", "-fPIC", *INCLUDE, *SOURCES, "-o", str(library)], check=True)
    lib = ctypes.CDLL(str(library))
    for name in ("desk_create", "desk_ram", "desk_shadow"):
        getattr(lib, name).restype = ctypes.c_void_p
    lib.desk_read.restype = ctypes.c_uint32
    return lib


class Desk:
    """Both devices; registers as items."""

    def __init__(self, lib: Any) -> None:
        self.lib = lib
        self.vm = ctypes.c_void_p(lib.desk_create())
        self.ram = (ctypes.c_uint8 * RAM_BYTES).from_address(lib.desk_ram(self.vm))
        self.shadow = (ctypes.c_uint32 * (1024 * 768)).from_address(lib.desk_shadow(self.vm))

    def close(self) -> None:
        """Free the machine."""
        self.lib.desk_destroy(self.vm)

    def __getitem__(self, off: int) -> int:
        return int(self.lib.desk_read(self.vm, off))

    def __setitem__(self, off: int, value: int) -> None:
        self.lib.desk_write(self.vm, off, ctypes.c_uint32(value))

    def advance_ms(self, ms: float) -> None:
        """Let guest time go on."""
        self.lib.desk_advance(self.vm, ctypes.c_uint64(int(ms * MS)))

    def count(self, what: str) -> int:
        """What the port was told: w, h, t, r, f, p, l, m as in desk.h."""
        return int(self.lib.desk_count(self.vm, ctypes.c_char(what.encode())))

    def write(self, address: int, data: bytes) -> None:
        """Write RAM."""
        at = address - RAM_BASE
        self.ram[at : at + len(data)] = list(data)

    def mode(self, width: int, height: int, bits: int, frame: int = RAM_BASE) -> None:
        """Show a frame as a driver does; bits 1, 2 or 3 as in the status register."""
        self[LENGTH] = (height - 1) << 16 | (width - 1)
        self[FRAME] = frame
        self[STATUS] = bits << 4 | 1

    def keys(self, *codes: int) -> int:
        """Press keys; how many codes were taken?"""
        return int(self.lib.desk_keys(self.vm, bytes(codes), len(codes)))

    def look(self, is_wanted: bool) -> None:
        """The port looks, or away."""
        self.lib.desk_wanted(self.vm, is_wanted)

    def refresh(self) -> None:
        """Bring the shadow up to date."""
        self.lib.desk_refresh(self.vm)

    def received(self, ms: float = 20) -> bytes:
        """Let time go on and take all bytes that came."""
        out = bytearray()
        for _ in range(int(ms)):
            self.advance_ms(1)
            while self[KEY_STATUS] & 1:
                out.append(self[DATA])
        return bytes(out)

    def command(self, *values: int) -> bytes:
        """Send bytes to the keyboard; returns what it answered."""
        for value in values:
            self[DATA] = value
        return self.received(10 * len(values))

# SPDX-License-Identifier: MIT
"""What YAMON does on a Malta for a kernel: the initial RAM disk, arguments, environment, and the jump.

    0x2000            the start: a few instructions that load the registers and jump to the kernel
    behind it         tables of pointers to the arguments and the environment, and their texts
    end of RAM        the initial RAM disk, below a gap for the stack

The kernel is told of all of it by a0, how many arguments, a1, where the table of pointers to them is, a2, the same for
names and values of the environment, one behind the other, and a3, bytes of memory. Argument 0 is the kernel's name,
argument 1 its command line, in which `rd_start` and `rd_size` tell of the initial RAM disk.

Source: YAMON User's Manual, "go" and "Environment variables"; MIPS32 volume II for the instructions.
"""

from __future__ import annotations

import struct

from l4vm.errors import L4vmError
from l4vm.guests.elf import Executable, Segment

APPEND_BYTES_MAX = 3500
START, START_BYTES_MAX = 0x2000, 0x2000
_UNMAPPED = 0x80000000
_ALIGN, _STACK_BYTES = 0x10000, 0x10000
_A0, _A1, _A2, _A3, _T9, _SP = 4, 5, 6, 7, 25, 29


def _load(register: int, value: int) -> tuple[int, int]:
    """Lui register, high; ori register, register, low."""
    return (0x3C000000 | register << 16 | value >> 16, 0x34000000 | register << 21 | register << 16 | value & 0xFFFF)


def _start_code(registers: dict[int, int], entry: int) -> bytes:
    """Load registers, then jr $t9; nop."""
    words = [word for register, value in {**registers, _T9: entry}.items() for word in _load(register, value)]
    words += [_T9 << 21 | 8, 0]
    return struct.pack(f"<{len(words)}I", *words)


def _table(texts: list[str], at: int) -> bytes:
    """Return pointers to texts, ended by 0, and the texts; the table lies at virtual address `at`."""
    first = at + 4 * (len(texts) + 1)
    pointers, content = [], b""
    for text in texts:
        pointers.append(first + len(content))
        content += text.encode() + b"\0"
    return struct.pack(f"<{len(texts) + 1}I", *pointers, 0) + content + bytes(-len(content) % 4)


def place(program: Executable, where: str, ram_bytes: int, append: str, initrd: bytes | None) -> Executable:
    """Lay out everything that RAM holds when the CPU starts.

    Args:
        program: the kernel.
        where: how to name it in an error.
        ram_bytes: size of RAM, within the machine's range.
        append: kernel command line.
        initrd: initial RAM disk.

    Raises:
        L4vmError: something does not fit.
    """
    if len(append) > APPEND_BYTES_MAX or not append.isascii() or not append.isprintable():
        raise L4vmError(
            f"the kernel command line has {len(append)} characters", f"at most {APPEND_BYTES_MAX}, printable ASCII"
        )
    end = max(segment.pa + segment.mem_bytes for segment in program.segments)
    block_end = START + START_BYTES_MAX
    if any(segment.pa < block_end and segment.pa + segment.mem_bytes > START for segment in program.segments):
        raise L4vmError(
            f"{where}: has something between 0x{START:x} and 0x{block_end:x}, where YAMON's arguments lie",
            "link it above, or leave out the initial RAM disk and the command line",
        )
    pieces, line = [], append
    if initrd:
        room = ram_bytes - _STACK_BYTES
        at = (room - len(initrd)) & -_ALIGN
        if at < end:
            raise L4vmError(
                f"the initial RAM disk has {len(initrd)} bytes, {max(0, room - end)} are free behind {where}",
                "give the guest more RAM, or a smaller initial RAM disk",
            )
        pieces.append(Segment(at, _UNMAPPED | at, initrd, len(initrd)))
        line = f"rd_start=0x{_UNMAPPED | at:x} rd_size={len(initrd)} {append}"
    size, stack = str(ram_bytes), _UNMAPPED + ram_bytes - 64

    def code(arguments_at: int, environment_at: int) -> bytes:
        registers = {_A0: 2, _A1: arguments_at, _A2: environment_at, _A3: ram_bytes, _SP: stack}
        return _start_code(registers, program.entry)

    arguments_at = _UNMAPPED | START + len(code(0, 0))
    arguments = _table(["linux", line], arguments_at)
    environment_at = arguments_at + len(arguments)
    settings = ["memsize", size, "ememsize", size, "modetty0", "38400,n,8,1,none"]
    block = code(arguments_at, environment_at) + arguments + _table(settings, environment_at)
    pieces.append(Segment(START, _UNMAPPED | START, block, len(block)))
    return Executable(_UNMAPPED | START, (*program.segments, *pieces))

# SPDX-License-Identifier: MIT
"""The boot file: one 32-bit Multiboot ELF of the kernel and, as its last page-aligned segment, the packed image.

QEMU's -kernel and GRUB load 32-bit ELF files by their physical addresses; the kernel, linked as
ELF64 at the upper half, is written again with its load addresses. It finds the image at the first
page
behind its own end.

Source: Multiboot specification 0.6.96; ELF gABI.
"""

from __future__ import annotations

import io
import struct

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from l4vm.errors import L4vmError
from l4vm.formats import boot_image

_PAGE = boot_image.PAGE_BYTES
_KERNEL_VMA = 0xFFFF_FFFF_8000_0000
_HEADER_WITHIN = 8192
_MULTIBOOT_MAGIC = struct.pack("<I", 0x1BADB002)
_ELF_TO_RIGHTS = ((4, 1), (2, 2), (1, 4))  # PF_R, PF_W, PF_X -> READ, WRITE, EXEC of k_right.def


def _open(data: bytes, where: str) -> ELFFile:
    try:
        elf = ELFFile(io.BytesIO(data))
    except ELFError as error:
        raise L4vmError(f"{where}: not an ELF file ({error})", "build it again") from error
    if elf.elfclass != 64 or elf.header.e_machine != "EM_X86_64" or elf.header.e_type != "ET_EXEC":
        raise L4vmError(f"{where}: not a linked x86-64 program", "build it with the kit's SConscript")
    return elf


def root_image(root_elf: bytes, table: bytes, blobs: bytes = b"", where: str = "the root task") -> bytes:
    """Return the packed image of a root task, a system table and the blobs it names.

    Raises:
        L4vmError: the program is not x86-64, not page aligned, or has a segment writable and executable.
    """
    elf = _open(root_elf, where)
    segments = []
    for program in elf.iter_segments("PT_LOAD"):
        header = program.header
        if not header.p_memsz:
            continue
        if header.p_vaddr % _PAGE:
            raise L4vmError(f"{where}: the segment at 0x{header.p_vaddr:x} is not page aligned", "use task.ld")
        if header.p_flags & 3 == 3:
            raise L4vmError(f"{where}: the segment at 0x{header.p_vaddr:x} is writable and executable", "use task.ld")
        rights = sum(right for flag, right in _ELF_TO_RIGHTS if header.p_flags & flag)
        segments.append(boot_image.RootSegment(header.p_vaddr, program.data(), header.p_memsz, rights))
    return boot_image.build(boot_image.BootImage(elf.header.e_entry, tuple(segments), table, blobs))


def boot_file(kernel_elf: bytes, image: bytes, where: str = "the kernel") -> bytes:
    """Return the Multiboot ELF of kernel and image.

    Raises:
        L4vmError: the kernel has no Multiboot header in its first 8 KiB, or does not fit 32 bits.
    """
    elf = _open(kernel_elf, where)
    entry = elf.header.e_entry
    if entry >= _KERNEL_VMA:
        entry -= _KERNEL_VMA
    pieces = []
    for program in elf.iter_segments("PT_LOAD"):
        header = program.header
        if header.p_memsz:
            pieces.append((header.p_paddr, program.data(), header.p_memsz, header.p_flags))
    pieces.sort()
    end = max(address + size for address, _, size, _ in pieces)
    image_at = (end + _PAGE - 1) & ~(_PAGE - 1)
    pieces.append((image_at, image, len(image), 4))
    if image_at + len(image) >= 1 << 32 or entry >= 1 << 32:
        raise L4vmError(f"{where}: does not fit below 4 GiB", "make the image smaller")
    ident = b"\x7fELF" + bytes([1, 1, 1]) + bytes(9)
    table, data, offset = b"", b"", _PAGE
    for address, content, mem_bytes, flags in pieces:
        table += struct.pack("<8I", 1, offset, address, address, len(content), mem_bytes, flags, _PAGE)
        data += content + bytes(-len(content) % _PAGE)
        offset = _PAGE + len(data)
    head = ident + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, entry, 52, 0, 0, 52, 32, len(pieces), 0, 0, 0) + table
    out = head + bytes(_PAGE - len(head)) + data
    if _MULTIBOOT_MAGIC not in out[:_HEADER_WITHIN]:
        raise L4vmError(
            f"{where}: no Multiboot header in the first 8 KiB of the boot file",
            "section .boot must come first",
        )
    return out

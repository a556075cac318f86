# SPDX-License-Identifier: MIT
"""The boot file: what a Multiboot loader reads of it, and what is refused."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from l4vm.errors import L4vmError
from l4vm.formats import boot_image
from l4vm.pack import boot_file, root_image

HEADER = ".section .boot,\"ax\"\n.long 0x1badb002, 0, -0x1badb002\n"
SCRIPT = """ENTRY(_start)
PHDRS { boot PT_LOAD FLAGS(5); data PT_LOAD FLAGS(%d); }
SECTIONS { . = 0x%x; .boot : AT(0x100000) { *(.boot) *(.text) } :boot
  . = ALIGN(4096); .data : AT(0x101000) { *(.data) *(.bss) } :data }
"""


def link(folder: Path, assembly: str, base: int = 0x100000, data_flags: int = 6) -> bytes:
    """Assemble and link a program of two segments."""
    source, script, elf = folder / "p.S", folder / "p.ld", folder / "p.elf"
    source.write_text(assembly)
    script.write_text(SCRIPT % (data_flags, base))
    subprocess.run(["gcc", "-c", str(source), "-o", str(folder / "p.o")], check=True)
    words = ["ld", "-static", "--no-warn-rwx-segments", "-T", str(script), "-o", str(elf), str(folder / "p.o")]
    subprocess.run(words, check=True)
    return elf.read_bytes()


PROGRAM = ".text\n.globl _start\n_start: hlt\n.data\n.ascii \"data\"\n.bss\n.skip 9000\n"


def test_a_loader_finds_kernel_and_image_at_their_physical_addresses(tmp_path: Path) -> None:
    image = b"IMAGE" * 1000
    elf = ELFFile(io.BytesIO(boot_file(link(tmp_path, HEADER + PROGRAM, 0xFFFFFFFF80100000), image)))
    assert elf.elfclass == 32 and elf.header.e_machine == "EM_386"
    assert elf.header.e_entry == 0x100000 + 12
    loads = [(s.header.p_paddr, s.header.p_memsz) for s in elf.iter_segments("PT_LOAD")]
    assert [paddr for paddr, _ in loads] == [0x100000, 0x101000, 0x104000]
    assert list(elf.iter_segments("PT_LOAD"))[2].data() == image
    assert loads[1][1] >= 9004, "memory beyond the file's bytes is kept for .bss"


def test_a_kernel_without_a_multiboot_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(L4vmError, match="the kernel: no Multiboot header in the first 8 KiB"):
        boot_file(link(tmp_path, PROGRAM), b"image")


def test_root_keeps_its_segments_with_their_rights(tmp_path: Path) -> None:
    image = boot_image.parse(root_image(link(tmp_path, PROGRAM, 0x400000), b"table", b"blobs"))
    assert [(s.va, s.rights) for s in image.root] == [(0x400000, 5), (0x401000, 3)]
    assert (image.root_entry, image.table, image.blobs) == (0x400000, b"table", b"blobs")


def test_a_segment_writable_and_executable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(L4vmError, match="0x401000 is writable and executable"):
        root_image(link(tmp_path, PROGRAM, 0x400000, data_flags=7), b"")


def test_a_segment_off_the_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(L4vmError, match="0x400010 is not page aligned"):
        root_image(link(tmp_path, PROGRAM, 0x400010), b"")


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"\x7fELF" + bytes(60), b"#!/bin/sh\n"])
def test_what_is_no_program_is_refused(data: bytes) -> None:
    with pytest.raises(L4vmError, match="the root task: not a"):
        root_image(data, b"")


def test_an_object_file_is_refused(tmp_path: Path) -> None:
    link(tmp_path, PROGRAM)
    with pytest.raises(L4vmError, match="not a linked x86-64 program"):
        root_image((tmp_path / "p.o").read_bytes(), b"")

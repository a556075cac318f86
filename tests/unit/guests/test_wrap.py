# SPDX-License-Identifier: MIT
"""Wrapping kernels, reading machine maps and guest executables, packing initial RAM disks."""

from __future__ import annotations

import struct

import pytest

from l4vm.errors import L4vmError
from l4vm.guests import cpio, is_wrapped, parse_executable, prom_tree, read_machine_map
from l4vm.guests.wrap import wrap

MIB = 1 << 20


def elf(machine: int = 2, entry: int = 0xF0004000, order: int = 2, body: bytes = b"", kind: int = 2) -> bytes:
    """A 32-bit ELF file with one segment at 0xf0004000."""
    e = ">" if order == 2 else "<"
    ident = b"\x7fELF" + bytes([1, order, 1]) + bytes(9)
    head = ident + struct.pack(e + "HHIIIIIHHHHHH", kind, machine, 1, entry, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    table = struct.pack(e + "8I", 1, 4096, 0xF0004000, 0xF0004000, len(body), max(len(body), 4), 7, 4096)
    return head + table + bytes(4096 - 84) + body


def kernel() -> bytes:
    body = bytearray(0x3000)
    body[0x2000:0x2004] = b"HdrS"
    return elf(body=bytes(body))


def test_machine_map_says_what_the_manual_says() -> None:
    leon3 = read_machine_map("leon3")
    assert leon3.facts["ram_base"] == 0x40000000
    assert [d.name for d in leon3.devices] == ["MCTRL", "APBUART", "IRQMP", "GPTIMER"]
    assert leon3.device("GPTIMER").irq == 6


def test_unknown_machine_is_refused_with_the_known_ones() -> None:
    with pytest.raises(L4vmError, match=r"no machine is called 'leon9'\n  known machines: bamboo, leon3, malta"):
        read_machine_map("leon9")


def test_wrapped_kernel_starts_at_ram_and_holds_kernel_and_initrd() -> None:
    out = parse_executable(wrap(kernel(), b"disk" * 1000, "quiet", 32 * MIB), "out")
    assert out.entry == 0x40000000
    assert out.segments[0].pa == 0x40000000
    assert out.segments[1].data == b"disk" * 1000
    image, size = struct.unpack(">II", out.segments[0].data[0x6010:0x6018])
    assert (image - 0xF0000000 + 0x40000000, size) == (out.segments[1].pa, 4000)


def test_wrapping_is_the_same_bytes_each_time() -> None:
    assert wrap(kernel(), b"x", "a", 32 * MIB) == wrap(kernel(), b"x", "a", 32 * MIB)


def test_wrapped_kernel_is_recognised_and_not_wrapped_again() -> None:
    wrapped = wrap(kernel(), None, "", 32 * MIB)
    assert is_wrapped(wrapped) and not is_wrapped(kernel())
    with pytest.raises(L4vmError, match="is wrapped already"):
        wrap(wrapped, None, "", 32 * MIB)


@pytest.mark.parametrize("ram_mib", [8, 16, 64, 256, 1024])
def test_every_ram_size_maps_all_of_its_lowmem(ram_mib: int) -> None:
    data = wrap(kernel(), None, "", ram_mib * MIB)
    sections = min(16, (ram_mib + 15) // 16)

    def entries(section: int) -> int:
        return data.count(struct.pack(">I", (0x40000000 + (section << 24)) >> 4 | 0x9E))

    assert [entries(i) for i in range(sections)] == [2] * sections  # virtual 0xf0000000 and identity
    assert entries(sections) == 0


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (elf(machine=18), "EM_SPARC32PLUS.*V8\\+"),
        (elf(machine=20), "EM_PPC"),
        (elf(order=1), "ELF32 little-endian"),
        (elf(kind=1), "only linked executables"),
        (b"not an ELF", "not an ELF file"),
        (elf(entry=0x40000000, body=b"1234"), "entry 0x40000000 is not that of a SPARC32 vmlinux"),
    ],
)
def test_what_is_no_leon_kernel_is_refused_by_name(data: bytes, sentence: str) -> None:
    with pytest.raises(L4vmError, match=f"(?s)boot.elf: .*{sentence}"):
        wrap(data, None, "", 32 * MIB, where="boot.elf")


@pytest.mark.parametrize(
    ("append", "ram_mib", "initrd", "sentence"),
    [
        ("x" * 256, 32, None, "256 characters"),
        ("\u00e9", 32, None, "1 characters"),
        ("", 4, None, "outside 8..1024 MiB"),
        ("", 2048, None, "outside 8..1024 MiB"),
        ("", 8, bytes(8 * MIB), "can place 8388608"),
    ],
)
def test_settings_that_do_not_fit_are_refused(append: str, ram_mib: int, initrd: bytes | None, sentence: str) -> None:
    with pytest.raises(L4vmError, match=sentence):
        wrap(kernel(), initrd, append, ram_mib * MIB)


def test_kernel_without_boot_header_cannot_take_an_initrd() -> None:
    with pytest.raises(L4vmError, match="no boot header"):
        wrap(elf(body=bytes(0x3000)), b"x", "", 32 * MIB)


def test_idprom_checksum_is_zero() -> None:
    checksum = 0
    for byte in prom_tree.idprom()[:16]:
        checksum ^= byte
    assert checksum == 0


def test_tree_layout_links_every_node_once() -> None:
    data, nodes = prom_tree.layout(prom_tree.leon_tree(read_machine_map("leon3")), 0xF0002000)
    links = [struct.unpack_from(">IIII", data, 16 * i)[:2] for i in range(nodes)]
    assert sorted(n for pair in links for n in pair if n) == list(range(2, nodes + 1))


def test_archive_is_in_newc_form_and_stable() -> None:
    entries = [cpio.directory("dev"), cpio.character_device("dev/console", 5, 1), cpio.program("init", b"#!")]
    data = cpio.archive(entries)
    assert data == cpio.archive(entries) and len(data) % 512 == 0
    assert data.startswith(b"070701") and b"TRAILER!!!" in data
    assert cpio.compressed(entries) == cpio.compressed(entries)

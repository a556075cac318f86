# SPDX-License-Identifier: MIT
"""Bamboo boot files: uImages and device trees of our own and of strangers, and where everything lies in RAM."""

from __future__ import annotations

import gzip
import shutil
import struct
import subprocess
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l4vm.errors import L4vmError
from l4vm.guests import place, read_machine_map
from l4vm.guests.bamboo import bamboo_tree, board_tree
from l4vm.guests.device_tree import Node, cells, flatten, parse, text
from l4vm.guests.uimage import HEADER_BYTES, build_uimage, parse_uimage

MIB = 1 << 20
KERNEL = b"\x48\x00\x00\x00" * 4096
UIMAGE = build_uimage(KERNEL, 0, 0, "Linux")
names = st.text("abcdefghij@0123456789-,#", min_size=1, max_size=12)
trees = st.recursive(
    st.builds(Node, st.dictionaries(names, st.binary(max_size=20), max_size=4)),
    lambda below: st.builds(
        Node, st.dictionaries(names, st.binary(max_size=20), max_size=3), st.dictionaries(names, below, max_size=3)
    ),
    max_leaves=12,
)


@given(trees)
def test_flattened_tree_parses_to_the_same_tree(tree: Node) -> None:
    assert parse(flatten(tree), "tree") == tree


def test_tree_tells_of_the_disks_and_networks_that_the_guest_has() -> None:
    nodes = tree_of(disks=2, nets=1).children["plb"].children["opb"].children
    places = read_machine_map("bamboo").virtio_places(2, 1)
    assert [name for name in nodes if name.startswith("virtio@")] == [f"virtio@{place.base:x}" for place in places]
    assert nodes["virtio@ef701000"].properties["interrupts"] == cells(17, 4)
    assert not any(name.startswith("virtio@") for name in tree_of().children["plb"].children["opb"].children)


def tree_of(dtb: bytes | None = None, disks: int = 0, nets: int = 0, screen: bool = False) -> Node:
    """Return the tree that the guest finds."""
    placed = place(UIMAGE, "uImage", 64 * MIB, dtb=dtb, disks=disks, nets=nets, screen=screen)
    return parse(placed.segments[-1].data, "tree")


def test_disks_join_the_bus_and_the_interrupt_controller_of_a_tree_that_is_given() -> None:
    mine = parse(board_tree(64 * MIB, ""), "mine")
    mine.children["interrupt-controller0"].properties["phandle"] = cells(77)
    opb = tree_of(flatten(mine), disks=1).children["plb"].children["opb"]
    assert opb.children["virtio@ef700000"].properties["interrupt-parent"] == cells(77)


def test_screen_lies_behind_the_memory_that_the_tree_tells_of() -> None:
    with_screen, without = tree_of(screen=True), tree_of()
    end = 64 * MIB - read_machine_map("bamboo").facts["screen_bytes"]
    assert with_screen.children["memory"].properties["reg"] == cells(0, 0, end)
    assert without.children["memory"].properties["reg"] == cells(0, 0, 64 * MIB)
    frame = with_screen.children["plb"].children[f"framebuffer@{end:x}"].properties
    assert frame["compatible"] == text("simple-framebuffer")
    assert frame["reg"] == cells(0, end, 640 * 480 * 2)
    keyboard = with_screen.children["plb"].children["opb"].children["GAISLER_APBPS2@ef706000"].properties
    assert keyboard["interrupts"] == cells(22, 1)
    assert not any("GAISLER" in name or "framebuffer" in name for name in flatten_names(without))


def test_program_that_reaches_into_the_screen_is_refused() -> None:
    kernel = build_uimage(bytes(7 * MIB), 0, 0, "Linux")
    place(kernel, "uImage", 8 * MIB)
    with pytest.raises(L4vmError, match="the device tree lies at 0x6f0000"):
        place(kernel, "uImage", 8 * MIB, screen=True)


def flatten_names(node: Node) -> list[str]:
    """Return the names of all nodes below one."""
    return [name for key, child in node.children.items() for name in (key, *flatten_names(child))]


@pytest.mark.parametrize("missing", ["plb", "interrupt-controller0"])
def test_disk_is_refused_where_the_given_tree_has_no_place_for_it(missing: str) -> None:
    mine = parse(board_tree(64 * MIB, ""), "mine")
    del mine.children[missing]
    with pytest.raises(L4vmError, match=r"no ibm,opb bus|no interrupt controller with cell-index 0"):
        tree_of(flatten(mine), disks=1)


def test_more_disks_than_places_are_refused() -> None:
    with pytest.raises(L4vmError, match="5 disks: machine bamboo has places for 4"):
        tree_of(disks=5)


@given(st.integers(0, 10_000), st.integers(0, 255), st.integers(0, 10_000))
def test_damaged_tree_is_refused_or_parses_and_never_crashes(at: int, value: int, cut: int) -> None:
    data = bytearray(board_tree(64 * MIB, "quiet"))
    data[at % len(data)] = value
    try:
        assert isinstance(parse(bytes(data[: len(data) - cut % 40]), "tree"), Node)
    except L4vmError as error:
        assert error.message.startswith("tree: ")


def test_device_tree_compiler_reads_our_tree() -> None:
    assert shutil.which("dtc")
    command = ["dtc", "-q", "-I", "dtb", "-O", "dts", "-"]
    done = subprocess.run(command, input=board_tree(64 * MIB, "quiet"), capture_output=True, check=True)
    assert b'bootargs = "quiet";' in done.stdout
    assert b"reg = <0xef600300 0x08>;" in done.stdout
    assert b"reg = <0x00 0x00 0x4000000>;" in done.stdout


def test_no_tree_is_refused() -> None:
    with pytest.raises(L4vmError, match=r"mine: no flattened device tree \(it begins with 7f454c46\)"):
        parse(b"\x7fELF" + bytes(100), "mine")


def test_truncated_tree_is_refused() -> None:
    data = board_tree(64 * MIB, "")
    with pytest.raises(L4vmError, match=rf"mine: {len(data) - 1} of {len(data)} bytes are there"):
        parse(data[:-1], "mine")


def test_uimage_unpacks_to_what_was_packed() -> None:
    image = parse_uimage(UIMAGE, "uImage")
    assert (image.load, image.entry, image.data) == (0, 0, KERNEL)


def header(data: bytes, cpu: int = 7, kind: int = 2, compression: int = 1) -> bytes:
    """Return a uImage whose header CRC is right, whatever the fields."""

    def pack(crc: int) -> bytes:
        numbers = (0x27051956, crc, 0, len(data), 0, 0, zlib.crc32(data))
        return struct.pack(">7I4B32s", *numbers, 5, cpu, kind, compression, b"Linux")

    return pack(zlib.crc32(pack(0))) + data


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\x7fELF" + bytes(100), r"k: no uImage \(it begins with 7f454c46\)"),
        (UIMAGE[:20] + b"\x01" + UIMAGE[21:], "k: the uImage's header has a wrong CRC"),
        (UIMAGE[:-4], rf"k: {len(UIMAGE) - HEADER_BYTES - 4} of the uImage's {len(UIMAGE) - HEADER_BYTES} bytes"),
        (UIMAGE[:-1] + bytes([UIMAGE[-1] ^ 1]), "k: the uImage's data have a wrong CRC"),
        (header(KERNEL, cpu=2), "k: the uImage is for CPU arm, the guest is ppc"),
        (header(KERNEL, kind=3), "k: uImage type 3, compression 1; a kernel is type 2"),
        (header(KERNEL, compression=2), "k: uImage type 2, compression 2"),
        (header(b"no gzip"), "k: the uImage's kernel does not unpack"),
        (header(gzip.compress(KERNEL)[:-9]), "k: the uImage's kernel is cut off"),
    ],
)
def test_uimage_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(L4vmError, match=sentence):
        parse_uimage(data, "k")


def test_ram_holds_kernel_disk_and_tree_which_tells_of_them() -> None:
    program = place(UIMAGE, "uImage", 16 * MIB, "quiet", b"disk" * 1000)
    kernel, disk, tree = program.segments
    assert (program.entry, kernel.pa, kernel.data) == (0, 0, KERNEL)
    assert tree.pa == 16 * MIB - read_machine_map("bamboo").facts["tree_bytes"]
    chosen = parse(tree.data, "tree").children["chosen"].properties
    assert chosen["bootargs"] == text("quiet")
    assert chosen["linux,initrd-start"] == cells(disk.pa)
    assert chosen["linux,initrd-end"] == cells(disk.pa + 4000)
    assert disk.pa % 4096 == 0 and kernel.pa + kernel.mem_bytes <= disk.pa and disk.pa + 4000 <= tree.pa


def test_tree_of_the_user_is_kept_and_edited() -> None:
    machine = read_machine_map("bamboo")
    mine = bamboo_tree(machine)
    mine.properties["model"] = text("mine")
    mine.child("chosen").properties |= {"linux,initrd-start": cells(1), "linux,initrd-end": cells(2)}
    tree = parse(place(UIMAGE, "uImage", 16 * MIB, "a=b", dtb=flatten(mine)).segments[-1].data, "tree")
    assert tree.properties["model"] == text("mine")
    assert tree.children["memory"].properties["reg"] == cells(0, 0, 16 * MIB)
    assert "linux,initrd-start" not in tree.children["chosen"].properties
    cpu = tree.children["cpus"].children["cpu@0"].properties
    assert cpu["timebase-frequency"] == cells(machine.facts["clock_hz"])


def test_initrd_that_does_not_fit_is_refused() -> None:
    with pytest.raises(L4vmError, match=r"the initial RAM disk has 8388608 bytes, 8306688 are free behind uImage"):
        place(UIMAGE, "uImage", 8 * MIB, "", bytes(8 * MIB))


def test_kernel_that_does_not_fit_is_refused() -> None:
    with pytest.raises(L4vmError, match="big: ends at 0x800000, the device tree lies at 0x7f0000"):
        place(build_uimage(bytes(8 * MIB), 0, 0, "big"), "big", 8 * MIB)


def test_long_command_line_is_refused() -> None:
    with pytest.raises(L4vmError, match="the kernel command line has 1024 characters"):
        place(UIMAGE, "uImage", 8 * MIB, "x" * 1024)

# SPDX-License-Identifier: MIT
"""Formats and the C headers made from them."""

from __future__ import annotations

import importlib
import subprocess
import types
from pathlib import Path

import pytest
from construct import GreedyBytes, Int32ub, Int32ul, Struct, VarInt

from l4vm.errors import L4vmError
from l4vm.formats import boot_image, cheader
from l4vm.formats.boot_image import BootImage, RootSegment


def image() -> BootImage:
    return BootImage(
        0x400000,
        (RootSegment(0x400000, b"code" * 9, 4096, 5), RootSegment(0x600000, b"", 8192, 3)),
        b"a system table",
    )


@pytest.mark.parametrize("name", ["args", "boot_image", "link", "system_table"])
def test_generated_header_compiles_with_its_assertions(name: str, tmp_path: Path) -> None:
    module = importlib.import_module(f"l4vm.formats.{name}")
    header = tmp_path / "out_gen.h"
    header.write_text(cheader.header(module))
    command = ["gcc", "-std=c11", "-Wall", "-Werror", "-fsyntax-only", "-x", "c", str(header)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_header_for_one_format_asserts_every_offset() -> None:
    text = cheader.header(boot_image)
    assert "offsetof(struct img_header, build_id) == 64" in text
    assert "offsetof(struct img_segment, rights) == 32" in text


@pytest.mark.parametrize("layout", [Int32ub, VarInt, GreedyBytes])
def test_header_refuses_a_field_without_fixed_little_endian_layout_by_name(layout: object) -> None:
    module = types.ModuleType("bad", "A bad format.")
    vars(module).update(C_PREFIX="x_", C_STRUCTS={"thing": Struct("fine" / Int32ul, "wrong" / layout)})
    with pytest.raises(L4vmError, match=r"x_thing\.wrong: "):
        cheader.header(module)


def test_header_refuses_a_field_without_a_name() -> None:
    module = types.ModuleType("bad", "A bad format.")
    vars(module).update(C_PREFIX="x_", C_STRUCTS={"thing": Struct(Int32ul)})
    with pytest.raises(L4vmError, match="x_thing: a field at offset 0 has no name"):
        cheader.header(module)


def test_boot_image_comes_back_as_it_was_built() -> None:
    assert boot_image.parse(boot_image.build(image())) == image()


def test_boot_image_is_the_same_bytes_each_time() -> None:
    assert boot_image.build(image()) == boot_image.build(image())


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (0, b"X", "magic is"),
        (8, b"\x02", "version 2, this kit reads 1"),
        (16, b"\x01\x02\x03", "total_bytes is"),
        (200, b"\xff", "crc32 does not match"),
    ],
)
def test_boot_image_damage_is_named(place: int, value: bytes, sentence: str) -> None:
    data = bytearray(boot_image.build(image()))
    data[place : place + len(value)] = value
    with pytest.raises(L4vmError, match=sentence):
        boot_image.parse(bytes(data))


@pytest.mark.parametrize("keep", [0, 100, 127, 128, 4096])
def test_boot_image_cut_short_is_refused(keep: int) -> None:
    with pytest.raises(L4vmError, match=r"fewer than|total_bytes is"):
        boot_image.parse(boot_image.build(image())[:keep])

# SPDX-License-Identifier: MIT
"""A machine whose firmware nobody wrote runs bare programs of its map's CPU, within its map's limits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from l4vm.errors import L4vmError
from l4vm.guests import Executable, Segment, Start, check_fits, lay_out, machine_map

MAP = "MACHINE(elf_machine, {})\nMACHINE(ram_base, 0)\nMACHINE(ram_min, 0x100000)\nMACHINE(ram_max, 0x1000000)\n"


@pytest.fixture
def mini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mini.def"
    path.write_text(MAP.format(20), encoding="utf-8")
    monkeypatch.setattr(machine_map, "machine_map_path", lambda name: path)
    return path


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"append": "quiet"}, "a command line: machine mini runs bare programs, which take none"),
        ({"initrd": b""}, "an initial RAM disk: machine mini"),
        ({"dtb": b""}, "a device tree: machine mini"),
        ({"nets": 1}, "1 network: machine mini has places for 0"),
        ({"screen": True}, "a screen: machine mini has none"),
        ({"ram_mib": 17}, "17 MiB of RAM: machine mini takes 1 to 16 MiB"),
        ({}, "x: not an ELF file"),
    ],
)
def test_what_needs_firmware_is_refused(mini: Path, wish: dict[str, object], sentence: str) -> None:
    with pytest.raises(L4vmError, match=sentence):
        lay_out(Start("mini", b"no program", "x", **wish))  # type: ignore[arg-type]


@pytest.mark.parametrize(("address", "step"), [(0x3FFF0000, "-Wl,-N"), (0x40FF0001, "more RAM")])
def test_what_lies_outside_ram_gets_the_step_that_helps(address: int, step: str) -> None:
    program = Executable(0x40000000, (Segment(address, address, b"", 0x10000),))
    with pytest.raises(L4vmError, match="is outside RAM") as error:
        check_fits(program, "x", 0x40000000, 16 << 20)
    assert step in error.value.hint


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("ram_min, 0x100000", "ram_min, 1 << 20", r"mini.def:3: MACHINE\(ram_min, 1 << 20\): invalid literal"),
        ("MACHINE(ram_max, 0x1000000)", "", r"mini.def: a line MACHINE\(ram_max, ...\) is missing"),
        ("ram_base, 0)", "ram_base)", "mini.def:2: MACHINE has 1 columns, not 2"),
        ("elf_machine, 20", "elf_machine, 3", r"MACHINE\(elf_machine, 3\): no guest CPU has this number\n  there are"),
    ],
)
def test_what_is_wrong_with_a_map_is_named(mini: Path, before: str, after: str, sentence: str) -> None:
    mini.write_text(mini.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    with pytest.raises(L4vmError) as error:
        lay_out(Start("mini", b"no program", "x"))
    assert re.search(sentence, str(error.value)), error.value

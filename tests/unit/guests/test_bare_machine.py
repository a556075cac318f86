# SPDX-License-Identifier: MIT
"""A machine whose firmware nobody wrote runs bare programs of its map's CPU, within its map's limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from l4vm.errors import L4vmError
from l4vm.guests import Start, lay_out, machine_map

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

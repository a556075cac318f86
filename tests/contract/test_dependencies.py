# SPDX-License-Identifier: MIT
"""Rooms use only what the table in docs/architecture.md lets them use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "host_runtime/l4vm/"
# Where a C include leads: the first part of its path, or the file, to the room that owns it.
DOORS = {
    "abi": "kernel", "k_abi.h": "kernel", "kernel.h": "kernel", "x64.h": "kernel", "l4": "kernel/user",
    "xl": "translator", "rt": "translator", "ir": "translator", "machine": "translator",
    "guest": "translator", "host": "translator", "xl_linux.h": "translator/port/linux",
    "devsrv": "devsrv", "img_gen.h": "formats", "link_gen.h": "formats",
}  # fmt: skip


def table() -> dict[str, set[str]]:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rows = re.search(r"<!-- deps -->(.*?)<!-- /deps -->", text, re.S)
    assert rows
    found = re.findall(r"^\| ([\w/]+) \|(.*)\|$", rows[1], re.M)
    return {room: {u.strip() for u in uses.split(",") if u.strip()} for room, uses in found if room != "room"}


def room_of(path: Path) -> str:
    """The longest room of the table that holds the file."""
    relative = str(path.relative_to(ROOT).with_suffix(""))
    holds = [room for room in table() if relative == room or relative.startswith(room + "/")]
    return max(holds, key=len, default="")


def python_uses(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    return set(re.findall(r"^\s*(?:from|import) l4vm\.(\w+)", text, re.M))


def c_uses(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    includes = re.findall(r'^#\s*include ["<]([^">]+)[">]', text, re.M)
    return {DOORS[include.split("/")[0]] for include in includes if include.split("/")[0] in DOORS}


def test_table_is_short_and_names_rooms_that_exist() -> None:
    rooms = table()
    assert 10 < len(rooms) < 24
    for room in rooms:
        assert (ROOT / room).is_dir() or (ROOT / f"{room}.py").is_file(), room


@pytest.mark.parametrize("room", [room for room in table() if room.startswith(PYTHON)])
def test_python_room_imports_only_what_it_may(room: str) -> None:
    files = [ROOT / f"{room}.py"] if (ROOT / f"{room}.py").is_file() else list((ROOT / room).rglob("*.py"))
    assert files
    own = room.removeprefix(PYTHON)
    for path in files:
        assert python_uses(path) - {own} <= table()[room], path


@pytest.mark.parametrize("room", [room for room in table() if not room.startswith(PYTHON)])
def test_c_room_includes_only_what_it_may(room: str) -> None:
    files = [p for p in (ROOT / room).rglob("*") if p.suffix in {".c", ".h"} and room_of(p) == room]
    assert files
    for path in files:
        assert c_uses(path) - {room} <= table()[room], path

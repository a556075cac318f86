# SPDX-License-Identifier: MIT
"""docs/descriptions.md names every key of every table, with what is allowed and what holds when it is left out."""

from __future__ import annotations

import re
from pathlib import Path

from l4vm.description import model
from l4vm.description.schema import REQUIRED, Key, allowed_range

PAGE = Path(__file__).resolve().parents[3] / "docs/descriptions.md"
SCHEMAS = [
    model.BOARD_TOP, model.RAM, model.UART, model.SCREEN, model.IRQ, model.QEMU,
    model.IMAGE_TOP, model.IMAGE, model.ROOT, model.SERVER, model.DISK, model.NET, model.RT, model.GUEST,
]  # fmt: skip


def default(key: Key) -> str:
    if key.default is REQUIRED:
        return "required"
    if isinstance(key.default, bool):
        return f"`{str(key.default).lower()}`"
    return f"`{key.default}`" if key.default not in ((), {}, "", None) else "none"


def test_page_lists_every_key_as_the_reader_takes_it() -> None:
    tables = re.split(r"^### ", PAGE.read_text(encoding="utf-8"), flags=re.M)[1:]
    assert len(tables) == len(SCHEMAS)
    for text, schema in zip(tables, SCHEMAS, strict=True):
        rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| .*\|$", text, re.M)
        assert rows == [(name, allowed_range(key), default(key)) for name, key in schema.items()], text.splitlines()[0]

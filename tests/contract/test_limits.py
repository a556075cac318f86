# SPDX-License-Identifier: MIT
"""docs/limits.md says what the sources say, and what grows stays within its bounds."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from l4vm.cli.run import build

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/limits.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([^|]+) \| (\d+) \| `([^`]+)` (\w+) \|", TEXT, re.M)
BOUNDS = dict(re.findall(r"^\| (kernel \w+) \| (\d+) \|", TEXT, re.M))


def value_in(path: Path, name: str) -> int:
    found = re.search(rf"\b{name} = (\d+)(?: << (\d+))?\b", path.read_text(encoding="utf-8"))
    assert found, f"{path} has no {name}"
    return int(found[1]) << int(found[2] or 0)


@pytest.mark.parametrize(("limit", "value", "file", "name"), ROWS, ids=[row[3] for row in ROWS])
def test_limit_is_what_the_source_says(limit: str, value: str, file: str, name: str) -> None:
    assert value_in(ROOT / file, name) == int(value), limit


def test_kernel_stays_small() -> None:
    lines = 0
    for path in sorted((ROOT / "kernel").rglob("*")):
        if path.suffix in {".c", ".h", ".S", ".def"} and "user" not in path.parts:
            text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.S)
            lines += sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("#  "))
    assert lines <= int(BOUNDS["kernel source"])


@pytest.mark.system
def test_kernel_text_stays_small() -> None:
    build(ROOT, "x86-embedded", "ktest", "release")
    elf = ROOT / "build/x86-embedded-ktest-release/bin/kernel.elf"
    size = subprocess.run(["size", str(elf)], capture_output=True, text=True, check=True).stdout.splitlines()[1]
    assert int(size.split()[0]) <= int(BOUNDS["kernel text"])

# SPDX-License-Identifier: MIT
"""What `l4vm doctor` tells the user to do is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from l4vm.cli import doctor

KIT = {
    name
    for line in (Path(__file__).parents[3] / "kit.packages").read_text(encoding="utf-8").splitlines()
    for name in line.split("|")
    if not line.startswith("#")
}


def test_the_kit_brings_every_tool_but_those_that_are_named() -> None:
    packages = {package for _, _, package, _ in doctor.TOOLS.values()}
    assert packages - KIT == set(doctor.NOT_IN_THE_KIT)
    compilers = {name for name in KIT if re.match("gcc-.*-linux-gnu$|qemu-system-(?!misc)", name)}
    assert compilers <= packages


def test_what_is_missing_gets_its_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda program: None)
    steps = {check.what: check.next_step for check in doctor._tools()}
    assert steps["gcc"] == "apt install gcc (compiles kernel, servers and translator), or let ./kit do it"
    assert steps["clang-format"] == "apt install clang-format (formats C sources)"

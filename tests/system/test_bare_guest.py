# SPDX-License-Identifier: MIT
"""A bare program of each machine says on the board what it says on the workstation, and ends there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from l4vm.bench.programs import PROGRAM_MACHINES, build_program
from l4vm.cli.run import tree_root
from l4vm.console.qemu import Boot, Manifest, Qemu, command_line
from l4vm.link.line import Inbox
from l4vm.pack.image import Inputs, pack
from tests.system.conftest import Talk

WAIT_S = 300.0
IMAGE = """
board = "x86-embedded"

[image]
name = "bare"

[[server]]
name = "serial"
program = "serial"
device = "com1"
priority = 200
budget_us = 1000
period_us = 5000

[[guest]]
name = "old"
machine = "MACHINE"
kernel = "program.elf"
ram_mib = 16
channel = 4
priority = 50
budget_us = 8000
period_us = 10000
"""


@pytest.mark.parametrize("machine", PROGRAM_MACHINES)
def test_a_bare_program_runs_on_the_board(
    machine: str, built: Callable[[str], Manifest], tmp_path: Path
) -> None:
    programs, home = built("demo").kernel.parent / "bin", tmp_path / "images" / "bare"
    home.mkdir(parents=True)
    build_program("recurse", tmp_path, machine).rename(home / "program.elf")
    (home / "image.toml").write_text(IMAGE.replace("MACHINE", machine))
    board = tree_root() / "boards/x86-embedded.toml"
    pack(Inputs(board, home / "image.toml", programs, programs / "kernel.elf", tmp_path / "out"))
    manifest = Manifest.load(tmp_path / "out" / "manifest.json")
    inbox, path, boot = Inbox(), str(tmp_path / "line"), Boot(icount=True)
    with Qemu(command_line(manifest, boot, path), path, inbox) as qemu:
        talk = Talk(qemu, inbox, boot.preset)
        talk.wait_for("old", rb"recurse ok 5ee72ec0", WAIT_S)
        talk.wait_for("log", rb"old: ended with code 0", WAIT_S)

# SPDX-License-Identifier: MIT
"""A bare program of each machine does on the board what it does on the workstation, and ends there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from l4vm.bench.programs import PROGRAM_MACHINES, build_program
from l4vm.binding import Engine, Machine, Stop, Time, switch_names
from l4vm.cli.run import tree_root
from l4vm.console.qemu import Boot, Manifest, Qemu, command_line
from l4vm.guests.firmware import Start, lay_out
from l4vm.link.line import Inbox
from l4vm.pack.image import Inputs, pack
from tests.system.conftest import Talk

WAIT_S = 300.0
RAM_MIB = 16
SHARE = 32
PROGRAMS = ("recurse", "page_fault", "context_switch")
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
ram_mib = RAM_MIB
channel = 4
priority = 50
budget_us = 8000
period_us = 10000
time = "exact"
"""
ENGINES: tuple[tuple[Engine, tuple[str, ...]], ...] = (
    (Engine.INTERP, ()),
    (Engine.BLOCK, ()),
    (Engine.BLOCK, ("direct",)),
    (Engine.BLOCK, ("region",)),
)


def run_on_board(program: Path, machine: str, bin_folder: Path, out: Path) -> Talk:
    """Run a program as the one guest of a board, to its end; return what the board said."""
    home = out / "images" / "bare"
    home.mkdir(parents=True)
    program.rename(home / "program.elf")
    words = {"MACHINE": machine, "RAM_MIB": str(RAM_MIB)}
    (home / "image.toml").write_text(re.sub("|".join(words), lambda found: words[found[0]], IMAGE))
    board = tree_root() / "boards/x86-embedded.toml"
    pack(Inputs(board, home / "image.toml", bin_folder, bin_folder / "kernel.elf", out / "out"))
    manifest = Manifest.load(out / "out" / "manifest.json")
    inbox, path, boot = Inbox(), str(out / "line"), Boot(icount=True)
    with Qemu(command_line(manifest, boot, path), path, inbox) as qemu:
        talk = Talk(qemu, inbox, boot.preset)
        talk.wait_for("log", rb"old: ended with code 0", WAIT_S)
    return talk


@pytest.fixture
def bin_folder(built: Callable[[str], Manifest]) -> Path:
    """The board's programs and its kernel."""
    return built("demo").kernel.parent / "bin"


def run_on_workstation(program: bytes, machine: str, engine: Engine, without: tuple[str, ...]) -> tuple[str, int, int]:
    """Run a program in exact time to its end; return its output, count of instructions and hash of its state."""
    load = lay_out(Start(machine, program, "program.elf", RAM_MIB))
    switches = sum(switch_names()[name] for name in without)
    with Machine(load.machine, load.ram_mib, engine, Time.EXACT, switches=switches) as vm:
        vm.load_executable(load.executable)
        output = b""
        while vm.run_for(wall_s=1.0) != Stop.HALT:
            output += vm.console_read()
        return (output + vm.console_read()).decode(), vm.insns, vm.state_hash(with_ram=True)


@pytest.mark.parametrize(
    ("machine", "name"),
    [(machine, name) for machine, chain in PROGRAM_MACHINES.items() for name in PROGRAMS if name not in chain.lacks],
)
def test_exact_time_ends_in_one_state_on_board_and_workstation(
    machine: str, name: str, bin_folder: Path, tmp_path: Path
) -> None:
    program = build_program(name, tmp_path, machine, SHARE)
    found = {
        (engine.name, without): run_on_workstation(program.read_bytes(), machine, engine, without)
        for engine, without in ENGINES
    }
    talk = run_on_board(program, machine, bin_folder, tmp_path)
    state = re.search(rb"old: hash of registers and RAM (0x[0-9a-f]+)", talk.text["log"])
    count = re.search(rb"old: guest instructions (\d+),", talk.text["log"])
    assert state, talk.text["log"]
    assert count, talk.text["log"]
    found["board", ()] = talk.text["old"].decode().replace("\r", ""), int(count[1]), int(state[1], 16)
    assert len(set(found.values())) == 1, found

# SPDX-License-Identifier: MIT
"""A guest in exact time, to its end: on a board, where it is alone, and on the workstation in each engine."""

from __future__ import annotations

import re
from pathlib import Path

from l4vm.binding import Engine, Machine, Stop, Time, switch_names
from l4vm.console.qemu import Boot, Qemu, command_line
from l4vm.guests import Load
from l4vm.link.line import Inbox
from tests.system.conftest import Talk, packed

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
KEYS
channel = 4
priority = 50
budget_us = 8000
period_us = 10000
time = "exact"
"""
ENGINES: tuple[tuple[Engine, tuple[str, ...]], ...] = (
    (Engine.INTERP, ()),
    (Engine.BLOCK, ()),
    (Engine.TIERS, ()),
    (Engine.BLOCK, ("direct",)),
    (Engine.BLOCK, ("region",)),
)


End = tuple[str, int, int]  # what the guest said, how many instructions it ran, hash of registers and RAM


def run_on_board(files: dict[str, bytes], machine: str, keys: str, bin_folder: Path, out: Path) -> End:
    """Run a guest's files as the one guest of a board, with more keys of it, to its end."""
    home = out / "images" / "bare"
    home.mkdir(parents=True)
    for name, data in files.items():
        (home / name).write_bytes(data)
    words = {"MACHINE": machine, "KEYS": keys}
    (home / "image.toml").write_text(re.sub("|".join(words), lambda found: words[found[0]], IMAGE))
    manifest = packed(home, bin_folder, out / "out")
    inbox, path, boot = Inbox(), str(out / "line"), Boot(icount=True)
    with Qemu(command_line(manifest, boot, path), path, inbox) as qemu:
        talk = Talk(qemu, inbox, boot.preset)
        talk.wait_for("log", rb"old: ended with code 0", WAIT_S)
    state = re.search(rb"old: hash of registers and RAM (0x[0-9a-f]+)", talk.text["log"])
    count = re.search(rb"old: guest instructions (\d+),", talk.text["log"])
    assert state, talk.text["log"]
    assert count, talk.text["log"]
    return talk.text["old"].decode().replace("\r", ""), int(count[1]), int(state[1], 16)


def run_on_workstation(load: Load, engine: Engine, without: tuple[str, ...]) -> End:
    """Run a guest to its end."""
    switches = sum(switch_names()[name] for name in without)
    with Machine(load.machine, load.ram_mib, engine, Time.EXACT, switches=switches) as vm:
        vm.load_executable(load.executable)
        output = b""
        while vm.run_for(wall_s=1.0) != Stop.HALT:
            output += vm.console_read()
        text = (output + vm.console_read()).decode().replace("\r", "")
        return text, vm.insns, vm.state_hash(with_ram=True)


def run_on_all(load: Load) -> dict[str, End]:
    """Run a guest to its end in each engine."""
    found = {}
    for engine, without in ENGINES:
        found[" without ".join((engine.name, *without))] = run_on_workstation(load, engine, without)
    return found

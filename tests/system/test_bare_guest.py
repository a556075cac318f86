# SPDX-License-Identifier: MIT
"""A bare program of each machine does on the board what it does on the workstation, and ends there."""

from __future__ import annotations

from pathlib import Path

import pytest

from l4vm.bench.programs import MACHINES, build_program
from l4vm.guests import Start, lay_out
from tests.system.exact import run_on_all, run_on_board

RAM_MIB = 16
SHARE = 32
PROGRAMS = ("recurse", "page_fault", "context_switch")


@pytest.mark.parametrize(
    ("machine", "name"),
    [(machine, name) for machine, chain in MACHINES.items() for name in PROGRAMS if name not in chain.lacks],
)
def test_exact_time_ends_in_one_state_on_board_and_workstation(
    machine: str, name: str, bin_folder: Path, tmp_path: Path
) -> None:
    program = build_program(name, tmp_path, machine, SHARE).read_bytes()
    found = run_on_all(lay_out(Start(machine, program, "program.elf", RAM_MIB)))
    keys = f"ram_mib = {RAM_MIB}\n"
    found["board"] = run_on_board({"program.elf": program}, machine, keys, bin_folder, tmp_path)
    assert len(set(found.values())) == 1, found

# SPDX-License-Identifier: MIT
"""Linux in exact time does on the board what it does on the workstation, in each engine, and ends in the same state."""

from __future__ import annotations

from pathlib import Path

import pytest

from l4vm.bench.system import initrd_of
from l4vm.guests import Start, build_guest, lay_out
from l4vm.guests.wrap import wrap
from tests.guests.unpacked import unpacked
from tests.system.exact import run_on_all, run_on_board

pytestmark = pytest.mark.guest
WORK, SAYS = "fork_exec 3", "fork_exec ok 3"  # of the only process, which then ends the machine: bench/system/init.c
RAM_MIB = {"leon3": 32, "bamboo": 64, "malta": 64}


@pytest.mark.parametrize("machine", RAM_MIB)
def test_linux_in_exact_time_ends_in_one_state_on_board_and_workstation(
    machine: str, bin_folder: Path, tmp_path: Path
) -> None:
    files, initrd, ram_mib = build_guest(f"{machine}-linux"), initrd_of(machine, tmp_path), RAM_MIB[machine]
    append, keys = f"{files.append} -- {WORK}", f"ram_mib = {ram_mib}\n"
    if machine == "leon3":
        kernel = wrap(files.vmlinux.read_bytes(), initrd, append, ram_mib << 20)
        load = lay_out(Start(machine, kernel, "program.elf", ram_mib))
    else:
        kernel = unpacked(files) if machine == "malta" else files.kernel.read_bytes()
        load = lay_out(Start(machine, kernel, "program.elf", ram_mib, initrd=initrd, append=append))
        keys += f'initrd = "program.initrd"\nappend = "{append}"\n'
    found = run_on_all(load)
    assert all(SAYS in end[0] for end in found.values())
    boot_files = {"program.elf": kernel, "program.initrd": initrd}
    found["board"] = run_on_board(boot_files, machine, keys, bin_folder, tmp_path)
    assert len(set(found.values())) == 1, {where: end[1:] for where, end in found.items()}

# SPDX-License-Identifier: MIT
"""The benchmark programs compute the same on LEON3 here as on the workstation's own CPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from l4vm.bench.programs import build_program, program_names
from l4vm.binding import Machine, Stop, Time
from l4vm.errors import L4vmError
from l4vm.guests import load_elf

pytestmark = pytest.mark.guest


@pytest.mark.parametrize("name", program_names())
def test_program_reaches_its_checksum_and_ends(name: str, tmp_path: Path) -> None:
    with Machine("leon3", time=Time.EXACT) as machine:
        machine.load_executable(load_elf(build_program(name, tmp_path)))
        out = b""
        for _ in range(2000):
            stop = machine.run_for(wall_s=1.0)
            out += machine.console_read()
            if stop == Stop.HALT:
                break
        assert (stop, machine.exit_code) == (Stop.HALT, 0)
        assert out.startswith(f"{name} ok ".encode()), out


def test_unknown_program_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(L4vmError, match="no benchmark is called 'nothing'\n  known: crc, list"):
        build_program("nothing", tmp_path)

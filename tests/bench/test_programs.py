# SPDX-License-Identifier: MIT
"""The benchmark programs compute the same on every guest CPU, here and on the peer, as on the workstation's own CPU."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from l4vm.bench.programs import KINDS, MACHINES, build_native, build_program, kind_of, program_names
from l4vm.binding import Machine, Stop, Time
from l4vm.errors import L4vmError
from l4vm.guests import load_elf

pytestmark = pytest.mark.guest
SHARE = 32


def expected(name: str, folder: Path) -> bytes:
    """What the short form of a program says: what the workstation's own CPU says, or that all events came."""
    if kind_of(name) == "slow":
        return f"{name} ok ".encode()
    native = [str(build_native(name, folder, share=SHARE))]
    return subprocess.run(native, capture_output=True, timeout=120, check=True).stdout.rstrip()


def runs(*names: str) -> list[tuple[str, str]]:
    """Return (board, program) for each board and what it has not to do without."""
    return [(board, name) for board, chain in MACHINES.items() for name in names if name not in chain.lacks]


@pytest.mark.parametrize(("board", "name"), runs(*program_names()))
def test_program_reaches_its_checksum_and_ends(name: str, board: str, tmp_path: Path) -> None:
    with Machine(board, time=Time.EXACT) as machine:
        machine.load_executable(load_elf(build_program(name, tmp_path, board, SHARE), MACHINES[board].cpu))
        out = b""
        for _ in range(2000):
            stop = machine.run_for(wall_s=1.0)
            out += machine.console_read()
            if stop == Stop.HALT:
                break
        assert (stop, machine.exit_code) == (Stop.HALT, 0)
        assert out.startswith(expected(name, tmp_path)), out


@pytest.mark.parametrize("name", program_names("cpu"))
def test_workstation_computes_the_expected_values(name: str, tmp_path: Path) -> None:
    done = subprocess.run([str(build_native(name, tmp_path))], capture_output=True, timeout=120, check=True)
    assert done.stdout.startswith(f"{name} ok ".encode())


@pytest.mark.parametrize(("board", "name"), runs("fft_float", "recurse", "state", *program_names("slow")))
def test_program_reaches_its_checksum_and_ends_on_the_peer(name: str, board: str, tmp_path: Path) -> None:
    command = [*MACHINES[board].peer, str(build_program(name, tmp_path, board, SHARE))]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    assert done.stdout.startswith(expected(name, tmp_path)), (done.stdout, done.stderr)


def test_every_program_has_a_kind() -> None:
    assert {kind_of(name) for name in program_names()} == set(KINDS)
    assert program_names() == program_names("cpu") + program_names("slow")


def test_unknown_program_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(L4vmError, match="no benchmark is called 'nothing'\n  known: bigint, chase"):
        build_program("nothing", tmp_path)


def test_unknown_machine_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(L4vmError, match="no benchmark runs on machine 'vax'\n  known: leon3, bamboo, malta"):
        build_program("state", tmp_path, "vax")


def test_a_program_that_a_machine_has_nothing_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(L4vmError, match="program fft_float: machine malta has not what it needs"):
        build_program("fft_float", tmp_path, "malta")

# SPDX-License-Identifier: MIT
"""Linux does each benchmarked thing and ends its machine, a small part as often as in a measurement."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from l4vm.bench.programs import MACHINES
from l4vm.bench.system import build_system, system_names
from l4vm.errors import L4vmError

pytestmark = pytest.mark.guest
SHARE = 100


def said(command: list[str]) -> str:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.decode(errors="replace")


@pytest.mark.parametrize("board", MACHINES)
@pytest.mark.parametrize("name", system_names())
def test_linux_does_it_and_ends(name: str, board: str, tmp_path: Path) -> None:
    booted = build_system(name, tmp_path, board, SHARE)
    assert booted.says in said(booted.ours)


@pytest.mark.parametrize("board", MACHINES)
def test_linux_does_it_and_ends_on_the_peer(board: str, tmp_path: Path) -> None:
    booted = build_system("signal", tmp_path, board, SHARE)
    assert booted.says in said(booted.qemu)


def test_unknown_entry_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(L4vmError, match="no system benchmark is called 'swap'\n  known: boot, fill, fork_exec"):
        build_system("swap", tmp_path)

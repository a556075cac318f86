# SPDX-License-Identifier: MIT
"""Hostile clients of the block and the net server harm themselves only, and a server's sudden end loses nothing."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.unit.devsrv.board import build_sharers

HOSTILE, RACED, KILLED = 2000, 5, 6


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both cores between guard pages, under both sanitizers."""
    return build_sharers(tmp_path_factory.mktemp("sharers"))


def run(program: Path, what: str, cases: int) -> dict[str, int]:
    done = subprocess.run([program, what, str(cases), "1"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return {name: int(number) for number, name in re.findall(r"(\d+) (\w+)", done.stdout)}


def test_hostile_disk_client_harms_itself_only(program: Path) -> None:
    counts = run(program, "disk-hostile", HOSTILE)
    assert counts["cases"] == HOSTILE
    assert min(counts["served"], counts["refused"]) > HOSTILE


def test_hostile_port_harms_itself_only(program: Path) -> None:
    counts = run(program, "net-hostile", HOSTILE)
    assert counts["cases"] == HOSTILE
    assert counts["frames"] > 10 * HOSTILE
    assert counts["served"] > HOSTILE // 10, "an index that cannot be true was seen by the switch"


def test_memory_that_changes_while_it_is_read_harms_nobody_else(program: Path) -> None:
    counts = run(program, "disk-raced", RACED)
    assert counts["refused"] > RACED
    counts = run(program, "net-raced", RACED)
    assert counts["frames"] > 100 * RACED


@pytest.mark.slow
def test_block_server_that_is_killed_anywhere_loses_no_answered_write(program: Path) -> None:
    counts = run(program, "disk-killed", KILLED)
    assert counts["kills"] > 4 * KILLED
    assert counts["served"] > 10 * KILLED


@pytest.mark.slow
def test_net_server_that_is_killed_anywhere_loses_no_frame(program: Path) -> None:
    counts = run(program, "net-killed", KILLED)
    assert counts["kills"] > 4 * KILLED
    assert counts["frames"] > 10 * KILLED

# SPDX-License-Identifier: MIT
"""`l4vm bench translator --board`: a short run of a program and of a slow event, and what the rows say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from l4vm.bench.programs import MACHINES
from l4vm.bench.translator_board import PARTS
from l4vm.bench.translator_station import PARTS as STATION_PARTS


@pytest.mark.system
@pytest.mark.parametrize("guest", MACHINES)
def test_board_goes_through_windows_and_counts_every_part(guest: str, tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    command = [sys.executable, "-m", "l4vm", "bench", "translator", "--board", "--share", "64", "--guest", guest]
    command += ["--only", "matrix", "--only", "trap", "--json", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    matrix, trap = json.loads(out.read_text())
    for row in (matrix, trap):
        assert row["through_windows"] > 0 and row["insns"] > 0
        assert row["parts"]["translated"] > 0
        assert abs(sum(row["parts"][part] for part in PARTS) - row["total"]) < 0.01
        assert abs(sum(row["station_parts"][part] for part in STATION_PARTS) - row["station_total"]) < 0.01
        assert row["station_parts"]["translated"] == pytest.approx(row["parts"]["translated"], rel=0.05)
    assert matrix["event"] is None and trap["event"] > 0
    assert matrix["station_event"] is None and trap["station_event"] > 0


def test_linux_is_no_entry_of_the_board() -> None:
    command = [sys.executable, "-m", "l4vm", "bench", "translator", "--board", "--only", "boot"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "no entry is left for the board" in done.stderr

# SPDX-License-Identifier: MIT
"""Hostile drivers against both devices, under both sanitizers; `python -m tests.fuzz` has the long form."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.unit.virtio.rig import build_fuzz

CASES = 2000


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_fuzz(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("device", ["disk", "net"])
def test_hostile_driver_harms_itself_only(program: Path, device: str) -> None:
    done = subprocess.run([program, device, str(CASES), "1"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    cases, broken, traffic, late, received = map(int, re.findall(r"\d+", done.stdout))
    assert cases == CASES
    assert min(broken, traffic, late if device == "disk" else received) > CASES // 10

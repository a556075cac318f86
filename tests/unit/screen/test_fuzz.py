# SPDX-License-Identifier: MIT
"""Hostile drivers against display and keyboard, under both sanitizers; `python -m tests.fuzz` has the long form."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.unit.screen.rig import build_fuzz

CASES = 2000


def test_hostile_driver_harms_itself_only(tmp_path: Path) -> None:
    done = subprocess.run([build_fuzz(tmp_path), str(CASES), "1"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    cases, pictures, beyond, typed, received = map(int, re.findall(r"\d+", done.stdout))
    assert cases == CASES
    assert min(pictures, beyond, typed, received) > CASES // 10, done.stdout

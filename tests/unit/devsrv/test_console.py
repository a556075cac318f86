# SPDX-License-Identifier: MIT
"""A hostile client and a hostile keyboard controller cost the console server's other clients nothing."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.unit.devsrv.board import build_console

CASES = 2000


def test_hostile_client_and_keyboard_leave_a_good_client_its_terminal(tmp_path: Path) -> None:
    program = build_console(tmp_path)
    done = subprocess.run([program, str(CASES), "1"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    counts = {name: int(number) for number, name in re.findall(r"(\d+) (\w+)", done.stdout)}
    assert counts["cases"] == CASES
    assert counts["lines"] == 12 * CASES
    assert min(counts["restarts"], counts["keys"]) > CASES

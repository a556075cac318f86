# SPDX-License-Identifier: MIT
"""A run is looked at from outside while it goes on: it ends as always, and its samples are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from l4vm.bench.breakdown import CODE, PARTS, REST, break_down
from l4vm.bench.programs import build_program
from l4vm.bench.translator import ours_command
from l4vm.errors import L4vmError

pytestmark = pytest.mark.guest


def test_samples_find_translated_code_and_python(tmp_path: Path) -> None:
    found = break_down(ours_command(build_program("state", tmp_path)), tmp_path)
    assert set(found.shares) == set(PARTS)
    assert sum(found.shares.values()) == pytest.approx(1, abs=0.01)
    assert found.shares[CODE] > 0
    assert found.shares[REST] > 0
    assert found.counts["insns"] > found.counts["blocks"] > 0


def test_run_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(L4vmError, match="ended with 2"):
        break_down(ours_command(tmp_path / "nothing.elf"), tmp_path)

# SPDX-License-Identifier: MIT
"""Recipes: two processes that want the same guest build it once."""

from __future__ import annotations

import fcntl
from pathlib import Path

from l4vm.guests.recipe import _lock


def test_who_waits_for_another_build_says_so(tmp_path: Path) -> None:
    said = list[str]()
    with (tmp_path / "lock").open("w") as first, (tmp_path / "lock").open("w") as second:
        fcntl.flock(first, fcntl.LOCK_EX)

        def say(sentence: str) -> None:
            said.append(sentence)
            fcntl.flock(first, fcntl.LOCK_UN)

        _lock(second, "leon3-linux", say)
        _lock(second, "leon3-linux", said.append)
    assert said == ["waiting: another process builds leon3-linux"]

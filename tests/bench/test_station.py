# SPDX-License-Identifier: MIT
"""A bare program is counted on the workstation: every run the same, and the guest's result is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from l4vm.bench.programs import build_program
from l4vm.bench.translator_station import count
from l4vm.errors import L4vmError

pytestmark = pytest.mark.guest
SHARE = 256


def test_two_counts_of_a_program_are_the_same(tmp_path: Path) -> None:
    elf = build_program("trap", tmp_path, "leon3", SHARE)
    first, again = (count("leon3", elf, b"trap ok ", tmp_path) for _ in range(2))
    assert first.insns == again.insns > 0
    assert first.counts[0] == again.counts[0] > 0


def test_more_rounds_take_more_guest_and_host_instructions(tmp_path: Path) -> None:
    less, much = (
        count("bamboo", build_program("trap", tmp_path, "bamboo", share), b"trap ok ", tmp_path)
        for share in (2 * SHARE, SHARE)
    )
    assert much.insns > less.insns
    assert all(a > b for a, b in zip(much.counts, less.counts, strict=True))


def test_wrong_words_are_told(tmp_path: Path) -> None:
    elf = build_program("trap", tmp_path, "leon3", SHARE)
    with pytest.raises(L4vmError, match="under valgrind did not say b'nothing' but"):
        count("leon3", elf, b"nothing", tmp_path)

# SPDX-License-Identifier: MIT
"""Translations are what they were, and each optimisation's switch changes code and stops its counter."""

from __future__ import annotations

import pytest

from tests.golden.__main__ import check
from tests.golden.programs import COUNTERS, PROGRAMS, SWITCHES, run


def test_translations_are_the_kept_ones() -> None:
    lines = check()
    assert not lines, "\n".join(lines[:200]) + "\nif this is wanted: python -m tests.golden accept"


@pytest.mark.parametrize(("name", "switch"), [(n, s) for n, shown in PROGRAMS.items() for s in shown.switches])
def test_a_switch_changes_the_code_and_stops_its_counter(name: str, switch: str) -> None:
    on, with_it = run(name, 0)
    off, without = run(name, SWITCHES[switch])
    assert on != off
    if switch in COUNTERS:
        assert (with_it[COUNTERS[switch]] > 0, without[COUNTERS[switch]]) == (True, 0)


def test_every_switch_is_shown() -> None:
    assert {switch for shown in PROGRAMS.values() for switch in shown.switches} == set(SWITCHES)

# SPDX-License-Identifier: MIT
"""The short form of the SPARC fuzz runs; the long one is `python -m tests.fuzz.sparc_fuzz --insns 1000000`."""

from __future__ import annotations

from tests.fuzz.sparc_fuzz import EngineFuzz, UnicornFuzz


def test_engines_agree_on_random_programs() -> None:
    fuzz = EngineFuzz(seed=20)
    try:
        for number in range(300):
            fuzz.round(number)
        assert {entry.name for entry in fuzz.sampler.table.entries} == set(fuzz.seen)
    finally:
        fuzz.close()


def test_blocks_agree_with_unicorn_on_integer_programs() -> None:
    fuzz = UnicornFuzz(seed=20)
    try:
        for number in range(40):
            fuzz.round(number)
        assert fuzz.compared > 10
    finally:
        fuzz.close()

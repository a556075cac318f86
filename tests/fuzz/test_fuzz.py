# SPDX-License-Identifier: MIT
"""The short form of the fuzz runs; the long one is `python -m tests.fuzz`."""

from __future__ import annotations

import random

import pytest

from tests.fuzz import sparc
from tests.fuzz.comparisons import EngineFuzz, FuzzError, UnicornFuzz
from tests.fuzz.guest import FuzzGuest
from tests.fuzz.guests import GUESTS
from tests.fuzz.oracle import BATCH, Answer, Oracle, Task
from tests.fuzz.ppc_mac import MacFuzz

EACH = pytest.mark.parametrize("guest", GUESTS, ids=lambda guest: guest.machine)


@EACH
def test_engines_agree_on_random_programs(guest: FuzzGuest) -> None:
    fuzz = EngineFuzz(guest, seed=20)
    try:
        for number in range(300):
            fuzz.round(number)
        assert {entry.name for entry in fuzz.sampler.table.entries} == set(fuzz.seen)
        assert fuzz.compiled > fuzz.insns // 4
    finally:
        fuzz.close()


@EACH
def test_engines_and_unicorn_agree_on_straight_programs(guest: FuzzGuest) -> None:
    fuzz = UnicornFuzz(guest, seed=20)
    try:
        for number in range(0, 4 * BATCH, BATCH):
            fuzz.round(number)
        assert fuzz.compared > 3 * BATCH
        assert set(fuzz.seen) == set(guest.straight_entries())
    finally:
        fuzz.close()


def test_engines_and_exact_numbers_agree_on_sums_of_halfword_products() -> None:
    fuzz = MacFuzz(seed=20)
    try:
        for number in range(100):
            fuzz.round(number)
    finally:
        fuzz.close()


def test_a_wrong_answer_is_reported_with_seed_and_program(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Oracle.run

    def wrong(self: Oracle, tasks: list[Task]) -> list[Answer | None]:
        answers = right(self, tasks)
        assert answers[1] is not None
        answers[1].registers["l3"] ^= 1
        return answers

    monkeypatch.setattr(Oracle, "run", wrong)
    fuzz = UnicornFuzz(sparc.GUEST, seed=21)
    try:
        with pytest.raises(FuzzError, match=r"straight, seed 21, program \d+, switches \d+: l3: 0x") as caught:
            fuzz.round(0, 8)
        assert f"{sparc.CODE:08x}  81804000  wr %g1, %g0, %asr0" in str(caught.value)
    finally:
        fuzz.close()


def test_a_program_that_kills_the_emulator_costs_only_itself() -> None:
    data = random.Random(1).randbytes(sparc.GUEST.data_bytes)
    good = Task([sparc.NOP, 0x90102005], {"o0": 0}, data)  # or %g0, 5, %o0
    fatal = Task([0x91D02000], {"o0": 0}, data)  # ta 0
    emulator = Oracle(sparc.GUEST)
    try:
        answers = emulator.run([good, fatal, good])
    finally:
        emulator.close()
    assert answers == [Answer({"o0": 5}, data), None, Answer({"o0": 5}, data)]

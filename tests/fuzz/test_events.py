# SPDX-License-Identifier: MIT
"""What the fuzz runs compare happens: every kind of trap, in slots and in handlers, annulled slots, windows, states."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from l4vm.binding.machine import Engine, Machine, Stop
from tests.fuzz import events
from tests.fuzz.guest import FuzzGuest, Program
from tests.fuzz.guests import GUESTS

LEAST = 3


def programs(guest: FuzzGuest, rng: random.Random) -> Iterator[tuple[Program, int]]:
    """Draw programs of both kinds, and how many instructions of them to look at."""
    draw = guest.sampler(rng, ())
    for _ in range(700):
        program = guest.anything(rng, draw, 24)
        yield program, len(program.words) + 40
    for _ in range(50):
        yield guest.loop(rng), 1500


@pytest.mark.slow
@pytest.mark.parametrize("guest", GUESTS, ids=lambda guest: guest.machine)
def test_random_programs_reach_every_event(guest: FuzzGuest) -> None:
    rng, found, machine = random.Random(3), Counter[str](), None
    for program, steps in programs(guest, rng):
        machine = machine or Machine(guest.machine, ram_mib=16, engine=Engine.INTERP, code_mib=1)
        data = rng.randbytes(guest.data_bytes)
        if events.count(guest, machine, program, data, steps, found) is not Stop.BUDGET:
            machine.close()
            machine = None
    rare = {name: found[name] for name in events.MUST_HAPPEN[guest.machine] if found[name] < LEAST}
    assert not rare, f"{rare}; all: {found.most_common()}"

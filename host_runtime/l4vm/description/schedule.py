# SPDX-License-Identifier: MIT
"""Do all deadlines hold? Response-time analysis of root, the servers and the real-time tasks.

A budget is taken for the worst case: the kernel ends a task's turn when it is spent, so each task costs those below it
at most its budget in each period. Equal priorities count as above each other. The kernel's own time (switches,
interrupts) is not counted: leave some of each budget free. Guests have no deadline; they count where they stand above.

Source: Joseph, Pandya: Finding Response Times in a Real-Time System, The Computer Journal 29 (5), 1986.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from l4vm.description.model import Image, Share
from l4vm.description.schema import Place

STEPS_MAX = 100_000
"""An answer that needs more rounds is taken for none: shares so close to the whole processor are refused."""


@dataclass(frozen=True)
class Analysis:
    """Response time of one task under those above it, in us; None: it may not end in time."""

    name: str
    place: Place
    share: Share
    deadline_us: int
    above: tuple[str, ...]
    response_us: int | None


def utilisation(shares: Sequence[Share]) -> Fraction:
    """Return what part of the processor shares take together."""
    return sum((Fraction(share.budget_us, share.period_us) for share in shares), Fraction(0))


def response_us(budget_us: int, above: Sequence[Share], limit_us: int) -> int | None:
    """Return the longest time from release to end of a budget, or None when it passes the limit."""
    response = budget_us
    for _ in range(STEPS_MAX):
        if response > limit_us:
            return None
        longer = budget_us + sum(-(-response // share.period_us) * share.budget_us for share in above)
        if longer == response:
            return response
        response = longer
    return None


def analyse(image: Image) -> tuple[Analysis, ...]:
    """Return the analysis of root, servers and real-time tasks, the highest priority first."""
    named = [("root", Place("root", "root"), image.root, image.root.period_us)]
    named += [(s.name, s.place, s.share, s.share.period_us) for s in image.servers]
    named += [(t.name, t.place, t.share, t.deadline_us) for t in image.realtime]
    named.sort(key=lambda entry: -entry[2].priority)
    guests = [(g.name, g.place, g.share, g.share.period_us) for g in image.guests]
    found = []
    for i, (name, place, share, deadline) in enumerate(named):
        others = [*named[:i], *named[i + 1 :], *guests]
        above = [other for other in others if other[2].priority >= share.priority]
        response = response_us(share.budget_us, [other[2] for other in above], deadline)
        found.append(Analysis(name, place, share, deadline, tuple(other[1].shown for other in above), response))
    return tuple(found)

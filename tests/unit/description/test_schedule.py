# SPDX-License-Identifier: MIT
"""Response-time analysis against a simulation of the schedule, tick by tick."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from l4vm.description.model import Share
from l4vm.description.schedule import response_us, utilisation


def simulated(budget: int, above: list[Share], limit: int) -> int | None:
    """Run one job below periodic ones that are all released with it: the worst case of fixed priorities."""
    waiting, left = 0, budget
    for now in range(limit):
        waiting += sum(share.budget_us for share in above if now % share.period_us == 0)
        if waiting:
            waiting -= 1
        else:
            left -= 1
        if not left:
            return now + 1
    return None


SHARES = st.tuples(st.integers(1, 6), st.integers(0, 20)).map(lambda n: Share(1, n[0], n[0] + n[1]))


@given(st.integers(1, 30), st.lists(SHARES, max_size=4), st.integers(1, 400))
def test_response_time_is_that_of_the_simulated_schedule(budget: int, above: list[Share], limit: int) -> None:
    assert response_us(budget, above, limit) == simulated(budget, above, limit)


def test_known_task_sets() -> None:
    # Burns, Wellings: Real-Time Systems and Programming Languages, response-time analysis: periods 7, 12, 20.
    above = [Share(1, 3, 7), Share(1, 3, 12)]
    assert response_us(3, [], 7) == 3
    assert response_us(3, above[:1], 12) == 6
    assert response_us(5, above, 20) == 20
    assert response_us(6, above, 20) is None


def test_answer_comes_even_for_shares_without_end() -> None:
    assert response_us(1, [Share(1, 1, 1)], 3_600_000_000) is None
    nearly = [Share(1, 1, 2), Share(1, 499_999, 1_000_000)]
    assert response_us(1000, nearly, 3_600_000_000) in (None, 1_000_000_000)


def test_utilisation_is_exact() -> None:
    assert utilisation([Share(1, 1, 3), Share(1, 2, 3)]) == 1

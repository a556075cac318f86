# SPDX-License-Identifier: MIT
"""A real-time task's statistics: latency buckets, least, median and greatest latency, periods and misses."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l4vm.formats import args, cheader, system_table

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
FINE, BUCKETS = 16, 16 * 33
TICKS = st.integers(0, 2**64 - 1)
PERIOD_NS = 1_000_000


class Period(ctypes.Structure):
    """struct period of rt_driver.c."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("release_ns", "skipped", "latency_ns", "work_ns")]


class Stats(ctypes.Structure):
    """struct rt_stats of devsrv/rt.h."""

    _fields_ = [
        ("magic", ctypes.c_uint64),
        ("sequence", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        *((name, ctypes.c_uint64) for name in ("start_ticks", "last_ticks", "periods", "misses", "min", "max")),
        ("buckets", ctypes.c_uint32 * BUCKETS),
    ]


@pytest.fixture(scope="module")
def rt(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The real-time library, with a clock that the test moves."""
    folder = tmp_path_factory.mktemp("rt")
    for module in (args, system_table):
        name = f"{module.__name__.rsplit('.', 1)[1]}_gen.h"
        (folder / name).write_text(cheader.header(module), encoding="utf-8")
    include = [folder, ROOT / "tests/unit/devsrv", *(ROOT / part for part in ("devsrv/include", "kernel/include"))]
    include.append(ROOT / "kernel/user/include")
    parts = ("devsrv/rt/rt.c", "devsrv/rt/stats.c", "devsrv/lib/args.c", "devsrv/lib/ring.c", "devsrv/lib/terminal.c")
    sources = [HERE / "rt_driver.c", *(ROOT / part for part in parts)]
    library = folder / "rt.so"
    words = ["gcc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    words += [*(f"-I{path}" for path in include), *map(str, sources), "-o", str(library)]
    subprocess.run(words, check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.rt_bucket.argtypes, loaded.rt_bucket.restype = [ctypes.c_uint64], ctypes.c_uint
    loaded.rt_bucket_first.argtypes, loaded.rt_bucket_first.restype = [ctypes.c_uint], ctypes.c_uint64
    loaded.rt_play.argtypes = [ctypes.POINTER(Period), ctypes.c_uint, ctypes.c_uint64, ctypes.POINTER(Stats)]
    loaded.rt_play.restype = ctypes.c_uint64
    loaded.rt_median.argtypes, loaded.rt_median.restype = [ctypes.POINTER(Stats)], ctypes.c_uint64
    return loaded


def play(rt: ctypes.CDLL, periods: list[tuple[int, int, int]]) -> tuple[Stats, int]:
    """Play (skipped, latency, work) after one another; returns the statistics and the median."""
    played, release = [], PERIOD_NS
    for skipped, latency, work in periods:
        release += PERIOD_NS * skipped
        played.append(Period(release, skipped, latency, work))
        release += PERIOD_NS
    stats = Stats()
    median = rt.rt_play((Period * len(played))(*played), len(played), PERIOD_NS, ctypes.byref(stats))
    return stats, median


def test_the_first_value_of_each_bucket_lies_in_it(rt: ctypes.CDLL) -> None:
    for bucket in range(BUCKETS):
        assert rt.rt_bucket(rt.rt_bucket_first(bucket)) == bucket


def test_buckets_follow_each_other_without_a_gap(rt: ctypes.CDLL) -> None:
    firsts = [rt.rt_bucket_first(bucket) for bucket in range(BUCKETS)]
    assert firsts == sorted(set(firsts))
    for bucket in range(1, BUCKETS):
        assert rt.rt_bucket(firsts[bucket] - 1) == bucket - 1


@given(ticks=TICKS)
def test_a_value_is_known_to_a_sixteenth(rt: ctypes.CDLL, ticks: int) -> None:
    bucket = rt.rt_bucket(ticks)
    assert 0 <= bucket < BUCKETS
    first = rt.rt_bucket_first(bucket)
    assert first <= ticks
    if bucket < BUCKETS - 1:
        assert ticks - first <= ticks // FINE


PERIODS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, PERIOD_NS), st.integers(0, 2 * PERIOD_NS)), min_size=1, max_size=60
)


@given(periods=PERIODS)
def test_least_and_greatest_are_exact_and_the_median_to_a_sixteenth(
    rt: ctypes.CDLL, periods: list[tuple[int, int, int]]
) -> None:
    stats, median = play(rt, periods)
    latencies = sorted(latency for _, latency, _ in periods)
    middle = latencies[len(latencies) // 2]
    assert (stats.min, stats.max) == (latencies[0], latencies[-1])
    assert stats.min <= median <= middle
    assert middle - median <= middle // FINE
    assert sum(stats.buckets) == len(periods)


@given(periods=PERIODS)
def test_skipped_and_late_periods_are_missed(rt: ctypes.CDLL, periods: list[tuple[int, int, int]]) -> None:
    stats, _ = play(rt, periods)
    skipped = sum(count for count, _, _ in periods)
    late = sum(latency + work > PERIOD_NS for _, latency, work in periods[:-1])
    assert stats.periods == len(periods) + skipped
    assert stats.misses == skipped + late
    assert stats.last_ticks - stats.start_ticks == PERIOD_NS * (stats.periods - 1 - periods[0][0])
    assert stats.sequence == 2 * len(periods), "even: nobody writes"


def test_without_a_latency_there_is_no_median(rt: ctypes.CDLL) -> None:
    assert rt.rt_median(ctypes.byref(Stats())) == 0

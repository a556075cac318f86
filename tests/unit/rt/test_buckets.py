# SPDX-License-Identifier: MIT
"""Latency buckets: exact when small, within a sixteenth when large, in order, none out of range."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[3]
FINE, BUCKETS = 16, 16 * 33
TICKS = st.integers(0, 2**64 - 1)


@pytest.fixture(scope="module")
def stats(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    library = tmp_path_factory.mktemp("rt") / "stats.so"
    include = [f"-I{ROOT / part}" for part in ("devsrv/include", "kernel/include", "kernel/user/include")]
    source = ROOT / "devsrv/rt/stats.c"
    subprocess.run(
        ["gcc", "-std=c11", "-O1", "-shared", "-fPIC", *include, str(source), "-o", str(library)], check=True
    )
    loaded = ctypes.CDLL(str(library))
    loaded.rt_bucket.argtypes, loaded.rt_bucket.restype = [ctypes.c_uint64], ctypes.c_uint
    loaded.rt_bucket_first.argtypes, loaded.rt_bucket_first.restype = [ctypes.c_uint], ctypes.c_uint64
    return loaded


def test_the_first_value_of_each_bucket_lies_in_it(stats: ctypes.CDLL) -> None:
    for bucket in range(BUCKETS):
        assert stats.rt_bucket(stats.rt_bucket_first(bucket)) == bucket


def test_buckets_follow_each_other_without_a_gap(stats: ctypes.CDLL) -> None:
    firsts = [stats.rt_bucket_first(bucket) for bucket in range(BUCKETS)]
    assert firsts == sorted(set(firsts))
    for bucket in range(1, BUCKETS):
        assert stats.rt_bucket(firsts[bucket] - 1) == bucket - 1


@given(ticks=TICKS)
def test_a_value_is_known_to_a_sixteenth(stats: ctypes.CDLL, ticks: int) -> None:
    bucket = stats.rt_bucket(ticks)
    assert 0 <= bucket < BUCKETS
    first = stats.rt_bucket_first(bucket)
    assert first <= ticks
    if bucket < BUCKETS - 1:
        assert ticks - first <= ticks // FINE

# SPDX-License-Identifier: MIT
"""The board's memory windows, driven on the workstation by a kernel that can run out of page tables (windows.c)."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l4vm.binding.build import TRANSLATOR

HERE = Path(__file__).parent
PAGE, LARGE, ROOM = 4096, 2 << 20, 8 << 20
READ, WRITE = 1, 2
WINDOW, STRIDE = 0x60_8000_0000, 1 << 33
PAGE_FAULT, FAULTED_AT = 14, 0x1234


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Compile the port's windows against the test's kernel."""
    library = tmp_path_factory.mktemp("windows") / "windows.so"
    include = [HERE, TRANSLATOR, TRANSLATOR / "include", TRANSLATOR / "port/l4"]
    flags = ["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-shared", "-fPIC", *(f"-I{path}" for path in include)]
    own = [HERE / "windows.c", TRANSLATOR / "port/l4/windows.c"]
    subprocess.run(["gcc", *flags, *map(str, own), "-o", str(library)], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.windows_map.restype = ctypes.c_bool
    loaded.windows_fault_at.restype = ctypes.c_uint64
    return loaded


def show(windows: ctypes.CDLL, va: int, size: int, *, writable: bool, window: int = 0) -> bool:
    return bool(windows.windows_map(window, ctypes.c_uint32(va), ctypes.c_uint64(size), writable))


def fault(windows: ctypes.CDLL, address: int, go_on: int, vector: int = PAGE_FAULT) -> int:
    return int(windows.windows_fault_at(*(ctypes.c_uint64(n) for n in (vector, address, go_on))))


def test_page_is_shown_anew_in_a_stretch_that_stays(windows: ctypes.CDLL) -> None:
    windows.windows_make(1)
    assert show(windows, 0, ROOM, writable=True)
    assert show(windows, LARGE + PAGE, PAGE, writable=False)
    assert [windows.windows_rights(LARGE + n * PAGE) for n in range(3)] == [READ | WRITE, READ, READ | WRITE]


def test_page_that_cannot_be_split_off_is_not_writable_either(windows: ctypes.CDLL) -> None:
    windows.windows_make(0)
    assert show(windows, 0, ROOM, writable=True)
    assert not show(windows, LARGE + PAGE, PAGE, writable=False)
    assert [windows.windows_rights(n * LARGE + PAGE) for n in range(4)] == [3, 0, 3, 3]


@given(st.integers(0, 4), st.lists(st.tuples(st.integers(0, 2047), st.integers(1, 600)), max_size=12))
def test_no_stretch_is_writable_once_it_was_to_be_read_only(
    windows: ctypes.CDLL, tables: int, stretches: list[tuple[int, int]]
) -> None:
    windows.windows_make(tables)
    show(windows, 0, ROOM, writable=True)
    for first, count in stretches:
        pages = min(count, 2048 - first)
        show(windows, first * PAGE, pages * PAGE, writable=False)
        assert not any(windows.windows_rights(n * PAGE) & WRITE for n in range(first, first + pages))


def test_stretch_outside_a_window_is_refused(windows: ctypes.CDLL) -> None:
    windows.windows_make(4)
    assert not show(windows, 0, 0, writable=True)
    assert not show(windows, 0xFFFF_F000, 2 * PAGE, writable=True)
    assert not show(windows, 0, PAGE, writable=True, window=4)


@pytest.mark.parametrize(("window", "va"), [(0, 0), (1, 0x8000_0100), (3, 0xFFFF_FFFF)])
def test_fault_in_a_window_goes_on_where_the_machine_says(windows: ctypes.CDLL, window: int, va: int) -> None:
    windows.windows_make(4)
    seen = ctypes.c_uint32()
    assert fault(windows, WINDOW + window * STRIDE + va, 0x5678) == 0x5678
    assert (windows.windows_seen(ctypes.byref(seen)), seen.value) == (window, va)
    assert windows.windows_upcalls_off() == 0


@pytest.mark.parametrize("address", [WINDOW - 1, WINDOW + (1 << 32), WINDOW + 4 * STRIDE, 0, (1 << 64) - 1])
def test_fault_beside_the_windows_is_told_as_such(windows: ctypes.CDLL, address: int) -> None:
    windows.windows_make(4)
    assert fault(windows, address, 0x5678) == 0x5678, "a constant may carry an access past a window's end"
    assert windows.windows_seen(ctypes.byref(ctypes.c_uint32())) == 4


@pytest.mark.parametrize(("vector", "go_on"), [(PAGE_FAULT, 0), (6, 0x5678)])
def test_what_is_not_the_machines_comes_again_to_the_supervisor(
    windows: ctypes.CDLL, vector: int, go_on: int
) -> None:
    windows.windows_make(4)
    assert fault(windows, WINDOW, go_on, vector) == FAULTED_AT
    assert windows.windows_upcalls_off() == 1

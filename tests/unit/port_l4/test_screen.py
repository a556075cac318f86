# SPDX-License-Identifier: MIT
"""A guest's screen and keyboard on the board, driven on the workstation by a reader and a typist (screen.c)."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l4vm.binding.build import TRANSLATOR
from l4vm.description.resolve import SCREEN_BYTES
from l4vm.formats import args, cheader

HERE = Path(__file__).parent
DEVSRV = TRANSLATOR.parent / "devsrv"
RING_BYTES = 4096 + 1024 + 1024
WORDS = 768 // 32


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Compile the task's part and the reader's."""
    folder = tmp_path_factory.mktemp("screen")
    (folder / "args_gen.h").write_text(cheader.header(args), encoding="utf-8")
    include = [folder, HERE, TRANSLATOR, TRANSLATOR / "include", TRANSLATOR / "port/l4"]
    include += [DEVSRV / "include", DEVSRV / "../kernel/user/include"]
    own = [HERE / "screen.c", TRANSLATOR / "port/l4/vm_screen.c", DEVSRV / "lib/screen.c", DEVSRV / "lib/ring.c"]
    flags = ["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-shared", "-fPIC", *(f"-I{path}" for path in include)]
    subprocess.run(["gcc", *flags, *map(str, own), "-o", str(folder / "screen.so")], check=True)
    library = ctypes.CDLL(str(folder / "screen.so"))
    library.screen_make.restype = ctypes.c_char_p
    library.screen_take.restype = ctypes.c_uint32
    for name in ("is_configured", "wanted", "offer"):
        getattr(library, f"screen_{name}").restype = ctypes.c_bool
    return library


def make(program: ctypes.CDLL, screen: int = SCREEN_BYTES, keys: int = RING_BYTES) -> str:
    return bytes(program.screen_make(ctypes.c_uint64(screen), ctypes.c_uint64(keys))).decode()


def rows(program: ctypes.CDLL) -> set[int]:
    """Take all marks."""
    words = [program.screen_take(n) for n in range(WORDS)]
    return {32 * n + bit for n, word in enumerate(words) for bit in range(32) if word >> bit & 1}


def typed(program: ctypes.CDLL) -> bytes:
    out = ctypes.create_string_buffer(256)
    count = program.screen_typed(out)
    return out.raw[:count]


def test_machine_has_a_screen_where_the_image_gives_memory_for_it(program: ctypes.CDLL) -> None:
    assert make(program) == "" and program.screen_is_configured()
    assert make(program, keys=0) == "" and program.screen_is_configured()
    assert make(program, 0, 0) == "" and not program.screen_is_configured()


@pytest.mark.parametrize(
    ("screen", "keys", "words"), [(SCREEN_BYTES - 1, 0, "too little memory"), (SCREEN_BYTES, 4096, "no usable ring")]
)
def test_wrong_memory_is_refused(program: ctypes.CDLL, screen: int, keys: int, words: str) -> None:
    assert words in make(program, screen, keys)


@given(st.integers(1, 768), st.integers(0, 767), st.integers(1, 768))
def test_rows_that_changed_are_marked_and_no_others(program: ctypes.CDLL, height: int, first: int, count: int) -> None:
    first %= height
    count = min(count, height - first)
    make(program)
    rows(program)
    program.screen_changed(640, height, first, count)
    assert rows(program) == set(range(first, first + count))
    assert rows(program) == set()
    assert program.screen_size() == 640 | height << 16


def test_marks_add_up_until_they_are_taken(program: ctypes.CDLL) -> None:
    make(program)
    rows(program)
    for first in (3, 700, 4):
        program.screen_changed(1024, 768, first, 2)
    assert rows(program) == {3, 4, 5, 700, 701}


def test_screen_is_off_until_its_machine_says_otherwise(program: ctypes.CDLL) -> None:
    make(program)
    program.screen_changed(640, 480, 0, 480)
    make(program)  # the task was started anew
    assert program.screen_size() == 0
    program.screen_changed(640, 480, 0, 1)
    program.screen_changed(0, 0, 0, 0)
    assert program.screen_size() == 0


@given(st.integers(0, 0xFFFFFFFF))
def test_reader_takes_no_size_that_has_no_room(program: ctypes.CDLL, size: int) -> None:
    make(program)
    program.screen_size_set(ctypes.c_uint32(size))
    width, height = size & 0xFFFF, size >> 16
    assert bool(program.screen_size()) == (0 < width <= 1024 and 0 < height <= 768)


def test_reader_says_whether_somebody_looks(program: ctypes.CDLL) -> None:
    make(program)
    for is_wanted in (True, False):
        program.screen_want(is_wanted)
        assert program.screen_wanted() == is_wanted


def test_reader_is_signalled_once_for_all_that_changed(program: ctypes.CDLL) -> None:
    make(program)
    assert program.screen_signals() == 0
    program.screen_changed(640, 480, 0, 1)
    program.screen_changed(640, 480, 9, 1)
    assert program.screen_signals() == 1
    assert program.screen_signals() == 1


def test_keys_reach_the_guest_in_order_and_wait_for_room(program: ctypes.CDLL) -> None:
    make(program)
    codes = bytes(range(1, 201))
    assert program.screen_press(codes, len(codes)) == 200
    assert not program.screen_offer(0)
    for _ in range(30):
        program.screen_offer(7)
    assert typed(program) == codes
    assert not program.screen_offer(7)
    assert program.screen_signals() == 1, "room for more keys"


def test_nobody_types_where_there_is_no_ring(program: ctypes.CDLL) -> None:
    make(program, keys=0)
    program.screen_changed(640, 480, 0, 1)
    assert not program.screen_offer(10) and program.screen_signals() == 0

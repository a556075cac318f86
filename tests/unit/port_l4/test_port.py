# SPDX-License-Identifier: MIT
"""The board's port of the translator, driven on the workstation with a kernel of three calls (board.c)."""

from __future__ import annotations

import ctypes
import struct
import subprocess
from pathlib import Path

import pytest

from l4vm.binding.build import TRANSLATOR, sources, write_decoders

ROOT = Path(__file__).resolve().parents[3]
HOST, INSN, EXACT = 0, 1, 2
UART = [0x03200000, 0x82106100]  # %g1 = 0x80000100
HALT = [0x91D02000, 0x01000000]  # ta 0; nop
SLEEP = [0xA7800000]  # wr %g0, %asr19
TIMER = [  # 1 kHz on timer 1, unmasked in the IRQMP
    *(0x07200000, 0x8610E300),  # %g3 = 0x80000300
    *(0x84102000 | 999, 0xC420E014),  # reload
    *(0x8410200F, 0xC420E018),  # control: IE LD RS EN
    *(0x8610E000 & ~0x2000 | 0x2000, 0x01000000),  # or %g3, 0, %g3; nop
    *(0x07200000, 0x8610E240),  # %g3 = 0x80000240
    *(0x84102040, 0xC420E000),  # mask line 6
]
TAKE_12 = [  # read 12 characters and write them back: %g4 counts
    0x8810200C,
    0xC4006004,  # 1: ld [%g1 + 4], %g2
    0x8088A001,  # andcc %g2, 1, %g0
    0x02BFFFFE,  # be 1b
    0x01000000,
    0xC4006000,  # ld [%g1], %g2
    0xC4206000,  # st %g2, [%g1]
    0x88A12001,  # subcc %g4, 1, %g4
    0x12BFFFF9,  # bne 1b
    0x01000000,
]


def say(character: str) -> list[int]:
    """Return words that write a character to the UART at %g1."""
    return [0x84102000 | ord(character), 0xC4206000]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Compile the core with the board's port against the test's kernel calls."""
    folder = tmp_path_factory.mktemp("port_l4")
    write_decoders(folder)
    files = [path for path in sources() if "port" not in path.parts]
    files += [TRANSLATOR / "port/l4/xl_l4.c", Path(__file__).with_name("board.c")]
    include = [folder, Path(__file__).parent, TRANSLATOR, TRANSLATOR / "include", TRANSLATOR / "port/l4"]
    flags = ["-std=c11", "-O1", "-g", "-fno-strict-aliasing", "-shared", "-fPIC"]
    command = ["gcc", *flags, *(f"-I{path}" for path in include), *map(str, files), "-o", str(folder / "board.so")]
    subprocess.run(command, check=True)
    library = ctypes.CDLL(str(folder / "board.so"))
    library.board_make.restype = ctypes.c_char_p
    for name in ("board_now_ns", "board_waits", "board_polls", "board_insns"):
        getattr(library, name).restype = ctypes.c_uint64
    return library


def make(board: ctypes.CDLL, time: int, ram_bytes: int = 8 << 20) -> str:
    return bytes(board.board_make(time, ctypes.c_uint64(ram_bytes))).decode()


def run(board: ctypes.CDLL, words: list[int]) -> tuple[int, bytes]:
    program = struct.pack(f">{len(words)}I", *words)
    code = board.board_run(program, len(program))
    out = ctypes.create_string_buffer(256)
    count = board.board_output(out)
    return code, out.raw[:count]


def test_guest_runs_and_its_end_comes_back(board: ctypes.CDLL) -> None:
    assert make(board, INSN) == ""
    assert run(board, [*UART, *say("a"), *say("b"), *HALT]) == (0, b"ab")
    assert make(board, INSN) == ""
    assert run(board, [0]) == (2, b"")


@pytest.mark.parametrize("time", [HOST, INSN])
def test_idle_guest_waits_in_the_kernel_until_its_timer(board: ctypes.CDLL, time: int) -> None:
    assert make(board, time) == ""
    assert run(board, [*UART, *TIMER, *SLEEP, *say("w"), *HALT]) == (0, b"w")
    assert board.board_waits() >= 1
    assert 900_000 <= board.board_now_ns() <= 1_200_000


def test_exact_time_skips_what_it_idles(board: ctypes.CDLL) -> None:
    assert make(board, EXACT) == ""
    assert run(board, [*UART, *TIMER, *SLEEP, *say("w"), *HALT]) == (0, b"w")
    assert board.board_waits() == 0


POLLED = [  # 40 characters, each when the FIFO says that it is empty; %g4 counts
    *(0x88102028, 0x84102078),  # %g4 = 40, %g2 = 'x'
    *(0xC6006004, 0x8688E004, 0x02BFFFFE, 0x01000000),  # 1: ld [%g1 + 4], %g3; andcc %g3, 4, %g3; be 1b
    *(0xC4206000, 0x88A12001, 0x12BFFFFA, 0x01000000),  # st %g2, [%g1]; subcc %g4, 1, %g4; bne 1b
]


def test_exact_time_hides_when_output_is_taken(board: ctypes.CDLL) -> None:
    counts = {}
    for time in (INSN, EXACT):
        for takes in (0, 4):
            assert make(board, time) == ""
            board.board_line_takes(takes)
            try:
                assert run(board, [*UART, *POLLED, *HALT]) == (0, b"x" * 40)
            finally:
                board.board_line_takes(0)
            counts[time, takes] = board.board_insns()
    assert counts[EXACT, 4] == counts[EXACT, 0]
    assert counts[INSN, 4] > counts[INSN, 0]


def test_signalled_input_reaches_the_guest(board: ctypes.CDLL) -> None:
    assert make(board, HOST) == ""
    board.board_input(b"twelve bytes", 12)
    assert run(board, [*UART, *TAKE_12, *HALT]) == (0, b"twelve bytes")
    assert board.board_polls() == 1


SHOW = [  # a palette of one colour, and 8x2 pixels of it at the start of RAM + 4096; wait 60 ms; halt
    *(0x03200001, 0x82106200),  # %g1 = 0x80000600
    *(0x05100004, 0x07048D15, 0x8610E278),  # %g2 = 0x40001000; %g3 = 0x12345678
    *(0xC6206028, 0xC4206014),  # entry 0x12 is 345678; frame
    *(0x09048484, 0x88112212),  # %g4 = 0x12121212
    *(0xC820A000, 0xC820A004, 0xC820A008, 0xC820A00C),
    *(0x05000040, 0x8410A007, 0xC4206004),  # video length 2 rows, 8 columns
    *(0x84102011, 0xC4206000),  # on, 8 bits
    *(0x050003E8, 0x84A0A001, 0x12BFFFFF, 0x01000000),  # 1,024,000 rounds of three
    *HALT,
]


@pytest.mark.parametrize("is_wanted", [True, False])
def test_screen_is_shown_while_somebody_looks(board: ctypes.CDLL, is_wanted: bool) -> None:
    board.board_screen(True, is_wanted)
    try:
        assert make(board, INSN) == ""
        assert run(board, SHOW) == (0, b"")
        shown = (ctypes.c_uint32 * 4)()
        board.board_shown(15, shown)
    finally:
        board.board_screen(False, False)
    assert list(shown) == ([8, 2, 2, 0x345678] if is_wanted else [0, 0, 0, 0])


def test_bad_configuration_is_refused_with_a_sentence(board: ctypes.CDLL) -> None:
    assert "ram_bytes is outside" in make(board, HOST, 4096)

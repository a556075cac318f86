# SPDX-License-Identifier: MIT
"""Lines over named pipes: what is written after the end goes nowhere, and pipes of before are replaced."""

from __future__ import annotations

import os
from pathlib import Path

from l4vm.link.line import Inbox, PipeLine, make_pipes


def opened(path: str) -> tuple[PipeLine, int]:
    make_pipes(path)
    reader = os.open(f"{path}.in", os.O_RDONLY | os.O_NONBLOCK)
    return PipeLine(path, Inbox()), reader


def test_what_is_written_to_a_closed_pipe_line_reaches_no_file_that_got_its_number(tmp_path: Path) -> None:
    line, reader = opened(str(tmp_path / "line"))
    line.close()
    files = [(tmp_path / str(number)).open("wb") for number in range(8)]
    line.write(b"late")
    for file in files:
        file.close()
    os.close(reader)
    assert [(tmp_path / str(number)).stat().st_size for number in range(8)] == [0] * 8


def test_pipes_of_an_older_board_are_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "line")
    make_pipes(path)
    before = os.stat(f"{path}.in").st_ino
    keeps = os.open(f"{path}.in", os.O_RDONLY | os.O_NONBLOCK)  # so that its number is not given out again
    make_pipes(path)
    os.close(keeps)
    assert os.stat(f"{path}.in").st_ino != before

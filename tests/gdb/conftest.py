# SPDX-License-Identifier: MIT
"""A bare program under `l4vm guest run --gdb`, and the real GDB in batch mode."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from l4vm.bench.programs import build_program

SECONDS = 60


@dataclass(frozen=True)
class Board:
    """What the same commands are called for each guest CPU."""

    machine: str
    cpu: str
    argument: str
    scratch: str
    control: str
    stay: str
    pc: str


BOARDS = (
    Board("leon3", "sparc", "$o0", "$l0", "($psr & 0xf0000000) >> 28", "0x30800000", "0x400"),
    Board("bamboo", "ppc", "$r3", "$r14", "($msr & 0x3000) == 0x3000 ? 0xf : 0", "0x48000000", "0x100"),
)


@pytest.fixture(scope="session", params=BOARDS, ids=[board.machine for board in BOARDS])
def board(request: pytest.FixtureRequest) -> Board:
    given: Board = request.param
    return given


@pytest.fixture(scope="session")
def program(board: Board, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_program("state", tmp_path_factory.mktemp("program"), board.machine)


class Guest:
    """A guest in a process of its own that waits for GDB at `place`."""

    def __init__(self, program: Path, place: str, *options: str, machine: str = "leon3") -> None:
        command = [sys.executable, "-m", "l4vm", "guest", "run", "--machine", machine, "--kernel", str(program)]
        command += ["--headless"]
        command += ["--timeout", str(SECONDS), "--gdb", place, *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        assert self.process.stderr is not None
        while not (found := re.search(r"target remote (\S+)", self.process.stderr.readline())):
            assert self.process.poll() is None
        self.place = found[1]

    def gdb(self, program: Path, *commands: str) -> str:
        """Run commands in GDB; return what it printed, with its errors."""
        settings = ["set confirm off", "set pagination off", "set remotetimeout 20", f"target remote {self.place}"]
        given = [part for command in (*settings, *commands) for part in ("-ex", command)]
        done = subprocess.run(
            ["gdb-multiarch", "-nx", "-batch", *given, str(program)],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env=os.environ | {"HOME": tempfile.gettempdir()},
        )
        return done.stdout + done.stderr

    def end(self) -> tuple[int, str]:
        """Wait for the guest's end; return its exit code and what it printed."""
        text = self.process.communicate(timeout=SECONDS)[1]
        return self.process.returncode, text


@pytest.fixture
def guest(board: Board, program: Path) -> Iterator[Guest]:
    started = Guest(program, "0", "--time", "exact", machine=board.machine)
    yield started
    started.process.kill()
    started.process.communicate()

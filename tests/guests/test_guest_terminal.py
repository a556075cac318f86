# SPDX-License-Identifier: MIT
"""`l4vm guest run` on a real terminal: keys reach the guest raw, ctrl-t q quits, the terminal comes back as it was."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

from tests.guests.test_guest_command import ECHO, UART_TO_G1, elf, say

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "host_runtime")}


def read_until(fd: int, wanted: bytes, timeout_s: float = 30) -> bytes:
    """Read a terminal until it shows something."""
    seen, end = b"", time.monotonic() + timeout_s
    while wanted not in seen and (left := end - time.monotonic()) > 0:
        if select.select([fd], [], [], left)[0]:
            seen += os.read(fd, 4096)
    assert wanted in seen, seen
    return seen


def test_keys_reach_the_guest_and_quit_restores_the_terminal(tmp_path: Path) -> None:
    program = tmp_path / "echo.elf"
    program.write_bytes(elf([*UART_TO_G1, *say("ready>"), *ECHO]))
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    command = [sys.executable, "-m", "l4vm", "guest", "run", "--kernel", str(program)]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=ENVIRONMENT) as process:
        try:
            read_until(master, b"ready>")
            os.write(master, b"abc\x04\x14?d")
            shown = read_until(master, b"abc\x04d")
            assert b"send ctrl-t itself" in shown
            os.write(master, b"\x14q")
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_termination_ends_the_run_in_order(tmp_path: Path) -> None:
    program = tmp_path / "echo.elf"
    program.write_bytes(elf([*UART_TO_G1, *say("ready>"), *ECHO]))
    command = [sys.executable, "-m", "l4vm", "guest", "run", "--kernel", str(program), "--headless"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
        assert process.stderr is not None
        try:
            read_until(process.stderr.fileno(), b"ready>")
            process.terminate()
            assert process.wait(30) == 130
        finally:
            process.kill()

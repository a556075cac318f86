# SPDX-License-Identifier: MIT
"""The demo image: SPARC Linux to its shell, a real-time task beside it, one line to both."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from l4vm.console.qemu import Boot
from l4vm.exit_codes import ExitCode
from l4vm.link.line import Line
from tests.system.conftest import Board, Run

SESSION = ["leon0=# ", ">leon0=uname -m\\n", "leon0=sparc"]
PROMPT_S = 300.0
ICOUNT_S = 900.0


def assert_real_time_held(run: Run) -> None:
    """Every period was kept, and as many as the board's time asks for."""
    assert run.outcome.realtime, "the board has no real-time task"
    for task in run.outcome.realtime:
        assert task["misses"] == 0, task
        assert int(str(task["periods"])) >= 1000, task
        expected = int(str(task["elapsed_ns"])) / (int(str(task["period_us"])) * 1000)
        assert abs(int(str(task["periods"])) - expected) <= 1, task


def test_linux_reaches_its_shell_and_typing_works(demo: Board) -> None:
    run = demo.run(SESSION, PROMPT_S)
    assert run.outcome.code is ExitCode.OK, run.outcome.reason
    assert b"uname -m" in run.log("leon0"), "the terminal echoes what is typed"
    assert run.outcome.realtime[0]["task"] == "heartbeat"


def test_the_disk_image_boots_to_the_same_shell(demo: Board) -> None:
    run = demo.run(SESSION, PROMPT_S, Boot(disk=True))
    assert run.outcome.code is ExitCode.OK, run.outcome.reason


def test_no_deadline_is_missed_in_counted_time(demo: Board) -> None:
    run = demo.run(SESSION, ICOUNT_S, Boot(icount=True))
    assert run.outcome.code is ExitCode.OK, run.outcome.reason
    assert_real_time_held(run)


def test_two_counted_runs_take_the_same_instructions(demo: Board) -> None:
    first, second = (demo.run(["leon0=# "], ICOUNT_S, Boot(icount=True)) for _ in range(2))
    for run in (first, second):
        assert run.outcome.code is ExitCode.OK, run.outcome.reason
    latencies = [[task["latency_insns"] for task in run.outcome.realtime] for run in (first, second)]
    assert latencies[0] == latencies[1]


def test_the_heartbeat_reports_on_its_channel(demo: Board) -> None:
    run = demo.run(["heartbeat=misses"], PROMPT_S)
    assert run.outcome.code is ExitCode.OK, run.outcome.reason


class NoisyLine:
    """A line that carries garbage before, between and inside what is written."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._count = 0

    def write(self, data: bytes) -> None:
        """Disturb every write, and damage each fifth."""
        self._count += 1
        self._line.write(b"\xff\x80noise\x00\x07more\xfe")
        if self._count % 5 == 0:
            middle = len(data) // 2
            data = data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :]
        self._line.write(data)

    def close(self) -> None:
        """Close the line below."""
        self._line.close()


def test_garbage_on_the_line_is_counted_and_the_session_goes_on(demo: Board) -> None:
    run = demo.run(SESSION, PROMPT_S, through=NoisyLine)
    assert run.outcome.code is ExitCode.OK, run.outcome.reason
    assert run.counters["board_garbage_bytes"] > 0


def damaged(demo: Board, folder: Path, at: int, value: bytes) -> Run:
    """Boot the demo with bytes of its packed image overwritten, `at` bytes from its header."""
    data = bytearray(demo.manifest.kernel.read_bytes())
    start = data.rindex(b"L4VMIMG1")  # the kernel has the word too, before its image
    data[start + at : start + at + len(value)] = value
    copy = folder / "damaged.elf"
    copy.write_bytes(data)
    return demo.run([r"boot=image is damaged: [^.]+\."], 60.0, manifest=replace(demo.manifest, kernel=copy))


@pytest.mark.parametrize(
    ("at", "value", "word"),
    [
        pytest.param(0, b"NOTMAGIC", "magic", id="magic"),
        pytest.param(8, b"\x63\0\0\0", "version", id="version"),
        pytest.param(16, b"\xff\xff\xff\x7f", "bytes", id="length"),
        pytest.param(5000, b"\xde\xad\xbe\xef\x99", "crc", id="content"),
    ],
)
def test_a_damaged_image_stops_with_the_check_that_failed(
    demo: Board, tmp_path: Path, at: int, value: bytes, word: str
) -> None:
    run = damaged(demo, tmp_path, at, value)
    assert run.outcome.code is ExitCode.OK, run.outcome.reason
    assert word in run.log("boot").decode("ascii", "replace").lower()
    assert not (run.logs / "leon0.log").exists()


def test_the_command_line_writes_its_result_file(demo: Board, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    words = [sys.executable, "-m", "l4vm", "run", "demo", "--no-build", "--headless"]
    words += ["--timeout", str(PROMPT_S), "--until", "leon0=# ", "--send", "leon0=uname -m\\n"]
    words += ["--until", "leon0=sparc", "--json", str(out), "--logs", str(tmp_path / "logs")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    assert result["exit_code"] == 0
    assert [match["channel"] for match in result["matches"]] == ["leon0", "leon0"]
    assert set(result["realtime"][0]["latency_insns"]) == {"min", "median", "max"}
    assert Path(result["channels"]["leon0"]).exists()

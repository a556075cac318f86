# SPDX-License-Identifier: MIT
"""The demo image: SPARC Linux to its shell, a real-time task beside it, one line to both."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from l4vm.console.qemu import Boot
from l4vm.exit_codes import ExitCode
from l4vm.formats import boot_image
from l4vm.link.line import Inbox, Line, Received
from tests.system.conftest import ICOUNT_S, Board, Run

SESSION = ["leon0=# ", ">leon0=uname -m\\n", "leon0=sparc"]
PROMPT_S = 300.0


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


def test_no_deadline_is_missed_in_counted_time(counted: Run) -> None:
    assert counted.outcome.code is ExitCode.OK, counted.outcome.reason
    assert_real_time_held(counted)


class SlowInbox(Inbox):
    """A line from the board whose reader takes a nap after each piece."""

    def put(self, item: object, block: bool = True, timeout: float | None = None) -> None:
        """Take a piece, and a nap."""
        super().put(item, block, timeout)
        if isinstance(item, Received):
            time.sleep(0.2)


def test_two_counted_runs_take_the_same_instructions(counted: Run, demo: Board) -> None:
    """The second one's reader is slow, as on a workstation with other work: that must not hold the board's UART back.

    Statistics are no part of the comparison: they are of the time when they were asked for, which is nobody's count.
    """
    again = demo.run(["leon0=# "], ICOUNT_S, Boot(icount=True), inbox=SlowInbox())
    for run in (counted, again):
        assert run.outcome.code is ExitCode.OK, run.outcome.reason
    prompts = [[(match.text, match.board_time_ns) for match in run.script.matches] for run in (counted, again)]
    assert prompts[0] == prompts[1]
    assert prompts[0][0][1], "the board says when it wrote the prompt"
    for name in ("leon0", "log"):
        assert counted.log(name) == again.log(name), "each line of the log begins with its time"


def test_the_heartbeat_reports_on_its_channel(demo: Board) -> None:
    run = demo.run(["heartbeat=misses"], PROMPT_S)
    assert run.outcome.code is ExitCode.OK, run.outcome.reason


NOISE = b"\xff\x80noise\x00\x07more\xfe"


def flipped(data: bytes) -> bytes:
    """Return data with one bit of its middle byte changed."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :]


class NoisyLine:
    """A line to the board with garbage before each write; each fifth write is damaged."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._count = 0

    def write(self, data: bytes) -> None:
        """Disturb a write."""
        self._count += 1
        self._line.write(NOISE + (data if self._count % 5 else flipped(data)))

    def close(self) -> None:
        """Close the line below."""
        self._line.close()


class NoisyInbox(Inbox):
    """A line from the board, with damage, loss and garbage in turn among the pieces that arrive."""

    def __init__(self) -> None:
        self.disturbed = 0
        self._bytes = 0

    def put(self, item: object, block: bool = True, timeout: float | None = None) -> None:
        """Disturb a piece about every 2000 bytes."""
        if isinstance(item, Received):
            self._bytes += len(item.data)
            if self._bytes > 2000:
                self._bytes = 0
                self.disturbed += 1
                item = Received((NOISE + item.data, flipped(item.data), b"")[self.disturbed % 3])
        super().put(item, block, timeout)


def test_garbage_in_both_directions_is_counted_and_no_byte_suffers(demo: Board) -> None:
    inbox = NoisyInbox()
    count = ["leon0=# ", ">leon0=i=0; while [ $i -lt 500 ]; do echo line $i; i=$(($i+1)); done\\n", "leon0=line 499\r"]
    run = demo.run(count, PROMPT_S, through=NoisyLine, inbox=inbox)
    assert run.outcome.code is ExitCode.OK, run.outcome.reason
    assert re.findall(rb"^line (\d+)\r$", run.log("leon0"), re.M) == [b"%d" % number for number in range(500)]
    assert inbox.disturbed >= 3  # each kind once; how many there are depends on how large pieces arrive
    for counter in ("board_garbage_bytes", "board_crc_errors", "garbage_bytes", "gaps"):
        assert run.counters[counter] > 0, run.counters


def boot_changed(demo: Board, folder: Path, change: Callable[[bytearray, int], None], sentence: str) -> Run:
    """Boot the demo with its packed image changed by `change`, which gets the file and where the image begins."""
    data = bytearray(demo.manifest.kernel.read_bytes())
    change(data, data.rindex(b"L4VMIMG1"))  # the kernel has the word too, before its image
    copy = folder / "changed.elf"
    copy.write_bytes(data)
    return demo.run([f"boot={sentence}"], 60.0, manifest=replace(demo.manifest, kernel=copy))


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
    def change(data: bytearray, start: int) -> None:
        data[start + at : start + at + len(value)] = value

    run = boot_changed(demo, tmp_path, change, r"image is damaged: [^.]+\.")
    assert run.outcome.code is ExitCode.OK, run.outcome.reason
    assert word in run.log("boot").decode("ascii", "replace").lower()
    assert not (run.logs / "leon0.log").exists()


def test_root_refuses_a_table_of_another_version_in_a_sound_image(demo: Board, tmp_path: Path) -> None:
    def change(data: bytearray, start: int) -> None:
        header = boot_image.ImageHeader.parse(bytes(data[start:]))
        at = start + header.table_offset + 8
        data[at : at + 4] = (99).to_bytes(4, "little")
        body = bytes(data[start + boot_image.HEADER_BYTES : start + header.total_bytes])
        changed = boot_image.ImageHeader.build({**header, "crc32": zlib.crc32(body)})
        data[start : start + len(changed)] = changed

    sentence = "root: the packed image fails its check: the system table's version is 99, allowed is 1"
    run = boot_changed(demo, tmp_path, change, sentence)
    assert run.outcome.code is ExitCode.OK, run.outcome.reason
    assert not (run.logs / "leon0.log").exists()


def test_the_command_line_writes_its_result_file(demo: Board, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    words = [sys.executable, "-m", "l4vm", "run", "demo", "--no-build", "--headless", "--icount"]
    words += ["--timeout", str(ICOUNT_S), "--until", "leon0=# ", "--send", "leon0=uname -m\\n"]
    words += ["--until", "leon0=sparc", "--json", str(out), "--logs", str(tmp_path / "logs")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    assert result["exit_code"] == 0
    assert [match["channel"] for match in result["matches"]] == ["leon0", "leon0"]
    assert result["realtime"][0]["misses"] == 0
    assert set(result["realtime"][0]["latency_insns"]) == {"min", "median", "max"}
    assert Path(result["channels"]["leon0"]).exists()

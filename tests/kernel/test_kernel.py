# SPDX-License-Identifier: MIT
"""The kernel on its board: every case of the test program, each as a test of its own.

The program is the image's root task (ktest.c). It reports `ok NN name` or `FAIL NN name: why` on the
early console and at last `N passed, N failed`. The names come from the C files, so that a case that
did not run is a failure too. QEMU counts instructions (-icount): every run has the same board time.

The image is built first. Set L4VM_NO_BUILD=1 to take it as it is.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from l4vm.cli.run import build

BOARD, IMAGE = "x86-embedded", "ktest"
MODE = os.environ.get("L4VM_MODE", "release")
TIMEOUT_S = 300
PASSED_EXIT = 33  # of the debug exit device: code 16 * 2 + 1
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CASE = re.compile(r"^    CASE\((\w+)\),$", re.MULTILINE)
DEFINED = re.compile(r"^static const char \*(\w+)\(void\)$", re.MULTILINE)
LINE = re.compile(r"^(ok|FAIL) (\d+) (\w+)(?:: (.*))?$")
QEMU = [
    *("qemu-system-x86_64", "-accel", "tcg,tb-size=512", "-cpu", "max", "-smp", "1", "-m", "512"),
    *("-icount", "shift=0,sleep=off", "-rtc", "clock=vm", "-display", "none", "-serial", "stdio"),
    *("-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-no-reboot", "-kernel"),
]


def names_of(pattern: re.Pattern[str]) -> list[str]:
    """Return what the pattern names in all C files."""
    files = sorted(HERE.glob("*_cases.c"))
    return [name for file in files for name in pattern.findall(file.read_text())]


NAMES = names_of(CASE)


@dataclass(frozen=True)
class Report:
    """What a run said: per case the reason of its failure or "", and all of its output."""

    numbers: list[int]
    names: list[str]
    why: dict[str, str]
    text: str
    exit_code: int | None


def read_report(text: str, exit_code: int | None) -> Report:
    """Take the console's text apart."""
    found = [match for line in text.splitlines() if (match := LINE.match(line))]
    why = {m[3]: "" if m[1] == "ok" else m[4] or "no reason given" for m in found}
    return Report([int(m[2]) for m in found], [m[3] for m in found], why, text, exit_code)


@pytest.fixture(scope="module")
def report() -> Report:
    """Boot the test program once."""
    if not os.environ.get("L4VM_NO_BUILD"):
        build(ROOT, BOARD, IMAGE, MODE)
    image = ROOT / "build" / f"{BOARD}-{IMAGE}-{MODE}" / f"{IMAGE}.elf"
    words = [*QEMU, str(image)]
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as late:
        return read_report((late.stdout or b"").decode(errors="replace"), None)
    return read_report((done.stdout + done.stderr).decode(errors="replace"), done.returncode)


def test_every_case_is_listed_once() -> None:
    assert NAMES and [name for name, count in Counter(NAMES).items() if count > 1] == []
    assert sorted(names_of(DEFINED)) == sorted(NAMES)


@pytest.mark.system
@pytest.mark.parametrize("name", NAMES)
def test_case(report: Report, name: str) -> None:
    assert name in report.why, f"did not run; the last lines:\n{report.text[-600:]}"
    assert report.why[name] == ""


@pytest.mark.system
def test_the_program_runs_every_case_in_order_and_ends_well(report: Report) -> None:
    assert report.numbers == list(range(1, len(NAMES) + 1)), report.text[-600:]
    assert sorted(report.names) == sorted(NAMES)
    assert report.text.rstrip().endswith(f"{len(NAMES)} passed, 0 failed")
    assert report.exit_code == PASSED_EXIT

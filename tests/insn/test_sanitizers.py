# SPDX-License-Identifier: MIT
"""The instruction tests and a short fuzz run clean with AddressSanitizer and UndefinedBehaviorSanitizer.

The long form: `python -m tests.insn.sanitized -m tests.fuzz`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.__main__ import COMPARISONS
from tests.insn.sanitized import build, environment

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    build()


def sanitized(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], env=environment(), cwd=ROOT, capture_output=True, text=True, timeout=600
    )


@pytest.mark.slow
def test_the_sanitizer_sees_a_write_behind_a_buffer() -> None:
    code = (
        "from l4vm.binding.machine import Machine\n"
        "m = Machine('leon3', ram_mib=8)\n"
        "m.lib.xl_read(m._vm, 0x40000000, m.ffi.new('char[8]'), 4096)\n"
    )
    done = sanitized("-c", code)
    assert done.returncode == 99
    assert "heap-buffer-overflow" in done.stderr


@pytest.mark.slow
def test_instruction_tests_run_clean() -> None:
    tests = [str(path) for path in sorted(Path(__file__).parent.glob("test_*.py")) if path != Path(__file__)]
    done = sanitized("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, "tests/golden")
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]


@pytest.mark.slow
def test_a_short_fuzz_runs_clean() -> None:
    others = [name for name in COMPARISONS if name != "servers"]  # which are built with sanitizers anyway
    only = [word for name in others for word in ("--only", name)]
    done = sanitized("-m", "tests.fuzz", "--insns", "10000", "--cases", "200", "--seed", "30", *only)
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]

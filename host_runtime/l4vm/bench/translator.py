# SPDX-License-Identifier: MIT
"""Time the translator beside QEMU on the same guest programs.

Runs alternate, so that both see the same machine; a figure is the median over the runs of one
process's CPU seconds, start-up and translation included. Nothing is judged here: the ratio is
reported.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from l4vm.bench.programs import MACHINES, build_program, program_names
from l4vm.errors import L4vmError

TIMEOUT_S = 120
CHECK = " ok "


@dataclass(frozen=True)
class Figure:
    """CPU and wall seconds, each the median of the runs."""

    cpu_s: float
    wall_s: float


@dataclass(frozen=True)
class Row:
    """One program on one guest: ratio = QEMU's CPU seconds / ours; above 1 we are faster."""

    guest: str
    benchmark: str
    ours: Figure
    qemu: Figure
    ratio: float


def _once(command: list[str]) -> Figure:
    """Run a command to its end; its output must say that the checksum is right."""
    start = time.monotonic()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        while True:
            pid, _, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - start > TIMEOUT_S:
                process.kill()
                os.wait4(process.pid, 0)
                raise L4vmError(f"`{' '.join(command)}` did not end in {TIMEOUT_S} s", "", exit_code=4)
            time.sleep(0.002)
        wall = time.monotonic() - start
        process.returncode = 0
        out.seek(0)
        text = out.read().decode(errors="replace")
    if CHECK not in text:
        raise L4vmError(f"`{' '.join(command)}` gave no right checksum: {text[-200:]!r}", "", exit_code=1)
    return Figure(usage.ru_utime + usage.ru_stime, wall)


def ours_command(elf: Path, machine: str = "leon3") -> list[str]:
    """Return the command that runs a bare program in our translator."""
    run = [sys.executable, "-m", "l4vm", "guest", "run", "--machine", machine]
    return [*run, "--kernel", str(elf), "--headless", "--timeout", str(TIMEOUT_S)]


def qemu_command(elf: Path, machine: str = "leon3") -> list[str]:
    """Return the command that runs a bare program in QEMU."""
    return [*MACHINES[machine].peer, str(elf)]


def _median(figures: list[Figure]) -> Figure:
    cpu = statistics.median(f.cpu_s for f in figures)
    return Figure(round(cpu, 3), round(statistics.median(f.wall_s for f in figures), 3))


def run(names: list[str], runs: int, progress: Callable[[Row], None]) -> list[Row]:
    """Time each named program `runs` times in both, alternating.

    Raises:
        L4vmError: a program does not build, does not end, or computes something else.
    """
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in names or program_names():
            elf = build_program(name, Path(scratch))
            ours: list[Figure] = []
            qemu: list[Figure] = []
            for _ in range(runs):
                ours.append(_once(ours_command(elf)))
                qemu.append(_once(qemu_command(elf)))
            a, b = _median(ours), _median(qemu)
            rows.append(Row("leon3", name, a, b, round(b.cpu_s / a.cpu_s, 2)))
            progress(rows[-1])
    return rows


def to_json(rows: list[Row]) -> str:
    """Return the rows as JSON text: a list of {guest, benchmark, ours, qemu, ratio}."""
    return json.dumps([asdict(row) for row in rows], indent=2) + "\n"

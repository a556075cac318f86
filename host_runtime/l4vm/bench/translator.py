# SPDX-License-Identifier: MIT
"""Time the translator beside QEMU on the same guest programs.

Three kinds of entries: "cpu" and "slow" are bare programs (programs.py), "system" is Linux with one
process that does one thing often (system.py). Runs alternate, so that both see the same machine; a
figure is the median over the runs of one process's CPU seconds, start-up and translation included.
From system entries other than `boot` the same guest's `boot` is taken off. Nothing is judged here:
ratios are reported.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from l4vm.bench.breakdown import Breakdown, break_down
from l4vm.bench.programs import (
    MACHINES,
    build_native,
    build_program,
    kind_of,
    program_names,
    programs_of,
)
from l4vm.bench.system import BOOT, build_system, system_names
from l4vm.errors import L4vmError

CPU_TIMES = 4  # so that starting a process is a small part of its time
TIMEOUT_S = 120
MEAN = "geometric mean"
SHORTEST_S = 0.01
LOOK_S, LOOKS_A_PEAK = 0.002, 5


@dataclass(frozen=True)
class Figure:
    """CPU and wall seconds, each the median of the runs; peak_mib: the most memory held at any look in any run."""

    cpu_s: float
    wall_s: float
    peak_mib: float


@dataclass(frozen=True)
class Row:
    """One entry on one guest, or the geometric mean of a kind.

    ratio, wall_ratio: QEMU's CPU or wall seconds / ours; above 1 we are faster. native_share: CPU
    seconds of the same C compiled for the workstation / ours; kind "cpu" only. breakdown: where our
    time went in a further run, if that was asked for.
    """

    guest: str
    benchmark: str
    kind: str
    ours: Figure
    qemu: Figure
    ratio: float
    wall_ratio: float
    native_share: float | None = None
    breakdown: Breakdown | None = None


@dataclass(frozen=True)
class Entry:
    """What is run for one row; `says` is on the console when the result is right."""

    ours: list[str]
    qemu: list[str]
    native: list[str] | None
    says: str


def entry_names() -> list[str]:
    """Return the names of all entries."""
    return [*program_names("cpu"), *system_names(), *program_names("slow")]


def entry_kind(name: str) -> str:
    """Return the kind of an entry.

    Raises:
        L4vmError: there is no such entry.
    """
    if name not in entry_names():
        raise L4vmError(f"no benchmark is called {name!r}", f"known: {', '.join(entry_names())}")
    return "system" if name in system_names() else kind_of(name)


def entries_of(guest: str) -> list[str]:
    """Return the names of the entries that there are for a guest: all but the programs that its machine cannot run."""
    return [name for name in entry_names() if name in programs_of(guest) or name in system_names()]


def _resident_mib(pid: int) -> float:
    """Return the memory that a process holds now; guest RAM that it maps at several places counts once."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def time_once(command: list[str], says: str) -> Figure:
    """Run a command to its end; its output must say that the result is right."""
    start = time.monotonic()
    with tempfile.TemporaryFile() as out:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        except OSError as error:
            raise L4vmError(f"{command[0]} does not run: {error.strerror}", "./kit installs it", exit_code=3) from error
        looks, peak = 0, 0.0
        while True:
            if looks % LOOKS_A_PEAK == 0:
                peak = max(peak, _resident_mib(process.pid))
            looks += 1
            pid, _, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - start > TIMEOUT_S:
                process.kill()
                os.wait4(process.pid, 0)
                raise L4vmError(f"`{' '.join(command)}` did not end in {TIMEOUT_S} s", "", exit_code=4)
            time.sleep(LOOK_S)
        wall = time.monotonic() - start
        process.returncode = 0
        out.seek(0)
        text = out.read().decode(errors="replace")
    if says not in text:
        raise L4vmError(f"`{' '.join(command)}` did not say {says!r} but {text[-200:]!r}", "", exit_code=1)
    return Figure(usage.ru_utime + usage.ru_stime, wall, peak)


def ours_command(elf: Path, machine: str = "leon3") -> list[str]:
    """Return the command that runs a bare program in our translator."""
    run = [sys.executable, "-m", "l4vm", "guest", "run", "--machine", machine]
    return [*run, "--kernel", str(elf), "--headless", "--timeout", str(TIMEOUT_S)]


def qemu_command(elf: Path, machine: str = "leon3") -> list[str]:
    """Return the command that runs a bare program in QEMU."""
    return [*MACHINES[machine].peer, str(elf)]


def _entry(name: str, guest: str, scratch: Path) -> Entry:
    kind = entry_kind(name)
    if kind == "system":
        booted = build_system(name, scratch, guest)
        return Entry(booted.ours, booted.qemu, None, booted.says)
    times = CPU_TIMES if kind == "cpu" else 1
    elf = build_program(name, scratch, guest, times=times)
    native = [str(build_native(name, scratch, times))] if kind == "cpu" else None
    return Entry(ours_command(elf, guest), qemu_command(elf, guest), native, f"{name} ok ")


def _median(figures: list[Figure]) -> Figure:
    cpu, wall = (statistics.median(values) for values in zip(*((f.cpu_s, f.wall_s) for f in figures), strict=True))
    return Figure(round(cpu, 3), round(wall, 3), round(max(f.peak_mib for f in figures), 1))


def _less(figure: Figure, base: Figure) -> Figure:
    """Return what a run took beyond the base; a difference that noise has eaten counts as the shortest time."""
    cpu, wall = max(figure.cpu_s - base.cpu_s, SHORTEST_S), max(figure.wall_s - base.wall_s, SHORTEST_S)
    return Figure(round(cpu, 3), round(wall, 3), figure.peak_mib)


def _measure(entry: Entry, runs: int) -> tuple[Figure, Figure, Figure | None]:
    ours, qemu, native = [], [], []
    for _ in range(runs):
        ours.append(time_once(entry.ours, entry.says))
        qemu.append(time_once(entry.qemu, entry.says))
        if entry.native:
            native.append(time_once(entry.native, entry.says))
    return _median(ours), _median(qemu), _median(native) if native else None


def _row(
    guest: str, name: str, figures: tuple[Figure, Figure, Figure | None], breakdown: Breakdown | None
) -> Row:
    ours, qemu, native = figures
    ratio, wall = round(qemu.cpu_s / ours.cpu_s, 2), round(qemu.wall_s / ours.wall_s, 2)
    share = round(native.cpu_s / ours.cpu_s, 3) if native else None
    return Row(guest, name, entry_kind(name), ours, qemu, ratio, wall, share, breakdown)


def run(
    names: list[str], guests: list[str], runs: int, progress: Callable[[Row], None], *, broken_down: bool = False
) -> list[Row]:
    """Time each named entry `runs` times on each guest that it exists for, in both, alternating; empty lists mean all.

    Raises:
        L4vmError: an entry is unknown, exists for none of the guests, does not build, does not end, or computes
            something else.
    """
    kinds = {name: entry_kind(name) for name in names or entry_names()}
    work = {guest: [name for name in kinds if name in entries_of(guest)] for guest in guests or list(MACHINES)}
    if not any(work.values()):
        raise L4vmError(f"no entry is left for {', '.join(work)}", "Linux and FPU are not there on every machine")
    rows = []
    for guest, chosen in work.items():
        boot: tuple[Figure, Figure, Figure | None] | None = None
        with tempfile.TemporaryDirectory() as folder:
            for name in chosen:
                scratch = Path(folder)
                if kinds[name] == "system" and boot is None:
                    boot = _measure(_entry(BOOT, guest, scratch), runs)
                entry = _entry(name, guest, scratch)
                if kinds[name] == "system" and boot:
                    figures = boot if name == BOOT else _beyond(_measure(entry, runs), boot)
                else:
                    figures = _measure(entry, runs)
                rows.append(_row(guest, name, figures, break_down(entry.ours, scratch) if broken_down else None))
                progress(rows[-1])
    return rows


def _beyond(
    whole: tuple[Figure, Figure, Figure | None], boot: tuple[Figure, Figure, Figure | None]
) -> tuple[Figure, Figure, None]:
    return _less(whole[0], boot[0]), _less(whole[1], boot[1]), None


def _mean(values: list[float]) -> float:
    return math.exp(statistics.fmean(math.log(max(value, SHORTEST_S)) for value in values))


def means(rows: list[Row]) -> list[Row]:
    """Return for each guest and kind the row of geometric means: of seconds, ratios and shares."""
    out = []
    for guest, kind in dict.fromkeys((row.guest, row.kind) for row in rows):
        group = [row for row in rows if (row.guest, row.kind) == (guest, kind)]
        ours, qemu = (
            Figure(
                round(_mean([f.cpu_s for f in side]), 3),
                round(_mean([f.wall_s for f in side]), 3),
                max(f.peak_mib for f in side),
            )
            for side in ([row.ours for row in group], [row.qemu for row in group])
        )
        shares = [row.native_share for row in group if row.native_share is not None]
        ratio, wall = _mean([row.ratio for row in group]), _mean([row.wall_ratio for row in group])
        share = round(_mean(shares), 3) if shares else None
        out.append(Row(guest, MEAN, kind, ours, qemu, round(ratio, 2), round(wall, 2), share))
    return out


def to_json(rows: list[Row]) -> str:
    """Return rows as JSON text: a list of {guest, benchmark, kind, ours, qemu, ratio, wall_ratio, ...}."""
    return json.dumps([asdict(row) for row in rows], indent=2) + "\n"

# SPDX-License-Identifier: MIT
"""Where our time goes: one more run of an entry, its instruction pointer read every few milliseconds.

The kernel lets a parent stop a child, read its registers and let it go on (ptrace); the run itself
is not changed, only slowed down, so it is apart from those that are timed. An address in memory
without a file is translated code; one in the translator's module belongs to a source file, and by
that to a part of the work; the C library serves both sides; everything else is Python, its start-up
above all. The counters are the translator's own, from the same run.

Source: Linux manual page ptrace(2); System V ABI, AMD64 supplement (registers).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from l4vm.errors import L4vmError

PERIOD_S, TIMEOUT_S = 0.002, 240
_CONT, _GETREGS, _SEIZE, _INTERRUPT = 7, 12, 0x4206, 0x4207
_EVENT_STOP = 128
_REGISTERS, _ORIG_RAX, _RIP = 27, 15, 16
CODE, LIBC, SYSTEM, IDLE = "translated code", "C library", "system calls", "idle"
REST = "Python and the rest"
LEFT_OUT = "left out"  # the hash of RAM for the result file that we ask for: timed runs make none
_WAITS = frozenset((7, 23, 35, 230, 270, 271))  # poll, select, nanosleep, clock_nanosleep, pselect6, ppoll
# The first that begins a source file's name, seen from the folder translator/, is what it works at.
_PARTS = (
    ("guest/sparc/mmu.c", "memory"),
    ("guest/ppc/mmu.c", "memory"),
    ("guest/mips/mmu.c", "memory"),
    ("guest/", "guest's helpers"),
    ("rt/mem.c", "memory"),
    ("rt/phys.c", "memory"),
    ("rt/window.c", "memory"),
    ("port/linux/windows.c", "memory"),
    ("rt/translate.c", "translation"),
    ("rt/region.c", "translation"),
    ("ir/", "translation"),
    ("opt/", "translation"),
    ("host/x64/enter.S", "dispatch"),
    ("host/", "translation"),
    ("machine/", "devices"),
    ("rt/io.c", "devices"),
    ("port/linux/xl_io.c", "devices"),
    ("rt/vm.c", LEFT_OUT),
    ("rt/", "dispatch"),
    ("interp/", "interpreter"),
)
PARTS = tuple(dict.fromkeys((CODE, *(part for _, part in _PARTS if part != LEFT_OUT), LIBC, SYSTEM, IDLE, REST)))


@dataclass(frozen=True)
class Breakdown:
    """Shares of the samples by part of the work, as in PARTS, and the translator's counters."""

    samples: int
    shares: dict[str, float]
    counts: dict[str, int]


@dataclass(frozen=True)
class _Map:
    """One executable mapping."""

    first: int
    last: int
    offset: int
    path: str


def _ptrace(request: int, pid: int, data: object = None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _maps(pid: int) -> list[_Map]:
    out = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        words = line.split(maxsplit=5)
        if "x" in words[1]:
            first, last = (int(word, 16) for word in words[0].split("-"))
            out.append(_Map(first, last, int(words[2], 16), words[5] if len(words) > 5 else ""))
    return out


class _Sampler:
    """Counts where a child is; `places` has (module, offset) and parts that need no module."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.maps: list[_Map] = []
        self.places: Counter[tuple[str, int]] = Counter()
        self.parts: Counter[str] = Counter()

    def take(self) -> None:
        """Read where the stopped child is."""
        registers = (ctypes.c_uint64 * _REGISTERS)()
        _ptrace(_GETREGS, self.pid, ctypes.addressof(registers))
        at = registers[_RIP]
        if registers[_ORIG_RAX] < 1 << 63:  # inside a system call
            self.parts[IDLE if registers[_ORIG_RAX] in _WAITS else SYSTEM] += 1
            return
        if not any(m.first <= at < m.last for m in self.maps):
            self.maps = _maps(self.pid)
        place = next((m for m in self.maps if m.first <= at < m.last), None)
        if place and "/libc." in place.path:
            self.parts[LIBC] += 1
        elif place is None or (place.path.startswith("/") and "/_xl" not in place.path and "memfd" not in place.path):
            self.parts[REST] += 1
        elif "/_xl" in place.path:
            self.places[place.path, at - place.first + place.offset] += 1
        else:
            self.parts[REST if place.path.startswith("[") else CODE] += 1

    def follow(self) -> int:
        """Sample until the child ends; returns its wait status.

        SIGCHLD is blocked and waited for, so that a signal of the child's own (a fault in a memory
        window) is passed on at once.
        """
        due, end = time.monotonic(), time.monotonic() + TIMEOUT_S
        is_asked = False
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            now = time.monotonic()
            if pid and not os.WIFSTOPPED(status):
                return status
            if pid:
                is_ours = status >> 16 == _EVENT_STOP
                if is_ours:
                    self.take()
                    is_asked = False
                _ptrace(_CONT, self.pid, None if is_ours else os.WSTOPSIG(status))
                continue
            if now >= due and not is_asked:
                _ptrace(_INTERRUPT, self.pid)
                is_asked, due = True, now + PERIOD_S
            if now > end:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise L4vmError(f"the run for the breakdown did not end in {TIMEOUT_S} s", "", exit_code=4)
            signal.sigtimedwait({signal.SIGCHLD}, PERIOD_S)

    def finish(self) -> None:
        """Give every place in the translator's module to its part."""
        for module in {module for module, _ in self.places}:
            places = [(offset, n) for (name, offset), n in self.places.items() if name == module]
            asked = "".join(f"0x{offset:x}\n" for offset, _ in places)
            command = ["addr2line", "-e", module]
            done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
            lines = done.stdout.splitlines()
            for (_, n), line in zip(places, lines + ["??"] * (len(places) - len(lines)), strict=True):
                self.parts[part_of(line)] += n
        del self.parts[LEFT_OUT]


def part_of(line: str) -> str:
    """Return the part of the work that a source file, as addr2line names it, is for."""
    name = line.rpartition("/translator/")[2]
    return next((part for begin, part in _PARTS if name.startswith(begin)), REST)


def break_down(command: list[str], scratch: Path) -> Breakdown:
    """Run one of our commands once more and look where it is.

    Raises:
        L4vmError: the kernel does not let us look, or the run fails.
    """
    facts = scratch / "facts.json"
    process = subprocess.Popen(
        [*command, "--json", str(facts)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    try:
        _ptrace(_SEIZE, process.pid)
        sampler = _Sampler(process.pid)
        status = sampler.follow()
    except OSError as error:
        with contextlib.suppress(OSError):
            process.kill()
            process.wait()
        raise L4vmError(f"ptrace: {error.strerror}", "trace a child, or take --no-breakdown", 3) from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise L4vmError(f"`{' '.join(command)}` ended with {process.returncode}", "run it by hand", 1)
    sampler.finish()
    total = max(sum(sampler.parts.values()), 1)
    shares = {part: round(sampler.parts[part] / total, 4) for part in PARTS}
    return Breakdown(total, shares, json.loads(facts.read_text())["stats"])

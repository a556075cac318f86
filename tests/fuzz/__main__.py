# SPDX-License-Identifier: MIT
"""The long fuzz run: engines against each other and Unicorn, hostile drivers and clients, servers that are killed.

    python -m tests.fuzz [--insns 1000000] [--cases 100000] [--seed N] [--only NAME]

Prints the seed first, so that a run can be repeated. Exit code 1 on a difference, with the seed and the disassembled
program or the number of the case; 0 otherwise. The same seed draws the same programs and cases.
"""

from __future__ import annotations

import argparse
import functools
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.fuzz import test_random_words
from tests.fuzz.comparisons import EngineFuzz, FuzzError, LoopFuzz, UnicornFuzz
from tests.fuzz.guest import FuzzGuest
from tests.fuzz.guests import GUESTS
from tests.fuzz.oracle import BATCH
from tests.fuzz.ppc_mac import MacFuzz
from tests.unit.devsrv.board import build_console, build_serial_fuzz, build_sharers
from tests.unit.screen.rig import build_fuzz as build_screen_fuzz
from tests.unit.virtio.rig import build_fuzz


def _until(fuzz: EngineFuzz | LoopFuzz | MacFuzz | UnicornFuzz, insns: int, step: int = 1) -> int:
    """Run program after program, `step` of them at once, for so many instructions; returns how many they were."""
    number = 0
    try:
        while fuzz.insns < insns:
            fuzz.round(number)
            number += step
    finally:
        fuzz.close()
    return number


def _straight(guest: FuzzGuest, seed: int, insns: int) -> str:
    fuzz = UnicornFuzz(guest, seed)
    _until(fuzz, insns, BATCH)
    return (
        f"straight {guest.machine}: {fuzz.compared} programs of {fuzz.insns} instructions, "
        f"both engines and Unicorn agree "
        f"({fuzz.trapped} trapped, Unicorn died of {fuzz.crashed}); {len(fuzz.seen)} table entries"
    )


def _anything(guest: FuzzGuest, seed: int, insns: int) -> str:
    fuzz = EngineFuzz(guest, seed)
    number = _until(fuzz, insns)
    return (
        f"anything {guest.machine}: {number} programs, {fuzz.insns} instructions, "
        f"{100 * fuzz.compiled // fuzz.insns} % of them "
        f"compiled, both engines agree; {len(fuzz.seen)} table entries"
    )


def _mac(seed: int, insns: int) -> str:
    fuzz = MacFuzz(seed)
    number = _until(fuzz, insns)
    return f"mac bamboo: {number} programs, {fuzz.insns} instructions, all engines and exact numbers agree"


def _loops(guest: FuzzGuest, seed: int, insns: int) -> str:
    fuzz = LoopFuzz(guest, seed)
    _until(fuzz, insns)
    names = ("regions", "region_homes", "faults", "interrupts", "direct_made", "direct_faults", "smc_stores", "mmio")
    deeds = ", ".join(f"{fuzz.deeds[name]} {name}" for name in names)
    return (
        f"loops {guest.machine}: {fuzz.programs} programs, {fuzz.insns} instructions, "
        f"{100 * fuzz.compiled // fuzz.insns} % of them compiled, both engines agree; {deeds}"
    )


def _random_words(guest: test_random_words.Guest, seed: int, insns: int) -> str:
    done = cases = 0
    while done < insns:
        done += test_random_words.compare(guest, (seed << 20) + cases)
        cases += 1
    return f"random words {guest.machine}: {cases} programs, {done} instructions, both engines agree"


Runs = dict[str, int]
"""What a program is asked for, and how many cases of each 100,000."""


def _cases(name: str, build: Callable[[Path], Path], runs: Runs, seed: int, cases: int) -> str:
    said = []
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder))
        for what, share in runs.items():
            words = [program, *what.split(), str(max(1, cases * share // 100_000)), str(seed)]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                raise FuzzError(f"{name} {what}, the last number is the case's seed:\n{done.stderr[-4000:]}")
            said.append(" ".join([name, what]).strip() + f": {done.stdout.strip()}")
    return "; ".join(said)


WHOLE, RACED, KILLED = 100_000, 50, 100  # a raced case is thousands of changes, a killed one many lives
HOSTILITY = {"hostile": WHOLE, "raced": RACED, "killed": KILLED}
DEVICES: dict[str, tuple[Callable[[Path], Path], Runs]] = {
    "virtio": (build_fuzz, {"disk": WHOLE, "net": WHOLE}),
    "screen": (build_screen_fuzz, {"": WHOLE}),
    "console": (build_console, {"text": WHOLE, "frame": WHOLE, "raced": RACED, "killed": KILLED}),
    "serial": (build_serial_fuzz, {"hostile": WHOLE, "raced": RACED}),
    "servers": (build_sharers, {f"{kind}-{what}": n for what, n in HOSTILITY.items() for kind in ("disk", "net")}),
}
COMPARISONS: dict[str, Callable[[int, int], str]] = {
    **{f"straight-{guest.machine}": functools.partial(_straight, guest) for guest in GUESTS},
    **{f"anything-{guest.machine}": functools.partial(_anything, guest) for guest in GUESTS},
    **{f"loops-{guest.machine}": functools.partial(_loops, guest) for guest in GUESTS},
    **{f"random-words-{g.machine}": functools.partial(_random_words, g) for g in test_random_words.GUESTS.values()},
    "mac-bamboo": _mac,
    **{name: functools.partial(_cases, name, *what) for name, what in DEVICES.items()},
}


def main(arguments: list[str]) -> int:
    """Run all comparisons; 1 when they disagree."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n\n")[0])
    parser.add_argument("--insns", type=int, default=1_000_000, help="instructions of each comparison (1000000)")
    parser.add_argument("--cases", type=int, default=100_000, help="cases of each device and server (100000)")
    parser.add_argument("--only", choices=COMPARISONS, action="append", help="leave out the others")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run; random otherwise")
    options = parser.parse_args(arguments)
    seed = secrets.randbits(31) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    for name in options.only or COMPARISONS:
        start = time.monotonic()
        count = options.cases if name in DEVICES else options.insns
        try:
            print(f"{COMPARISONS[name](seed, count)}, {time.monotonic() - start:.0f} s", flush=True)
        except FuzzError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

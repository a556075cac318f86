# SPDX-License-Identifier: MIT
"""The long fuzz run: engines against each other and against Unicorn, and hostile drivers against the virtio devices.

    python -m tests.fuzz [--insns 1000000] [--cases 100000] [--seed N] [--only NAME]

Prints the seed first, so that a run can be repeated. Exit code 1 on a difference, with the seed and the disassembled
program or the number of the case; 0 otherwise. The same seed draws the same programs and cases.
"""

from __future__ import annotations

import argparse
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz import test_random_words
from tests.fuzz.oracle import BATCH
from tests.fuzz.sparc_fuzz import EngineFuzz, FuzzError, UnicornFuzz
from tests.unit.virtio.rig import build_fuzz


def _straight(seed: int, insns: int) -> str:
    fuzz, number = UnicornFuzz(seed), 0
    try:
        while fuzz.insns < insns:
            fuzz.round(number)
            number += BATCH
    finally:
        fuzz.close()
    return (
        f"straight: {fuzz.compared} programs of {fuzz.insns} instructions, both engines and Unicorn agree "
        f"({fuzz.trapped} trapped, Unicorn died of {fuzz.crashed}); {len(fuzz.seen)} table entries"
    )


def _anything(seed: int, insns: int) -> str:
    fuzz, number = EngineFuzz(seed), 0
    try:
        while fuzz.insns < insns:
            fuzz.round(number)
            number += 1
    finally:
        fuzz.close()
    return (
        f"anything: {number} programs, {fuzz.insns} instructions, {100 * fuzz.compiled // fuzz.insns} % of them "
        f"compiled, both engines agree; {len(fuzz.seen)} table entries"
    )


def _random_words(seed: int, insns: int) -> str:
    done = cases = 0
    while done < insns:
        done += test_random_words.compare((seed << 20) + cases)
        cases += 1
    return f"random words: {cases} programs, {done} instructions, both engines agree"


def _virtio(seed: int, cases: int) -> str:
    said = []
    with tempfile.TemporaryDirectory() as folder:
        program = build_fuzz(Path(folder))
        for device in ("disk", "net"):
            done = subprocess.run([program, device, str(cases), str(seed)], capture_output=True, text=True, check=False)
            if done.returncode:
                raise FuzzError(f"virtio {device}, the last number is the case's seed:\n{done.stderr[-4000:]}")
            said.append(f"virtio {device}: {done.stdout.strip()}")
    return "; ".join(said)


COMPARISONS = {"straight": _straight, "anything": _anything, "random-words": _random_words, "virtio": _virtio}


def main(arguments: list[str]) -> int:
    """Run all comparisons; 1 when they disagree."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n\n")[0])
    parser.add_argument("--insns", type=int, default=1_000_000, help="instructions of each comparison (1000000)")
    parser.add_argument("--cases", type=int, default=100_000, help="cases of each virtio device (100000)")
    parser.add_argument("--only", choices=COMPARISONS, action="append", help="leave out the others")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run; random otherwise")
    options = parser.parse_args(arguments)
    seed = secrets.randbits(31) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    for name in options.only or COMPARISONS:
        start = time.monotonic()
        count = options.cases if name == "virtio" else options.insns
        try:
            print(f"{COMPARISONS[name](seed, count)}, {time.monotonic() - start:.0f} s", flush=True)
        except FuzzError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

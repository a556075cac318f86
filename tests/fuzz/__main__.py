# SPDX-License-Identifier: MIT
"""The long fuzz run: engines against each other and against Unicorn until each has done so many instructions.

    python -m tests.fuzz [--insns 1000000] [--seed N]

Prints the seed first, so that a run can be repeated. Exit code 1 on a difference, with the seed and the disassembled
program; 0 otherwise. The same seed draws the same programs.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time

from tests.fuzz import test_random_words
from tests.fuzz.oracle import BATCH
from tests.fuzz.sparc_fuzz import EngineFuzz, FuzzError, UnicornFuzz


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


def main(arguments: list[str]) -> int:
    """Run all comparisons; 1 when they disagree."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n\n")[0])
    parser.add_argument("--insns", type=int, default=1_000_000, help="instructions of each comparison (1000000)")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run; random otherwise")
    options = parser.parse_args(arguments)
    seed = secrets.randbits(31) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    for comparison in (_straight, _anything, _random_words):
        start = time.monotonic()
        try:
            print(f"{comparison(seed, options.insns)}, {time.monotonic() - start:.0f} s", flush=True)
        except FuzzError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

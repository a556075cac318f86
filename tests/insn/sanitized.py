# SPDX-License-Identifier: MIT
"""Run Python with the translator built for AddressSanitizer and UndefinedBehaviorSanitizer.

    python -m tests.insn.sanitized -m pytest -q tests/insn tests/golden
    python -m tests.insn.sanitized -m tests.fuzz --insns 1000000

The first finding ends the run with the sanitizer's report. What a guest can reach is one mapping (RAM) and one arena
(tables): inside those, AddressSanitizer sees only what leaves them, UndefinedBehaviorSanitizer every array index.
"""

from __future__ import annotations

import os
import subprocess
import sys

FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"


def environment() -> dict[str, str]:
    """Return the environment for such a run: the sanitizers come first in the process, Python's heap is theirs."""
    libraries = []
    for name in ("libasan.so", "libubsan.so"):
        done = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
        libraries.append(done.stdout.strip())
    return os.environ | {
        "L4VM_TRANSLATOR_FLAGS": FLAGS,
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:exitcode=99",
        "UBSAN_OPTIONS": "print_stacktrace=1:exitcode=99",
        "PYTHONMALLOC": "malloc",
    }


def build() -> None:
    """Build the extension before the sanitizers are in the process, so that the compiler runs without them."""
    code = "import l4vm.binding.machine as m; m.extension_path()"
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"L4VM_TRANSLATOR_FLAGS": FLAGS}, check=True)


if __name__ == "__main__":
    build()
    os.execve(sys.executable, [sys.executable, *sys.argv[1:]], environment())

# SPDX-License-Identifier: MIT
"""Build the bare-metal benchmark programs, tests/bench/programs, for a guest machine.

The programs are portable C with a fixed number of rounds and a checksum that every CPU must
reach. What a machine adds (start code, output, end) lies in a folder of its name.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from l4vm.errors import L4vmError
from l4vm.guests import load_elf

PROGRAMS = Path(__file__).resolve().parents[3] / "tests" / "bench" / "programs"
_TOOLS = "sparc64-linux-gnu-"
_FLAGS = ["-m32", "-mcpu=v8", "-O2", "-ffreestanding", "-fno-pic", "-fno-builtin", "-Wall", "-Wextra"]


def program_names() -> list[str]:
    """Return the names of the programs there are."""
    return sorted(path.stem for path in (PROGRAMS / "common").glob("*.c"))


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise L4vmError(f"{command[0]} does not run: {error.strerror}", "./kit installs it", exit_code=3) from error
    if done.returncode:
        raise L4vmError(f"`{' '.join(command)}`: {done.stderr.strip()}", "the program does not build", 1)


def build_program(name: str, out: Path, machine: str = "leon3") -> Path:
    """Compile and link program `name` into folder `out`; return the ELF file.

    Raises:
        L4vmError: no such program, a tool is missing, or it does not build.
    """
    source = PROGRAMS / "common" / f"{name}.c"
    if not source.is_file():
        raise L4vmError(f"no benchmark is called {name!r}", f"known: {', '.join(program_names())}")
    own = PROGRAMS / machine
    objects = []
    for path in (own / "start.S", own / "main.c", source):
        target = out / f"{name}-{path.stem}.o"
        _run([f"{_TOOLS}gcc", *_FLAGS, f"-I{PROGRAMS / 'common'}", "-c", str(path), "-o", str(target)])
        objects.append(str(target))
    elf = out / f"{name}.elf"
    linker = [f"{_TOOLS}ld", "-m", "elf32_sparc", "-z", "noexecstack", "-T", str(own / "link.ld")]
    _run([*linker, *objects, "-o", str(elf)])
    load_elf(elf)
    return elf

# SPDX-License-Identifier: MIT
"""Build the bare-metal benchmark programs, tests/bench/programs, for a guest machine.

The programs are portable C with a fixed number of rounds and a checksum that every CPU must
reach. What a machine adds (start code, console, end) lies in a folder of its name.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from l4vm.errors import L4vmError
from l4vm.guests import load_elf

PROGRAMS = Path(__file__).resolve().parents[3] / "tests" / "bench" / "programs"
_FLAGS = ["-O2", "-ffreestanding", "-fno-pic", "-fno-builtin", "-fno-stack-protector", "-Wall", "-Wextra"]


@dataclass(frozen=True)
class Toolchain:
    """How programs for one machine are compiled, and what runs them beside us: `peer` takes the ELF file last."""

    cpu: str
    tools: str
    flags: tuple[str, ...]
    emulation: str
    peer: tuple[str, ...]


MACHINES = {
    "leon3": Toolchain(
        "sparc",
        "sparc64-linux-gnu-",
        ("-m32", "-mcpu=v8"),
        "elf32_sparc",
        ("qemu-system-sparc", "-M", "leon3_generic", "-nographic", "-kernel"),
    ),
    "bamboo": Toolchain(
        "ppc",
        "powerpc-linux-gnu-",
        ("-mcpu=440fp", "-mno-altivec", "-msdata=none"),
        "elf32ppc",
        ("qemu-system-ppc", "-M", "bamboo", "-nographic", "-nic", "none", "-no-reboot", "-kernel"),
    ),
}


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
    """Compile and link program `name` for `machine` into folder `out`; return the ELF file.

    Raises:
        L4vmError: no such program or machine, a tool is missing, or it does not build.
    """
    source = PROGRAMS / "common" / f"{name}.c"
    if not source.is_file():
        raise L4vmError(f"no benchmark is called {name!r}", f"known: {', '.join(program_names())}")
    if machine not in MACHINES:
        raise L4vmError(f"no benchmark runs on machine {machine!r}", f"known: {', '.join(MACHINES)}")
    own, chain = PROGRAMS / machine, MACHINES[machine]
    objects = []
    for path in (own / "start.S", own / "console.c", PROGRAMS / "main.c", PROGRAMS / "memory.c", source):
        target = out / f"{machine}-{name}-{path.stem}.o"
        command = [f"{chain.tools}gcc", *_FLAGS, *chain.flags, f"-I{PROGRAMS / 'common'}"]
        _run([*command, "-c", str(path), "-o", str(target)])
        objects.append(str(target))
    elf = out / f"{machine}-{name}.elf"
    linker = [f"{chain.tools}ld", "-m", chain.emulation, "-z", "noexecstack", "-T", str(own / "link.ld")]
    _run([*linker, *objects, "-o", str(elf)])
    load_elf(elf, chain.cpu)
    return elf

# SPDX-License-Identifier: MIT
"""Build the bare-metal benchmark programs, tests/bench/programs, for a guest machine.

The programs are portable C with a fixed number of rounds and a checksum that every CPU must
reach. What a machine adds (start code, console, end) lies in a folder of its name. Programs of
kind "cpu" lie in common/; those of kind "slow" repeat one event that leaves the straight run of
instructions, and are linked with the machine's slow.c and slow.S.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from l4vm.errors import L4vmError
from l4vm.guests import load_elf

PROGRAMS = Path(__file__).resolve().parents[3] / "tests" / "bench" / "programs"
KINDS = {"cpu": "common", "slow": "slow"}
_SHARES = {"cpu": "BENCH_SHARE", "slow": "SLOW_SHARE"}
_FLAGS = ["-O2", "-ffreestanding", "-fno-pic", "-fno-builtin", "-fno-stack-protector", "-Wall", "-Wextra"]


@dataclass(frozen=True)
class Toolchain:
    """How programs for one machine are compiled, and what runs them beside us: `peer` takes the ELF file last.

    lacks: programs that the machine has nothing for, as an FPU.
    """

    cpu: str
    tools: str
    flags: tuple[str, ...]
    emulation: str
    peer: tuple[str, ...]
    lacks: tuple[str, ...] = ()


# Linux waits for two seconds of its clock to begin: with the emulated machine, not with the workstation.
_MALTA = ("-nic", "none", "-vga", "none", "-rtc", "base=2000-01-01,clock=vm")
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
    "malta": Toolchain(
        "mips",
        "mipsel-linux-gnu-",
        ("-march=mips32r2", "-mabi=32", "-msoft-float", "-mno-abicalls", "-G0"),
        "elf32ltsmip",
        ("qemu-system-mipsel", "-M", "malta", "-cpu", "24Kc", *_MALTA, "-nographic", "-no-reboot", "-kernel"),
        lacks=("fft_double", "fft_float"),
    ),
}


def program_names(*kinds: str) -> list[str]:
    """Return the names of the programs of these kinds, or of all, kind by kind."""
    folders = [KINDS[kind] for kind in kinds or KINDS]
    return [path.stem for folder in folders for path in sorted((PROGRAMS / folder).glob("*.c"))]


def programs_of(machine: str) -> list[str]:
    """Return the names of the programs that a machine, a key of MACHINES, can run."""
    return [name for name in program_names() if name not in MACHINES[machine].lacks]


def kind_of(name: str) -> str:
    """Return the kind of program `name`.

    Raises:
        L4vmError: no such program.
    """
    for kind, folder in KINDS.items():
        if (PROGRAMS / folder / f"{name}.c").is_file():
            return kind
    raise L4vmError(f"no benchmark is called {name!r}", f"known: {', '.join(program_names())}")


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise L4vmError(f"{command[0]} does not run: {error.strerror}", "./kit installs it", exit_code=3) from error
    if done.returncode:
        raise L4vmError(f"`{' '.join(command)}`: {done.stderr.strip()}", "the program does not build", 1)


def build_program(name: str, out: Path, machine: str = "leon3", share: int = 1, times: int = 1) -> Path:
    """Compile and link program `name` for `machine` into folder `out`; return the ELF file.

    Args:
        name: one of program_names().
        out: a folder that exists.
        machine: a key of MACHINES.
        share: only one in `share` of the rounds, for tests. A program of kind "cpu" then says "is" and
            its checksum, to be compared with build_native's; a slow event still knows whether it is "ok".
        times: how often the whole work is done, its checksum looked at each time.

    Raises:
        L4vmError: no such program or machine, a tool is missing, or it does not build.
    """
    kind = kind_of(name)
    source = PROGRAMS / KINDS[kind] / f"{name}.c"
    if machine not in MACHINES:
        raise L4vmError(f"no benchmark runs on machine {machine!r}", f"known: {', '.join(MACHINES)}")
    own, chain = PROGRAMS / machine, MACHINES[machine]
    if name in chain.lacks:
        raise L4vmError(f"program {name}: machine {machine} has not what it needs", "choose another machine or program")
    events = [own / "slow.c", own / "slow.S"] if kind == "slow" else []
    objects = []
    include = [f"-I{folder}" for folder in (PROGRAMS / "common", PROGRAMS / "slow", own)]
    for path in [own / "start.S", own / "console.c", PROGRAMS / "main.c", PROGRAMS / "memory.c", *events, source]:
        target = out / f"{machine}-{name}-{path.name}.o"
        own_flags = [f"-D{_SHARES[kind]}={share}", f"-DTIMES={times}"]
        command = [f"{chain.tools}gcc", *_FLAGS, *chain.flags, *include, *own_flags]
        _run([*command, "-c", str(path), "-o", str(target)])
        objects.append(str(target))
    elf = out / f"{machine}-{name}.elf"
    linker = [f"{chain.tools}ld", "-m", chain.emulation, "-z", "noexecstack", "-T", str(own / "link.ld")]
    _run([*linker, *objects, "-o", str(elf)])
    load_elf(elf, chain.cpu)
    return elf


def build_native(name: str, out: Path, times: int = 1, share: int = 1) -> Path:
    """Compile program `name`, of kind "cpu", for the workstation itself into folder `out`; return the file.

    Args are those of build_program.

    Raises:
        L4vmError: no such program, there is no compiler, or it does not build.
    """
    source = PROGRAMS / KINDS[kind_of(name)] / f"{name}.c"
    target = out / f"native-{name}"
    parts = [PROGRAMS / "workstation" / "console.c", PROGRAMS / "main.c", source]
    flags = [*_FLAGS, "-no-pie", f"-I{PROGRAMS / 'common'}", f"-DTIMES={times}", f"-DBENCH_SHARE={share}"]
    _run(["gcc", *flags, *map(str, parts), "-o", str(target)])
    return target

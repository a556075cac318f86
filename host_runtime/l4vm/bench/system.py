# SPDX-License-Identifier: MIT
"""Linux as a benchmark: the guests' own kernels with one process, tests/bench/system/init.c, that does one thing often.

The kernel's command line names the thing and how often; then the machine ends. So every entry is a
whole run, timed like a bare program, and what `boot` alone takes is taken off the others
(translator.py). Both sides are given the same kernel file, RAM disk and command line.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from l4vm.bench.programs import MACHINES, PROGRAMS
from l4vm.errors import L4vmError
from l4vm.guests import build_guest
from l4vm.guests.cpio import character_device, compressed, directory, program
from l4vm.guests.wrap import wrap

SOURCES = PROGRAMS.parent / "system"
_SOURCE = SOURCES / "init.c"
_CALLS = PROGRAMS.parents[1] / "guests" / "programs"
_FLAGS = ["-O2", "-ffreestanding", "-fno-stack-protector", "-fno-pic", "-Wall", "-Wextra", "-Werror"]
_LINK = ["-static", "-nostdlib", "-no-pie"]
_TIMEOUT_S = 120
BOOT = "boot"
RAM_MIB = 64

# How often, by machine: about a second of an emulator; a tick comes every 4 ms. `fill` counts MiB, and is there for
# the memory that the emulator then holds: every guest has RAM_MIB.
COUNTS = {
    BOOT: {"leon3": 1, "bamboo": 1, "malta": 1},
    "fill": {"leon3": 48, "bamboo": 48, "malta": 32},
    "fork_exec": {"leon3": 1000, "bamboo": 1000, "malta": 3000},
    "mmap": {"leon3": 3000, "bamboo": 5000, "malta": 10000},
    "pipe": {"leon3": 20000, "bamboo": 30000, "malta": 100000},
    "signal": {"leon3": 60000, "bamboo": 400000, "malta": 800000},
    "syscall": {"leon3": 5000000, "bamboo": 4000000, "malta": 20000000},
    "ticks": {"leon3": 1500, "bamboo": 1500, "malta": 1500},
    "user_calls": {"leon3": 4000, "bamboo": 50000, "malta": 50000},
    "user_sort": {"leon3": 1500, "bamboo": 2000, "malta": 2000},
    "user_walk": {"leon3": 40, "bamboo": 1, "malta": 1},
}


@dataclass(frozen=True)
class Booted:
    """How a Linux is run: in our translator, in QEMU, and what its console must say."""

    ours: list[str]
    qemu: list[str]
    says: str


def system_names() -> list[str]:
    """Return the names of the entries."""
    return list(COUNTS)


def initrd_of(machine: str, out: Path) -> bytes:
    """Return a RAM disk whose only process is init.c, compiled in folder `out`.

    Raises:
        L4vmError: a tool is missing, or it does not build.
    """
    console = character_device("dev/console", 5, 1)
    return compressed([directory("dev"), console, program("init", _compile(machine, out))])


def _compile(machine: str, out: Path) -> bytes:
    chain = MACHINES[machine]
    target = out / f"{machine}-init"
    tool = [f"{chain.tools}gcc", *_FLAGS, *chain.flags, *_LINK, f"-I{_CALLS}"]
    done = subprocess.run([*tool, str(_SOURCE), "-o", str(target)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise L4vmError(f"{_SOURCE.name} does not build for {machine}: {done.stderr.strip()}", "", exit_code=1)
    return target.read_bytes()


def build_system(name: str, out: Path, machine: str = "leon3", share: int = 1) -> Booted:
    """Make the files of entry `name` for `machine` in folder `out`; return how they are run.

    Args:
        name: one of system_names().
        out: a folder that exists.
        machine: a key of MACHINES.
        share: the thing is done only one in `share` times as often.

    Raises:
        L4vmError: no such entry, a tool is missing, or something does not build.
    """
    if name not in COUNTS:
        raise L4vmError(f"no system benchmark is called {name!r}", f"known: {', '.join(COUNTS)}")
    files = build_guest(f"{machine}-linux")
    count = max(COUNTS[name][machine] // share, 1)
    append = f"{files.append} quiet -- {name} {count}"
    initrd = initrd_of(machine, out)
    kernel, disk = out / f"{machine}-{name}.kernel", out / f"{machine}.initrd"
    ram = str(RAM_MIB)
    ours = [sys.executable, "-m", "l4vm", "guest", "run", "--headless", "--timeout", str(_TIMEOUT_S)]
    ours += ["--machine", machine, "--ram", ram, "--kernel", str(kernel)]
    qemu = [*MACHINES[machine].peer, str(kernel), "-m", ram]
    if machine == "leon3":
        kernel.write_bytes(wrap(files.vmlinux.read_bytes(), initrd, append, RAM_MIB << 20))
    else:
        kernel.write_bytes(files.kernel.read_bytes())
        disk.write_bytes(initrd)
        ours += ["--initrd", str(disk), "--append", append]
        qemu += ["-initrd", str(disk), "-append", append]
    return Booted(ours, qemu, f"{name} ok {count}")

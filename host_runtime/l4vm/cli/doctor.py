# SPDX-License-Identifier: MIT
"""`l4vm doctor`: look at this machine and say what is missing, and what to do about it.

Each finding is one `Check`: what was looked at, what was found, whether that will do, and the
next step.
Nothing is changed. Exit code 0 when all that is needed is there, 3 when something is missing.
"""

from __future__ import annotations

import grp
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata

import click
from serial.tools import list_ports

from l4vm.exit_codes import ExitCode

TOOLS = {
    "qemu-system-x86_64": ("--version", True, "qemu-system-x86", "runs a board without hardware"),
    "gcc": ("--version", True, "gcc", "compiles kernel, servers and translator"),
    "qemu-system-sparc": ("--version", False, "qemu-system-sparc", "peer of the benchmarks"),
    "qemu-system-ppc": ("--version", False, "qemu-system-ppc", "peer of the benchmarks"),
    "qemu-system-mipsel": ("--version", False, "qemu-system-mips", "peer of the benchmarks"),
    "sparc64-linux-gnu-gcc": ("--version", False, "gcc-sparc64-linux-gnu", "builds SPARC guests"),
    "powerpc-linux-gnu-gcc": ("--version", False, "gcc-powerpc-linux-gnu", "builds PowerPC guests"),
    "mipsel-linux-gnu-gcc": ("--version", False, "gcc-mipsel-linux-gnu", "builds MIPS programs"),
    "xorriso": ("-version", False, "xorriso", "writes the disk image"),
    "grub-mkimage": ("--version", False, "grub-common", "makes the boot loader of the disk image"),
    "gdb-multiarch": ("--version", False, "gdb-multiarch", "debugs kernel and guests"),
    "clang-format": ("--version", False, "clang-format", "formats C sources"),
}
"""Program -> (version argument, needed?, Debian package, what for)."""

NOT_IN_THE_KIT = ("clang-format",)
"""Packages that ./kit does not install: nothing that it runs needs them."""

PACKAGES = ("construct", "pyserial", "cobs", "click", "rich", "cffi", "pyelftools", "SCons")


@dataclass(frozen=True)
class Check:
    """One finding; `level` is ok, note (not needed by all) or missing."""

    what: str
    found: str
    level: str
    next_step: str = ""


def _version(program: str, argument: str) -> str:
    """Return the first line a program says about its version."""
    try:
        said = subprocess.run(
            [program, argument], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as bad:
        return f"does not run: {bad}"
    lines = (said.stdout or said.stderr).strip().splitlines()
    return lines[0] if lines else "says no version"


def _tools() -> Iterator[Check]:
    for program, (argument, needed, package, purpose) in TOOLS.items():
        if shutil.which(program):
            yield Check(program, _version(program, argument), "ok")
        else:
            step = f"apt install {package} ({purpose})"
            step += "" if package in NOT_IN_THE_KIT else ", or let ./kit do it"
            yield Check(program, "not installed", "missing" if needed else "note", step)


def _packages() -> Iterator[Check]:
    good = sys.version_info >= (3, 11)
    yield Check(
        "python",
        platform.python_version(),
        "ok" if good else "missing",
        "" if good else "L4VM needs Python 3.11 or newer",
    )
    for name in PACKAGES:
        try:
            yield Check(f"python package {name}", metadata.version(name), "ok")
        except metadata.PackageNotFoundError:
            step = "run through ./kit l4vm, which brings the locked packages"
            yield Check(f"python package {name}", "not installed", "missing", step)


def _holder(device: str) -> str:
    """Return 'NAME (pid N)' of a process that has the port open, as far as we may see."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}") == device:
                    with open(f"/proc/{pid}/comm") as comm:
                        return f"{comm.read().strip()} (pid {pid})"
        except OSError:
            continue
    return ""


def _ports() -> Iterator[Check]:
    ports = sorted(list_ports.comports())
    for port in ports:
        holder = _holder(port.device)
        if not os.access(port.device, os.R_OK | os.W_OK):
            yield Check(
                port.device,
                f"{port.description}: no right to open it",
                "note",
                _rights(port.device),
            )
        elif holder:
            yield Check(port.device, f"in use by {holder}", "note", "end that program first")
        else:
            yield Check(port.device, port.description, "ok")
    if not ports:
        step = "plug in the board's serial cable; without a board, use l4vm run"
        yield Check("serial ports", "none", "note", step)


def _rights(device: str) -> str:
    """Return what gives the right to open a port."""
    try:
        group = grp.getgrgid(os.stat(device).st_gid).gr_name
    except (OSError, KeyError):
        return f"ask the administrator for access to {device}"
    return f"sudo usermod -aG {group} $USER, then log in again"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Look at this machine: tools, packages, serial ports and rights.

    Exit codes: 0 all that is needed is there, 3 something is missing.
    """
    checks = [*_tools(), *_packages(), *_ports()]
    code = ExitCode.OK
    if any(check.level == "missing" for check in checks):
        code = ExitCode.ENVIRONMENT
    if as_json:
        result = {"exit_code": int(code), "checks": [asdict(check) for check in checks]}
        click.echo(json.dumps(result, indent=2))
        ctx.exit(int(code))
    colours = {"ok": "green", "note": "yellow", "missing": "red"}
    for check in checks:
        level = click.style(f"{check.level:>7}", fg=colours[check.level])
        click.echo(f"{level}  {check.what}: {check.found}")
        if check.next_step:
            click.echo(f"         {check.next_step}")
    ctx.exit(int(code))

# SPDX-License-Identifier: MIT
"""`l4vm guest`: run a guest on the workstation, in the translator that the board uses too.

    l4vm guest run leon3-linux                            build (or find) the guest and talk to it
    l4vm guest run --kernel program.elf --headless        run a bare program to its end
    l4vm guest run --machine bamboo --kernel uImage --initrd FILE --append "console=ttyS0,115200"
    l4vm guest run leon3-linux --disk disk.img --net lab.sock
    l4vm guest run leon3-linux --screen --send 'keyboard=ls' --screenshot screen.png
    l4vm guest wrap vmlinux -o linux.elf --append TEXT    put the PROM around a plain vmlinux

The guest's channel is called `console`; with --screen what is sent to `keyboard` is typed there. Scripts work as in
`l4vm run`. A guest that ends itself (SPARC: `ta 0` with traps off, the PROM's halt; PowerPC: a reset by DBCR0) ends
the run with exit code 0, if every --until was met.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from l4vm.binding import Checked, Engine, Machine, Stop, Time, switch_names
from l4vm.cli.files import ExistingFile, near_file
from l4vm.cli.guest_devices import device_options, parse_devices
from l4vm.cli.ps import action_command
from l4vm.cli.scripted import StepCommand, on_terminate, script_options, steps_of
from l4vm.console.keys import Command, Keys, raw_terminal
from l4vm.console.scancodes import scan_codes
from l4vm.console.script import Script, Until
from l4vm.errors import L4vmError
from l4vm.exit_codes import ExitCode
from l4vm.guests import RAM_MIB_DEFAULT, Load, Start, build_guest, lay_out, start_of_recipe, wrap

CHANNEL, KEYBOARD = "console", "keyboard"
WALL_S = 0.05
TYPING_WALL_S = 0.002
TYPING_INSNS = 50_000
HELP = "ctrl-t q  quit      ctrl-t ctrl-t  send ctrl-t itself      all other keys go to the guest"


@dataclass
class Outcome:
    """How a run ended."""

    code: ExitCode
    reason: str


@dataclass
class Talk:
    """One guest and whoever talks to it: a script, a keyboard, or both.

    keyboard is the descriptor of a raw terminal, -1 for none; terminal one to write to, -1 for none.
    """

    machine: Machine
    script: Script
    headless: bool
    keyboard: int = -1
    terminal: int = -1
    is_exact: bool = False
    timeout_s: float | None = None
    keys: Keys = field(default_factory=Keys)
    pending: bytearray = field(default_factory=bytearray)
    typing: bytearray = field(default_factory=bytearray)

    def run(self) -> Outcome:
        """Run the guest until it ends, the script is over, time is up, or the user quits."""
        began = time.monotonic()
        self.script.begin()
        while True:
            if self.headless and self.script.steps and self.script.done and not (self.pending or self.typing):
                return Outcome(ExitCode.OK, "every --until was met")
            left = self._left(began)
            if left <= 0:
                hangs = self.script.waiting
                what = f"--until {hangs.channel}={hangs.regex}" if hangs else "the guest's end"
                return Outcome(ExitCode.TIMEOUT, f"{self.timeout_s:g} s passed before {what}")
            stop = self._slice(left)
            self._show()
            self._send()
            if stop == Stop.HALT:
                return self._ended()
            if self._typed():
                return Outcome(ExitCode.OK, "you quit")

    def _left(self, began: float) -> float:
        spent = time.monotonic() - began
        return float("inf") if self.timeout_s is None else self.timeout_s - spent

    def _slice(self, left: float) -> Stop:
        """Run a while; input that waits for room in the guest's FIFO makes it a short one."""
        if not (self.pending or self.typing):
            return self.machine.run_for(wall_s=min(WALL_S, left), wake_fd=self.keyboard)
        if self.is_exact:
            return self.machine.run_for(TYPING_INSNS, WALL_S)
        return self.machine.run_for(wall_s=min(TYPING_WALL_S, left))

    def _show(self) -> None:
        while data := self.machine.console_read():
            if self.terminal >= 0:
                write_all(self.terminal, data)
            self.script.feed(CHANNEL, data)

    def _send(self) -> None:
        while (step := self.script.next_send()) is not None:
            if step.channel == KEYBOARD:
                self.typing += scan_codes(step.data)
            else:
                self.pending += step.data
        if self.pending:
            del self.pending[: self.machine.console_write(bytes(self.pending))]
        if self.typing:
            del self.typing[: self.machine.keys(bytes(self.typing))]

    def _typed(self) -> bool:
        """Take what the keyboard has; returns whether the user quits."""
        if self.keyboard < 0 or self.pending:
            return False
        if not select.select([self.keyboard], [], [], 0)[0]:
            return False
        data = os.read(self.keyboard, 256)
        if not data:
            return True
        for what in self.keys.feed(data):
            if isinstance(what, Command):
                if what.key == "q":
                    return True
                write_all(self.terminal, f"\n{HELP}\n".encode())
            else:
                self.pending += what.data
        self._send()
        return False

    def _ended(self) -> Outcome:
        code = self.machine.exit_code
        hangs = self.script.waiting
        if code:
            pc = self.machine["pc"]
            return Outcome(ExitCode.BOARD_PANIC, f"the guest's CPU stopped, code 0x{code:x}, pc 0x{pc:x}")
        if hangs:
            until = f"--until {hangs.channel}={hangs.regex}"
            return Outcome(ExitCode.ENDED_EARLY, f"the guest ended before {until}")
        return Outcome(ExitCode.OK, "the guest ended")


def write_all(fd: int, data: bytes) -> None:
    """Write all bytes to a descriptor."""
    while data:
        data = data[os.write(fd, data) :]


def read_bytes(path: Path, what: str) -> bytes:
    """Read a file of the user's.

    Raises:
        L4vmError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as bad:
        raise L4vmError(f"{path}: {bad.strerror}", f"give {what} that can be read") from bad


def read_optional(path: Path | None, what: str) -> bytes | None:
    """Read a file of the user's, if he named one."""
    return read_bytes(path, what) if path else None


def refuse_file(recipe: Path) -> None:
    """Refuse what looks like a file where a guest's name is expected."""
    if recipe.is_file():
        raise L4vmError(f"no guest is called '{recipe}'", f"give the file as --kernel {recipe}")
    if recipe.suffix or len(recipe.parts) > 1:
        raise L4vmError(f"no guest is called '{recipe}', nor is there such a file", near_file(recipe))


def resolve(recipe: str | None, kernel: Path | None, wish: Start) -> Load:
    """Find, build and lay out what the command line asks for; of `wish`, the kernel is not looked at.

    Raises:
        L4vmError: nothing or two things are asked for, or they do not go together.
    """
    if recipe is not None and kernel is None:
        refuse_file(Path(recipe))
        files = build_guest(recipe, lambda sentence: click.echo(sentence, err=True))
        return lay_out(start_of_recipe(files, wish))
    if kernel is not None and recipe is None:
        return lay_out(replace(wish, kernel=read_bytes(kernel, "an executable"), where=str(kernel)))
    raise L4vmError("name one guest: a recipe or --kernel FILE", "for example: l4vm guest run leon3-linux")


def report(path: Path | None, outcome: Outcome, talk: Talk, load: Load, facts: dict[str, object]) -> None:
    """Write the result file, if one was asked for."""
    if path is None:
        return
    machine = talk.machine
    result: dict[str, object] = {
        "exit_code": int(outcome.code),
        "reason": outcome.reason,
        "matches": [match.as_json() for match in talk.script.matches],
        "machine": load.machine,
        "ram_mib": load.ram_mib,
        "guest_exit_code": machine.exit_code,
        "guest_ns": machine.guest_ns,
        "insns": machine.insns,
        "state_hash": f"{machine.state_hash(with_ram=True):016x}",
        "stats": machine.stats(),
    }
    text = json.dumps(result | facts, indent=2) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
    else:
        path.write_text(text)


def check_channels(script: Script, screen: bool) -> None:
    """Refuse steps that no channel of the guest can take.

    Raises:
        L4vmError: a channel is unknown, or nothing is heard from it, or a key is not there.
    """
    for step in script.steps:
        if step.channel == KEYBOARD and screen:
            if isinstance(step, Until):
                raise L4vmError("--until keyboard=...: a keyboard says nothing", f"wait for {CHANNEL}=REGEX")
            scan_codes(step.data)
        elif step.channel != CHANNEL:
            hint = f"and '{KEYBOARD}' with --screen" if step.channel == KEYBOARD else ""
            raise L4vmError(f"channel '{step.channel}': a guest has one, '{CHANNEL}'", hint)


def save_screen(path: Path, machine: Machine) -> None:
    """Write what the guest's screen shows to a PNG file.

    Raises:
        L4vmError: the file cannot be written, or the screen is off.
    """
    from PIL import Image

    width, height, pixels = machine.screen()
    if not width:
        raise L4vmError(f"{path}: the guest's screen is off", "its kernel has set no mode (yet): wait for its console")
    try:
        Image.frombytes("RGB", (width, height), pixels).save(path, "PNG")
    except OSError as bad:
        raise L4vmError(f"{path}: {bad.strerror or bad}", "give a file that can be written") from bad


def print_stats(machine: Machine, elapsed_s: float) -> None:
    """Print the translator's counters."""
    for name, value in machine.stats().items():
        click.echo(f"{name:24} {value:16,}", err=True)
    rate = machine.insns / elapsed_s / 1e6 if elapsed_s else 0
    click.echo(f"{'guest time':24} {machine.guest_ns / 1e9:16.6f} s", err=True)
    click.echo(f"{'elapsed':24} {elapsed_s:16.6f} s, {rate:.1f} million instructions/s", err=True)


def machine_of(check_every: int, debugged: bool) -> Callable[..., Any]:
    """Return what makes the machine: a plain one, one beside a partner, or one that GDB may hold."""
    if check_every:
        return functools.partial(Checked, every=check_every)
    if not debugged:
        return Machine
    from l4vm.gdb import Debugged

    return Debugged


def switches_of(names: tuple[str, ...]) -> int:
    """Return the sum of switches for names as --without has them.

    Raises:
        L4vmError: no optimisation has this name.
    """
    known = switch_names()
    for name in names:
        if name not in known:
            raise L4vmError(f"--without {name}: no optimisation has this name", f"there are {', '.join(known)}")
    return sum(known[name] for name in set(names))


@click.group(name="guest")
def command() -> None:
    """Run a guest on the workstation, with the same translator."""


@command.command(name="run", cls=StepCommand)
@click.argument("recipe", required=False)
@click.option(
    "--kernel",
    type=ExistingFile(),
    help="Bare program, plain vmlinux, wrapped vmlinux, or uImage.",
)
@click.option("--machine", "machine_name", default="leon3", show_default=True, help="Board that --kernel is for.")
@click.option("--ram", "ram_mib", type=click.IntRange(min=1), metavar="MIB", help="Guest RAM.")
@click.option(
    "--initrd",
    type=ExistingFile(),
    help="Initial RAM disk for a kernel or a recipe.",
)
@click.option("--append", metavar="TEXT", help="Kernel command line.")
@click.option(
    "--dtb",
    type=ExistingFile(),
    help="Device tree in the place of ours (bamboo).",
)
@click.option("--engine", type=click.Choice(["interp", "block"]), default="block", show_default=True)
@click.option(
    "--time",
    "time_mode",
    type=click.Choice(["host", "insn", "exact"]),
    default="host",
    show_default=True,
    help="Guest time: the workstation's clock, instructions, or instructions with idling skipped.",
)
@click.option(
    "--ns-per-insn",
    type=click.IntRange(1, 100_000),
    help="Length of an instruction for --time insn and exact [default: the machine's clock].",
)
@device_options
@click.option("--screen", is_flag=True, help="Give the guest a display and a keyboard.")
@click.option(
    "--screenshot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what the screen shows at the end as PNG.",
)
@click.option("--gdb", "gdb_place", metavar="PORT", help="Wait for a GDB on a local TCP port (0: any) or Unix socket.")
@click.option("--check", is_flag=True, help="Compare with a partner in the interpreter; needs --time exact.")
@click.option(
    "--check-every",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="Guest instructions between comparisons.",
)
@click.option("--chaos", "chaos_seed", type=int, metavar="SEED", help="Throw caches and code away at random.")
@click.option(
    "--chaos-slice",
    type=click.IntRange(1, 1 << 31),
    default=1000,
    show_default=True,
    help="Longest slice under --chaos; 1 looks around before every instruction.",
)
@click.option("--without", multiple=True, metavar="NAME", help="An optimisation to leave out; may be repeated.")
@click.option("--quiet", is_flag=True, help="Print no console output.")
@click.option("--stats", is_flag=True, help="Print the translator's counters at the end.")
@script_options
@click.pass_context
def run_command(
    ctx: click.Context,
    recipe: str | None,
    kernel: Path | None,
    machine_name: str,
    ram_mib: int | None,
    initrd: Path | None,
    append: str | None,
    dtb: Path | None,
    engine: str,
    time_mode: str,
    ns_per_insn: int | None,
    disk: tuple[str, ...],
    net: tuple[str, ...],
    screen: bool,
    screenshot: Path | None,
    gdb_place: str | None,
    check: bool,
    check_every: int,
    chaos_seed: int | None,
    chaos_slice: int,
    without: tuple[str, ...],
    quiet: bool,
    stats: bool,
    headless: bool,
    timeout: float | None,
    json_path: Path | None,
) -> None:
    """Run the guest RECIPE, or --kernel FILE, and talk to its console.

    Exit codes: 0 every --until was met or the guest ended itself, 2 bad arguments or file, 3
    something is missing, 4 timeout, 5 the guest's CPU stopped in an error, 6 it ended early.
    """
    script = Script(steps_of(ctx))
    check_channels(script, screen)
    if screenshot and not screen:
        raise L4vmError(f"--screenshot {screenshot} needs --screen", "without it the guest has no display")
    if ns_per_insn and time_mode == "host":
        raise L4vmError("--ns-per-insn needs --time insn or exact")
    devices = parse_devices(disk, net)
    if check and time_mode != "exact":
        raise L4vmError("--check needs --time exact", "two runs are the same in exact time only")
    if check and gdb_place is not None:
        raise L4vmError("--check and --gdb do not go together", "take --gdb with --engine interp to compare by hand")
    if check and (disk or net):
        raise L4vmError("--check does not go with --disk and --net", "two guests cannot share what lies outside")
    wish = Start(
        machine=machine_name,
        kernel=b"",
        where="",
        ram_mib=ram_mib,
        initrd=read_optional(initrd, "an initial RAM disk"),
        append=append,
        dtb=read_optional(dtb, "a device tree"),
        disks=len(devices.disks),
        nets=len(devices.nets),
        screen=screen,
    )
    load = resolve(recipe, kernel, wish)
    keyboard = not headless and sys.stdin.isatty()
    terminal = -1 if quiet else (sys.stderr if headless else sys.stdout).fileno()
    previous = signal.signal(signal.SIGTERM, on_terminate)
    began = time.monotonic()
    try:
        with contextlib.ExitStack() as stack:
            machine = stack.enter_context(
                machine_of(check_every if check else 0, gdb_place is not None)(
                    load.machine,
                    load.ram_mib,
                    Engine[engine.upper()],
                    Time[time_mode.upper()],
                    ns_per_insn or 0,
                    switches_of(without),
                    screen=screen,
                    **devices.open(stack),
                )
            )
            machine.load_executable(load.executable)
            if chaos_seed is not None:
                machine.chaos(chaos_seed, chaos_slice)
            if gdb_place is not None:
                click.echo(f"waiting for GDB: target remote {machine.listen(gdb_place)}", err=True)
            talk = Talk(machine, script, headless, terminal=terminal, timeout_s=timeout)
            talk.is_exact = time_mode == "exact"
            if keyboard:
                click.echo(f"{HELP}", err=True)
                talk.keyboard = stack.enter_context(raw_terminal())
            outcome = talk.run()
            elapsed_s = time.monotonic() - began
            facts: dict[str, object] = {"engine": engine, "time": time_mode}
            facts["elapsed_s"] = round(elapsed_s, 6)
            report(json_path, outcome, talk, load, facts)
            if screenshot:
                save_screen(screenshot, machine)
            if stats:
                print_stats(machine, elapsed_s)
    finally:
        signal.signal(signal.SIGTERM, previous)
    if outcome.code is not ExitCode.OK or headless:
        click.echo(f"l4vm guest run: {outcome.reason}", err=True)
    ctx.exit(int(outcome.code))


for _action, _sentence in (
    ("stop", "Stop"),
    ("pause", "Pause"),
    ("resume", "Resume"),
    ("restart", "Start anew"),
):
    command.add_command(action_command(_action, _sentence))


@command.command(name="wrap")
@click.argument("vmlinux", type=ExistingFile())
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="ELF file to write.",
)
@click.option(
    "--initrd",
    type=ExistingFile(),
    help="Initial RAM disk.",
)
@click.option("--append", default="", metavar="TEXT", help="Kernel command line.")
@click.option(
    "--ram",
    "ram_mib",
    type=click.IntRange(min=1),
    default=RAM_MIB_DEFAULT,
    show_default=True,
    metavar="MIB",
    help="Guest RAM.",
)
@click.option("--disks", type=click.IntRange(0, 4), default=0, help="How many disks the guest will have.")
@click.option("--nets", type=click.IntRange(0, 2), default=0, help="How many networks.")
@click.option("--screen", is_flag=True, help="The guest will have a display and a keyboard.")
def wrap_command(
    vmlinux: Path,
    output: Path,
    initrd: Path | None,
    append: str,
    ram_mib: int,
    disks: int,
    nets: int,
    screen: bool,
) -> None:
    """Put the LEON PROM, its device tree and an initial RAM disk around a plain VMLINUX."""
    disk = read_optional(initrd, "an initial RAM disk")
    data = read_bytes(vmlinux, "a plain vmlinux")
    where, ram_bytes = str(vmlinux), ram_mib << 20
    output.write_bytes(wrap(data, disk, append, ram_bytes, None, where, disks, nets, screen))
    click.echo(f"{output}: {output.stat().st_size} bytes, for {ram_mib} MiB RAM", err=True)

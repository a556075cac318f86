# SPDX-License-Identifier: MIT
"""What `l4vm guest run` does once its command line is understood.

A guest's start is short, so nothing is imported here that a plain run does not need: no click (guest.py reads the
command line with it, quick.py without), and what an option asks for where the option is looked at.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l4vm.binding.machine import Engine, Machine, Stop, Time, switch_names
from l4vm.cli.terminate import on_terminate
from l4vm.console.script import Script, Step, Until
from l4vm.errors import L4vmError
from l4vm.exit_codes import ExitCode
from l4vm.guests.firmware import Load, Start, lay_out, start_of_recipe

if TYPE_CHECKING:
    from l4vm.console.keys import Keys

CHOICES = {
    "engine": ("interp", "block", "tiers"),
    "partner": ("interp", "block"),
    "time": ("host", "insn", "exact"),
}
FILES_READ = ("kernel", "initrd", "dtb")
CHANNEL, KEYBOARD = "console", "keyboard"
MACHINE_DEFAULT = "leon3"
WALL_S = 0.05
TYPING_WALL_S = 0.002
TYPING_INSNS = 50_000
NEVER = (1 << 64) - 1
HELP = "ctrl-t q  quit      ctrl-t ctrl-t  send ctrl-t itself      all other keys go to the guest"


@dataclass(frozen=True)
class Options:
    """What the command line of `l4vm guest run` says; a field is the option of its name.

    steps has --until and --send in the order given.
    """

    recipe: str | None = None
    kernel: Path | None = None
    machine: str | None = None
    ram: int | None = None
    initrd: Path | None = None
    append: str | None = None
    dtb: Path | None = None
    engine: str | None = None
    time: str = "host"
    ns_per_insn: int | None = None
    disk: tuple[str, ...] = ()
    net: tuple[str, ...] = ()
    screen: bool = False
    screenshot: Path | None = None
    gdb: str | None = None
    check: bool = False
    check_every: int = 100_000
    partner: str = "interp"
    partner_without: tuple[str, ...] = ()
    chaos: int | None = None
    chaos_slice: int = 1000
    without: tuple[str, ...] = ()
    quiet: bool = False
    stats: bool = False
    headless: bool = False
    timeout: float | None = None
    json: Path | None = None
    steps: tuple[Step, ...] = ()


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
    offer_at: int = 0  # in exact time input that waits is offered behind so many instructions, however long they take
    keys: Keys | None = None
    pending: bytearray = field(default_factory=bytearray)
    typing: bytearray = field(default_factory=bytearray)

    def run(self) -> Outcome:
        """Run the guest until it ends, the script is over, time is up, or the user quits."""
        began = time.monotonic()
        self.script.begin()
        if self.is_exact:
            self._send()  # what waits for nothing is there from the first instruction on
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
            if self._may_offer():
                self.offer_at = self.machine.insns + TYPING_INSNS
            return self.machine.run_for(self.offer_at - self.machine.insns, min(WALL_S, left))
        return self.machine.run_for(wall_s=min(TYPING_WALL_S, left))

    def _may_offer(self) -> bool:
        """Whether the guest may be offered input now: in exact time never where only the wall clock has ended a run."""
        return not self.is_exact or self.machine.insns >= self.offer_at or self.machine.idle_until_ns == NEVER

    def _show(self) -> None:
        while data := self.machine.console_read():
            if self.terminal >= 0:
                write_all(self.terminal, data)
            self.script.feed(CHANNEL, data)

    def _send(self) -> None:
        while (step := self.script.next_send()) is not None:
            if step.channel == KEYBOARD:
                self.typing += typing_of(step.data)
            else:
                self.pending += step.data
        if not self._may_offer():
            return
        if self.pending:
            del self.pending[: self.machine.console_write(bytes(self.pending))]
        if self.typing:
            del self.typing[: self.machine.keys(bytes(self.typing))]

    def _typed(self) -> bool:
        """Take what the keyboard has; returns whether the user quits."""
        if not self.keys or self.pending:
            return False
        from l4vm.console.keys import Typed

        if not select.select([self.keyboard], [], [], 0)[0]:
            return False
        data = os.read(self.keyboard, 256)
        if not data:
            return True
        for what in self.keys.feed(data):
            if isinstance(what, Typed):
                self.pending += what.data
            elif what.key == "q":
                return True
            else:
                write_all(self.terminal, f"\n{HELP}\n".encode())
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


def say(sentence: str) -> None:
    """Tell the user on standard error."""
    print(sentence, file=sys.stderr, flush=True)


def typing_of(text: bytes) -> bytes:
    """Return the scan codes that typing a text gives."""
    from l4vm.console.scancodes import scan_codes

    return scan_codes(text)


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
    from l4vm.cli.files import near_file

    if recipe.suffix or len(recipe.parts) > 1:
        raise L4vmError(f"no guest is called '{recipe}', nor is there such a file", near_file(recipe))


def resolve(recipe: str | None, kernel: Path | None, wish: Start) -> Load:
    """Find, build and lay out what is asked for; of `wish`, the kernel is not looked at. It names no machine by "".

    Raises:
        L4vmError: nothing or two things are asked for, or they do not go together.
    """
    if recipe is not None and kernel is None:
        refuse_file(Path(recipe))
        from l4vm.guests.recipe import build_guest, read_recipe

        made_for = read_recipe(recipe)["machine"]
        if wish.machine not in ("", made_for):
            step = "leave --machine out, or give that machine a kernel of yours by --kernel"
            raise L4vmError(f"--machine {wish.machine}: the guest {recipe} is for machine {made_for}", step)
        files = build_guest(recipe, lambda sentence: say(sentence))
        return lay_out(start_of_recipe(files, wish))
    if kernel is not None and recipe is None:
        machine = wish.machine or MACHINE_DEFAULT
        return lay_out(replace(wish, machine=machine, kernel=read_bytes(kernel, "an executable"), where=str(kernel)))
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
    import json

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
            typing_of(step.data)
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
        say(f"{name:24} {value:16,}")
    rate = machine.insns / elapsed_s / 1e6 if elapsed_s else 0
    say(f"{'guest time':24} {machine.guest_ns / 1e9:16.6f} s")
    say(f"{'elapsed':24} {elapsed_s:16.6f} s, {rate:.1f} million instructions/s")


def machine_of(check: dict[str, Any], debugged: bool) -> Callable[..., Any]:
    """Return what makes the machine: a plain one, one beside a partner as `check` says, or one that GDB may hold."""
    if check:
        from l4vm.binding.checked import Checked

        return functools.partial(Checked, **check)
    if not debugged:
        return Machine
    from l4vm.gdb import Debugged

    return Debugged


def switches_of(names: tuple[str, ...], option: str = "--without") -> int:
    """Return the sum of switches for names as an option has them.

    Raises:
        L4vmError: no optimisation has this name.
    """
    if not names:
        return 0
    known = switch_names()
    for name in names:
        if name not in known:
            raise L4vmError(f"{option} {name}: no optimisation has this name", f"there are {', '.join(known)}")
    return sum(known[name] for name in set(names))


def check_options(o: Options) -> None:
    """Refuse options that do not go together.

    Raises:
        L4vmError: two of them do not.
    """
    if o.screenshot and not o.screen:
        raise L4vmError(f"--screenshot {o.screenshot} needs --screen", "without it the guest has no display")
    if o.ns_per_insn and o.time == "host":
        raise L4vmError("--ns-per-insn needs --time insn or exact", "in host time no instruction has a length")
    if o.check and o.time != "exact":
        raise L4vmError("--check needs --time exact", "two runs are the same in exact time only")
    if o.check and o.gdb is not None:
        raise L4vmError("--check and --gdb do not go together", "take --gdb with --engine interp to compare by hand")
    if o.check and (o.disk or o.net):
        raise L4vmError("--check does not go with --disk and --net", "two guests cannot share what lies outside")


def engine_of(o: Options) -> str:
    """Return the engine: where engines are compared or shaken, by default the one with most of the code compiled."""
    return o.engine or ("block" if o.check or o.chaos is not None else "tiers")


def run_guest(o: Options) -> int:
    """Run a guest to its end, or to that of what was asked for; returns the exit code.

    Raises:
        L4vmError: something cannot be had, or does not go together.
    """
    script, engine = Script(o.steps), engine_of(o)
    check_channels(script, o.screen)
    check_options(o)
    devices = None
    if o.disk or o.net:
        from l4vm.cli.guest_devices import parse_devices

        devices = parse_devices(o.disk, o.net)
    wish = Start(
        machine=o.machine or "",
        kernel=b"",
        where="",
        ram_mib=o.ram,
        initrd=read_optional(o.initrd, "an initial RAM disk"),
        append=o.append,
        dtb=read_optional(o.dtb, "a device tree"),
        disks=len(o.disk),
        nets=len(o.net),
        screen=o.screen,
    )
    compared: dict[str, Any] = {"every": o.check_every, "partner": Engine[o.partner.upper()]}
    compared["partner_switches"] = switches_of(o.partner_without, "--partner-without")
    load = resolve(o.recipe, o.kernel, wish)
    keyboard = not o.headless and sys.stdin.isatty()
    terminal = -1 if o.quiet else (sys.stderr if o.headless else sys.stdout).fileno()
    previous = signal.signal(signal.SIGTERM, on_terminate)
    began = time.monotonic()
    try:
        with contextlib.ExitStack() as stack:
            machine = stack.enter_context(
                machine_of(compared if o.check else {}, o.gdb is not None)(
                    load.machine,
                    load.ram_mib,
                    Engine[engine.upper()],
                    Time[o.time.upper()],
                    o.ns_per_insn or 0,
                    switches_of(o.without),
                    screen=o.screen,
                    **(devices.open(stack) if devices else {}),
                )
            )
            machine.load_executable(load.executable)
            if o.chaos is not None:
                machine.chaos(o.chaos, o.chaos_slice)
            if o.gdb is not None:
                say(f"waiting for GDB: target remote {machine.listen(o.gdb)}")
            talk = Talk(machine, script, o.headless, terminal=terminal, timeout_s=o.timeout)
            talk.is_exact = o.time == "exact"
            if keyboard:
                from l4vm.console.keys import Keys, raw_terminal

                say(HELP)
                talk.keys = Keys()
                talk.keyboard = stack.enter_context(raw_terminal())
            outcome = talk.run()
            elapsed_s = time.monotonic() - began
            facts: dict[str, object] = {"engine": engine, "time": o.time, "elapsed_s": round(elapsed_s, 6)}
            report(o.json, outcome, talk, load, facts)
            if o.screenshot:
                save_screen(o.screenshot, machine)
            if o.stats:
                print_stats(machine, elapsed_s)
    finally:
        signal.signal(signal.SIGTERM, previous)
    if outcome.code is not ExitCode.OK or o.headless:
        say(f"l4vm guest run: {outcome.reason}")
    return int(outcome.code)

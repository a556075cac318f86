# SPDX-License-Identifier: MIT
"""Guests with a shell on their console, run side by side in one exact time.

Each guest runs up to the same guest time, then the next one, in steps of a millisecond: what one sends the other gets
in the next step, and every run is the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from l4vm.binding import Disk, Machine, Net, Stop, Time
from l4vm.guests import Load

PROMPT = "# "
STEP_NS = 1_000_000
NS_PER_INSN = 20


class Guest:
    """One machine and what its console said."""

    def __init__(
        self, load: Load, disks: Sequence[Disk] = (), nets: Sequence[Net] = (), screen: bool = False
    ) -> None:
        devices = {"disks": disks, "nets": nets, "screen": screen}
        self.machine = Machine(load.machine, load.ram_mib, time=Time.EXACT, ns_per_insn=NS_PER_INSN, **devices)  # type: ignore[arg-type]
        self.program = load.executable
        self.out = ""
        self.pending = b""
        self.is_running = True
        self.machine.load_executable(self.program)

    def reset(self) -> None:
        """Push the reset button and load the program anew; disks keep what they have."""
        self.machine.reset()
        self.machine.load_executable(self.program)
        self.out, self.pending, self.is_running = "", b"", True

    def go_to(self, ns: int) -> None:
        """Run up to a guest time."""
        if self.pending:
            self.pending = self.pending[self.machine.console_write(self.pending) :]
        while self.is_running and (now := self.machine.guest_ns) < ns:
            stop = self.machine.run(max(1, (ns - now) // NS_PER_INSN))
            if stop == Stop.IDLE:
                self.machine.advance(min(self.machine.idle_until_ns, ns))
            self.is_running = stop != Stop.HALT
        self.out += self.machine.console_read().decode("ascii", "replace").replace("\r", "")


class Room:
    """Guests in lock step."""

    def __init__(self, *guests: Guest) -> None:
        self.guests = guests
        self.now_ns = 0

    def __enter__(self) -> Room:
        return self

    def __exit__(self, *_: object) -> None:
        for guest in self.guests:
            guest.machine.close()

    def step(self) -> None:
        """One millisecond of all."""
        self.now_ns += STEP_NS
        for guest in self.guests:
            guest.go_to(self.now_ns)

    def until(self, guest: Guest, pattern: str, limit_s: float = 20) -> str:
        """Run until a guest's console shows a pattern; returns what it said up to there, which is then forgotten."""
        end = self.now_ns + int(limit_s * 1e9)
        while not (found := re.search(pattern, guest.out)):
            assert self.now_ns < end, f"{pattern!r} did not come in {limit_s} s of guest time: {guest.out[-1000:]}"
            assert guest.is_running, f"the guest ended before {pattern!r}: {guest.out[-1000:]}"
            self.step()
        said, guest.out = guest.out[: found.end()], guest.out[found.end() :]
        return said

    def boot(self) -> None:
        """Run until every guest shows its first prompt."""
        for guest in self.guests:
            self.until(guest, rf"\n{PROMPT}")

    def type(self, guest: Guest, line: str) -> None:
        """Type a line at a guest's shell."""
        guest.pending += line.encode() + b"\n"

    def command(self, guest: Guest, line: str, limit_s: float = 20) -> str:
        """Run a command in a guest's shell; returns what it printed. It must end with success."""
        self.type(guest, f"{line} && echo =done=")
        said = self.until(guest, rf"=done=\n{PROMPT}", limit_s)
        return said.split("=done=\n", 1)[1].rsplit("=done=", 1)[0]

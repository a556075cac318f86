# SPDX-License-Identifier: MIT
"""Two engines in lock step: a machine that is compared as it runs with a partner, in the interpreter or another engine.

    with Checked("leon3", time=Time.EXACT, every=10_000) as machine:
        machine.load_executable(load_elf(path))
        machine.run_for(100_000_000)

Every `every` guest instructions the two must agree on count, time, all registers, all of RAM, console
bytes and the next event. When they do not, the run is taken up again from a snapshot and halved until
one instruction is left; `Difference` then says which register, where, and how the code looks there.
"""

from __future__ import annotations

import select
import time as clock
from dataclasses import dataclass
from typing import Any

from l4vm.binding.hooks import Snapshot
from l4vm.binding.machine import Engine, Machine, Stop, Time
from l4vm.errors import L4vmError
from l4vm.guests.elf import Executable

NEVER = (1 << 64) - 1
SNAPSHOT_AFTER = 16  # comparisons
SHOWN_MAX = 8


class Difference(L4vmError):
    """The two engines do not agree.

    Attributes:
        insns: how many instructions had run when they first differed.
        pc: of the last instruction before that.
        registers: name, value, the partner's value, of each that differs.
    """

    def __init__(self, text: str, insns: int, pc: int, registers: list[tuple[str, int, int]]) -> None:
        super().__init__(text, "keep the program, the options and the seed: they are the bug report", exit_code=1)
        self.insns, self.pc, self.registers = insns, pc, registers


class Checked(Machine):
    """A Machine whose `run_for` compares it with a partner. Guest time must be exact.

    Args:
        name, ram_mib, engine, ns_per_insn, switches, code_mib: as of Machine.
        time: Time.EXACT.
        every: instructions between comparisons.
        partner: the engine it is compared with.
        partner_switches: optimisations that the partner leaves out; by default the same.

    Raises:
        L4vmError: an argument is outside its range.
    """

    def __init__(
        self,
        *args: Any,
        every: int = 100_000,
        partner: Engine = Engine.INTERP,
        partner_switches: int | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        if self.time != Time.EXACT or every < 1:
            self.close()
            raise L4vmError("two engines can be compared with exact time, every 1 or more instructions")
        if settings.get("disks") or settings.get("nets") or len(args) > 7:
            self.close()
            raise L4vmError("two engines cannot share disks and networks: compare a machine without them")
        names = ("name", "ram_mib", "engine", "time", "ns_per_insn", "switches", "code_mib")
        given = dict(zip(names, args, strict=False))
        theirs: dict[str, Any] = {"engine": partner}
        if partner_switches is not None:
            theirs["switches"] = partner_switches
        self.partner = Machine(**(given | settings | theirs))
        self.every = every
        self._base: tuple[Snapshot, Snapshot] | None = None
        self._compared = 0
        self._written = b""

    def close(self) -> None:
        """Close both."""
        if hasattr(self, "partner"):
            self.partner.close()
        super().close()

    def load_executable(self, executable: Executable) -> None:
        """Load both."""
        super().load_executable(executable)
        self.partner.load_executable(executable)

    def console_write(self, data: bytes) -> int:
        """Offer bytes to both; returns how many were taken."""
        self._base = None
        taken = super().console_write(data)
        if self.partner.console_write(data) != taken:
            raise self._sight().told("the consoles took different numbers of bytes", self["pc"], "")
        return taken

    def keys(self, codes: bytes) -> int:
        """Press the same keys of both; returns how many codes were taken."""
        self._base = None
        taken = super().keys(codes)
        if self.partner.keys(codes) != taken:
            raise self._sight().told("the keyboards took different numbers of codes", self["pc"], "")
        return taken

    def console_read(self) -> bytes:
        """Take what both wrote."""
        out, self._written = self._written, b""
        return out

    def run_for(self, insns: int = 1 << 62, wall_s: float = 0.05, wake_fd: int = -1) -> Stop:
        """Run and compare until `insns` are done, `wall_s` have passed, console bytes wait, or the guest ended.

        Raises:
            Difference: the engines do not agree.
        """
        end, until = self.insns + insns, clock.monotonic() + wall_s
        while True:
            stop = self._both(min(self.every, end - self.insns))
            if stop == Stop.IDLE and self.idle_until_ns == NEVER:
                select.select([wake_fd] if wake_fd >= 0 else [], [], [], max(until - clock.monotonic(), 0))
                return stop
            if stop == Stop.IDLE:
                self._advance()
            done = self.insns >= end or clock.monotonic() >= until
            if stop not in (Stop.BUDGET, Stop.IDLE) or self._written or done:
                return stop

    def _advance(self) -> None:
        for machine in (self, self.partner):
            machine.advance(machine.idle_until_ns)

    def _both(self, insns: int) -> Stop:
        if self._base is None or self._compared >= SNAPSHOT_AFTER:
            self._base, self._compared = (self.snapshot(), self.partner.snapshot()), 0
        self._compared += 1
        stop, other = self.run(insns), self.partner.run(insns)
        out, other_out = super().console_read(), self.partner.console_read()
        self._written += out
        if stop != other or out != other_out or self._differ():
            raise self._explained()
        return stop

    def _facts(self, machine: Machine) -> tuple[int, ...]:
        return machine.insns, machine.guest_ns, machine.idle_until_ns, machine.state_hash()

    def _differ(self) -> bool:
        return self._facts(self) != self._facts(self.partner) or not self.has_same_ram(self.partner)

    # --- where a difference comes from ---

    def _explained(self) -> Difference:
        assert self._base is not None
        seen = self._sight()
        low, high = 0, max(self.insns, self.partner.insns) - self._base[0].insns
        if not self._differ_after(high):
            return seen.told("the engines differed, and do not when the last steps are taken again", self["pc"], "")
        seen = self._sight()
        while high - low > 1:
            middle = (low + high) // 2
            if self._differ_after(middle):
                high, seen = middle, self._sight()
            else:
                low = middle
        self._differ_after(low)
        return seen.told("the engines differ", self["pc"], self.dump(self.block_start(self["pc"])))

    def _differ_after(self, insns: int) -> bool:
        """Go back to the snapshots, run so many instructions, and compare."""
        assert self._base is not None
        stops = []
        for machine, base in zip((self, self.partner), self._base, strict=True):
            machine.restore(base)
            stops.append(_run_exactly(machine, base.insns + insns, self.every))
        return stops[0] != stops[1] or self._differ()

    def _sight(self) -> _Sight:
        """Look at how the two differ now; code that is made anew may not differ again."""
        pairs = [(name, self[name], self.partner[name]) for name in self.register_names()]
        facts = self._facts(self)[:3], self._facts(self.partner)[:3]
        names = (self.engine.name.lower(), f"{self.partner.engine.name.lower()} (partner)")
        ram_at = self.first_ram_difference(self.partner)
        return _Sight(names, self.insns, [row for row in pairs if row[1] != row[2]], facts, ram_at)


@dataclass(frozen=True)
class _Sight:
    engines: tuple[str, str]
    insns: int
    registers: list[tuple[str, int, int]]
    facts: tuple[tuple[int, ...], tuple[int, ...]]
    ram_at: int | None

    def told(self, what: str, pc: int, code: str) -> Difference:
        """Return the difference in words."""
        first, second = self.engines
        lines = [f"{what} at instruction {self.insns}, behind pc 0x{pc:08x}"]
        lines += [f"  {name}: 0x{a:08x} {first}, 0x{b:08x} {second}" for name, a, b in self.registers[:SHOWN_MAX]]
        if len(self.registers) > SHOWN_MAX:
            lines.append(f"  and {len(self.registers) - SHOWN_MAX} more registers")
        if self.facts[0] != self.facts[1]:
            lines.append(f"  count, time, next event: {self.facts[0]} {first}, {self.facts[1]} {second}")
        if self.ram_at is not None:
            lines.append(f"  RAM from byte 0x{self.ram_at:x} of it on")
        return Difference("\n".join([*lines, code]).rstrip(), self.insns, pc, self.registers)


def _run_exactly(machine: Machine, end: int, every: int) -> Stop:
    """Run to instruction `end`, going to the next event whenever the guest waits."""
    stop = Stop.BUDGET
    while machine.insns < end:
        stop = machine.run(min(every, end - machine.insns))
        if stop == Stop.IDLE and machine.idle_until_ns != NEVER:
            machine.advance(machine.idle_until_ns)
        elif stop != Stop.BUDGET:
            break
    return stop

# SPDX-License-Identifier: MIT
"""The Linux guests of the recipes, for tests that run them to the instruction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from l4vm.binding import Hit, Machine, Stop, Time
from l4vm.guests import Load, Start, build_guest, lay_out, start_of_recipe
from tests.guests import unpacked


@dataclass(frozen=True)
class Linux:
    """A guest that boots Linux.

    load: what RAM holds; cpu: what `uname -m` says; insns: instructions until the shell runs;
    kernel: where the kernel's memory begins; uart: addresses of the console's registers;
    sent: what writes to them send.
    """

    load: Load
    cpu: str
    insns: int
    kernel: int
    uart: range
    sent: Callable[[list[Hit]], bytes]

    def machine(self, make: Callable[..., Machine] = Machine, **options: Any) -> Machine:
        """Return the machine, ready to start."""
        made = make(self.load.machine, self.load.ram_mib, time=Time.EXACT, **options)
        made.load_executable(self.load.executable)
        return made


def sent_by_apbuart(writes: list[Hit]) -> bytes:
    """Bytes go at once while the transmitter is on, else those that the FIFO can keep when it is switched on."""
    is_on, waiting, out = True, b"", b""
    for hit in writes:
        if hit.address & 0xFF == 8:
            is_on = bool(hit.value & 2)
        elif hit.address & 0xFF == 0 and (is_on or len(waiting) < 16):
            waiting += bytes((hit.value & 0xFF,))
        if is_on:
            out, waiting = out + waiting, b""
    return out


def sent_by_16550(writes: list[Hit]) -> bytes:
    """Bytes go at once, but for those that are the divisor (LCR bit 7)."""
    is_divisor, out = False, b""
    for hit in writes:
        if hit.address & 7 == 3:
            is_divisor = bool(hit.value & 0x80)
        elif hit.address & 7 == 0 and not is_divisor:
            out += bytes((hit.value & 0xFF,))
    return out


_FACTS = {
    "leon3-linux": ("sparc", 34_000_000, 0xF0000000, range(0x80000100, 0x80000200), sent_by_apbuart),
    "bamboo-linux": ("ppc", 64_000_000, 0xC0000000, range(0xEF600300, 0xEF600308), sent_by_16550),
    unpacked.RECIPE: ("mips", 340_000_000, 0x80000000, range(0x180003F8, 0x18000400), sent_by_16550),
}
RECIPES = tuple(_FACTS)
WITH_SCREEN = tuple(recipe for recipe in RECIPES if recipe != unpacked.RECIPE)


def _start_of(recipe: str) -> Start:
    files = build_guest(recipe, progress=print)
    start = start_of_recipe(files, Start(files.machine, b"", ""))
    return replace(start, kernel=unpacked.unpacked(files)) if recipe == unpacked.RECIPE else start


def linux_of(recipe: str) -> Linux:
    """Return a recipe's Linux, built if need be; one that unpacks itself has done that already."""
    return Linux(lay_out(_start_of(recipe)), *_FACTS[recipe])


def run_arguments(recipe: str, folder: Path) -> list[str]:
    """Return the arguments of `l4vm guest` that run what `linux_of` returns; files are put into a folder."""
    if recipe != unpacked.RECIPE:
        return ["run", recipe]
    start = _start_of(recipe)
    kernel, initrd = folder / "vmlinux", folder / "initrd"
    kernel.write_bytes(start.kernel)
    initrd.write_bytes(start.initrd or b"")
    arguments = ["run", "--machine", start.machine, "--ram", str(start.ram_mib), "--kernel", str(kernel)]
    return [*arguments, "--initrd", str(initrd), "--append", start.append or ""]


def step(machine: Machine, insns: int) -> bytes:
    """Run exactly `insns` instructions; while the guest waits, go to its next event."""
    end = machine.insns + insns
    while machine.insns < end:
        stop = machine.run(end - machine.insns)
        assert stop in (Stop.BUDGET, Stop.IDLE), stop
        if stop == Stop.IDLE:
            machine.advance(machine.idle_until_ns)
    return machine.console_read()

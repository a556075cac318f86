# SPDX-License-Identifier: MIT
"""A Malta whose devices are read and written by single loads and stores of its CPU."""

from __future__ import annotations

from types import TracebackType

from l4vm.binding import Machine, Time
from l4vm.guests import read_machine_map
from tests.insn.mips_words import CODE, LAYOUT, op

UNCACHED = 0xA0000000
PCI_IO = read_machine_map("malta").facts["pci_io"]
INSN_NS = 1000
_WAIT = CODE + 0x100


class Board:
    """The board; memory by `read` and `write` of physical addresses, each an instruction in the uncached window.

    An instruction takes INSN_NS of guest time, unless time is the workstation's.
    """

    def __init__(self, time: Time = Time.EXACT) -> None:
        self.machine = Machine("malta", ram_mib=16, code_mib=1, time=time, ns_per_insn=INSN_NS)
        self.machine.boot(0x80000000 | CODE)
        self.machine.write(_WAIT, LAYOUT.code_of(op("BEQ", disp=-1), 0))

    def __enter__(self) -> Board:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.machine.close()

    def _run(self, word: int, address: int) -> None:
        self.machine.write(CODE, LAYOUT.code_of(word))
        self.machine["pc"], self.machine["r3"] = 0x80000000 | CODE, UNCACHED | address
        self.machine.run(1)

    def read(self, address: int, name: str = "LBU") -> int:
        self._run(op(name, rt=4, base=3), address)
        return self.machine["r4"]

    def write(self, address: int, value: int, name: str = "SB") -> None:
        self.machine["r4"] = value
        self._run(op(name, rt=4, base=3), address)

    def inb(self, port: int) -> int:
        return self.read(PCI_IO + port)

    def outb(self, port: int, *values: int) -> None:
        for value in values:
            self.write(PCI_IO + port, value)

    def wait(self, ns: int) -> None:
        """Let guest time pass."""
        self.machine["pc"] = 0x80000000 | _WAIT
        self.machine.run(ns // INSN_NS)

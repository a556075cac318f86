# SPDX-License-Identifier: MIT
"""An interrupt before every Nth instruction of a loop, from N = 1 on: it comes where it must, in every engine.

The guest sets a timer that strikes once, after N, and runs a loop with a branch over a store, loads, and a slot where
the CPU has such. The handler keeps where it came and goes on there.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from l4vm.binding.machine import Engine, Machine, Time
from tests.fuzz import mips, ppc, sparc
from tests.insn import mips_words, ppc_words
from tests.insn.layout import Layout
from tests.insn.words import DATA, LAYOUT, NOP, PSR, RAM, alu, branch, imm, memory

NS = 200
RUN = 607  # odd, so that a clock of every other instruction meets all
WARM = 40
VALUE = 0x40000000  # what the loop loads and adds: now and then the sum is 0
Answer = tuple[int, bytes, int]


@dataclass(frozen=True)
class Guest:
    """The set-up, which arms the timer by `register`, the loop, and which of its instructions are interrupted."""

    layout: Layout
    start: Callable[[Machine], None]
    setup: list[int]
    loop: list[int]
    register: str
    never: tuple[int, ...] = ()  # slots: there the branch is where it came, and runs again
    address: int = 0  # of physical 0 for the program
    least: int = 1  # N

    def run(self, machine: Machine, n: int) -> Answer:
        """Run with the timer at n; return the address where the interrupt came, what memory holds, and a hash."""
        machine["pc"] = self.address | self.layout.code
        machine[self.register] = n
        machine.write(self.layout.data + 0x100, bytes(4))
        machine.run(RUN)
        data = machine.read(self.layout.data, 0x104)
        return struct.unpack_from(f"{self.layout.endian}I", data, 0x100)[0], data, machine.state_hash()


def _sparc(machine: Machine) -> None:
    table = bytearray(sparc.GUEST.code_of([LAYOUT.stay, NOP, NOP, NOP] * 256))
    table[0x16 * 16 : 0x16 * 16 + 12] = sparc.GUEST.code_of([memory(4, 17, 6), 0x81C44000, 0x81CC8000])
    machine.write(RAM, bytes(table))  # interrupt 6: st %l1, [%g6]; jmpl %l1; rett %l2
    machine["psr"], machine["tbr"], machine["wim"] = PSR, RAM, 0
    machine["g5"], machine["g6"], machine["g7"] = DATA, DATA + 0x100, 0xFFFE


SPARC = Guest(
    LAYOUT,
    _sparc,
    [
        *(sparc._sethi(1, sparc.DEVICES), memory(4, 7, 1, 0x240), memory(4, 0, 1, 0x304)),  # interrupts, scaler 0
        *(memory(4, 8, 1, 0x314), imm(0x00, 9, 0, 0xD), memory(4, 9, 1, 0x318)),  # %o0 to the timer, once
    ],
    [
        *(memory(0, 10, 5), alu(0x10, 11, 11, 10), branch(1, 4), imm(0x00, 12, 12, 1)),  # ld, addcc, be, slot
        *(memory(4, 11, 5, 8), imm(0x00, 13, 13, 3), imm(0x11, 0, 13, 3), branch(9, -7, annul=1), memory(5, 13, 5, 12)),
        *(branch(8, -9), NOP),
    ],
    "o0",
)


def _ppc(machine: Machine) -> None:
    ppc_words.prepare(machine)
    handler = [ppc.mfspr(11, 26), ppc_words.op("STW", rt=11, ra=9), *ppc.load_word(11, 1 << 27), ppc.mtspr(336, 11)]
    handler.append(ppc_words.op("RFI"))
    machine.write(ppc_words.VECTORS + 0x100 * ppc_words.DECREMENTER, ppc.GUEST.code_of(handler))
    machine["r3"], machine["r9"], machine["tcr"] = ppc_words.DATA, ppc_words.DATA + 0x100, 1 << 26
    machine["msr"] = ppc_words.MSR_EE | ppc_words.MSR_ME


PPC = Guest(
    ppc_words.LAYOUT,
    _ppc,
    [ppc.mtspr(22, 10)],
    [
        *(ppc_words.op("LWZ", rt=5, ra=3), ppc_words.op("ADD", rt=6, ra=6, rb=5, rc=1)),
        *(ppc_words.op("BC", bo=12, bi=2, bd=2), ppc_words.op("STW", rt=6, ra=3, si=8)),
        *(ppc_words.op("ADDI", rt=7, ra=7, si=3), ppc_words.op("STB", rt=7, ra=3, si=12)),
        *(ppc_words.op("ANDI_", rt=7, ra=12, ui=3), ppc_words.op("BC", bo=4, bi=2, bd=-7), ppc_words.op("B", li=-8)),
    ],
    "r10",
)


def _mips(machine: Machine) -> None:
    handler = [mips.mfc0(26, 14), mips_words.op("SW", rt=26, base=8), mips.mtc0(0, 11), mips.ERET]
    machine.write(mips_words.VECTORS + 0x200, mips_words.LAYOUT.code_of(*handler))
    machine["r3"], machine["r8"] = (0x80000000 | at for at in (mips_words.DATA, mips_words.DATA + 0x100))
    machine["ebase"], machine["status"] = 0x80000000 | mips_words.VECTORS, 0xFF01
    machine["cause"] = mips_words.IV


MIPS = Guest(
    mips_words.LAYOUT,
    _mips,
    [mips.mfc0(9, 9), mips_words.op("ADDU", rd=9, rs=9, rt=10), mips.mtc0(9, 11)],
    [
        *(mips_words.op("LW", rt=5, base=3), mips_words.op("ADDU", rd=6, rs=6, rt=5)),
        *(mips_words.op("BEQ", rs=6, disp=2), mips_words.op("ADDIU", rt=7, rs=7, imm=1)),
        *(mips_words.op("SW", rt=6, base=3, offset=8), mips_words.op("ANDI", rt=2, rs=7, uimm=3)),
        *(mips_words.op("BNEL", rs=2, disp=-7), mips_words.op("SB", rt=7, base=3, offset=12)),
        *(mips_words.op("BEQ", disp=-9), 0),
    ],
    "r10",
    never=(3, 7, 9),
    address=0x80000000,
    least=2,  # Count goes on while Compare is written
)
GUESTS = {"sparc": SPARC, "ppc": PPC, "mips": MIPS}
BACK_ENDS = {"block": 32, "block soft": 32 | 128, "region": 0, "region soft": 128}


def places(guest: Guest, engine: Engine, switches: int) -> list[Answer]:
    """Run with the timer at 1, 2, 3.. in a machine whose loop is warm."""
    with Machine(guest.layout.machine, 16, engine, Time.EXACT, code_mib=1, switches=switches) as machine:
        guest.start(machine)
        machine.write(guest.layout.code, guest.layout.code_of(*guest.setup, *guest.loop))
        machine.write(guest.layout.data, guest.layout.code_of(VALUE))
        for _ in range(WARM):
            guest.run(machine, 1 << 20)
        found = [guest.run(machine, n) for n in range(guest.least, guest.least + NS)]
        stats = machine.stats()
    assert stats["interrupts"] == NS
    if engine is Engine.BLOCK:
        assert (stats["regions"] > 0, stats["direct_made"] > 0) == (not switches & 32, not switches & 128)
    return found


@pytest.fixture(scope="module", params=GUESTS.values(), ids=GUESTS)
def interpreted(request: pytest.FixtureRequest) -> tuple[Guest, list[Answer]]:
    return request.param, places(request.param, Engine.INTERP, 0)


def test_every_instruction_of_the_loop_is_interrupted(interpreted: tuple[Guest, list[Answer]]) -> None:
    guest, found = interpreted
    first = (guest.address | guest.layout.code) + 4 * len(guest.setup)
    loop = {first + 4 * index for index in range(len(guest.loop)) if index not in guest.never}
    assert loop <= {answer[0] for answer in found}


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_an_interrupt_before_every_nth_instruction_comes_in_the_same_place_and_state(
    interpreted: tuple[Guest, list[Answer]], back_end: str
) -> None:
    guest, found = interpreted
    assert places(guest, Engine.BLOCK, BACK_ENDS[back_end]) == found

# SPDX-License-Identifier: MIT
"""In exact time a guest does not see when its output is read, nor where runs end, nor how long they take."""

from __future__ import annotations

import pytest

from l4vm.binding import Engine, Machine, Time
from l4vm.cli import guest_run
from l4vm.console.script import Script, read_send
from tests.insn import mips_words, ppc_words
from tests.insn.layout import Layout
from tests.insn.words import LAYOUT, NOP, PSR, RAM, branch, imm, memory

INSNS = 1_500_000  # more output than waits anywhere


def _sparc(machine: Machine) -> None:
    machine["psr"], machine["tbr"], machine["wim"], machine["g1"] = PSR, RAM, 0, 0x80000100


def _ppc(machine: Machine) -> None:
    ppc_words.prepare(machine)
    machine["r3"] = 0xEF600300


def _mips(machine: Machine) -> None:
    mips_words.prepare(machine)
    machine["r3"] = 0xB80003F8


# Wait until the transmitter is empty; write a character; count. The machine's console is its UART.
POLLED = {
    "sparc": (
        *(LAYOUT, _sparc),
        [
            *(imm(0x02, 9, 0, 2), memory(4, 9, 1, 8)),  # the transmitter on
            *(memory(0, 9, 1, 4), imm(0x11, 0, 9, 4), branch(1, -2), NOP, memory(4, 10, 1, 0)),
            *(branch(8, -5), imm(0x00, 10, 10, 1)),
        ],
    ),
    "ppc": (
        *(ppc_words.LAYOUT, _ppc),
        [
            *(ppc_words.op("LBZ", rt=5, ra=3, si=5), ppc_words.op("ANDI_", rt=5, ra=6, ui=0x20)),
            *(ppc_words.op("BC", bo=12, bi=2, bd=-2), ppc_words.op("STB", rt=7, ra=3)),
            *(ppc_words.op("ADDI", rt=7, ra=7, si=1), ppc_words.op("B", li=-5)),
        ],
    ),
    "mips": (
        *(mips_words.LAYOUT, _mips),
        [
            *(mips_words.op("LBU", rt=5, base=3, offset=5), mips_words.op("ANDI", rt=6, rs=5, uimm=0x20)),
            *(mips_words.op("BEQ", rs=6, disp=-3), 0, mips_words.op("SB", rt=7, base=3)),
            *(mips_words.op("BEQ", disp=-6), mips_words.op("ADDIU", rt=7, rs=7, imm=1)),
        ],
    ),
}


def flood(name: str, engine: Engine, slice_insns: int) -> tuple[int, bytes]:
    """Write characters for INSNS instructions, read behind each slice; return the state and what was read."""
    layout, start, words = POLLED[name]
    assert isinstance(layout, Layout)
    with Machine(layout.machine, 16, engine, Time.EXACT, code_mib=1) as machine:
        start(machine)
        layout.put(machine, *words)
        out = b""
        while machine.insns < INSNS:
            machine.run(min(slice_insns, INSNS - machine.insns))
            while part := machine.console_read():
                out += part
        return machine.state_hash(with_ram=True), out


@pytest.mark.parametrize("name", POLLED)
def test_output_that_nobody_reads_holds_no_guest_back(name: str) -> None:
    wanted = flood(name, Engine.BLOCK, 10_000)
    assert wanted[1] == bytes(n & 0xFF for n in range(len(wanted[1])))
    assert len(wanted[1]) > 3 << 16
    assert flood(name, Engine.BLOCK, INSNS) == flood(name, Engine.INTERP, 777_777) == wanted


TAKEN = 40
SLEEPY = [  # sleep until the timer's next tick, take a character if there is one, and end behind TAKEN
    *(imm(0x02, 9, 0, 3), memory(4, 9, 1, 8), imm(0x02, 12, 0, 99), memory(4, 12, 1, 0x214)),  # UART on; reload
    *(imm(0x02, 12, 0, 15), memory(4, 12, 1, 0x218), imm(0x02, 12, 0, -2), memory(4, 12, 1, 0x140)),  # run; mask
    *(imm(0x02, 11, 0, TAKEN), 0xA7800000, memory(4, 12, 1, 0x10C)),  # wr %g0, %asr19; clear what is pending
    *(memory(0, 9, 1, 4), imm(0x11, 0, 9, 1), branch(1, -4), NOP, memory(0, 9, 1, 0)),
    *(imm(0x14, 11, 11, 1), branch(9, -8), NOP, 0x91D02000, NOP),  # ta 0
]


def typed(monkeypatch: pytest.MonkeyPatch, wall_s: float) -> tuple[int, int]:
    """Send TAKEN characters; return at which instruction and time the guest's UART had them all."""
    monkeypatch.setattr(guest_run, "WALL_S", wall_s)
    with Machine("leon3", 16, Engine.BLOCK, Time.EXACT, code_mib=1) as machine:
        _sparc(machine)
        machine["psr"] = PSR & ~0x20
        LAYOUT.put(machine, *SLEEPY)
        talk = guest_run.Talk(machine, Script([read_send("console=" + "x" * TAKEN)]), True, timeout_s=60)
        talk.is_exact = True
        talk.run()
        assert machine["o3"] < TAKEN
        return machine.insns, machine.guest_ns


def test_input_comes_at_one_instruction_however_slow_the_workstation(monkeypatch: pytest.MonkeyPatch) -> None:
    assert typed(monkeypatch, 1e-9) == typed(monkeypatch, 10.0)

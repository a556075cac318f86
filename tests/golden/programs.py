# SPDX-License-Identifier: MIT
"""The programs whose translations are kept, and which optimisation each one shows.

A program is kept as NAME.txt and, for each switch that shows in it, as NAME.SWITCH.txt. Host addresses of helpers
differ from run to run and are masked; all other bytes are exact.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from l4vm.binding.machine import Engine, Machine
from tests.insn import ppc_words, words
from tests.insn.layout import Layout
from tests.insn.ppc_words import op
from tests.insn.words import CODE, DATA, NOP, PSR, RAM, STAY, alternate, alu, branch, fpop, imm, memory

FOLDER = Path(__file__).parent
SWITCHES = {  # enum xl_switch
    "no_chain": 1,
    "no_dead_put": 2,
    "no_fuse": 4,
    "no_fold": 8,
    "no_jump_cache": 16,
    "no_region": 32,
    "no_direct": 128,
    "no_linear_no_direct": 64 + 128,
    "no_fp_copy": 256,
    "no_backed": 512,
}
WARM = 0x800  # from the program's start
# movabs $helper, %rax; call *%rax or keep it
_CALL = re.compile(r"48[ \n]b8((?:[ \n][0-9a-f]{2}){8})[ \n](?:ff[ \n]d0|48[ \n]89[ \n]85)")


@dataclass(frozen=True)
class Shown:
    """A program, what it shows, the switches that change its translation, and the counter each switch stops."""

    title: str
    words: tuple[int, ...]
    switches: tuple[str, ...] = ()
    is_warm: bool = False  # a load elsewhere comes before it, so that the core knows how memory is mapped
    insns: int = 300
    layout: Layout = words.LAYOUT


def _ppc(
    title: str, program: list[int], switches: tuple[str, ...] = (), is_warm: bool = False, insns: int = 300
) -> Shown:
    return Shown(title, tuple(program), switches, is_warm, insns, ppc_words.LAYOUT)


COUNTERS = {
    "no_chain": "chained",
    "no_dead_put": "dead_puts",
    "no_fuse": "fused",
    "no_fold": "folded",
    "no_region": "regions",
    "no_direct": "direct_made",
    "no_fp_copy": "fp_copied",
    "no_backed": "backed",
}

PROGRAMS: dict[str, Shown] = {
    "compare_and_branch": Shown(
        "add, compare, branch on equal with its delay slot",
        (imm(0x00, 8, 8, 5), imm(0x14, 0, 8, 7), branch(1, 4), imm(0x00, 9, 9, 1), STAY),
        ("no_chain",),
    ),
    "branch_annul": Shown(
        "compare, and a branch that annuls its slot when it is not taken: one compare, one jump",
        (imm(0x14, 0, 8, 7), branch(1, 4, annul=1), imm(0x00, 9, 9, 1), STAY),
        ("no_fuse",),
    ),
    "constants": Shown(
        "sethi and or make one constant; a sum of two",
        (0x11100020, imm(0x02, 8, 8, 0x14), imm(0x00, 9, 8, 4), alu(0x04, 10, 9, 8), STAY),
        ("no_fold",),
    ),
    "dead_puts": Shown(
        "a register and icc written again before they are read",
        (imm(0x10, 8, 9, 1), imm(0x10, 8, 9, 2), imm(0x10, 8, 9, 3), STAY),
        ("no_dead_put",),
    ),
    "loop": Shown(
        "a loop that counts down and chains to itself",
        (imm(0x14, 9, 9, 1), branch(9, -1), imm(0x00, 8, 8, 2), STAY),
        ("no_chain",),
    ),
    "return": Shown("jmpl through a register, by the jump cache", (imm(0x38, 0, 15, 8), NOP), ("no_jump_cache",)),
    "memory": Shown(
        "a word, a signed byte, a pair, and stores of them",
        (
            *(memory(0, 9), memory(9, 10, 8, 5), memory(3, 12, 8, 8)),
            *(memory(4, 9, 8, 16), memory(5, 10, 8, 20), memory(7, 12, 8, 24), STAY),
        ),
    ),
    "mapped_memory": Shown(
        "loads and stores where a stretch of memory is known: through a window, else by its linear stretch",
        (memory(0, 9), memory(9, 10, 8, 5), memory(3, 12, 8, 8), memory(4, 9, 8, 16), memory(5, 10, 8, 20), STAY),
        ("no_direct", "no_linear_no_direct"),
        is_warm=True,
    ),
    "region": Shown(
        "a loop that runs long: its registers have homes",
        (memory(0, 9), imm(0x14, 10, 10, 1), branch(9, -2), imm(0x00, 11, 9, 2), STAY),
        ("no_region",),
        is_warm=True,
        insns=3_000_000,
    ),
    "windows": Shown("save and restore, each checked against WIM", (imm(0x3C, 14, 14, -96), imm(0x3D, 8, 24, 1), STAY)),
    "multiply_divide": Shown("umulcc, then udiv by a register", (alu(0x1A, 10), alu(0x0E, 11, 10, 9), STAY)),
    "floating_point": Shown(
        "faddd and fcmpd are helpers; a branch on fcc",
        (fpop(0x42), fpop(0x52, 0, 0, 2, 0x35), NOP, branch(9, 3, 0, 6), NOP),
    ),
    "floating_point_copies": Shown(
        "fmuld reads what faddd gave where it still is, and only the last of the two leaves its operands",
        (fpop(0x42), fpop(0x4A, 6, 0, 4), STAY),
        ("no_fp_copy",),
    ),
    "privileged": Shown("wr %psr and a store to the MMU end their blocks", (imm(0x31, 0, 9, 0), NOP, STAY)),
    "alternate_space": Shown("a user word and a bypass", (alternate(0x10, 10, 0x0A), alternate(0x10, 11, 0x1C), STAY)),
    "operands_in_state": Shown(
        "a sum and a difference of guest registers: one word is loaded, the other read by the operation",
        (alu(0x00, 16, 8, 9), alu(0x04, 17, 10, 11), STAY),
        ("no_backed",),
    ),
    "tagged": Shown("taddcctv raises on a tag", (alu(0x22), alu(0x20, 11), STAY)),
    "ppc_compare_and_branch": _ppc(
        "a compare and a branch on its result; then a record form and a branch",
        [op("CMPI", bf=7, ra=3, si=7), op("BC", bo=12, bi=30, bd=3), op("ADD", rt=4, ra=4, rb=3, rc=1)],
        ("no_chain",),
    ),
    "ppc_loop": _ppc(
        "bytes up to a zero: only the last turn's CR field is written",
        [op("LBZU", rt=5, ra=3, si=1), op("CMPI", ra=5), op("BC", bo=4, bi=2, bd=-2)],
        is_warm=True,
    ),
    "ppc_region": _ppc(
        "a loop that runs long, counted by CTR: its registers have homes",
        [op("LWZX", rt=5, ra=3, rb=6), op("ADD", rt=7, ra=7, rb=5), op("BC", bo=16, bd=-2)],
        ("no_region",),
        is_warm=True,
        insns=3_000_000,
    ),
    "ppc_memory": _ppc(
        "plain, signed, with update, reversed; misaligned addresses are allowed",
        [
            *(op("LWZ", rt=5, ra=3, si=8), op("LHAU", rt=6, ra=3, si=2), op("LWBRX", rt=7, ra=0, rb=3)),
            *(op("STBX", rt=5, ra=3, rb=4), op("STHU", rt=6, ra=3, si=2), op("STWBRX", rt=7, ra=0, rb=3)),
        ],
        is_warm=True,
    ),
    "ppc_rotates": _ppc(
        "rotates under a mask that are shifts, extracts and inserts",
        [
            *(op("RLWINM", rt=3, ra=5, sh=4, me=27), op("RLWINM", rt=3, ra=6, sh=28, mb=4, me=31)),
            *(op("RLWINM", rt=3, ra=7, sh=9, mb=24, me=31), op("RLWIMI", rt=3, ra=7, sh=8, mb=8, me=15)),
            *(op("SLW", rt=3, ra=8, rb=4), op("SRAWI", rt=3, ra=9, sh=3)),
        ],
    ),
    "ppc_carry": _ppc(
        "sums and differences of two words, and an overflow",
        [
            *(op("ADDC", rt=5, ra=3, rb=4), op("ADDE", rt=6, ra=3, rb=4), op("ADDZE", rt=7, ra=3)),
            *(op("SUBFC", rt=5, ra=3, rb=4), op("SUBFE", rt=6, ra=3, rb=4), op("SUBF", rt=8, ra=3, rb=4, oe=1)),
        ],
    ),
    "ppc_condition_register": _ppc(
        "compares joined by cror, and mtcrf of one field",
        [
            *(op("CMPL", bf=1, ra=3, rb=4), op("CMPI", ra=3), op("CROR", bt=2, ba=2, bb=6)),
            *(op("MTCRF", fxm=1, rt=4), op("BC", bo=4, bi=2, bd=2)),
        ],
    ),
    "ppc_call": _ppc("bl, and a return by the jump cache", [op("B", li=2, lk=1), op("B", li=-1), op("BCLR", bo=20)]),
    "ppc_privileged": _ppc("tlbwe, mtmsr and mfdcr end their blocks", [op("TLBWE", rt=9, ra=8, ws=2)]),
}


def masked(text: str) -> str:
    """Return a dump without the addresses of helpers."""
    return _CALL.sub(lambda call: call[0].replace(call[1], re.sub(r"[0-9a-f]{2}", "..", call[1])), text)


def _start(machine: Machine, layout: Layout, turns: int) -> list[int]:
    """Set the start state; return the words that load something and go on to the program, for `WARM`."""
    if layout is words.LAYOUT:
        machine["psr"], machine["tbr"], machine["wim"] = PSR, RAM, 0
        machine.write(RAM, struct.pack(">I", STAY) * 1024)
        machine["o0"], machine["o1"], machine["o7"], machine["y"] = DATA, PSR, CODE, 0
        machine["o2"] = turns
        return [memory(0, 16), branch(8, -WARM // 4 - 1), NOP]
    ppc_words.prepare(machine)
    machine["r3"], machine["r8"], machine["ctr"] = layout.data, 20, turns
    return [op("LWZ", rt=10, ra=3), op("B", li=-WARM // 4 - 1)]


def run(name: str, switches: int) -> tuple[str, dict[str, int]]:
    """Run a program in the block engine; return the dump of its first block and the counters."""
    shown = PROGRAMS[name]
    layout = shown.layout
    with Machine(layout.machine, ram_mib=8, engine=Engine.BLOCK, code_mib=1, switches=switches) as machine:
        warm = _start(machine, layout, shown.insns // 4 if shown.is_warm else 0)
        layout.put(machine, *shown.words)
        if shown.is_warm:
            machine.write(layout.code + WARM, struct.pack(f">{len(warm)}I", *warm))
            machine["pc"] = layout.code + WARM
        machine.run(shown.insns)
        counters = machine.stats()
        return masked(machine.dump(layout.code)), counters


def text(name: str, switch: str = "") -> str:
    """Return what the golden file of a program and a switch must hold."""
    title = f"{name}: {PROGRAMS[name].title}" + (f"; {switch}" if switch else "")
    return f"{title}\n\n{run(name, SWITCHES.get(switch, 0))[0]}"


def files() -> dict[Path, tuple[str, str]]:
    """Return every golden file and the program and switch that it is of."""
    found: dict[Path, tuple[str, str]] = {}
    for name, shown in PROGRAMS.items():
        found[FOLDER / f"{name}.txt"] = name, ""
        for switch in shown.switches:
            found[FOLDER / f"{name}.{switch}.txt"] = name, switch
    return found

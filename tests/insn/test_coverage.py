# SPDX-License-Identifier: MIT
"""Every line of an instruction table is executed by the interpreter and as a compiled block, with equal results.

All registers and RAM are compared. Only what the architecture and the CPU let never complete always traps.
"""

from __future__ import annotations

import random
import struct

import pytest

from l4vm.binding.machine import Engine, Machine
from l4vm.decode.table import Entry, read
from tests.insn import mips_words, ppc_words, words
from tests.insn.coverage import Coverage, Guest, measure, some_value
from tests.insn.layout import COMPARED
from tests.insn.words import DATA, RAM, STAY

_NO_TRAP = 0xFF  # tbr's tt before each run; no instruction here gives it


def _sparc_state(rng: random.Random, entry: Entry) -> dict[str, int]:
    """Draw registers that let most instructions complete: %o0 points into data, %g1 is a small offset."""
    traps = 0 if entry.name.startswith("RETT") else 0x20
    state = {"psr": 0x1080 | traps | rng.getrandbits(4) << 20 | rng.choice((0, 0x40)) | rng.randrange(8)}
    state |= {"wim": 0, "tbr": RAM | _NO_TRAP << 4, "y": rng.choice((0, 3, rng.getrandbits(32)))}
    state["fsr"] = rng.getrandbits(2) << 30 | rng.getrandbits(2) << 10
    for window in range(8):
        state |= {f"w{window}{bank}{n}": some_value(rng) for bank in "ol" for n in range(8)}
        state[f"w{window}o0"] = DATA + 8 * rng.randrange(16)
    state |= {f"g{n}": some_value(rng) for n in range(2, 8)} | {"g1": 8 * rng.randrange(8)}
    return state | {f"f{n}": some_value(rng) for n in range(32)}


def _sparc_fields(rng: random.Random, entry: Entry) -> dict[str, int]:
    fixed = {"asi": rng.choice((0x08, 0x0A, 0x0B, 0x0B, 0x1C)), "imm": 8 * rng.randrange(-4, 8)}
    fixed |= {"rd": 2 * rng.randrange(16), "disp22": rng.randrange(2, 8), "disp30": rng.randrange(2, 8)}
    if entry.value >> 30 == 3 or entry.name.startswith(("JMPL", "RETT", "FLUSH")):
        fixed |= {"rs1": 8, "rs2": 1}
    if entry.name in ("WRPSR_r", "WRPSR_i"):  # %g0 and a number that is a good PSR
        fixed |= {"rs1": 0, "rs2": 1, "imm": rng.randrange(8)}
    if entry.name == "RDASR":
        fixed["rs1"] = rng.choice((0, 15, 16, 17))
        fixed["rd"] = 0 if fixed["rs1"] == 15 else 10
    if entry.name.startswith("WRASR"):
        fixed["rd"] = rng.choice((0, 16, 19))
    if entry.name.startswith("TADDccTV") or entry.name.startswith("TSUBccTV"):
        fixed |= {"rs1": 0, "rs2": 1}
    return fixed


def _sparc_data(rng: random.Random, entry: Entry) -> bytes:
    return struct.pack(">I", STAY) * 128 if entry.value >> 30 == 2 else rng.randbytes(512)


SPARC = Guest(
    words.LAYOUT,
    _sparc_state,
    _sparc_fields,
    _sparc_data,
    prepare=lambda machine: machine.write(RAM, struct.pack(">I", STAY) * 1024),
    has_trapped=lambda machine: (machine["tbr"] >> 4 & 0xFF) != _NO_TRAP,
    never_complete=frozenset({"UNIMP", "CBccc", "FPop1", "FPop2", "CPop1", "CPop2", "STDFQ_r", "STDFQ_i"})
    | frozenset({"LDC", "LDCSR", "LDDC", "STC", "STCSR", "STDCQ", "STDC"}),
    leaves_a_slot=lambda entry: entry.name.startswith("RETT"),  # leaves between pc and a distant npc
)

_MSR = ppc_words.MSR_FP | ppc_words.MSR_ME
_SPRS = (1, 8, 9, 22, 26, 27, 48, 58, 59, 61, 62, 256, 272, 279, 304, 309, 336, 340, 572, 888, 946)
_TIMES = (268, 269)
_DCR = 0xC0  # status of the first interrupt controller


def _ppc_state(rng: random.Random, entry: Entry) -> dict[str, int]:
    """Draw registers: r3 points into data, r4 is a small offset, r6 a free TLB index, r7 a good MSR."""
    state = {f"r{n}": some_value(rng) for n in range(32)}
    state |= {"r3": ppc_words.DATA + 8 * rng.randrange(16), "r4": rng.randrange(64), "r6": rng.randrange(20, 60)}
    state |= {"r7": _MSR | rng.choice((0, ppc_words.MSR_EE, ppc_words.MSR_PR, ppc_words.MSR_WE))}
    state |= {"cr": rng.getrandbits(32), "xer": rng.getrandbits(3) << 29 | rng.randrange(60)}
    state |= {"lr": ppc_words.CODE + 4 * rng.randrange(2, 8), "ctr": ppc_words.CODE + 4 * rng.randrange(2, 8)}
    for back in ("srr", "csrr", "mcsrr"):
        state |= {f"{back}0": ppc_words.CODE + 8, f"{back}1": _MSR | rng.choice((0, ppc_words.MSR_PR))}
    if rng.random() < 0.5:
        state |= {"reserved": 1, "reserved_at": (state["r3"] + state["r4"] & ~3)}
        state["r4"] &= ~3
    return state | {f"f{n}": rng.getrandbits(64) for n in range(32)}


def _ppc_fields(rng: random.Random, entry: Entry) -> dict[str, int]:
    fixed = {"li": rng.randrange(2, 8), "bd": rng.randrange(2, 8), "aa": 0, "ws": rng.randrange(3)}
    number = rng.choice(_SPRS)
    if entry.name == "MFTB":
        number = rng.choice(_TIMES)
    if entry.name in ("MFDCR", "MTDCR"):
        number = _DCR + rng.randrange(6)
    fixed |= {"spr_lo": number & 31, "spr_hi": number >> 5}
    if entry.field("si") or entry.name in _INDEXED:
        fixed |= {"ra": 3, "rb": 4, "si": rng.randrange(-64, 64)}
    if entry.name.endswith(("U", "UX")):
        fixed["rt"] = rng.randrange(8, 32)
    if entry.name.startswith("TLBW"):
        fixed["ra"] = 6
    if entry.name in ("MTMSR", "WRTEE"):
        fixed["rt"] = 7
    return fixed


_FIRST_ACCESS, _LAST_ACCESS = "LWZ", "DCREAD"
_NAMES = [entry.name for entry in ppc_words.DECODE.entries]
_INDEXED = {*_NAMES[_NAMES.index(_FIRST_ACCESS) : _NAMES.index(_LAST_ACCESS) + 1]}
_INDEXED |= {name for name in _NAMES if name.startswith(("LF", "STF"))}


def _ppc_prepare(machine: Machine) -> None:
    machine.reset()
    ppc_words.prepare(machine)


PPC = Guest(
    ppc_words.LAYOUT,
    _ppc_state,
    _ppc_fields,
    lambda rng, entry: rng.randbytes(512),
    prepare=_ppc_prepare,
    has_trapped=lambda machine: ppc_words.trap_of(machine) is not None,
    never_complete=frozenset({"SC"}),
)


def _mips_state(rng: random.Random, entry: Entry) -> dict[str, int]:
    """Draw registers: $3 points into data, $6 back into code; a link where it is wanted."""
    state = {f"r{n}": some_value(rng) for n in range(1, 32)} | {"hi": some_value(rng), "lo": some_value(rng)}
    state |= {"r3": mips_words.DATA + 8 * rng.randrange(16), "r6": mips_words.CODE + 4 * rng.randrange(2, 8)}
    state |= {"epc": mips_words.CODE + 8, "errorepc": 0x80000008 + mips_words.CODE, "index": rng.randrange(4, 16)}
    return state | {"linked": rng.getrandbits(1), "lladdr": state["r3"]}


def _mips_fields(rng: random.Random, entry: Entry) -> dict[str, int]:
    fixed = {"base": 3, "offset": 8 * rng.randrange(-4, 8)}
    fixed |= {"disp": rng.randrange(2, 8), "index": (mips_words.CODE >> 2) + rng.randrange(2, 8)}
    if entry.name in ("JR", "JALR"):
        fixed["rs"] = 6
    if entry.name in ("EXT", "INS"):
        fixed |= {"lsb": 5, "msb": rng.randrange(5, 27)}
    if entry.name == "TNEI":
        fixed |= {"rs": 0, "imm": 0}
    if entry.name == "RDHWR":
        fixed["rd"] = rng.randrange(4)
    if entry.name == "MTC0":  # not Status: what follows would lie elsewhere
        fixed |= {"rd": rng.choice((0, 2, 3, 5, 6, 7, 9, 10, 11, 14, 30)), "sel": 0}
    return fixed


def _mips_prepare(machine: Machine) -> None:
    machine.reset()
    mips_words.prepare(machine)


def _leaves_a_slot(entry: Entry) -> bool:
    """What may go on with the two words that stay has an odd number of instructions left for them."""
    return entry.name in _ABSENT or entry.name.startswith(("B", "J", "TE", "TN", "TG", "TLT", "SYSC", "ERET"))


_ABSENT = {"MOVCI", "COP1", "COP1X", "COP2", "LWC1", "LDC1", "SWC1", "SDC1", "LWC2", "LDC2", "SWC2", "SDC2"}
MIPS = Guest(
    mips_words.LAYOUT,
    _mips_state,
    _mips_fields,
    lambda rng, entry: rng.randbytes(512),
    prepare=_mips_prepare,
    has_trapped=lambda machine: mips_words.trap_of(machine) is not None,
    never_complete=frozenset({"SYSCALL", "BREAK"} | _ABSENT),
    leaves_a_slot=_leaves_a_slot,
)
GUESTS = {"sparc": SPARC, "ppc": PPC, "mips": MIPS}


@pytest.fixture(scope="module", params=GUESTS.values(), ids=GUESTS)
def covered(request: pytest.FixtureRequest) -> tuple[Guest, Coverage]:
    return request.param, measure(request.param, seed=11)


def test_both_engines_give_equal_results_for_every_entry(covered: tuple[Guest, Coverage]) -> None:
    wrong = covered[1].wrong
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize("engine", COMPARED, ids=lambda engine: engine.name.lower())
def test_every_entry_is_executed(covered: tuple[Guest, Coverage], engine: Engine) -> None:
    guest, coverage = covered
    missing = [entry.name for entry in read(guest.layout.table).entries if not coverage.runs[engine][entry.name]]
    assert not missing, f"not executed by the {engine.name.lower()} engine: {', '.join(missing)}"


def test_every_entry_completes_but_those_that_always_trap(covered: tuple[Guest, Coverage]) -> None:
    guest, coverage = covered
    never = {entry.name for entry in read(guest.layout.table).entries if not coverage.completed[entry.name]}
    assert never == guest.never_complete


@pytest.mark.parametrize("guest", GUESTS.values(), ids=GUESTS)
def test_the_code_starts_where_no_data_lies(guest: Guest) -> None:
    assert guest.layout.code + 0x80 <= guest.layout.data - 0x100

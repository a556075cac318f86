# SPDX-License-Identifier: MIT
"""MIPS32 for the fuzz runs: any instruction, kernel and user, mapped and not, handlers that skip what trapped.

All programs begin with Status.ERL, which shows the first memory one to one. A program of any instructions goes on from
there by an ERET behind words that write TLB entries, or stays. Left out of the comparison with Unicorn: SC, which fails
there when a store of its own changed the word; what an address goes into, as its programs lie elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from l4vm.binding.machine import Machine
from l4vm.decode.sample import Sampler
from l4vm.decode.table import Entry, read
from tests.fuzz.guest import INTERESTING, Emulator, FuzzGuest, Program

RAM, CODE, DATA = 0, 0x2000, 0x8000
TABLE = Path(__file__).parents[2] / "translator/guest/mips/insn.decode"
NOP, STAY = 0, 0x1000FFFF  # sll $0, $0, 0; beq $0, $0, itself
VECTORS = (0, 0x180, 0x200)
BASE, OFFSETS = (3, 4), 5  # $3, $4 point into data; straight programs keep these
_CODES = 0x7C  # Cause.ExcCode
_STATUS, _EPC, _INDEX, _ENTRYLO0, _ENTRYLO1, _PAGEMASK, _ENTRYHI, _ERROREPC = 12, 14, 0, 2, 3, 5, 10, 30
_EXL, _ERL, _UM, _IE, _IM, _CU0 = 2, 4, 0x10, 1, 0xFF00, 1 << 28
TLBWI, ERET = 0x42000002, 0x42000018


def mfc0(rt: int, rd: int) -> int:
    """mfc0 rt, rd."""
    return 16 << 26 | rt << 16 | rd << 11


def mtc0(rt: int, rd: int) -> int:
    """mtc0 rt, rd."""
    return 16 << 26 | 4 << 21 | rt << 16 | rd << 11


def load_word(rt: int, value: int) -> list[int]:
    """lui and ori."""
    return [15 << 26 | rt << 16 | value >> 16, 13 << 26 | rt << 21 | rt << 16 | value & 0xFFFF]


def handlers() -> bytes:
    """Return vectors that go on behind the instruction that trapped, its slot if it is a branch; $26 is lost."""
    words = [mfc0(26, _EPC), 9 << 26 | 26 << 21 | 26 << 16 | 4, mtc0(26, _EPC), ERET]
    code = bytearray(VECTORS[-1] + 16)
    for vector in VECTORS:
        code[vector : vector + 16] = GUEST.code_of(words)
    return bytes(code)


def sampler(rng: random.Random, entries: Sequence[str] = ()) -> Sampler:
    """Return a sampler of the MIPS table with fields that reach something."""
    return Sampler(
        read(TABLE),
        rng,
        entries,
        {
            "disp": lambda r: r.randrange(-3, 8) if r.random() < 0.95 else r.randrange(-32768, 32768),
            "index": lambda r: (CODE >> 2) + r.randrange(64),
            "offset": lambda r: r.choice((r.randrange(-64, 64) * 4, r.randrange(-32768, 32768), r.randrange(-8, 8))),
            "sel": lambda r: r.choice((0, 0, 0, 1)),
            "base": lambda r: r.choice((3, 4, r.randrange(32))),
        },
    )


def _value(rng: random.Random) -> int:
    pick = rng.random()
    if pick < 0.4:
        return DATA + rng.randrange(0, 0x1000, 4)
    if pick < 0.5:
        return CODE + 4 * rng.randrange(64)
    if pick < 0.7:
        return rng.choice(INTERESTING)
    return rng.getrandbits(32) if pick < 0.85 else rng.randrange(0, 256)


def _registers(rng: random.Random) -> dict[str, int]:
    registers = {f"r{n}": _value(rng) for n in range(1, 32)}
    return registers | {"hi": _value(rng), "lo": _value(rng)}


def _tlb_entries(rng: random.Random) -> list[tuple[int, int, int, int, int]]:
    """Return TLB entries (index, PageMask, EntryHi, EntryLo0, EntryLo1): code for all, data of some rights."""
    entries = [(0, 0, CODE, (CODE >> 12) << 6 | 7, (CODE + 0x1000 >> 12) << 6 | 7)]
    for index, page in enumerate((6, 8), 1):
        where = [rng.choice((page + half, page + half, 7, 8, 9)) for half in (0, 1)]
        rights = [rng.choice((7, 7, 7, 3, rng.getrandbits(3))) for _ in where]
        high = page << 12 | rng.choice((0, 0, 1))
        entries.append((index, 0, high, *(w << 6 | r for w, r in zip(where, rights, strict=True))))
    return entries


def _entered(rng: random.Random, status: int) -> list[int]:
    """Return code that writes TLB entries and goes on behind itself with `status`."""
    words = []
    for fields in _tlb_entries(rng):
        registers = (_INDEX, _PAGEMASK, _ENTRYHI, _ENTRYLO0, _ENTRYLO1)
        for register, value in zip(registers, fields, strict=True):
            words += [*load_word(27, value), mtc0(27, register)]
        words.append(TLBWI)
    words += [mtc0(0, _ENTRYHI)]
    behind = CODE + 4 * (len(words) + 7)
    return [*words, *load_word(27, behind), mtc0(27, _ERROREPC), *load_word(27, status), mtc0(27, _STATUS), ERET]


def anything(rng: random.Random, draw: Sampler, length: int) -> Program:
    """Draw a program of any instructions and a start state for it: user or kernel, mapped somehow or one to one."""
    entries = [draw.entry() for _ in range(length)]
    words = [draw.word(entry) if rng.random() < 0.98 else rng.getrandbits(32) for entry in entries]
    more = rng.choice((0, _IE | _IM)) | rng.choice((0, _CU0)) | rng.choice((0, _UM, _UM))
    if rng.random() < 0.6:
        words = _entered(rng, more | _ERL) + words
    return Program(words, {"status": more | _ERL} | _registers(rng), entries)


_BRANCHES = ("BEQ", "BNE", "BLEZ", "BGTZ", "BLTZ", "BGEZ")


def straight_word(rng: random.Random, draw: Sampler, entry: Entry) -> int:
    """Return a word of the entry that does not leave the data nor touch the bases; additions may overflow."""
    free = [n for n in range(32) if n not in (*BASE, OFFSETS)]
    immediate = entry.field("rd") is None
    fixed = {"rt" if immediate and not entry.name.startswith("M") else "rd": rng.choice(free)}
    if entry.field("base"):
        fixed |= {"base": rng.choice(BASE), "offset": rng.randrange(-0x100, 0x100) * (1 if "WL" in entry.name else 4)}
        fixed["offset"] += rng.choice((0, 2)) * entry.name.startswith(("LH", "SH"))
        fixed["offset"] += rng.randrange(4) * entry.name.startswith(("LB", "SB", "LWR", "SWR"))
    if entry.name in ("EXT", "INS"):
        low, high = sorted((rng.randrange(32), rng.randrange(32)))
        fixed |= {"lsb": low, "msb": high - low if entry.name == "EXT" else high}
    return draw.word(entry, **{name: value for name, value in fixed.items() if entry.field(name)})


def straight_entries() -> list[str]:
    """Return the entries that are compared with Unicorn: arithmetic, loads, stores and what has no effect."""
    names = [entry.name for entry in read(TABLE).entries]
    return [name for name in names[: names.index("SYNC") + 1] if name not in ("SC", "CACHE")]


def straight(rng: random.Random, draw: Sampler, length: int) -> Program:
    """Draw a program with forward branches. `draw` draws arithmetic and accesses."""
    words, entries = list[int](), list[Entry]()
    table = draw.table
    while len(entries) < length:
        entry = draw.entry()
        entries.append(entry)
        if rng.random() < 0.1:
            name = rng.choice(_BRANCHES) + rng.choice(("", "L"))
            words.append(draw.word(table.entry(name), disp=rng.randrange(1, 6)))
        words.append(straight_word(rng, draw, entry))
    words += [NOP] * 7
    registers = _registers(rng) | {"r3": DATA, "r4": DATA + 0x400, "r5": 0x40}
    return Program(words, registers, entries)


def load(machine: Machine, program: Program) -> None:
    """Put CPU and devices into their first state, vectors that go on into RAM."""
    machine.reset()
    machine.write(RAM, handlers())


GUEST = FuzzGuest(
    machine="malta",
    table=TABLE,
    ram=RAM,
    code=CODE,
    data=DATA,
    data_bytes=0x2000,
    nop=NOP,
    sampler=sampler,
    anything=anything,
    straight=straight,
    straight_entries=straight_entries,
    load=load,
    stay=STAY,
    visible=lambda program: {name: value for name, value in program.registers.items() if name != "status"},
    has_trapped=lambda machine: bool(machine["cause"] & _CODES),
    emulator=Emulator(
        "mips_const",
        "UC_MIPS_REG_",
        "UC_ARCH_MIPS",
        ("UC_MODE_MIPS32", "UC_MODE_LITTLE_ENDIAN"),
        name=lambda name: name[1:] if name[0] == "r" else name.upper(),
    ),
    timed=("count",),
    shown=lambda name: True,
    order="little",
)

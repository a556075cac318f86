# SPDX-License-Identifier: MIT
"""MIPS32 for the fuzz runs: any instruction, kernel and user, mapped and not, handlers that skip what trapped.

All programs begin with Status.ERL, which shows the first memory one to one. A program of any instructions goes on from
there by an ERET behind words that write TLB entries, or stays. Interrupts have a vector of their own (Cause.IV), where
Compare goes on by $27. Left out of the comparison with Unicorn: SC, which fails
there when a store of its own changed the word; what an address goes into, as its programs lie elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from l4vm.binding.machine import Machine
from l4vm.decode.sample import Sampler
from l4vm.decode.table import Entry, read
from tests.fuzz import loops
from tests.fuzz.guest import INTERESTING, Emulator, FuzzGuest, Program, place

RAM, CODE, DATA = 0, 0x2000, 0x8000
TABLE = Path(__file__).parents[2] / "translator/guest/mips/insn.decode"
NOP, STAY = 0, 0x1000FFFF  # sll $0, $0, 0; beq $0, $0, itself
VECTORS, _INTERRUPT = (0, 0x180), 0x200
BASE, OFFSETS = (3, 4), 5  # $3, $4 point into data; straight programs keep these
_CODES = 0x7C  # Cause.ExcCode
_STATUS, _EPC, _INDEX, _ENTRYLO0, _ENTRYLO1, _PAGEMASK, _ENTRYHI, _ERROREPC = 12, 14, 0, 2, 3, 5, 10, 30
_COUNT, _COMPARE, _CAUSE, _IV = 9, 11, 13, 0x800000
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
    """Return vectors that go on behind the instruction that trapped, its slot if it is a branch; $26 is lost.

    An interrupt is cleared and goes on where it came; the next one comes when Count has gone up by $27.
    """
    behind = GUEST.code_of([mfc0(26, _EPC), 9 << 26 | 26 << 21 | 26 << 16 | 4, mtc0(26, _EPC), ERET])
    again = [mfc0(26, _COUNT), 26 << 21 | 27 << 16 | 26 << 11 | 33, mtc0(26, _COMPARE)]  # addu $26, $26, $27
    again += [15 << 26 | 26 << 16 | _IV >> 16, mtc0(26, _CAUSE), ERET]
    code = bytearray(_INTERRUPT)
    for vector in VECTORS:
        code[vector : vector + len(behind)] = behind
    return bytes(code) + GUEST.code_of(again)


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
        return rng.choice((*INTERESTING, _DEVICES))
    return rng.getrandbits(32) if pick < 0.85 else rng.randrange(0, 256)


def _registers(rng: random.Random) -> dict[str, int]:
    registers = {f"r{n}": _value(rng) for n in range(1, 32)}
    return registers | {"hi": _value(rng), "lo": _value(rng)}


def _tlb_entries(rng: random.Random) -> list[tuple[int, int, int, int, int]]:
    """Return TLB entries (index, PageMask, EntryHi, EntryLo0, EntryLo1): code for all, data of some rights."""
    entries = [(0, 0, CODE, (CODE >> 12) << 6 | 7, (CODE + 0x1000 >> 12) << 6 | 7)]
    if rng.random() < 0.3:  # the first 512 KiB by one pair; what comes before it in the TLB counts
        entries.append((3, 0x7E000, 0, 7, 0x40 << 6 | 7))
    for index, page in enumerate((6, 8), 1):
        where = [rng.choice((page + half, page + half, 7, 8, 9)) for half in (0, 1)]
        rights = [rng.choice((7, 7, 7, 3, rng.getrandbits(3))) for _ in where]
        high = page << 12 | rng.choice((0, 0, 1))
        entries.append((index, 0, high, *(w << 6 | r for w, r in zip(where, rights, strict=True))))
    return entries


def _entered(rng: random.Random, status: int, timer: int, at: int) -> list[int]:
    """Return code, `at` bytes behind CODE, that writes TLB entries and goes on behind itself with `status`.

    timer: what $27 holds for the handler of interrupts.
    """
    words = []
    for fields in _tlb_entries(rng):
        registers = (_INDEX, _PAGEMASK, _ENTRYHI, _ENTRYLO0, _ENTRYLO1)
        for register, value in zip(registers, fields, strict=True):
            words += [*load_word(27, value), mtc0(27, register)]
        words.append(TLBWI)
    words += [mtc0(0, _ENTRYHI)]
    behind = CODE + at + 4 * (len(words) + 9)
    words += [*load_word(27, behind), mtc0(27, _ERROREPC), *load_word(27, status), mtc0(27, _STATUS)]
    return [*words, *load_word(27, timer), ERET]


def anything(rng: random.Random, draw: Sampler, length: int) -> Program:
    """Draw a program of any instructions and a start state for it: user or kernel, mapped somehow or one to one."""
    entries = [draw.entry() for _ in range(length)]
    words = [draw.word(entry) if rng.random() < 0.98 else rng.getrandbits(32) for entry in entries]
    more = rng.choice((0, _IE | _IM)) | rng.choice((0, _CU0)) | rng.choice((0, _UM, _UM))
    period, at = rng.randrange(10, 100), place(rng, length)
    registers = _registers(rng) | {"status": more | _ERL, "cause": rng.choice((0, 0x300)) | rng.choice((0, _IV))}
    if rng.random() < 0.3:
        registers |= {"count": 0, "compare": period}
    if rng.random() < 0.6:
        words = _entered(rng, more | _ERL, period, at) + words
    return Program(words, registers, entries, at=at)


_BRANCHES = ("BEQ", "BNE", "BLEZ", "BGTZ", "BLTZ", "BGEZ")


def straight_word(rng: random.Random, draw: Sampler, entry: Entry, kept: Sequence[int] = ()) -> int:
    """Return a word of the entry that does not leave the data nor touch the bases and what is kept; it may overflow."""
    free = [n for n in range(32) if n not in (*BASE, OFFSETS, *kept)]
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


# --- loops ---

_COUNTERS, _LINKS, _K0_K1, _RA = (16, 17), (18, 19), (26, 27), 31
_KEPT = (*_COUNTERS, *_LINKS, *_K0_K1, _RA)
_ADDRESS, _WORD = 1, 2  # free in between
_TAMED = ("B", "J", "ERET", "WAIT", "TLBW", "MTC0", "EI", "DI")
_BREAK = "BREAK"
_DEVICES = 0xB80003F8
_WILD_CP0 = (_COUNT, _EPC, _ERROREPC, 4, 7)


def _address(rt: int, label: str) -> list[loops.Item]:
    return [
        loops.Ref(label, lambda _, at: 15 << 26 | rt << 16 | at >> 16),
        loops.Ref(label, lambda _, at: 13 << 26 | rt << 21 | rt << 16 | at & 0xFFFF),
    ]


def loop(rng: random.Random) -> Program:
    """Draw a loop, of the user or the kernel, with or without interrupts, mapped somehow or one to one."""
    shape = loops.shape(rng)
    draw = sampler(rng, straight_entries())
    names = [e.name for e in read(TABLE).entries]
    wild = sampler(rng, [name for name in names if name == _BREAK or not name.startswith(_TAMED)])
    table = draw.table

    def calm() -> int:
        return straight_word(rng, draw, draw.entry(), _KEPT)

    def anything_else() -> list[int]:
        pick, free = rng.random(), [n for n in range(1, 32) if n not in (*BASE, OFFSETS, *_KEPT)]
        if pick < 0.15:
            opcode, offset = rng.choice(((32, 5), (36, 2), (36, 1), (40, 0)))  # lb, lbu, sb
            return [*load_word(_ADDRESS, _DEVICES), opcode << 26 | _ADDRESS << 21 | _WORD << 16 | offset]
        if pick < 0.25:
            return [mtc0(rng.randrange(32), rng.choice(_WILD_CP0))]
        if pick < 0.35:
            return remap()
        entry = wild.entry()
        fixed = {name: rng.choice(free) for name in ("rt", "rd") if entry.field(name)}
        if entry.name == "MFC0":
            fixed["rd"] = rng.randrange(32)
        if entry.field("base") and rng.random() < 0.6:
            fixed["base"] = rng.choice(BASE)
        return [wild.word(entry, **fixed)]

    def remap() -> list[int]:
        """Write one of the TLB entries for data anew."""
        fields = rng.choice(_tlb_entries(rng)[1:])
        words = []
        for register, value in zip((_INDEX, _PAGEMASK, _ENTRYHI, _ENTRYLO0, _ENTRYLO1), fields, strict=True):
            words += [*load_word(_WORD, value), mtc0(_WORD, register)]
        return [*words, TLBWI, mtc0(0, _ENTRYHI)]

    def slot() -> int:
        words = anything_else() if rng.random() < shape.wildness else []
        return words[0] if len(words) == 1 else calm()

    def branch(name: str, label: str, **fields: int) -> list[loops.Item]:
        word = draw.word(table.entry(name), disp=0, **fields)
        return [loops.Ref(label, lambda distance, _: word | distance - 1 & 0xFFFF), slot()]

    def turn(counter: int, label: str) -> list[loops.Item]:
        register, name = _COUNTERS[counter], rng.choice(("BNE", "BNE", "BNEL", "BGTZ"))
        count = 9 << 26 | register << 21 | register << 16 | 0xFFFF  # addiu register, register, -1
        fields = {"rs": register} | ({} if name == "BGTZ" else {"rt": 0})
        return [count, *branch(name, label, **fields)]

    def skip(label: str) -> list[loops.Item]:
        return branch(rng.choice(_BRANCHES) + rng.choice(("", "", "L")), label)

    def go(label: str) -> list[loops.Item]:
        return [loops.Ref(label, lambda _, at: 2 << 26 | at >> 2 & 0x3FFFFFF), slot()]

    def call(label: str) -> list[loops.Item]:
        pick = rng.random()
        if pick < 0.5:
            return [loops.Ref(label, lambda _, at: 3 << 26 | at >> 2 & 0x3FFFFFF), slot()]
        if pick < 0.7:
            return branch("BGEZAL", label, rs=0)
        return [*_address(_ADDRESS, label), _ADDRESS << 21 | _RA << 11 | 9, slot()]  # jalr

    def function(body: list[loops.Item], number: int, calls: bool) -> list[loops.Item]:
        back = [_RA << 21 | 8, slot()]  # jr $31
        if not calls:
            return [*body, *back]
        move = 33  # addu rd, rs, $0
        return [_RA << 21 | _LINKS[number] << 11 | move, *body, _LINKS[number] << 21 | _RA << 11 | move, *back]

    def patch(word: int, label: str) -> list[loops.Item]:
        store = 43 << 26 | _ADDRESS << 21 | _WORD << 16
        return [*load_word(_WORD, word), *_address(_ADDRESS, label), store]

    def count(counter: int, value: int) -> list[int]:
        return load_word(_COUNTERS[counter], value)

    parts = loops.Parts(calm, anything_else, count, turn, skip, go, call, function, patch)
    registers = _registers(rng) | {"r3": DATA, "r4": DATA + 0x400, "r5": 0x40, "cause": _IV, "count": 0}
    status, period = rng.choice((0, _UM, _UM)) | rng.choice((0, _CU0)), rng.choice((20, 100, 100, 1000))
    if rng.random() < 0.4:
        status |= _IE | _IM
        registers["compare"] = period
    if not status & _UM:
        registers["r4"] += rng.choice((0, 0x80000000))  # unmapped
    at = place(rng, 200)
    start = _entered(rng, status | _ERL, period, at) if rng.random() < 0.7 else []
    words = loops.program(rng, parts, shape, start, CODE + at)
    return Program(words, registers | {"status": status | _ERL}, at=at)


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
    loop=loop,
    load=load,
    stay=STAY,
    visible=lambda program: {n: value for n, value in program.registers.items() if n not in ("status", "cause")},
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

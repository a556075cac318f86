# SPDX-License-Identifier: MIT
"""PowerPC 440 for the fuzz runs: any instruction in both states, handlers that skip what trapped, TLB entries.

Timer interrupts go on where they came. Loops may have a decrementer that interrupts all the time.

A program of any instructions begins with words that write TLB entries and enter the state it is run in; some run with
debug events on, some of their pages are little-endian, those of the program too. Deviations
of Unicorn 2.1.4, left out of the comparison: stwcx. fails there when a store of its own came between; what has no
quotient; isel, which it does not know on a 440; of the sums of halfword products all but those with s and u: it does
not write the plain ones and limits the signed ones on the wrong condition (tests.fuzz.ppc_mac compares these).
"""

from __future__ import annotations

import importlib
import random
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from l4vm.binding.machine import Machine
from l4vm.decode.sample import Sampler
from l4vm.decode.table import Entry, read
from tests.fuzz import loops
from tests.fuzz.guest import INTERESTING, Emulator, FuzzGuest, Program, place

RAM, CODE, DATA = 0, 0x2000, 0x8000
TABLE = Path(__file__).parents[2] / "translator/guest/ppc/insn.decode"
NOP, STAY = 0x60000000, 0x48000000  # ori 0, 0, 0; b .
VECTORS, VECTOR_BYTES = 16, 0x40
_PR, _EE, _ME, _CE, _IS, _DS, _FP, _DE = 0x4000, 0x8000, 0x1000, 0x20000, 0x20, 0x10, 0x2000, 0x200
_IDM, _EVENTS, _LITTLE = 1 << 30, [1 << bit for bit in (0, *range(15, 28))], 0x80
_TIMERS, _TSR_TIMERS = (10, 11), 0x0C000000  # their vectors, and what they set in TSR
_DEC, _DECAR, _TSR, _TCR = 22, 54, 336, 340
_BASES, _INDEX = (3, 4), 5  # r3, r4 point into data, r5 is an offset; straight programs keep these
_MEMORY = ["LWZ", "LBZ", "LHZ", "LHA", "STW", "STB", "STH"]
_REVERSED = ["LWBRX", "LHBRX", "STWBRX", "STHBRX"]
_SIZES = {"W": 4, "H": 2, "B": 1}


def spr(number: int) -> int:
    """Return a special purpose register's number as mtspr and mfspr have it: halves swapped."""
    return (number & 31) << 5 | number >> 5


def mtspr(number: int, rs: int) -> int:
    """mtspr number, rs."""
    return 31 << 26 | rs << 21 | spr(number) << 11 | 467 << 1


def mfspr(rt: int, number: int) -> int:
    """mfspr rt, number."""
    return 31 << 26 | rt << 21 | spr(number) << 11 | 339 << 1


def load_word(rt: int, value: int) -> list[int]:
    """lis and ori."""
    return [15 << 26 | rt << 21 | value >> 16, 24 << 26 | rt << 21 | rt << 16 | value & 0xFFFF]


def tlbwe(rs: int, ra: int, ws: int) -> int:
    """tlbwe rs, ra, ws."""
    return 31 << 26 | rs << 21 | ra << 16 | ws << 11 | 978 << 1


def handlers() -> bytes:
    """Return code for each vector that goes on behind the instruction that trapped; r1 is kept in SPRG0.

    The one of debug events clears them: else they would interrupt again.
    The interrupts of decrementer and fixed interval timer are cleared and go on where they came.
    """
    critical = {0: (58, 51), 12: (58, 51), 15: (58, 51), 1: (570, 38)}  # vector: its return register and opcode
    code = b""
    for vector in range(VECTORS):
        back, opcode = critical.get(vector, (26, 50))
        words = [mtspr(272, 1), mfspr(1, back), 14 << 26 | 1 << 21 | 1 << 16 | 4, mtspr(back, 1), mfspr(1, 272)]
        if vector == 15:
            words[4:4] = [mfspr(1, 304), mtspr(304, 1)]
        if vector in _TIMERS:
            words = [mtspr(272, 1), 15 << 26 | 1 << 21 | _TSR_TIMERS >> 16, mtspr(_TSR, 1), mfspr(1, 272)]
        words.append(19 << 26 | opcode << 1)
        code += struct.pack(">16I", *words, *[NOP] * (16 - len(words)))
    return code


def sampler(rng: random.Random, entries: Sequence[str] = ()) -> Sampler:
    """Return a sampler of the PowerPC table with fields that reach something."""
    known = [1, 8, 9, 22, 26, 27, 48, 58, 59, 61, 62, 256, 260, 268, 269, 272, 276, 284, 285, 304, 309, 310, 336, 340]
    known += [312, 315, 316, 317, 946, 947]

    def swapped(r: random.Random) -> int:
        return r.choice(known) if r.random() < 0.9 else r.getrandbits(10)

    return Sampler(
        read(TABLE),
        rng,
        entries,
        {
            "li": lambda r: r.randrange(1, 8),
            "bd": lambda r: r.randrange(-2, 8),
            "aa": lambda r: int(r.random() < 0.03),
            "ws": lambda r: r.randrange(4) if r.random() < 0.9 else r.getrandbits(5),
            "spr_lo": lambda r: swapped(r) & 31,
            "spr_hi": lambda r: swapped(r) >> 5,
            "si": lambda r: r.choice((r.randrange(-64, 64) * 4, r.getrandbits(16), r.randrange(-8, 8))),
        },
    )


def _value(rng: random.Random) -> int:
    pick = rng.random()
    if pick < 0.4:
        return DATA + rng.randrange(0, 0x1000, 8)
    if pick < 0.6:
        return rng.choice((*INTERESTING, _DEVICES))
    return rng.getrandbits(32) if pick < 0.8 else rng.randrange(0, 256)


def _registers(rng: random.Random) -> dict[str, int]:
    registers = {f"r{n}": _value(rng) for n in range(32)}
    registers |= {"cr": rng.getrandbits(32), "xer": rng.getrandbits(3) << 29 | rng.randrange(60)}
    return registers | {"lr": rng.choice((CODE + 0x40, _value(rng))), "ctr": rng.choice((1, 2, _value(rng)))}


def _tlb_entries(rng: random.Random, little: int = 0) -> list[tuple[int, int, int, int]]:
    """Return TLB entries (index, three words): code for all, data pages of some rights, in both spaces.

    `little` is the byte order of the code in space 1; handlers run in space 0.
    """
    entries = []
    for space in (0, 0x100):
        at = 16 if space else 8
        entries.append((at, 0x200 | space | 0x20, 0, 0x3F | (little if space else 0)))  # 16 KiB of code and vectors
        for page in range(7, 10):
            rights = rng.choice((0x3F, 0x3F, 0x1B, rng.getrandbits(6))) | (_LITTLE if rng.random() < 0.2 else 0)
            small = rng.random() < 0.2
            where = rng.choice((page, page, 7, 8, 9)) << 12
            first = page << 12 | (rng.randrange(4) << 10 if small else 0)
            entries.append((at + page - 6, first | 0x200 | space | (0 if small else 0x10), where, rights))
    return [*entries, (0, 0, 0, 0)]  # the one that maps everything goes last


def _debug(rng: random.Random) -> dict[str, int]:
    """Return debug registers that make some events likely."""
    events = sum(event for event in _EVENTS if rng.random() < 0.3)
    registers = {"dbcr0": rng.choice((0, _IDM, _IDM)) | events, "dbcr1": rng.choice((0, rng.getrandbits(32)))}
    registers["dbcr2"] = rng.choice((0, rng.getrandbits(32), rng.getrandbits(32) & 0xFFF00000))
    registers |= {f"iac{n}": CODE + 4 * rng.randrange(300) for n in range(1, 5)}
    registers |= {f"dac{n}": rng.choice((DATA + rng.randrange(0x1000), rng.getrandbits(32))) for n in (1, 2)}
    return registers | {f"dvc{n}": rng.choice((0, rng.getrandbits(32))) for n in (1, 2)}


def _swapped(word: int) -> int:
    return int.from_bytes(word.to_bytes(4, "little"), "big")


def _entered(rng: random.Random, msr: int, offset: int = 0, little: int = 0) -> list[int]:
    """Return code for `offset` bytes behind CODE that writes TLB entries and goes on behind itself with `msr`."""
    words = []
    for index, *fields in _tlb_entries(rng, little):
        words += load_word(31, index)
        for ws, field in enumerate(fields):
            words += [*load_word(30, field), tlbwe(30, 31, ws)]
    behind = CODE + offset + 4 * (len(words) + 7)
    return [*words, *load_word(30, behind), mtspr(26, 30), *load_word(30, msr), mtspr(27, 30), 19 << 26 | 50 << 1]


def anything(rng: random.Random, draw: Sampler, length: int) -> Program:
    """Draw a program of any instructions and a start state for it: user or supervisor, mapped somehow or one to one."""
    entries = [draw.entry() for _ in range(length)]
    words = [draw.word(entry) if rng.random() < 0.98 else rng.getrandbits(32) for entry in entries]
    msr = rng.choice((0, _PR, _PR)) | rng.choice((0, _EE | _CE | _ME)) | rng.choice((0, _FP)) | _ME
    registers = {"msr": _ME} | _registers(rng)
    start, at = _timer(rng) if rng.random() < 0.2 else [], place(rng, length)
    if rng.random() < 0.3:
        registers |= _debug(rng)
        msr |= rng.choice((0, _DE, _DE))
    if rng.random() < 0.6:
        msr |= rng.choice((0, _IS | _DS, _DS))
        little = _LITTLE if msr & _IS and rng.random() < 0.3 else 0
        start += _entered(rng, msr, at + 4 * len(start), little)
        words = [_swapped(word) for word in words] if little else words
    else:
        registers["msr"] = msr & ~_PR
    return Program([*start, *words], registers, entries, at=at)


def straight_word(rng: random.Random, draw: Sampler, entry: Entry, kept: Sequence[int] = ()) -> int:
    """Return a word of the entry that neither traps nor leaves the data nor touches the bases and what is kept."""
    free = [n for n in range(32) if n not in (*_BASES, _INDEX, *kept)]
    name, target = entry.name, rng.choice(free)
    fixed = {"rt": target, "bf": rng.randrange(8)}
    if name.startswith(("AND", "EQV", "NAND", "NOR", "OR", "XOR", "CNT", "EXT", "RLW", "SLW", "SRW", "SRAW", "DLMZB")):
        fixed = {"ra": target}  # these name their target second
    elif name.startswith("DIVW"):
        fixed |= {"rb": _INDEX}
    elif name.startswith(("MFSPR", "MTSPR")):
        number = rng.choice((1, 8, 9) if name == "MFSPR" else (8, 9))
        fixed |= {"spr_lo": number & 31, "spr_hi": number >> 5}
    elif entry.name in _access_names():
        size = next((s for letter, s in _SIZES.items() if letter in name[1:3].replace("HA", "H")), 4)
        span = 8 if "U" in name else 0x100
        size = 4 if "U" in name else size  # bases stay aligned, for lwarx
        fixed |= {"ra": rng.choice(_BASES), "rb": _INDEX, "si": rng.randrange(-span, span) * size}
    if name in ("LMW", "STMW", "LSWI", "STSWI", "LSWX", "STSWX"):
        fixed |= {"rt": rng.randrange(16 if name.endswith("MW") else 6, 17), "nb": rng.randrange(1, 32)}
        fixed["si"] = rng.randrange(-0x100, 0x100)
    return draw.word(entry, **fixed)


def _access_names() -> list[str]:
    forms = [name + form for name in _MEMORY for form in ("", "U", "X", "UX")]
    return [*forms, *_REVERSED, "LMW", "STMW", "LSWI", "STSWI", "LSWX", "STSWX", "LWARX", "DCBZ"]


_LEFT_OUT = ("B", "BC", "BCLR", "BCCTR", "SC", "TW", "TWI", "ISEL")


def straight_entries() -> list[str]:
    """Return the entries that are compared with Unicorn: integer arithmetic, CR, loads and stores."""
    entries = read(TABLE).entries
    last = next(index for index, entry in enumerate(entries) if entry.name == "LWZ")
    names = [e.name for e in entries[:last] if e.name not in _LEFT_OUT]
    names = [name for name in names if "MAC" not in name or name.endswith("SU")]
    return [*names, *_access_names(), "MFSPR", "MTSPR"]


def straight(rng: random.Random, draw: Sampler, length: int) -> Program:
    """Draw a program without traps. `draw` draws arithmetic and accesses."""
    words, entries = [mtspr(1, 0)], list[Entry]()  # XER, to which Unicorn gives no access, comes in r0 and goes in r6
    while len(entries) < length:
        entry = draw.entry()
        entries.append(entry)
        if rng.random() < 0.06:
            bo = rng.choice((4, 12, 12, 4, 16, 18, 0, 2, 8, 10, 20))
            words.append(16 << 26 | bo << 21 | rng.randrange(32) << 16 | rng.randrange(2, 6) << 2)
        words.append(straight_word(rng, draw, entry))
    words += [*[NOP] * 6, mfspr(6, 1)]
    registers = {"msr": _ME} | _registers(rng) | {"r0": rng.getrandbits(3) << 29 | rng.randrange(60)}
    registers |= {"r3": DATA, "r4": DATA + 0x400, "r5": 0x40}
    return Program(words, registers, entries)


# --- loops ---

_COUNTERS, _LINKS = (26, 27), (24, 25)
_ADDRESS, _WORD = 11, 12  # free in between
_UNSTEADY = ("MTSPR", "LMW")  # what calm words leave out: link and counter; registers up to the last
_TAMED = ("B", "BC", "BCLR", "BCCTR", "RFI", "RFCI", "RFMCI", "MTMSR", "TLBWE", "MTSPR", "LMW", "LSWI", "LSWX")
_WILD_SPRS = (_DEC, 61, 276, 284, _TSR)
_DEVICES = 0xEF600300
_BDNZ, _BNE = 16 << 26 | 16 << 21, 16 << 26 | 4 << 21 | 2 << 16


def _float_names() -> list[str]:
    names = [entry.name for entry in read(TABLE).entries]
    return [name for name in names[names.index("LFS") :] if not name.endswith(("U", "UX"))]


def _address(rt: int, label: str) -> list[loops.Item]:
    return [
        loops.Ref(label, lambda _, at: 15 << 26 | rt << 21 | at >> 16),
        loops.Ref(label, lambda _, at: 24 << 26 | rt << 21 | rt << 16 | at & 0xFFFF),
    ]


def _timer(rng: random.Random) -> list[int]:
    """Return code that has the decrementer interrupt every few instructions, and the other timer at times."""
    period = rng.choice((30, 200, 200, 2000))
    words = []
    for number, value in ((_DECAR, period), (_DEC, period), (_TCR, 0x04C00000)):
        words += [*load_word(_WORD, value), mtspr(number, _WORD)]
    return words


def loop(rng: random.Random) -> Program:
    """Draw a loop, of the user or the supervisor, with or without FPU and interrupts, mapped somehow or one to one."""
    shape, has_fpu, kept = loops.shape(rng), rng.random() < 0.5, (*_COUNTERS, *_LINKS)
    integer = [name for name in straight_entries() if not name.endswith(("U", "UX")) and name not in _UNSTEADY]
    floating = _float_names()
    accesses = [name for name in _access_names() if not name.endswith(("U", "UX"))] + floating[: floating.index("FADD")]
    draw = sampler(rng, [*integer, *(floating if has_fpu else [])])
    wild = sampler(rng, [e.name for e in read(TABLE).entries if e.name not in _TAMED])

    def calm() -> int:
        entry = draw.entry()
        if entry.name in floating and entry.name.startswith(("LF", "STF")):
            return draw.word(entry, ra=rng.choice(_BASES), rb=_INDEX, si=8 * rng.randrange(-0x80, 0x80))
        return draw.word(entry) if entry.name in floating else straight_word(rng, draw, entry, kept)

    def anything_else() -> list[int]:
        pick = rng.random()
        if pick < 0.15:
            opcode = rng.choice((34, 34, 38, 32))  # lbz, stb, lwz
            offset = 0 if opcode == 38 else rng.choice((1, 2, 3, 5, 6, 7))
            return [*load_word(_ADDRESS, _DEVICES), opcode << 26 | _WORD << 21 | _ADDRESS << 16 | offset]
        if pick < 0.25:
            return [mtspr(rng.choice(_WILD_SPRS), rng.randrange(32))]
        if pick < 0.35:
            return remap()
        entry, free = wild.entry(), [n for n in range(32) if n not in (*_BASES, _INDEX, *kept)]
        fixed = {name: rng.choice(free) for name in ("rt", "ra") if entry.field(name)}
        if entry.name in accesses and rng.random() < 0.6:
            fixed["ra"] = rng.choice(_BASES)
        return [wild.word(entry, **fixed)]

    def remap() -> list[int]:
        """Write one of the TLB entries for data anew."""
        index, *fields = rng.choice([entry for entry in _tlb_entries(rng) if entry[0] not in (0, 8, 16)])
        words = load_word(_ADDRESS, index)
        for ws, value in enumerate(fields):
            words += [*load_word(_WORD, value), tlbwe(_WORD, _ADDRESS, ws)]
        return words

    def turn(counter: int, label: str) -> list[loops.Item]:
        if counter and counted_by_ctr:
            return [loops.Ref(label, lambda distance, _: _BDNZ | 4 * distance & 0xFFFC)]
        register = _COUNTERS[counter]
        count = 13 << 26 | register << 21 | register << 16 | 0xFFFF  # addic. register, register, -1
        return [count, loops.Ref(label, lambda distance, _: _BNE | 4 * distance & 0xFFFC)]

    def count(counter: int, value: int) -> list[int]:
        words = load_word(_COUNTERS[counter], value)
        return [*words, mtspr(9, _COUNTERS[counter])] if counter and counted_by_ctr else words

    def skip(label: str) -> list[loops.Item]:
        bo = rng.choice((4, 12, 4, 12, 4, 12, 4, 12, 0, 2, 8, 10, 18))
        head = 16 << 26 | bo << 21 | rng.randrange(32) << 16
        return [loops.Ref(label, lambda distance, _: head | 4 * distance & 0xFFFC)]

    def go(label: str) -> list[loops.Item]:
        return [loops.Ref(label, lambda distance, _: 18 << 26 | 4 * distance & 0x3FFFFFC)]

    def call(label: str) -> list[loops.Item]:
        if rng.random() < 0.7:
            return [loops.Ref(label, lambda distance, _: 18 << 26 | 4 * distance & 0x3FFFFFC | 1)]
        return [*_address(_ADDRESS, label), mtspr(9, _ADDRESS), 19 << 26 | 20 << 21 | 528 << 1 | 1]  # bctrl

    def function(body: list[loops.Item], number: int, calls: bool) -> list[loops.Item]:
        back = 19 << 26 | 20 << 21 | 16 << 1  # blr
        if not calls:
            return [*body, back]
        return [mfspr(_LINKS[number], 8), *body, mtspr(8, _LINKS[number]), back]

    def patch(word: int, label: str) -> list[loops.Item]:
        store = 36 << 26 | _WORD << 21 | _ADDRESS << 16
        return [*load_word(_WORD, word), *_address(_ADDRESS, label), store]

    counted_by_ctr = rng.random() < 0.5
    parts = loops.Parts(calm, anything_else, count, turn, skip, go, call, function, patch)
    start, at = _timer(rng) if rng.random() < 0.3 else [], place(rng, 200)
    msr = _ME | (_FP if has_fpu else 0) | (_EE if start else 0) | rng.choice((0, _PR, _PR))
    registers = {"msr": _ME} | _registers(rng) | {"r3": DATA, "r4": DATA + 0x400, "r5": 0x40}
    registers["xer"] = rng.getrandbits(3) << 29 | rng.randrange(29)  # a string of more would reach what is kept
    if rng.random() < 0.5:
        start += _entered(rng, msr | rng.choice((0, _IS | _DS, _DS)), at + 4 * len(start))
    else:
        start += [*load_word(_WORD, msr & ~_PR), 31 << 26 | _WORD << 21 | 146 << 1]  # mtmsr
    return Program(loops.program(rng, parts, shape, start, CODE + at), registers, at=at)


def load(machine: Machine, program: Program) -> None:
    """Put CPU and devices into their first state, vectors that go on into RAM."""
    machine.reset()
    machine.write(RAM, handlers())
    machine["ivpr"] = RAM
    for vector in range(VECTORS):
        machine[f"ivor{vector}"] = vector * VECTOR_BYTES


def visible(program: Program) -> dict[str, int]:
    """Return the registers as the emulator names them."""
    return {name: value for name, value in program.registers.items() if name not in ("msr", "xer")}


def _prepare(emulator: Any, constants: Any) -> None:
    unicorn = importlib.import_module("unicorn")
    emulator.ctl_set_cpu_model(constants.UC_CPU_PPC32_440EPB)
    emulator.ctl_set_tlb_mode(unicorn.unicorn_const.UC_TLB_VIRTUAL)  # without it a 440 wants TLB entries
    emulator.reg_write(constants.UC_PPC_REG_MSR, _FP)


GUEST = FuzzGuest(
    machine="bamboo",
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
    visible=visible,
    has_trapped=lambda machine: bool(machine["srr0"] | machine["csrr0"] | machine["mcsrr0"]),
    emulator=Emulator(
        "ppc_const",
        "UC_PPC_REG_",
        "UC_ARCH_PPC",
        ("UC_MODE_PPC32", "UC_MODE_BIG_ENDIAN"),
        name=lambda name: name[1:] if name[0] == "r" else name.upper(),
        prepare=_prepare,
    ),
    timed=("tsr",),
    shown=lambda name: True,
)

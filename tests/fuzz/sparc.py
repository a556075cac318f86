# SPDX-License-Identifier: MIT
"""SPARC for the fuzz runs: any instruction in any window, a trap table that skips what traps, mappings of all rights.

Interrupts go on where they came. Loops may have a timer that interrupts all the time.

Straight programs have annulled slots and windows, and end by putting icc and Y, to which Unicorn gives no access, into
locals. Deviations of Unicorn 2.1.4 from the V8 manual, left out of the comparison:
  UDIVcc, SDIVcc overflow (B.19), odd rd of LDD and STD (B.1), tagged instructions that trap (B.16, B.17).
  ADDXcc, SUBXcc after an instruction that clears C (B.13, B.15): 0xf13cbacc + 0x40008814 must carry, Unicorn says no.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from l4vm.binding.machine import Machine
from l4vm.decode.sample import Sampler
from l4vm.decode.table import Entry, read
from tests.fuzz import loops
from tests.fuzz.guest import INTERESTING, Emulator, FuzzGuest, Program, place

RAM = 0x40000000
CODE = RAM + 0x2000
DATA = RAM + 0x8000
DEVICES = 0x80000000
MAPS = RAM + 0x10000  # context table, 1 KiB of level 1, 256 bytes each of levels 2 and 3
_LEVEL1, _LEVEL2, _LEVEL3 = MAPS + 0x400, MAPS + 0x800, MAPS + 0x900
TABLE = Path(__file__).parents[2] / "translator/guest/sparc/insn.decode"
NOP = 0x01000000
_RETURN_BEHIND = bytes.fromhex("81c4a000 81cca004 01000000 01000000")  # jmpl %l2; rett %l2 + 4; nop; nop
_RETURN = bytes.fromhex("81c44000 81cc8000 01000000 01000000")  # jmpl %l1; rett %l2; nop; nop
_INTERRUPTS = range(0x11, 0x20)
_WR_G1_Y = 0x81804000
_ORCC_1 = 0x80902001  # clears icc
_RD_Y_L4 = 0xA9400000
_SAVE, _RESTORE = 0x81E02000, 0x81E82000  # with %g0, 0, %g0
_DEPTH = 3  # windows that a straight program enters
_BASES = (5, 6)  # %g5, %g6 point into data, %g7 is an offset; straight programs keep these and %g4


def sampler(rng: random.Random, entries: Sequence[str] = ()) -> Sampler:
    """Return a sampler of the SPARC table with fields that reach something."""
    return Sampler(
        read(TABLE),
        rng,
        entries,
        {
            "disp22": lambda r: r.randrange(-2, 8),
            "disp30": lambda r: r.randrange(-2, 8),
            "asi": lambda r: r.choice((0x02, 0x03, 0x08, 0x0A, 0x0B, 0x10, 0x1C, 0x20, r.getrandbits(8))),
            "imm": lambda r: r.choice((r.randrange(-64, 64) * 4, r.getrandbits(13), r.randrange(-8, 8))),
        },
    )


def _value(rng: random.Random) -> int:
    pick = rng.random()
    if pick < 0.4:
        return DATA + rng.randrange(0, 0x1000, 8)
    if pick < 0.6:
        return rng.choice((*INTERESTING, DEVICES + _TIMER))
    return rng.getrandbits(32) if pick < 0.8 else rng.randrange(0, 256)


def _registers(rng: random.Random) -> dict[str, int]:
    registers = {"wim": 0, "tbr": RAM, "y": rng.getrandbits(32)}
    registers |= {f"g{n}": _value(rng) for n in range(1, 8)}
    registers |= {f"w{w}{bank}{n}": _value(rng) for w in range(8) for bank in "ol" for n in range(8)}
    return registers | {f"f{n}": rng.choice((rng.getrandbits(32), rng.choice(INTERESTING))) for n in range(32)}


def _page_entry(rng: random.Random, page: int) -> int:
    """Return a page table entry for a page of data: its own place or another, any rights, or none."""
    entry = (RAM >> 12) + rng.choice((page, page, 7, 8, 9)) << 8 | rng.randrange(8) << 2
    return entry | rng.choice((0, 0x20, 0x60)) | rng.choice((2, 2, 2, 2, 0, 3))


_PAGES = range((DATA >> 12 & 63) - 1, (DATA >> 12 & 63) + 2)  # of data


def _page_tables(rng: random.Random) -> bytes:
    """Return tables that map the first 256 KiB of RAM at their own place: data with any rights, or with none."""
    context, first, second = [_LEVEL1 >> 4 | 1] + [0] * 255, [0] * 256, [0] * 64
    first[RAM >> 24], second[0] = _LEVEL2 >> 4 | 1, _LEVEL3 >> 4 | 1
    first[DEVICES >> 24] = DEVICES >> 4 | 3 << 2 | 2
    third = [(RAM >> 12) + page << 8 | 3 << 2 | 2 for page in range(64)]
    for page in _PAGES:
        if rng.random() < 0.6:
            third[page] = _page_entry(rng, page)
    words = context + first + second + third
    return struct.pack(f">{len(words)}I", *words)


def anything(rng: random.Random, draw: Sampler, length: int) -> Program:
    """Draw a program of any instructions and a start state for it: user or supervisor, traps or not, FPU or not."""
    entries = [draw.entry() for _ in range(length)]
    words = [draw.word(entry) if rng.random() < 0.98 else rng.getrandbits(32) for entry in entries]
    psr = 0x1020 | (rng.getrandbits(4) << 20) | rng.randrange(8) | rng.choice((0x00, 0x80, 0x80, 0xC0))
    if rng.random() < 0.1:
        psr &= ~0x1000
    registers = {"psr": psr} | _registers(rng)
    near = 1 << (psr + rng.choice((-1, 1)) & 7)
    registers["wim"] = rng.choice((0, 0, near, rng.getrandbits(8)))
    registers["fsr"] = rng.choice((0, rng.getrandbits(2) << 30, rng.getrandbits(32)))
    tables = b""
    if rng.random() < 0.4:
        tables = _page_tables(rng)
        registers |= {"mmu_control": rng.choice((1, 1, 1, 3)), "mmu_table": MAPS >> 4}
    if psr & 0xA0 == 0xA0 and rng.random() < 0.2:
        words = _timer(rng) + words
    return Program(words, registers, entries, tables, place(rng, len(words)))


def _windows_filled() -> list[int]:
    """Return code that enters windows, fills their locals and outs from data, and comes back."""
    words = []
    for depth in range(_DEPTH):
        words.append(_SAVE)
        for rd in range(8, 24, 2):
            words.append(3 << 30 | rd << 25 | 3 << 19 | _BASES[0] << 14 | 1 << 13 | 64 * depth + 4 * (rd - 8))
    return words + [_RESTORE] * _DEPTH


_FLAGS = ((6, 16), (1, 17), (7, 18), (5, 19))  # neg, e, vs, cs into %l0-%l3


def flag_readers() -> list[int]:
    """Return code that puts N, Z, V, C and Y into %l0-%l4, with no privilege needed."""
    words = []
    for cond, rd in _FLAGS:
        words.append(0x80102000 | rd << 25)  # or %g0, 0, rd
        words.append(0x20800002 | cond << 25)  # bcc,a .+8
        words.append(0x80102001 | rd << 25)  # or %g0, 1, rd
    return [*words, _RD_Y_L4]


def _straight_word(rng: random.Random, draw: Sampler, entry: Entry, depth: int, low: int = 4) -> int:
    fixed: dict[str, int] = {}
    double = entry.name.startswith(("LDD", "STD"))
    rd = rng.randrange(8, 32) if rng.random() < 0.9 else rng.randrange(low)
    if depth == 0 and rd >= 24 and entry.value >> 30 == 2 and rng.random() < 0.5:
        rd -= 16
    if entry.value >> 30 == 3:
        size = 8 if double else 4
        fixed = {"rs1": rng.choice(_BASES), "imm": rng.randrange(-0x800, 0x800, size), "rs2": 7}
    if "imm" not in fixed and entry.name.startswith(("UDIV", "SDIV")):
        fixed["imm"] = rng.choice((1, 2, 3, 7, 255, 0xFFF, 0x1FFF, 0x1000))
    return draw.word(entry, rd=rd & ~1 if double else rd, **fixed)


def straight(rng: random.Random, draw: Sampler, length: int) -> Program:
    """Draw a program without traps that ends by putting icc and Y into locals. `draw` draws arithmetic and accesses."""
    windows, words, entries = rng.random() < 0.25, [_WR_G1_Y, _ORCC_1], []
    if windows:
        words += _windows_filled()
    depth = shadow = 0
    while len(entries) < length:
        entry = draw.entry()
        entries.append(entry)
        if rng.random() < 0.06:
            shadow = rng.randrange(2, 6)
            words.append(rng.getrandbits(1) << 29 | rng.randrange(16) << 25 | 2 << 22 | shadow)
        elif windows and not shadow and rng.random() < 0.1 and depth < _DEPTH:
            words.append(_SAVE)
            depth += 1
        elif windows and not shadow and rng.random() < 0.15 and depth:
            words.append(_RESTORE)
            depth -= 1
        words.append(_straight_word(rng, draw, entry, depth))
        shadow = max(shadow - 1, 0)
    words += [NOP] * 6 + [_RESTORE] * depth + flag_readers()
    registers = {"psr": 0x10A0} | _registers(rng) | {"fsr": 0, "g5": DATA, "g6": DATA + 0x400, "g7": 0x40}
    return Program(words, registers, entries)


_LEFT_OUT = ("UDIVcc", "SDIVcc", "RD", "WR", "TADDccTV", "TSUBccTV", "LDSTUBA", "SWAPA", "ADDXcc", "SUBXcc")


def straight_entries() -> list[str]:
    """Return the entries that are compared with Unicorn: integer arithmetic, loads and stores."""
    names = []
    for entry in read(TABLE).entries:
        integer = entry.value >> 30 == 2 and (entry.value >> 19 & 63) < 0x28
        memory = entry.value >> 30 == 3 and (entry.value >> 19 & 63) < 0x10
        if (integer or memory or entry.name == "SETHI") and not entry.name.startswith(_LEFT_OUT):
            names.append(entry.name)
    return names


# --- loops ---

_COUNTERS = (2, 3)  # %g2, %g3
_LINKS = (14, 15, 30, 31)  # stack pointers and return addresses
_ADDRESS, _WORD = 1, 4  # %g1, %g4 are free in between
_SUBCC_1, _BNE, _BA, _CALL, _JMPL = 0x80A06001, 9, 8, 1 << 30, 0x81C00000
_FLOAT = ("LDF", "LDDF", "STF", "STDF", "FMOV", "FNEG", "FABS", "FSQRT", "FADD", "FSUB", "FMUL", "FDIV", "FsMUL")
_FLOAT += ("FiTO", "FdTO", "FsTO", "FCMP")
_TAMED = ("CALL", "JMPL", "RETT", "Bicc", "FBfcc", "CBccc", "WRPSR", "WRTBR", "WRASR", "SAVE", "RESTORE")
_WILD_ASIS = (0x03, 0x08, 0x0A, 0x0B, 0x0B, 0x0B, 0x18, 0x1C)
_ASI_FLUSH, _FLUSH_ALL = 0x18, 0x400
_UART, _TIMER, _MASK = 0x100, 0x300, 0x240  # in DEVICES
_DEVICE_WORDS = (0x104, 0x200, 0x204, 0x240, 0x300, 0x304, 0x310, 0x314, 0x318)


def _sethi(rd: int, value: int) -> int:
    return rd << 25 | 4 << 22 | value >> 10


def _or(rd: int, value: int) -> int:
    return 0x80102000 | rd << 25 | rd << 14 | value & 0x3FF


def _load_word(rd: int, value: int) -> list[int]:
    return [_sethi(rd, value), _or(rd, value)]


def _access(op3: int, rd: int, rs1: int, offset: int) -> int:
    return 3 << 30 | rd << 25 | op3 << 19 | rs1 << 14 | 1 << 13 | offset & 0x1FFF


def _address(rd: int, label: str) -> list[loops.Item]:
    return [loops.Ref(label, lambda _, at: _sethi(rd, at)), loops.Ref(label, lambda _, at: _or(rd, at))]


def _timer(rng: random.Random) -> list[int]:
    """Return code that has the first timer interrupt every few instructions."""
    words = [*_load_word(_ADDRESS, DEVICES), *_load_word(_WORD, 0xFFFE), _access(4, _WORD, _ADDRESS, _MASK)]
    for offset, value in ((0x04, rng.randrange(4)), (0x14, rng.choice((3, 20, 20, 200))), (0x18, 0xF)):
        words += [*_load_word(_WORD, value), _access(4, _WORD, _ADDRESS, _TIMER + offset)]
    return words


def loop(rng: random.Random) -> Program:
    """Draw a loop, of the user or the supervisor, with or without FPU, MMU, interrupts and windows that trap."""
    shape, has_fpu = loops.shape(rng), rng.random() < 0.5
    floating = [e.name for e in read(TABLE).entries if e.name.startswith(_FLOAT)] if has_fpu else []
    draw = sampler(rng, [*straight_entries(), *floating])
    wild = sampler(rng, [e.name for e in read(TABLE).entries if not e.name.startswith(_TAMED)])

    def calm() -> int:
        while True:
            entry = draw.entry()
            if entry.value >> 30 == 2 and entry.value >> 19 & 63 in (0x34, 0x35):
                return draw.word(entry, **{name: 2 * rng.randrange(16) for name in ("rd", "rs1", "rs2")})
            word = _straight_word(rng, draw, entry, 1, low=2)
            if word >> 25 & 31 not in _LINKS:
                return word

    def anything_else() -> list[int]:
        if rng.random() < 0.2:
            op3 = rng.choice((0x00, 0x00, 0x01, 0x03, 0x04))
            offset = _UART if op3 == 0x04 else rng.choice(_DEVICE_WORDS)
            return [_sethi(_ADDRESS, DEVICES), _access(op3, rng.choice((8, 16, 24)), _ADDRESS, offset)]
        if rng.random() < 0.1:
            return remap()
        entry = wild.entry()
        fixed = {"asi": rng.choice(_WILD_ASIS)}
        if rng.random() < 0.6:
            fixed |= {"rs1": rng.choice(_BASES)}
        rd = rng.choice([n for n in range(8, 32) if n not in _LINKS])
        return [wild.word(entry, **fixed, rd=rd)]

    def remap() -> list[int]:
        """Change the page table entry of a page of data and flush what is cached of the tables."""
        page = rng.choice(_PAGES)
        words = [*_load_word(_WORD, _page_entry(rng, page)), *_load_word(_ADDRESS, _LEVEL3 + 4 * page)]
        words += [_access(4, _WORD, _ADDRESS, 0), *_load_word(_ADDRESS, _FLUSH_ALL)]
        return [*words, 3 << 30 | 0x14 << 19 | _ADDRESS << 14 | _ASI_FLUSH << 5]  # sta %g0, [%g1] 0x18

    def slot() -> int:
        words = anything_else() if rng.random() < shape.wildness else []
        return words[0] if len(words) == 1 else calm()

    def skip(label: str) -> list[loops.Item]:
        op2 = 6 if has_fpu and rng.random() < 0.2 else 2
        head = rng.getrandbits(1) << 29 | rng.randrange(16) << 25 | op2 << 22
        return [loops.Ref(label, lambda distance, _: head | distance & 0x3FFFFF), slot()]

    def turn(counter: int, label: str) -> list[loops.Item]:
        head, register = rng.getrandbits(1) << 29 | _BNE << 25 | 2 << 22, _COUNTERS[counter]
        count = _SUBCC_1 | register << 25 | register << 14
        return [count, loops.Ref(label, lambda distance, _: head | distance & 0x3FFFFF), slot()]

    def go(label: str) -> list[loops.Item]:
        return [loops.Ref(label, lambda distance, _: _BA << 25 | 2 << 22 | distance & 0x3FFFFF), slot()]

    def call(label: str) -> list[loops.Item]:
        if rng.random() < 0.7:
            return [loops.Ref(label, lambda distance, _: _CALL | distance & 0x3FFFFFFF), slot()]
        return [*_address(_ADDRESS, label), _JMPL | 15 << 25 | _ADDRESS << 14 | 1 << 13, slot()]

    def function(body: list[loops.Item], number: int, calls: bool) -> list[loops.Item]:
        if calls or rng.random() < 0.5:
            return [_SAVE, *body, _JMPL | 31 << 14 | 1 << 13 | 8, _RESTORE]
        return [*body, _JMPL | 15 << 14 | 1 << 13 | 8, slot()]

    def patch(word: int, label: str) -> list[loops.Item]:
        return [*_load_word(_WORD, word), *_address(_ADDRESS, label), _access(4, _WORD, _ADDRESS, 0)]

    def balanced() -> list[int]:
        return [_SAVE, *(calm() for _ in range(rng.randrange(4))), _RESTORE] if rng.random() < 0.3 else anything_else()

    def count(counter: int, value: int) -> list[int]:
        return _load_word(_COUNTERS[counter], value)

    parts = loops.Parts(calm, balanced, count, turn, skip, go, call, function, patch)
    registers = _registers(rng) | {"fsr": rng.choice((0, 0, rng.getrandbits(2) << 30)), "psr": 0x10A0}
    registers |= {"g5": DATA, "g6": DATA + 0x400, "g7": 0x40}
    if rng.random() < 0.15:
        shape, registers["wim"] = replace(shape, functions=0), 1 << rng.randrange(8)
    psr = 0x20 | rng.choice((0x80, 0x80, 0xC0, 0x00)) | (0x1000 if has_fpu else 0)
    start = _timer(rng) if rng.random() < 0.3 else []
    start += [*_load_word(_WORD, psr), 0x81880000 | _WORD << 14, NOP, NOP, NOP]  # wr %g4, %psr
    tables, at = b"", place(rng, 200)
    if rng.random() < 0.4:
        tables = _page_tables(rng)
        registers |= {"mmu_control": rng.choice((1, 1, 3)), "mmu_table": MAPS >> 4}
    return Program(loops.program(rng, parts, shape, start, CODE + at), registers, [], tables, at)


def load(machine: Machine, program: Program) -> None:
    """Put devices into their first state, the trap table and page tables into a machine, its MMU off."""
    machine.reset()
    table = b"".join(_RETURN if number in _INTERRUPTS else _RETURN_BEHIND for number in range(256))
    machine.write(RAM, table)
    machine.write(MAPS, program.tables)
    for name in ("mmu_control", "mmu_table", "mmu_context", "mmu_sfsr", "mmu_sfar"):
        machine[name] = 0


def visible(program: Program) -> dict[str, int]:
    """Return the registers of window 0 as the emulator names them."""
    found = {f"g{n}": program.registers[f"g{n}"] for n in range(1, 8)}
    for bank, window, letter in (("o", 0, "o"), ("l", 0, "l"), ("i", 1, "o")):
        found |= {f"{bank}{n}": program.registers[f"w{window}{letter}{n}"] for n in range(8)}
    return found


GUEST = FuzzGuest(
    machine="leon3",
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
    stay=0x30800000,  # ba,a .
    visible=visible,
    has_trapped=lambda machine: bool(machine["tbr"] & 0xFF0),
    emulator=Emulator("sparc_const", "UC_SPARC_REG_", "UC_ARCH_SPARC", ("UC_MODE_SPARC32", "UC_MODE_BIG_ENDIAN")),
    timed=(),
    shown=lambda name: name[0] != "w" or name == "wim",
)

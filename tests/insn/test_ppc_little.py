# SPDX-License-Identifier: MIT
"""Little-endian pages of the PowerPC 440, in the interpreter and as blocks, against the PPC440x5 manual, 2.1.3.

Data are mapped twice, big-endian at BIG and little-endian at LITTLE, but where a test maps them itself.
"""

from __future__ import annotations

import struct

import pytest

from l4vm.binding.machine import Engine, Machine, Stop
from tests.insn.ppc_words import (
    ALIGNMENT,
    CODE,
    DATA,
    DATA_STORAGE,
    EQ,
    M32,
    NOP,
    STAY,
    op,
    put,
    run,
    trap_of,
)
from tests.insn.test_ppc_mmu import FREE, KIB1, KIB4, KIB16, MIB1, MIB256, SR, SW, SX, enter, without_whole_map

E = 0x80
BIG, LITTLE, BOTH = 0x30000000, 0x31000000, 0x32000000
BYTES = bytes((7 * n + 0x81) & 0xFF for n in range(64))
VALUE, DOUBLE = 0xCAFEF00D, 0x0123456789ABCDEF
PCI = 0xEF400000
INC5 = op("ADDI", rt=5, ra=5, si=1)


@pytest.fixture(autouse=True)
def _mapped(ppc: Machine) -> None:
    without_whole_map(ppc, BIG)
    enter(ppc, FREE, BIG, DATA, KIB16, SR | SW | SX)
    enter(ppc, FREE + 1, LITTLE, DATA, KIB16, SR | SW | SX | E)
    ppc.write(DATA, BYTES)


def little(at: int, size: int) -> int:
    return int.from_bytes(BYTES[at : at + size], "little")


def signed_half(value: int) -> int:
    return value | 0xFFFF0000 if value & 0x8000 else value


@pytest.mark.parametrize("at", [0, 1, 2, 3, 5, 7])
def test_loads_take_the_byte_at_the_address_as_the_lowest(ppc: Machine, at: int) -> None:
    ppc["r3"], ppc["r0"], ppc["r4"] = LITTLE, 0, LITTLE + at
    run(ppc, op("LWZ", rt=5, ra=3, si=at), op("LHZ", rt=6, ra=3, si=at), op("LHA", rt=7, ra=3, si=at))
    assert (ppc["r5"], ppc["r6"], ppc["r7"]) == (little(at, 4), little(at, 2), signed_half(little(at, 2)))
    run(ppc, op("LBZ", rt=5, ra=3, si=at), op("LWBRX", rt=6, ra=0, rb=4), op("LHBRX", rt=7, ra=0, rb=4))
    reversed_back = int.from_bytes(BYTES[at : at + 4], "big"), int.from_bytes(BYTES[at : at + 2], "big")
    assert (ppc["r5"], ppc["r6"], ppc["r7"]) == (BYTES[at], *reversed_back)
    run(ppc, op("LFD", rt=1, ra=3, si=at), op("LMW", rt=29, ra=3, si=at), op("LWZUX", rt=8, ra=3, rb=0))
    assert ppc["f1"] == little(at, 8)
    assert [ppc[f"r{n}"] for n in (29, 30, 31)] == [little(at + n, 4) for n in (0, 4, 8)]
    assert (ppc["r8"], ppc["r3"]) == (little(0, 4), LITTLE)


@pytest.mark.parametrize("at", [0, 1, 2, 3, 5, 7])
def test_stores_put_the_lowest_byte_at_the_address(ppc: Machine, at: int) -> None:
    ppc["r3"], ppc["r4"], ppc["r5"], ppc["f1"] = LITTLE, LITTLE + at, VALUE, DOUBLE
    for word, stored in (
        (op("STW", rt=5, ra=3, si=at), struct.pack("<I", VALUE)),
        (op("STH", rt=5, ra=3, si=at), struct.pack("<H", VALUE & 0xFFFF)),
        (op("STB", rt=5, ra=3, si=at), bytes([VALUE & 255])),
        (op("STWBRX", rt=5, ra=0, rb=4), struct.pack(">I", VALUE)),
        (op("STHBRX", rt=5, ra=0, rb=4), struct.pack(">H", VALUE & 0xFFFF)),
        (op("STFD", rt=1, ra=3, si=at), struct.pack("<Q", DOUBLE)),
        (op("STFIWX", rt=1, ra=0, rb=4), struct.pack("<I", DOUBLE & M32)),
    ):
        ppc.write(DATA, BYTES)
        run(ppc, word)
        assert ppc.read(DATA, 64) == BYTES[:at] + stored + BYTES[at + len(stored) :], hex(word)
    ppc["r30"], ppc["r31"] = 0x11223344, 0x55667788
    run(ppc, op("STMW", rt=30, ra=3, si=at))
    assert ppc.read(DATA + at, 8) == struct.pack("<2I", 0x11223344, 0x55667788)


def test_singles_are_reversed_before_they_are_widened(ppc: Machine) -> None:
    ppc.write(DATA, struct.pack("<f", 1.5))
    ppc["r3"] = LITTLE
    run(ppc, op("LFS", rt=1, ra=3), op("STFS", rt=1, ra=3, si=8))
    assert ppc["f1"] == struct.unpack(">Q", struct.pack(">d", 1.5))[0]
    assert ppc.read(DATA + 8, 4) == struct.pack("<f", 1.5)


def test_strings_and_lines_know_no_byte_order(ppc: Machine) -> None:
    ppc["r3"], ppc["r9"] = LITTLE, LITTLE + 0x20
    run(ppc, op("LSWI", rt=5, ra=3, nb=7), op("STSWI", rt=5, ra=9, nb=7))
    assert (ppc["r5"], ppc["r6"]) == (int.from_bytes(BYTES[:4], "big"), int.from_bytes(BYTES[4:7] + b"\0", "big"))
    assert ppc.read(DATA + 0x20, 8) == BYTES[:7] + BYTES[0x27:0x28]
    run(ppc, op("DCBZ", ra=0, rb=9))
    assert ppc.read(DATA, 64) == BYTES[:32] + bytes(32)


def test_reservations_hold_in_little_endian_pages(ppc: Machine) -> None:
    ppc["r4"], ppc["r6"], ppc["xer"], ppc["cr"] = LITTLE, VALUE, 0, 0
    run(ppc, op("LWARX", rt=5, ra=0, rb=4), op("STWCX_", rt=6, ra=0, rb=4))
    assert (ppc["r5"], ppc["cr"] >> 28, ppc.read(DATA, 4)) == (little(0, 4), EQ, struct.pack("<I", VALUE))
    ppc["r4"] = LITTLE + 2
    run(ppc, op("LWARX", rt=5, ra=0, rb=4))
    assert trap_of(ppc) == ALIGNMENT


@pytest.mark.parametrize("size", [KIB1, KIB4])
@pytest.mark.parametrize("first_is_little", [False, True])
def test_an_access_that_crosses_has_the_order_of_where_it_begins(
    ppc: Machine, size: int, *, first_is_little: bool
) -> None:
    step = 1024 << 2 * size
    for n in range(2):
        attribute = E if (n == 0) == first_is_little else 0
        enter(ppc, FREE + 2 + n, BOTH + n * step, DATA + (3 - n) * step, size, SR | SW | attribute)
    order = "little" if first_is_little else "big"
    for before in range(1, 8):
        for name, width in (("LWZ", 4), ("LHZ", 2), ("LFD", 8), ("LWBRX", 4)):
            ppc.write(DATA + 4 * step - 8, BYTES[:8])
            ppc.write(DATA + 2 * step, BYTES[8:16])
            ppc["r3"] = BOTH + step - before
            fields = {"rb": 3} if "BRX" in name else {"ra": 3}
            run(ppc, op(name, rt=5, **fields))
            raw = BYTES[8 - before : 8 - before + width]
            turned = {"little": "big", "big": "little"}[order] if "BRX" in name else order
            want = int.from_bytes(raw, turned)  # type: ignore[arg-type]
            assert (ppc["f5"] if name == "LFD" else ppc["r5"]) == want, (name, before)
            if before >= width or "BRX" in name:
                continue
            value = DOUBLE & (1 << 8 * width) - 1
            ppc["r5"], ppc["f5"] = value & M32, value
            run(ppc, op({"LWZ": "STW", "LHZ": "STH", "LFD": "STFD"}[name], rt=5, ra=3))
            stored = ppc.read(DATA + 4 * step - before, before) + ppc.read(DATA + 2 * step, width - before)
            assert stored == value.to_bytes(width, order), (name, before)  # type: ignore[arg-type]


def test_a_crossing_store_that_fails_has_stored_nothing(ppc: Machine) -> None:
    enter(ppc, FREE + 2, BOTH, DATA, KIB4, SR | SW | E)
    enter(ppc, FREE + 3, BOTH + 0x1000, DATA + 0x1000, KIB4, SR)
    ppc["r3"], ppc["r5"] = BOTH + 0xFFE, VALUE
    ppc.write(DATA + 0xFF0, BYTES[:32])
    run(ppc, op("STW", rt=5, ra=3))
    assert (trap_of(ppc), ppc["dear"]) == (DATA_STORAGE, BOTH + 0x1000)
    assert ppc.read(DATA + 0xFF0, 32) == BYTES[:32]


@pytest.mark.parametrize("size", [KIB4, KIB16, MIB1])
def test_a_page_changes_its_order_with_its_entry(ppc: Machine, size: int) -> None:
    for attribute in (0, E, 0, E):
        enter(ppc, FREE + 2, BOTH, 0, size, SR | SW | attribute)
        ppc.write(0x100, BYTES[:4])
        ppc["r3"] = BOTH + 0x100
        for _ in range(3):
            run(ppc, op("LWZ", rt=5, ra=3), op("LWZ", rt=6, ra=3), op("STW", rt=5, ra=3, si=4))
        want = int.from_bytes(BYTES[:4], "little" if attribute else "big")
        assert (ppc["r5"], ppc["r6"], ppc.read(0x104, 4)) == (want, want, BYTES[:4])


def test_a_little_endian_page_in_a_large_big_endian_one(ppc: Machine) -> None:
    enter(ppc, FREE + 3, BIG, 0, MIB256, SR | SW)
    ppc["r3"] = BIG + DATA
    loads = [op("LWZ", rt=5, ra=3), op("LWZ", rt=6, ra=3, si=0x1000), op("STW", rt=5, ra=3, si=8)]
    for _ in range(3):
        run(ppc, *loads)
    assert ppc["r5"] == int.from_bytes(BYTES[:4], "big")
    enter(ppc, FREE + 2, BIG + DATA, DATA, KIB4, SR | SW | E)
    for _ in range(3):
        run(ppc, *loads)
    assert (ppc["r5"], ppc["r6"]) == (little(0, 4), int.from_bytes(ppc.read(DATA + 0x1000, 4), "big"))
    assert ppc.read(DATA + 8, 4) == BYTES[:4]


def test_devices_in_little_endian_pages(ppc: Machine) -> None:
    enter(ppc, FREE + 2, BOTH, PCI, KIB4, SR | SW)
    enter(ppc, FREE + 3, BOTH + 0x1000, PCI, KIB4, SR | SW | E)
    ppc["r3"], ppc["r4"], ppc["r5"] = BOTH, BOTH + 0x1000, 0x12345000
    run(ppc, op("STW", rt=5, ra=3), op("LWZ", rt=6, ra=3), op("LWZ", rt=7, ra=4), insns=8)
    assert ppc["r6"] and ppc["r7"] == int.from_bytes(struct.pack("<I", ppc["r6"]), "big")
    ppc["r5"] = ppc["r7"]
    run(ppc, op("STW", rt=6, ra=3), op("STW", rt=5, ra=4), op("LWZ", rt=8, ra=3), insns=8)
    assert ppc["r8"] == ppc["r6"]


def in_little(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


def test_instructions_are_fetched_from_little_endian_pages(ppc: Machine) -> None:
    words = [INC5, op("ADDI", rt=6, ra=0, si=3), op("MTSPR", spr=9, rt=6), INC5, op("BC", bo=16, bd=-1), op("B", li=2)]
    ppc.write(DATA, in_little(*words, NOP, INC5, STAY))
    ppc["r5"], ppc["pc"] = 0, LITTLE
    assert ppc.run(30) is Stop.BUDGET
    assert (trap_of(ppc), ppc["r5"], ppc["pc"]) == (None, 5, LITTLE + 32)


def test_code_goes_between_pages_of_both_orders(ppc: Machine) -> None:
    enter(ppc, FREE + 2, BOTH, DATA + 0x1000, KIB4, SR | SX)
    enter(ppc, FREE + 3, BOTH + 0x1000, DATA + 0x2000, KIB4, SR | SX | E)
    ppc.write(DATA + 0x1000, struct.pack(">3I", INC5, op("B", li=0x400 - 1), STAY))
    ppc.write(DATA + 0x2000, in_little(INC5, op("BC", bo=16, bd=-0x401), op("B", li=-0x402 + 2)))
    ppc["r5"], ppc["ctr"], ppc["pc"] = 0, 100, BOTH
    ppc.run(1000)
    assert (ppc["r5"], ppc["pc"]) == (200, BOTH + 8)


def test_one_word_is_another_instruction_in_the_other_order(ppc: Machine) -> None:
    ppc.write(DATA + 0x1000, struct.pack(">2I", 0x38A50038, STAY))  # addi r5, r5, 0x38; addi r0, r0, 0xa538
    for attribute in (0, E, 0, E):
        enter(ppc, FREE + 2, BOTH, DATA + 0x1000, KIB4, SR | SX | attribute)
        ppc["r0"], ppc["r5"], ppc["pc"] = 0, 0, BOTH
        ppc.run(1)
        assert (ppc["r0"], ppc["r5"]) == ((0xFFFFA538, 0) if attribute else (0, 0x38))


def test_an_entry_changes_the_order_of_the_code_behind_isync(ppc: Machine) -> None:
    enter(ppc, FREE + 2, BOTH, DATA + 0x1000, KIB4, SR | SX)
    ppc["r10"], ppc["r11"], ppc["r5"] = FREE + 2, SR | SX | E, 0
    ppc.write(DATA + 0x1000, struct.pack(">2I", op("TLBWE", rt=11, ra=10, ws=2), op("ISYNC")))
    ppc.write(DATA + 0x1004, in_little(op("ISYNC"), INC5, STAY))
    ppc["pc"] = BOTH
    ppc.run(6)
    assert (trap_of(ppc), ppc["r5"], ppc["pc"]) == (None, 1, BOTH + 12)


def test_only_code_in_little_endian_pages_is_interpreted(ppc: Machine) -> None:
    ppc["r3"], ppc["r5"] = LITTLE, 0
    before = ppc.stats()["insns_interp"]
    put(ppc, op("LWZ", rt=5, ra=3), op("STW", rt=5, ra=3, si=4), INC5)
    ppc.run(8)
    assert ppc.engine is not Engine.BLOCK or ppc.stats()["insns_interp"] == before
    ppc.write(DATA, in_little(INC5, INC5, STAY))
    ppc["pc"] = LITTLE
    ppc.run(8)
    assert ppc.stats()["insns_interp"] >= before + 8
    assert ppc.read(CODE, 4) == struct.pack(">I", op("LWZ", rt=5, ra=3))

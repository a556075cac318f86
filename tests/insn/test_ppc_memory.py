# SPDX-License-Identifier: MIT
"""PowerPC loads and stores of every form, strings, reservations and caches, against results computed from Book E."""

from __future__ import annotations

import struct

import pytest

from l4vm.binding.machine import Machine
from tests.insn.ppc_words import (
    ALIGNMENT,
    CODE,
    DATA,
    DATA_STORAGE,
    ESR_PIL,
    ESR_ST,
    M32,
    MSR_FP,
    MSR_PR,
    PROGRAM,
    SO,
    STAY,
    li,
    op,
    put,
    run,
    trap_of,
)

BYTES = bytes((7 * n + 0x81) & 0xFF for n in range(256))
BEFORE = 0x5A5A5A5A
SIZES = {"LWZ": 4, "LHZ": 2, "LHA": 2, "LBZ": 1, "STW": 4, "STH": 2, "STB": 1}
LOADS = [name for name in SIZES if name[0] == "L"]
STORES = [name for name in SIZES if name[0] == "S"]
OFFSETS = (0, 1, 2, 3, 4, 5, 30, 63)


def loaded(name: str, at: int) -> int:
    raw = BYTES[at : at + SIZES[name]]
    return int.from_bytes(raw, "big", signed=name == "LHA") & M32


@pytest.fixture(autouse=True)
def _data(ppc: Machine) -> None:
    ppc.write(DATA, BYTES)


@pytest.mark.parametrize("name", LOADS)
def test_loads_at_any_address(ppc: Machine, name: str) -> None:
    for at in OFFSETS:
        for how in ("", "U", "X", "UX"):
            ppc["r3"], ppc["r4"], ppc["r5"] = DATA + 0x40, (at - 0x40) & M32, BEFORE
            run(ppc, op(name + how, rt=5, ra=3, **({"rb": 4} if "X" in how else {"si": at - 0x40})))
            assert ppc["r5"] == loaded(name, at), (how, at)
            assert ppc["r3"] == (DATA + at if "U" in how else DATA + 0x40)


@pytest.mark.parametrize("name", STORES)
def test_stores_at_any_address(ppc: Machine, name: str) -> None:
    for at in OFFSETS:
        for how in ("", "U", "X", "UX"):
            ppc.write(DATA, BYTES)
            ppc["r3"], ppc["r4"], ppc["r5"] = DATA + 0x40, (at - 0x40) & M32, 0xCAFEF00D
            run(ppc, op(name + how, rt=5, ra=3, **({"rb": 4} if "X" in how else {"si": at - 0x40})))
            size = SIZES[name]
            stored = struct.pack(">I", 0xCAFEF00D)[4 - size :]
            assert ppc.read(DATA, 256) == BYTES[:at] + stored + BYTES[at + size :], (how, at)
            assert ppc["r3"] == (DATA + at if "U" in how else DATA + 0x40)


def test_accesses_across_a_page(ppc: Machine) -> None:
    ppc.write(DATA + 0xFFC, bytes(range(1, 9)))
    for at in (0xFFD, 0xFFE, 0xFFF):
        ppc["r3"] = DATA + at
        run(ppc, op("LWZ", rt=5, ra=3), op("LHZ", rt=6, ra=3), op("STW", rt=5, ra=3, si=0x100))
        i = at - 0xFFC
        word = int.from_bytes(bytes(range(1, 12))[i : i + 4], "big") if i < 5 else 0
        assert (ppc["r5"], ppc["r6"]) == (word, word >> 16)
        assert ppc.read(DATA + at + 0x100, 4) == struct.pack(">I", word)


def test_a_store_of_the_updated_register_stores_what_it_was(ppc: Machine) -> None:
    ppc["r3"] = DATA
    run(ppc, op("STWU", rt=3, ra=3, si=8))
    assert (ppc["r3"], ppc.read(DATA + 8, 4)) == (DATA + 8, struct.pack(">I", DATA))


def test_base_register_0_is_the_constant_0(ppc: Machine) -> None:
    ppc["r0"], ppc["r4"] = 0x123, DATA
    run(ppc, op("LWZX", rt=5, ra=0, rb=4), op("LBZX", rt=0, ra=0, rb=4), op("STWX", rt=5, ra=0, rb=4))
    assert (ppc["r5"], ppc["r0"], ppc.read(DATA, 4)) == (loaded("LWZ", 0), BYTES[0], BYTES[:4])
    run(ppc, op("LWZ", rt=6, ra=0, si=CODE))  # an address below 32 KiB
    assert ppc["r6"] == op("LWZ", rt=6, ra=0, si=CODE)


@pytest.mark.parametrize(
    "word",
    [op(f"{name}{how}", rt=5, ra=0, **{field: 4}) for name in SIZES for how, field in (("U", "si"), ("UX", "rb"))]
    + [op(f"{name}{how}", rt=3, ra=3, **{field: 4}) for name in LOADS for how, field in (("U", "si"), ("UX", "rb"))],
)
def test_update_without_a_base_or_over_the_target_is_invalid(ppc: Machine, word: int) -> None:
    ppc["r3"], ppc["r4"] = DATA, 0
    run(ppc, word)
    assert (trap_of(ppc), ppc["esr"], ppc["srr0"]) == (PROGRAM, ESR_PIL, CODE)
    assert ppc["r3"] == DATA


def test_byte_reversed_forms(ppc: Machine) -> None:
    for at in OFFSETS:
        ppc["r3"], ppc["r4"], ppc["r6"], ppc["r7"] = DATA, at, 0xCAFEF00D, at + 0x80
        run(ppc, op("LWBRX", rt=5, ra=3, rb=4), op("LHBRX", rt=8, ra=3, rb=4), op("STWBRX", rt=6, ra=3, rb=7))
        assert ppc["r5"] == int.from_bytes(BYTES[at : at + 4], "little")
        assert ppc["r8"] == int.from_bytes(BYTES[at : at + 2], "little")
        assert ppc.read(DATA + at + 0x80, 4) == struct.pack("<I", 0xCAFEF00D)
        run(ppc, op("STHBRX", rt=6, ra=3, rb=4))
        assert ppc.read(DATA + at, 2) == struct.pack("<H", 0xF00D)
        ppc.write(DATA, BYTES)


@pytest.mark.parametrize("first", [0, 1, 3, 15, 29, 31])
def test_load_and_store_multiple(ppc: Machine, first: int) -> None:
    for at in (0, 2, 3):
        ppc.write(DATA, BYTES)
        for n in range(32):
            ppc[f"r{n}"] = n
        base = first - 1 if first else 0  # a base among the loaded registers is loaded too
        ppc[f"r{base}"] = DATA
        offset = at if base else at + DATA - 0x10000
        if not base:
            offset = CODE
        run(ppc, op("LMW", rt=first, ra=base, si=offset))
        source = ppc.read(CODE, 128) if not base else BYTES[at : at + 128]
        for n in range(first, 32):
            assert ppc[f"r{n}"] == int.from_bytes(source[4 * (n - first) :][:4], "big"), n
        ppc["r2"] = DATA + 0x100
        run(ppc, op("STMW", rt=max(first, 3), ra=2, si=at))
        count = 4 * (32 - max(first, 3))
        stored = struct.pack(f">{count // 4}I", *(ppc[f"r{n}"] for n in range(max(first, 3), 32)))
        assert ppc.read(DATA + 0x100 + at, count) == stored


def registers_of(data: bytes) -> list[int]:
    return [int.from_bytes(data[n : n + 4].ljust(4, b"\0"), "big") for n in range(0, len(data), 4)]


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 31, 32])
def test_strings_by_immediate(ppc: Machine, count: int) -> None:
    for at in (0, 1, 5):
        ppc.write(DATA, BYTES)
        for first in (5, 29, 31):
            for n in range(32):
                ppc[f"r{n}"] = BEFORE
            ppc["r20"] = DATA + at
            run(ppc, op("LSWI", rt=first, ra=20, nb=count % 32))
            words = registers_of(BYTES[at : at + count])
            for i, word in enumerate(words):
                assert ppc[f"r{(first + i) % 32}"] == word
            beyond = (first + len(words)) % 32
            assert beyond == 20 or ppc[f"r{beyond}"] == BEFORE
            ppc["r20"] = DATA + 0x80
            run(ppc, op("STSWI", rt=first, ra=20, nb=count % 32))
            assert ppc.read(DATA + 0x80, count + 1) == BYTES[at : at + count] + BYTES[0x80 + count :][:1]
            ppc.write(DATA, BYTES)


@pytest.mark.parametrize("count", [0, 1, 7, 64, 124, 127])
def test_strings_by_xer(ppc: Machine, count: int) -> None:
    for n in range(32):
        ppc[f"r{n}"] = BEFORE
    ppc["r3"], ppc["r4"], ppc["xer"] = DATA, 1, SO | count
    run(ppc, op("LSWX", rt=5, ra=3, rb=4))
    words = registers_of(BYTES[1 : 1 + count])
    assert [ppc[f"r{(5 + i) % 32}"] for i in range(len(words))] == words
    if count > 108:  # r0 and on: the base register was loaded
        return
    assert ppc[f"r{(5 + len(words)) % 32}"] == (BEFORE if (5 + len(words)) % 32 != 3 else DATA)
    ppc["r4"] = 0x80
    run(ppc, op("STSWX", rt=5, ra=3, rb=4))
    assert ppc.read(DATA + 0x80, count + 1) == BYTES[1 : 1 + count] + BYTES[0x80 + count :][:1]


def test_a_reservation_lets_one_store_through(ppc: Machine) -> None:
    ppc["r4"], ppc["r6"], ppc["xer"], ppc["cr"] = DATA, 0x11223344, SO, 0
    run(ppc, op("STWCX_", rt=6, ra=0, rb=4))
    assert (ppc["cr"] >> 28, ppc.read(DATA, 4)) == (1, BYTES[:4])  # none held
    run(ppc, op("LWARX", rt=5, ra=0, rb=4), op("STWCX_", rt=6, ra=0, rb=4))
    assert (ppc["r5"], ppc["cr"] >> 28, ppc.read(DATA, 4)) == (loaded("LWZ", 0), 3, bytes.fromhex("11223344"))
    ppc["r6"], ppc["xer"] = 0x99, 0
    run(ppc, op("STWCX_", rt=6, ra=0, rb=4))
    assert (ppc["cr"] >> 28, ppc.read(DATA, 4)) == (0, bytes.fromhex("11223344"))


def test_a_reservation_elsewhere_does_not_count_and_is_lost(ppc: Machine) -> None:
    ppc["r4"], ppc["r7"], ppc["r6"] = DATA, DATA + 0x40, 0x99
    run(ppc, op("LWARX", rt=5, ra=0, rb=4), op("STWCX_", rt=6, ra=0, rb=7), op("MFCR", rt=8))
    assert (ppc["r8"] >> 29 & 1, ppc.read(DATA + 0x40, 4)) == (0, BYTES[0x40:0x44])
    run(ppc, op("STWCX_", rt=6, ra=0, rb=4))
    assert (ppc["cr"] >> 29 & 1, ppc.read(DATA, 4)) == (0, BYTES[:4])


@pytest.mark.parametrize("offset", [1, 2, 3])
def test_reservations_at_misaligned_addresses_trap(ppc: Machine, offset: int) -> None:
    ppc["r4"], ppc["r5"] = DATA + offset, BEFORE
    run(ppc, op("LWARX", rt=5, ra=0, rb=4))
    assert (trap_of(ppc), ppc["dear"], ppc["esr"], ppc["srr0"]) == (ALIGNMENT, DATA + offset, 0, CODE)
    assert ppc["r5"] == BEFORE
    run(ppc, op("STWCX_", rt=5, ra=0, rb=4))
    assert (trap_of(ppc), ppc["dear"], ppc["esr"], ppc["srr0"]) == (ALIGNMENT, DATA + offset, ESR_ST, CODE)
    assert ppc.read(DATA, 8) == BYTES[:8]


def test_dcbz_clears_a_line_of_32_bytes(ppc: Machine) -> None:
    for offset in (0x20, 0x33, 0x3F):
        ppc.write(DATA, BYTES)
        ppc["r3"], ppc["r4"] = DATA, offset
        run(ppc, op("DCBZ", ra=3, rb=4))
        assert ppc.read(DATA, 256) == BYTES[:0x20] + bytes(32) + BYTES[0x40:]


@pytest.mark.parametrize("name", ["DCBA", "DCBF", "DCBI", "DCBST", "DCBT", "DCBTST", "ICBI", "ICBT", "DCCCI", "ICCCI"])
def test_cache_instructions_leave_memory_alone(ppc: Machine, name: str) -> None:
    ppc["r3"], ppc["r4"] = DATA, 0x21
    run(ppc, op(name, ra=3, rb=4), op("MSYNC"), op("MBAR"), op("ISYNC"))
    assert (trap_of(ppc), ppc.read(DATA, 256)) == (None, BYTES)


def test_changed_code_runs_after_icbi_and_isync(ppc: Machine) -> None:
    ppc["r3"], ppc["r5"], ppc["r6"] = CODE + 20, op("ADDI", rt=6, ra=0, si=7), 0
    words = [op("STW", rt=5, ra=3), op("DCBST", ra=0, rb=3), op("ICBI", ra=0, rb=3), op("ISYNC"), op("ORI")]
    run(ppc, *words, op("ADDI", rt=6, ra=0, si=1), insns=10)
    assert ppc["r6"] == 7


def test_a_program_copies_and_sums_words(ppc: Machine) -> None:
    numbers = [(n * 0x01234567 + 89) & M32 for n in range(40)]
    ppc.write(DATA, struct.pack(">40I", *numbers))
    program = [*li(3, DATA - 4), *li(4, DATA + 0x400 - 4), op("ADDI", rt=5, ra=0, si=40), op("MTSPR", spr=9, rt=5)]
    program += [op("ADDI", rt=6, ra=0), op("LWZU", rt=7, ra=3, si=4), op("STWU", rt=7, ra=4, si=4)]
    program += [op("ADD", rt=6, ra=6, rb=7), op("BC", bo=16, bd=-3), STAY]
    put(ppc, *program)
    ppc.run(400)
    assert ppc["r6"] == sum(numbers) & M32
    assert ppc.read(DATA + 0x400, 160) == struct.pack(">40I", *numbers)
    assert ppc["pc"] == CODE + 4 * (len(program) - 1)


@pytest.mark.parametrize("name", ["LWZ", "LHA", "STW", "STHU", "LMW", "STMW"])
def test_integers_must_be_aligned_where_ccr0_wants_it(ppc: Machine, name: str) -> None:
    size = 2 if "H" in name else 4
    for at in range(1, 5):
        ppc["ccr0"], ppc["r3"], ppc["r29"] = 0x100, DATA + at, BEFORE
        run(ppc, op(name, rt=29, ra=3))
        aligned = at % size == 0
        assert trap_of(ppc) == (None if aligned else ALIGNMENT)
        assert aligned or (ppc["dear"], ppc["r29"]) == (DATA + at, BEFORE)
    ppc["r3"], ppc["r4"], ppc["msr"] = DATA + 1, 0, MSR_FP
    run(ppc, op("LSWI", rt=5, ra=3, nb=8), op("LFD", rt=1, ra=3), op("MTSPR", spr=947, rt=4), op("LWZ", rt=5, ra=3))
    assert (trap_of(ppc), ppc["ccr0"], ppc["r5"]) == (None, 0, int.from_bytes(ppc.read(DATA + 1, 4), "big"))


@pytest.mark.parametrize(("name", "enable", "esr"), [("DCBF", 0x80000, 0x200000), ("ICBI", 0x40000, 0x100000)])
def test_users_may_not_flush_caches_where_mmucr_forbids_it(ppc: Machine, name: str, enable: int, esr: int) -> None:
    ppc["r10"], ppc["r11"], ppc["r3"] = 0, 0x3F, DATA + 4
    run(ppc, op("TLBWE", rt=11, ra=10, ws=2))
    for mmucr, msr, traps in ((enable, MSR_PR, True), (enable, 0, False), (0xC0000 ^ enable, MSR_PR, False)):
        ppc["mmucr"], ppc["msr"], ppc["esr"] = mmucr, msr, 0
        run(ppc, op(name, ra=0, rb=3))
        assert trap_of(ppc) == (DATA_STORAGE if traps else None)
        assert (ppc["esr"], ppc["dear"]) == (esr, DATA + 4) if traps else ppc["esr"] == 0

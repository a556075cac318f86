# SPDX-License-Identifier: MIT
"""The PowerPC 440's software-managed TLB, in the interpreter and as blocks, against the 440 manual, chapter 5."""

from __future__ import annotations

import struct

import pytest

from l4vm.binding.machine import Machine
from tests.insn.ppc_words import (
    ALIGNMENT,
    CODE,
    DATA,
    DATA_STORAGE,
    DATA_TLB,
    ESR_PIL,
    ESR_ST,
    INSN_STORAGE,
    INSN_TLB,
    M32,
    MSR_DS,
    MSR_IS,
    MSR_PR,
    NOP,
    PROGRAM,
    STAY,
    op,
    prepare,
    run,
    trap_of,
)

VALID, SPACE = 0x200, 0x100
UX, UW, UR, SX, SW, SR = 32, 16, 8, 4, 2, 1
KIB1, KIB4, KIB16, KIB64, KIB256, MIB1, MIB16, MIB256 = 0, 1, 2, 3, 4, 5, 7, 9
SIZES = (KIB1, KIB4, KIB16, KIB64, KIB256, MIB1, MIB16, MIB256)
VA = 0x30000000
FREE = 20  # entries from here on are the tests'
ADDI_R6 = op("ADDI", rt=6, ra=6, si=1)


def bytes_of(size: int) -> int:
    return 1024 << 2 * size


def enter(ppc: Machine, index: int, va: int, pa: int, size: int, rights: int, tid: int = 0, space: int = 0) -> None:
    """Write one entry by tlbwe, as the supervisor in space 0; the state is then as before."""
    msr, mmucr = ppc["msr"], ppc["mmucr"]
    ppc["msr"], ppc["mmucr"] = 0, tid
    ppc["r10"], ppc["r11"], ppc["r12"], ppc["r13"] = index, va | VALID | space | size << 4, pa, rights
    run(ppc, *[op("TLBWE", rt=11 + word, ra=10, ws=word) for word in range(3)])
    ppc["msr"], ppc["mmucr"] = msr, mmucr


def without_whole_map(ppc: Machine, va: int) -> None:
    """Take the entry away that maps va one to one at reset."""
    ppc["r10"], ppc["r11"] = va >> 28, 0
    run(ppc, op("TLBWE", rt=11, ra=10, ws=0))


@pytest.fixture(autouse=True)
def _unmapped(ppc: Machine) -> None:
    without_whole_map(ppc, VA)
    for n in range(16):
        ppc.write(DATA + 0x400 * n, struct.pack(">2I", 0x1000 + n, 0x2000 + n))


LOAD_TWO = (op("LWZ", rt=5, ra=3, si=0), op("LWZ", rt=6, ra=4, si=0))


@pytest.mark.parametrize(("size", "inner"), [(KIB4, KIB1), (KIB16, KIB4), (MIB1, KIB4), (MIB16, KIB1)])
def test_of_two_entries_the_first_counts_whatever_was_read_before(ppc: Machine, size: int, inner: int) -> None:
    enter(ppc, FREE, VA, DATA + 0x1000, inner, SR)
    enter(ppc, FREE + 1, VA, DATA & -bytes_of(size), size, SR)
    beside = bytes_of(inner)
    ppc["msr"], ppc["r3"], ppc["r4"] = 0, VA + beside, VA
    run(ppc, *LOAD_TWO)
    last = DATA & -bytes_of(size)
    assert ppc["r5"] == int.from_bytes(ppc.read(last + beside, 4), "big")
    assert ppc["r6"] == 0x1004


@pytest.mark.parametrize("size", [KIB4, MIB1])
def test_an_entry_before_the_one_in_use_takes_its_place(ppc: Machine, size: int) -> None:
    enter(ppc, FREE + 1, VA, DATA & -bytes_of(size), size, SR)
    ppc["msr"], ppc["r3"], ppc["r4"] = 0, VA, VA
    run(ppc, *LOAD_TWO)
    assert ppc["r5"] == int.from_bytes(ppc.read(DATA & -bytes_of(size), 4), "big")
    enter(ppc, FREE, VA + 0x01000000, DATA + 0x1000, KIB4, SR)
    ppc["msr"], ppc["r10"], ppc["r11"] = 0, FREE, VA | VALID | KIB4 << 4
    run(ppc, op("TLBWE", rt=11, ra=10, ws=0))
    ppc["r3"] = ppc["r4"] = VA
    run(ppc, *LOAD_TWO)
    assert (ppc["r5"], ppc["r6"]) == (0x1004, 0x1004)


def test_entries_read_as_they_were_written(ppc: Machine) -> None:
    ppc["mmucr"] = 0x5A
    ppc["r10"], ppc["r11"], ppc["r12"], ppc["r13"] = FREE, M32, M32, M32
    run(ppc, *[op("TLBWE", rt=11 + word, ra=10, ws=word) for word in range(3)])
    ppc["mmucr"] = 0x010000FF
    run(ppc, *[op("TLBRE", rt=20 + word, ra=10, ws=word) for word in range(3)])
    assert (ppc["r20"], ppc["r21"], ppc["r22"]) == (0xFFFFFFF0, 0xFFFFFC0F, 0xFFBF)
    assert ppc["mmucr"] == 0x0100005A
    run(ppc, op("TLBWE", rt=11, ra=10, ws=3))
    assert (trap_of(ppc), ppc["esr"]) == (PROGRAM, ESR_PIL)
    run(ppc, op("TLBRE", rt=11, ra=10, ws=3))
    assert (trap_of(ppc), ppc["esr"]) == (PROGRAM, ESR_PIL)


def test_a_search_finds_index_and_says_so(ppc: Machine) -> None:
    enter(ppc, FREE, VA, DATA & ~0xFFF, KIB4, SR)
    enter(ppc, FREE + 1, VA, DATA & ~0xFFF, KIB4, SR, tid=7, space=SPACE)
    ppc["r3"], ppc["r4"], ppc["xer"], ppc["mmucr"] = VA, 0x123, 1 << 31, 0
    run(ppc, op("TLBSX", rt=5, ra=3, rb=4, rc=1))
    assert (ppc["r5"], ppc["cr"] >> 28) == (FREE, 3)
    ppc["mmucr"] = 0x10000 | 7
    run(ppc, op("TLBSX", rt=5, ra=3, rb=4, rc=1))
    assert (ppc["r5"], ppc["cr"] >> 28) == (FREE + 1, 3)
    ppc["mmucr"], ppc["r5"] = 0x10000 | 8, 99
    run(ppc, op("TLBSX", rt=5, ra=3, rb=4, rc=1))
    assert (ppc["r5"], ppc["cr"] >> 28) == (99, 1)
    ppc["cr"] = 0x50000000
    run(ppc, op("TLBSX", rt=5, ra=3, rb=4))
    assert ppc["cr"] == 0x50000000


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{1 << 2 * size}KiB")
def test_a_page_maps_its_bytes_and_no_more(ppc: Machine, size: int) -> None:
    large = min(bytes_of(size), 0x400000)
    va, pa = VA, 0 if size > KIB64 else 0x100000
    ppc.write(pa, struct.pack(">I", 0xAAAA0001))
    ppc.write(pa + large - 4, struct.pack(">I", 0xAAAA0002))
    enter(ppc, FREE, va, pa, size, SR | SW)
    ppc["r3"], ppc["r4"] = va, va + large - 4
    run(ppc, op("LWZ", rt=5, ra=3), op("LWZ", rt=6, ra=4))
    assert (ppc["r5"], ppc["r6"]) == (0xAAAA0001, 0xAAAA0002)
    for outside in (va - 4, va + bytes_of(size)):
        without_whole_map(ppc, outside & M32)
        ppc["r3"] = outside
        run(ppc, op("LWZ", rt=5, ra=3))
        assert (trap_of(ppc), ppc["dear"], ppc["esr"], ppc["srr0"]) == (DATA_TLB, outside, 0, CODE)
        run(ppc, op("STW", rt=5, ra=3))
        assert (trap_of(ppc), ppc["dear"], ppc["esr"]) == (DATA_TLB, outside, ESR_ST)


@pytest.mark.parametrize("size", [10, 11, 15])
def test_sizes_that_do_not_exist_map_nothing(ppc: Machine, size: int) -> None:
    enter(ppc, FREE, VA, 0, size, SR)
    ppc["r3"] = VA
    run(ppc, op("LWZ", rt=5, ra=3))
    assert trap_of(ppc) == DATA_TLB


def test_an_invalid_entry_maps_nothing_and_a_later_one_counts(ppc: Machine) -> None:
    enter(ppc, FREE, VA, DATA, KIB4, SR)
    ppc["r3"] = VA
    run(ppc, op("LWZ", rt=5, ra=3))
    assert ppc["r5"] == 0x1000
    ppc["r10"], ppc["r11"] = FREE, VA | KIB4 << 4
    run(ppc, op("TLBWE", rt=11, ra=10, ws=0), op("LWZ", rt=5, ra=3), insns=4)
    assert (trap_of(ppc), ppc["srr0"]) == (DATA_TLB, CODE + 4)
    enter(ppc, FREE + 9, VA, DATA + 0x1000, KIB4, SR)
    run(ppc, op("LWZ", rt=5, ra=3))
    assert ppc["r5"] == 0x1004


@pytest.mark.parametrize("is_user", [False, True], ids=["supervisor", "user"])
@pytest.mark.parametrize("rights", range(64))
def test_rights_of_data(ppc: Machine, rights: int, is_user: bool) -> None:
    ppc["r10"], ppc["r11"] = 0, 0x3F
    run(ppc, op("TLBWE", rt=11, ra=10, ws=2))  # code for both
    enter(ppc, FREE, VA, DATA, KIB4, rights)
    may = rights >> 3 if is_user else rights
    ppc["r3"], ppc["r5"] = VA + 8, 0xBEEF
    ppc["msr"] = MSR_PR if is_user else 0
    run(ppc, op("LWZ", rt=6, ra=3))
    assert trap_of(ppc) == (None if may & SR else DATA_STORAGE)
    if not may & SR:
        assert (ppc["dear"], ppc["esr"], ppc["srr0"]) == (VA + 8, 0, CODE)
    ppc["msr"] = MSR_PR if is_user else 0
    run(ppc, op("STW", rt=5, ra=3))
    assert trap_of(ppc) == (None if may & SW else DATA_STORAGE)
    assert ppc.read(DATA + 8, 4) == (struct.pack(">I", 0xBEEF) if may & SW else bytes(4))
    if not may & SW:
        assert (ppc["dear"], ppc["esr"], ppc["srr0"]) == (VA + 8, ESR_ST, CODE)


@pytest.mark.parametrize("is_user", [False, True], ids=["supervisor", "user"])
@pytest.mark.parametrize("rights", [0, UX, SX, UX | SX, 63 ^ UX, 63 ^ SX])
def test_rights_of_code(ppc: Machine, rights: int, is_user: bool) -> None:
    ppc.write(DATA, struct.pack(">2I", ADDI_R6, STAY))
    enter(ppc, FREE, VA, DATA, KIB4, rights)
    ppc["srr0"], ppc["srr1"], ppc["r6"] = VA, MSR_PR if is_user else 0, 0
    run(ppc, op("RFI"), insns=3)
    if rights & (UX if is_user else SX):
        assert (ppc["pc"], ppc["r6"]) == (VA + 4, 1)
    else:
        assert (trap_of(ppc), ppc["srr0"], ppc["r6"], ppc["esr"]) == (INSN_STORAGE, VA, 0, 0)


def test_code_without_an_entry_misses(ppc: Machine) -> None:
    ppc["dear"], ppc["lr"] = 0x77, VA + 0x10
    run(ppc, op("BCLR", bo=20))
    assert (trap_of(ppc), ppc["srr0"], ppc["dear"]) == (INSN_TLB, VA + 0x10, 0x77)


def test_a_handler_fills_the_tlb_and_the_access_is_done_again(ppc: Machine) -> None:
    words = [op("MFSPR", spr=61, rt=20), op("RLWINM", rt=20, ra=21, mb=0, me=19)]
    words += [op("ORI", rt=21, ra=21, ui=VALID | 0x10)]
    words += [op("TLBWE", rt=rt, ra=22, ws=ws) for ws, rt in enumerate((21, 23, 24))]
    words += [op("ADDI", rt=22, ra=22, si=1), op("ADDI", rt=23, ra=23, si=0x1000), op("RFI")]
    ppc.write(0x10000 + 0x100 * DATA_TLB, struct.pack(f">{len(words)}I", *words))
    ppc["r22"], ppc["r23"], ppc["r24"] = FREE, DATA, SR | SW
    ppc["r3"], ppc["r5"] = VA, 0
    program = [op("LWZ", rt=4, ra=3), op("ADD", rt=5, ra=5, rb=4), op("LWZ", rt=4, ra=3, si=0x1000)]
    program += [op("ADD", rt=5, ra=5, rb=4), op("STW", rt=5, ra=3, si=0x2004), op("LWZ", rt=7, ra=3, si=0x2004)]
    run(ppc, *program, insns=len(program) + 3 * len(words) + 3 + 2)
    assert ppc["r5"] == ppc["r7"] == 0x1000 + 0x1004
    assert (ppc["r22"], ppc.read(DATA + 0x2004, 4)) == (FREE + 3, struct.pack(">I", 0x2004))


def test_entries_of_a_process_translate_for_it_alone(ppc: Machine) -> None:
    enter(ppc, FREE, VA, DATA, KIB4, SR, tid=5)
    enter(ppc, FREE + 1, VA, DATA + 0x1000, KIB4, SR, tid=6)
    enter(ppc, FREE + 2, VA + 0x1000, DATA + 0x2000, KIB4, SR)
    ppc["r3"] = VA
    found = []
    for pid in (5, 6, 5):
        ppc["r9"] = pid
        run(ppc, op("MTSPR", spr=48, rt=9), op("LWZ", rt=4, ra=3), op("LWZ", rt=5, ra=3, si=0x1000))
        found.append((ppc["r4"], ppc["r5"]))
    assert found == [(0x1000, 0x1008), (0x1004, 0x1008), (0x1000, 0x1008)]
    ppc["r9"] = 7
    run(ppc, op("MTSPR", spr=48, rt=9), op("LWZ", rt=4, ra=3), insns=5)
    assert (trap_of(ppc), ppc["srr0"], ppc["dear"]) == (DATA_TLB, CODE + 4, VA)


def test_entries_written_for_another_process_are_there_when_it_runs(ppc: Machine) -> None:
    enter(ppc, FREE, VA, DATA, KIB4, SR, tid=5)
    ppc["r3"], ppc["pid"] = VA, 5
    run(ppc, op("LWZ", rt=4, ra=3))
    ppc["pid"] = 6
    enter(ppc, FREE, VA, DATA + 0x1000, KIB4, SR, tid=5)
    ppc["pid"] = 5
    run(ppc, op("LWZ", rt=4, ra=3))
    assert ppc["r4"] == 0x1004


def test_data_and_code_have_spaces_of_their_own(ppc: Machine) -> None:
    enter(ppc, FREE, 0, 0, MIB1, SX | SR, space=SPACE)
    enter(ppc, FREE + 1, VA, DATA, KIB4, SR, space=SPACE)
    enter(ppc, FREE + 2, VA, DATA + 0x1000, KIB4, SR)
    ppc["r3"] = VA
    for msr, value in ((0, 0x1004), (MSR_DS, 0x1000), (MSR_IS, 0x1004), (MSR_IS | MSR_DS, 0x1000)):
        ppc["msr"] = msr
        run(ppc, op("LWZ", rt=4, ra=3))
        assert (ppc["r4"], trap_of(ppc)) == (value, None)
    ppc["msr"], ppc["lr"] = MSR_IS, VA
    run(ppc, op("BCLR", bo=20))
    assert (trap_of(ppc), ppc["msr"] & MSR_IS) == (INSN_STORAGE, 0)  # an interrupt goes to space 0


def test_the_msr_changes_space_for_the_next_instruction(ppc: Machine) -> None:
    enter(ppc, FREE, VA, DATA, KIB4, SR, space=SPACE)
    enter(ppc, FREE + 1, VA, DATA + 0x1000, KIB4, SR)
    ppc["r3"], ppc["r8"], ppc["r9"] = VA, MSR_DS, 0
    words = [op("LWZ", rt=4, ra=3), op("MTMSR", rt=8), op("LWZ", rt=5, ra=3), op("MTMSR", rt=9), op("LWZ", rt=6, ra=3)]
    run(ppc, *words)
    assert (ppc["r4"], ppc["r5"], ppc["r6"]) == (0x1004, 0x1000, 0x1004)


def test_small_pages_lie_side_by_side_in_any_order(ppc: Machine) -> None:
    for n in range(4):
        enter(ppc, FREE + n, VA + 0x400 * n, DATA + 0x400 * (7 - 2 * n), KIB1, SR | SW)
    ppc["r3"] = VA
    run(ppc, *[op("LWZ", rt=4 + n, ra=3, si=0x400 * n) for n in range(4)])
    assert [ppc[f"r{4 + n}"] for n in range(4)] == [0x1007, 0x1005, 0x1003, 0x1001]
    ppc["r8"] = 0xAB
    run(ppc, *[op("STB", rt=8, ra=3, si=0x400 * n + 1) for n in range(4)])
    assert [ppc.read(DATA + 0x400 * n + 1, 1) for n in range(8)] == [b"\0", b"\xab"] * 4


def test_an_access_across_small_pages_goes_to_both(ppc: Machine) -> None:
    enter(ppc, FREE, VA, DATA + 0x400, KIB1, SR | SW)
    enter(ppc, FREE + 1, VA + 0x400, DATA + 0xC00, KIB1, SR | SW)
    ppc.write(DATA + 0x7FC, bytes.fromhex("11223344"))
    ppc["r3"] = VA + 0x3FE
    run(ppc, op("LWZ", rt=4, ra=3))
    assert ppc["r4"] == 0x33440000
    ppc["r4"] = 0xA1A2A3A4
    run(ppc, op("STW", rt=4, ra=3))
    assert (ppc.read(DATA + 0x7FE, 2), ppc.read(DATA + 0xC00, 2)) == (b"\xa1\xa2", b"\xa3\xa4")
    assert ppc.read(DATA + 0x800, 2) == b"\0\0"


@pytest.mark.parametrize("size", [KIB1, KIB4])
def test_an_access_into_a_page_that_is_not_there_has_no_effect(ppc: Machine, size: int) -> None:
    enter(ppc, FREE, VA, DATA, size, SR | SW)
    end = bytes_of(size)
    ppc.write(DATA + end - 4, bytes.fromhex("11223344"))
    ppc["r3"], ppc["r4"] = VA + end - 2, 0x99
    run(ppc, op("LWZ", rt=4, ra=3))
    assert (trap_of(ppc), ppc["dear"], ppc["r4"]) == (DATA_TLB, VA + end, 0x99)
    run(ppc, op("STW", rt=4, ra=3))
    assert (trap_of(ppc), ppc["dear"], ppc["esr"]) == (DATA_TLB, VA + end, ESR_ST)
    assert ppc.read(DATA + end - 4, 4) == bytes.fromhex("11223344")


def test_code_runs_from_small_page_to_small_page(ppc: Machine) -> None:
    ppc.write(DATA + 0x7F8, struct.pack(">2I", ADDI_R6, ADDI_R6))
    ppc.write(DATA + 0x1400, struct.pack(">2I", ADDI_R6, STAY))
    ppc.write(DATA + 0x800, struct.pack(">2I", 0, 0))
    enter(ppc, FREE, VA, DATA + 0x400, KIB1, SX)
    enter(ppc, FREE + 1, VA + 0x400, DATA + 0x1400, KIB1, SX)
    ppc["r6"], ppc["lr"] = 0, VA + 0x3F8
    run(ppc, op("BCLR", bo=20), insns=6)
    assert (ppc["r6"], ppc["pc"]) == (3, VA + 0x404)
    enter(ppc, FREE + 1, VA + 0x400, DATA + 0x1400, KIB1, SR)  # now without the right
    run(ppc, op("BCLR", bo=20), insns=6)
    assert (trap_of(ppc), ppc["srr0"], ppc["r6"]) == (INSN_STORAGE, VA + 0x400, 5)


def test_a_new_mapping_of_code_runs_the_new_code(ppc: Machine) -> None:
    ppc.write(DATA, struct.pack(">2I", op("ADDI", rt=6, si=1), STAY))
    ppc.write(DATA + 0x1000, struct.pack(">2I", op("ADDI", rt=6, si=2), STAY))
    for pa, value in ((DATA, 1), (DATA + 0x1000, 2), (DATA, 1)):
        enter(ppc, FREE, VA, pa, KIB4, SX)
        ppc["lr"] = VA
        run(ppc, op("BCLR", bo=20), insns=4)
        assert ppc["r6"] == value


def test_multiple_and_string_accesses_are_done_again_from_their_start(ppc: Machine) -> None:
    enter(ppc, FREE, VA, DATA, KIB4, SR | SW)
    ppc["r3"] = VA + 0xFF0
    for n in range(24, 32):
        ppc[f"r{n}"] = n
    run(ppc, op("LMW", rt=24, ra=3))
    assert (trap_of(ppc), ppc["dear"], ppc["srr0"]) == (DATA_TLB, VA + 0x1000, CODE)
    assert [ppc[f"r{n}"] for n in range(24, 32)] == list(range(24, 32))
    run(ppc, op("LSWI", rt=24, ra=3, nb=20))
    assert (trap_of(ppc), ppc["dear"]) == (DATA_TLB, VA + 0x1000)
    assert [ppc[f"r{n}"] for n in range(24, 32)] == list(range(24, 32))
    for word in (op("STMW", rt=24, ra=3), op("STSWI", rt=24, ra=3, nb=20), op("DCBZ", ra=0, rb=4)):
        ppc["r4"] = VA + 0x1000
        run(ppc, word)
        assert (trap_of(ppc), ppc["dear"], ppc["esr"], ppc["srr0"]) == (DATA_TLB, VA + 0x1000, ESR_ST, CODE)


@pytest.mark.parametrize("name", ["DCBI", "DCBZ", "DCBF", "DCBST", "ICBI", "DCBT", "DCBTST", "DCBA", "ICBT"])
def test_cache_instructions_are_checked_as_loads_or_stores(ppc: Machine, name: str) -> None:
    enter(ppc, FREE, VA, DATA, KIB4, SR)
    ppc["r3"] = VA
    run(ppc, op(name, ra=0, rb=3))
    is_store = name in ("DCBI", "DCBZ")
    assert trap_of(ppc) == (DATA_STORAGE if is_store else None)
    assert not is_store or ppc["esr"] == ESR_ST
    ppc["r3"] = VA + 0x1000
    run(ppc, op(name, ra=0, rb=3))
    assert trap_of(ppc) == (None if name in ("DCBT", "DCBTST", "DCBA", "ICBT") else DATA_TLB)


def test_a_reservation_asks_for_the_right_to_read_and_its_store_to_write(ppc: Machine) -> None:
    enter(ppc, FREE, VA, DATA, KIB4, SR)
    ppc["r3"] = VA
    run(ppc, op("LWARX", rt=4, ra=0, rb=3), op("STWCX_", rt=4, ra=0, rb=3), insns=4)
    assert (trap_of(ppc), ppc["srr0"], ppc["esr"]) == (DATA_STORAGE, CODE + 4, ESR_ST)
    ppc["r3"] = VA + 2
    run(ppc, op("LWARX", rt=4, ra=0, rb=3))
    assert trap_of(ppc) == ALIGNMENT


def test_reset_maps_everything_one_to_one_for_the_supervisor(ppc: Machine) -> None:
    ppc.reset()
    prepare(ppc)
    ppc["r3"] = DATA
    run(ppc, op("LWZ", rt=4, ra=3), NOP)
    assert ppc["r4"] == 0x1000
    ppc["r10"] = 15
    run(ppc, op("TLBRE", rt=4, ra=10, ws=0), op("TLBRE", rt=5, ra=10, ws=1), op("TLBRE", rt=6, ra=10, ws=2))
    assert (ppc["r4"], ppc["r5"], ppc["r6"]) == (0xF0000290, 0xF0000000, SX | SW | SR)

# SPDX-License-Identifier: MIT
"""Alternate spaces, atomics and the reference MMU, against V8 appendices B, H, I and the LEON3 manual."""

from __future__ import annotations

import struct

import pytest

from l4vm.binding.machine import Machine
from tests.insn.words import CODE, DATA, M32, NOP, PSR, RAM, alternate, fpop, imm, memory, put, run, trap_of

PRIVILEGED, ALIGN, DATA_ACCESS, INSN_ACCESS = 3, 7, 9, 1
USER = PSR & ~0x80
LDA, LDUBA, LDUHA, LDDA, STA, STBA, STHA, STDA = range(0x10, 0x18)
LDSBA, LDSHA, LDSTUBA, SWAPA, CASA = 0x19, 0x1A, 0x1D, 0x1F, 0x3C
ROOT, LEVEL1, LEVEL2, LEVEL3 = RAM + 0x40000, RAM + 0x41000, RAM + 0x42000, RAM + 0x43000
PAGE, TABLE = 2, 1


def word_at(machine: Machine, address: int) -> int:
    return int.from_bytes(machine.read(address, 4), "big")


@pytest.mark.parametrize("asi", [0x08, 0x09, 0x0A, 0x0B, 0x1C, 0x20])
def test_memory_spaces_load_and_store_every_size(machine: Machine, asi: int) -> None:
    machine.write(DATA, bytes.fromhex("8182838485868788"))
    machine["o0"] = DATA
    sizes = [(LDA, 0x81828384), (LDUBA, 0x81), (LDUHA, 0x8182), (LDSBA, 0xFFFFFF81), (LDSHA, 0xFFFF8182)]
    for op3, expected in sizes:
        run(machine, alternate(op3, 10, asi))
        assert machine["o2"] == expected
    run(machine, alternate(LDDA, 10, asi))
    assert (machine["o2"], machine["o3"]) == (0x81828384, 0x85868788)
    machine["o2"], machine["o3"], machine["g1"] = 0x11223344, 0x55667788, 16
    run(machine, alternate(STDA, 10, asi, rs2=1))
    assert machine.read(DATA + 16, 8).hex() == "1122334455667788"
    for op3, expected_text in [(STA, "11223344"), (STHA, "33443344"), (STBA, "44443344")]:
        run(machine, alternate(op3, 10, asi))
        assert machine.read(DATA, 4).hex() == expected_text
    run(machine, alternate(LDSTUBA, 12, asi), alternate(SWAPA, 10, asi))
    assert (machine["o4"], machine["o2"], machine.read(DATA, 4).hex()) == (0x44, 0xFF443344, "11223344")


@pytest.mark.parametrize("op3", [LDA, LDUBA, LDUHA, LDDA, STA, STBA, STHA, STDA, LDSBA, LDSHA, LDSTUBA, SWAPA])
@pytest.mark.parametrize("asi", [0x0B, 0x0A, 0x1C, 0x19])
def test_alternate_spaces_are_privileged_and_aligned(machine: Machine, op3: int, asi: int) -> None:
    machine["psr"], machine["o0"] = USER, DATA + 1
    run(machine, alternate(op3, 10, asi))
    assert trap_of(machine) == PRIVILEGED
    if op3 in (LDUBA, STBA, LDSBA, LDSTUBA):
        return
    machine["psr"], machine["o0"] = PSR, DATA + 1
    run(machine, alternate(op3, 10, asi))
    assert trap_of(machine) == ALIGN


@pytest.mark.parametrize("asi", [0x01, 0x05, 0x07, 0x30, 0x7F, 0xFF])
def test_spaces_that_are_not_there_are_access_errors(machine: Machine, asi: int) -> None:
    for op3 in (LDA, STA):
        machine["psr"], machine["o0"] = PSR, DATA
        run(machine, alternate(op3, 10, asi))
        assert trap_of(machine) == DATA_ACCESS


def test_cache_registers_have_leon3s_layout(machine: Machine) -> None:
    machine["o0"], machine["o2"] = 0, M32
    run(machine, alternate(STA, 10, 2), alternate(LDA, 11, 2))
    assert machine["o3"] == 0x0081003F  # DS, FD, and the two cache states of two bits, freeze bits
    machine["o0"] = 8
    run(machine, alternate(LDA, 10, 2), imm(0, 8, 0, 12), alternate(LDA, 11, 2))
    assert (machine["o2"] >> 3 & 1, machine["o3"] >> 27 & 1) == (1, 1)  # MMU present; the data cache snoops
    for asi in (0x0C, 0x0D, 0x0E, 0x0F, 0x10, 0x11):
        machine["o0"], machine["o2"] = 0, 5
        run(machine, alternate(STA, 10, asi), alternate(LDA, 11, asi))
        assert trap_of(machine) is None


def test_casa_compares_and_swaps(machine: Machine) -> None:
    machine.write(DATA, struct.pack(">I", 5))
    machine["o0"], machine["o1"], machine["o2"] = DATA, 6, 7
    run(machine, alternate(CASA, 10, 0x0B, rs2=9))
    assert (machine["o2"], word_at(machine, DATA)) == (5, 5)
    machine["o1"], machine["o2"] = 5, 7
    run(machine, alternate(CASA, 10, 0x0B, rs2=9))
    assert (machine["o2"], word_at(machine, DATA)) == (5, 7)


def test_casa_is_open_to_the_user_in_his_own_space_only(machine: Machine) -> None:
    machine.write(DATA, struct.pack(">I", 5))
    machine["psr"], machine["o0"], machine["o1"], machine["o2"] = USER, DATA, 5, 9
    run(machine, alternate(CASA, 10, 0x0A, rs2=9))
    assert (trap_of(machine), word_at(machine, DATA)) == (None, 9)
    run(machine, alternate(CASA, 10, 0x0B, rs2=9))
    assert trap_of(machine) == PRIVILEGED
    machine["psr"], machine["o0"] = PSR, DATA + 2
    run(machine, alternate(CASA, 10, 0x0B, rs2=9))
    assert trap_of(machine) == ALIGN


@pytest.mark.parametrize(
    ("op3", "align"),
    [(0, 4), (2, 2), (3, 8), (10, 2), (4, 4), (6, 2), (7, 8), (15, 4), (0x20, 4), (0x23, 8), (0x24, 4), (0x27, 8)],
)
def test_misaligned_accesses_trap_and_change_nothing(machine: Machine, op3: int, align: int) -> None:
    machine.write(DATA, bytes(range(32)))
    for offset in range(1, align):
        machine["psr"], machine["o0"], machine["o2"], machine["o3"] = PSR, DATA + offset, 3, 4
        run(machine, memory(op3, 10))
        assert trap_of(machine) == ALIGN
        assert (machine["w0o2"], machine["w0o3"], machine.read(DATA, 32)) == (3, 4, bytes(range(32)))


def tables(machine: Machine, entries: dict[int, int]) -> None:
    """Map RAM by a 16 MiB entry for the supervisor; pages of 0x10000000 up as `entries` says: index -> entry."""
    root, first, second, third = [0] * 256, [0] * 256, [0] * 64, [0] * 64
    root[0] = LEVEL1 >> 4 | TABLE
    first[0x40] = RAM >> 4 | 7 << 2 | PAGE
    first[0x10] = LEVEL2 >> 4 | TABLE
    second[0] = LEVEL3 >> 4 | TABLE
    for index, entry in entries.items():
        third[index] = entry
    for address, words in ((ROOT, root), (LEVEL1, first), (LEVEL2, second), (LEVEL3, third)):
        machine.write(address, struct.pack(f">{len(words)}I", *words))
    machine["mmu_table"], machine["mmu_context"], machine["mmu_sfsr"] = ROOT >> 4, 0, 0
    machine["mmu_control"] = 1


def page(pa: int, acc: int, bits: int = 0) -> int:
    return pa >> 4 | acc << 2 | PAGE | bits


READS = {acc: (True, acc != 6 and acc != 7) for acc in (0, 1, 2, 3, 5, 6, 7)} | {4: (False, False)}


@pytest.mark.parametrize("acc", range(8))
@pytest.mark.parametrize("user", [False, True])
def test_access_rights_are_those_of_the_entry(machine: Machine, acc: int, user: bool) -> None:
    tables(machine, {1: page(DATA & ~0xFFF, acc)})
    may_read = READS[acc][user]
    may_write = acc in ((1, 3) if user else (1, 3, 5, 7))
    machine.write(DATA, struct.pack(">I", 77))
    asi = 0x0A if user else 0x0B
    machine["o0"], machine["o2"] = 0x10001000 | DATA & 0xFFF, 0
    run(machine, alternate(LDA, 10, asi))
    assert trap_of(machine) == (None if may_read else DATA_ACCESS)
    if may_read:
        assert machine["o2"] == 77
        assert word_at(machine, LEVEL3 + 4) & 0x60 == 0x20  # R, not M
    else:
        fault = 3 if user and acc >= 6 else 2
        assert machine["mmu_sfsr"] == 3 << 8 | (0 if user else 1) << 5 | fault << 2 | 2
        assert machine["mmu_sfar"] == 0x10001000 | DATA & 0xFFF
    machine["psr"], machine["mmu_sfsr"], machine["o2"] = PSR, 0, 88
    machine["o0"] = 0x10001000 | DATA & 0xFFF
    run(machine, alternate(STA, 10, asi))
    assert (trap_of(machine), word_at(machine, DATA)) == ((None, 88) if may_write else (DATA_ACCESS, 77))
    assert bool(word_at(machine, LEVEL3 + 4) & 0x40) == may_write  # M
    if not may_write:
        assert machine["mmu_sfsr"] >> 5 & 7 == 4 | (not user)


def test_faults_name_level_kind_and_overwriting(machine: Machine) -> None:
    tables(machine, {2: 3})
    for va, level, kind in [(0x20000000, 1, 1), (0x10040000, 2, 1), (0x10003000, 3, 1), (0x10002000, 3, 4)]:
        machine["psr"], machine["o0"], machine["mmu_sfsr"] = PSR, va, 0
        run(machine, memory(0, 10))
        assert trap_of(machine) == DATA_ACCESS
        assert (machine["mmu_sfsr"], machine["mmu_sfar"]) == (level << 8 | 1 << 5 | kind << 2 | 2, va)
    machine["psr"] = PSR
    run(machine, memory(0, 10))
    assert machine["mmu_sfsr"] & 3 == 3  # not read in between: overwritten


def test_reading_the_fault_status_clears_it(machine: Machine) -> None:
    tables(machine, {})
    machine["mmu_sfsr"], machine["mmu_sfar"], machine["o0"], machine["o1"] = 0x0126, 0x1234, 0x300, 0x400
    run(machine, alternate(LDA, 10, 0x19), alternate(LDA, 11, 0x19, rs1=9), alternate(LDA, 12, 0x19))
    assert (machine["o2"], machine["o3"], machine["o4"]) == (0x0126, 0x1234, 0)


def test_no_fault_mode_records_and_goes_on(machine: Machine) -> None:
    tables(machine, {})
    machine["mmu_control"], machine["o0"], machine["o1"] = 3, 0x20000000, 0
    run(machine, memory(4, 10), imm(0, 9, 9, 1), insns=4)
    assert (trap_of(machine), machine["o1"]) == (None, 1)
    assert (machine["mmu_sfsr"], machine["mmu_sfar"]) == (1 << 8 | 5 << 5 | 1 << 2 | 2, 0x20000000)


@pytest.mark.parametrize(
    ("va", "expected"),
    [
        (0x10001400, page(DATA & ~0xFFF, 3, 0x80)),  # entire: the page's entry
        (0x10001000, page(DATA & ~0xFFF, 3, 0x80)),  # page
        (0x10001100, LEVEL3 >> 4 | TABLE),  # segment
        (0x10001200, LEVEL2 >> 4 | TABLE),  # region
        (0x10001300, LEVEL1 >> 4 | TABLE),  # context
        (0x10005400, 0),
        (0x40000400, RAM >> 4 | 7 << 2 | PAGE | 0x20),  # R: code was fetched through it
        (0x40000000, 0),  # its entry is of a higher level
        (0x10001500, 0),  # no such type
    ],
)
@pytest.mark.parametrize("asi", [0x03, 0x18])
def test_probe_returns_the_entry_of_the_level_asked(machine: Machine, va: int, expected: int, asi: int) -> None:
    tables(machine, {1: page(DATA & ~0xFFF, 3, 0x80)})
    machine["o0"] = va
    run(machine, alternate(LDA, 10, asi))
    assert machine["o2"] & ~0x40 == expected


def test_a_changed_entry_holds_after_its_flush(machine: Machine) -> None:
    tables(machine, {1: page(DATA & ~0xFFF, 3)})
    machine.write(DATA, struct.pack(">I", 1))
    machine.write(DATA + 0x1000, struct.pack(">I", 2))
    machine["o0"], machine["o1"] = 0x10001000 | DATA & 0xFFF, LEVEL3 + 4
    machine["o2"], machine["g1"] = page((DATA & ~0xFFF) + 0x1000, 3), 0
    run(machine, memory(0, 11), alternate(STA, 10, 0x1C, rs1=9), alternate(STA, 0, 0x18), memory(0, 12))
    assert (machine["o3"], machine["o4"]) == (1, 2)


def test_code_of_a_page_without_execute_is_not_fetched(machine: Machine) -> None:
    tables(machine, {1: page(DATA & ~0xFFF, 1)})
    machine["o0"] = 0x10001000
    run(machine, imm(0x38, 0, 8, 0), NOP, insns=5)
    assert trap_of(machine) == INSN_ACCESS
    assert (machine["l1"], machine["mmu_sfsr"] >> 5 & 7) == (0x10001000, 3)


def test_fp_loads_and_stores_go_through_the_mmu(machine: Machine) -> None:
    tables(machine, {1: page(DATA & ~0xFFF, 0)})
    machine.write(DATA, bytes.fromhex("4008000000000000"))
    machine["o0"], machine["fsr"] = 0x10001000 | DATA & 0xFFF, 0
    run(machine, memory(0x23, 2), fpop(0x42, 4, 2, 2))  # faddd %f2, %f2, %f4
    assert (machine["f4"], machine["f5"]) == (0x40180000, 0)
    run(machine, memory(0x27, 4))
    assert trap_of(machine) == DATA_ACCESS


def test_words_that_a_block_overwrites_ahead_of_itself_run_in_their_new_form(machine: Machine) -> None:
    machine["o0"], machine["o1"] = CODE, imm(0x02, 11, 0, 7)  # or %g0, 7, %o3
    put(machine, memory(0x04, 9, 8, 8), NOP, imm(0x02, 11, 0, 1), NOP)
    machine.run(4)
    assert machine["o3"] == 7

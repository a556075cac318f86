# SPDX-License-Identifier: MIT
"""MIPS coprocessor 0, exceptions in and out of delay slots, privilege, TLB, timer, against the manual (volume III)."""

from __future__ import annotations

import pytest

from l4vm.binding.machine import Machine, Stop
from tests.insn.mips_words import (
    ADDRESS_LOAD,
    BD,
    BREAK,
    BUS_DATA,
    CAUSE,
    CODE,
    COMPARE,
    COPROCESSOR,
    COUNT,
    CU0,
    DATA,
    DC,
    ENTRYHI,
    EPC,
    ERL,
    ERROREPC,
    EXL,
    GENERAL,
    IE,
    INTERRUPT,
    IV,
    LAYOUT,
    M32,
    MODIFIED,
    NOP,
    OTHER,
    PAGEMASK,
    REFILL,
    RESERVED,
    SPECIAL,
    STATUS,
    SYSCALL,
    TI,
    TLB_LOAD,
    TLB_STORE,
    TRAP,
    UM,
    WIRED,
    map_page,
    op,
    put,
    run,
    trap_of,
)

VALID, DIRTY, GLOBAL = 2, 4, 1
FIRST_OF_JUMP_CACHE = 0x88000
ALL = VALID | DIRTY
# (number, sel): name, bits that can be written
WRITABLE = {
    (0, 0): ("index", 0xF),
    (2, 0): ("entrylo0", 0x03FFFFFF),
    (3, 0): ("entrylo1", 0x03FFFFFF),
    (4, 0): ("context", 0xFF800000),
    (6, 0): ("wired", 0xF),
    (7, 0): ("hwrena", 0xF),
    (8, 0): ("badvaddr", 0),
    (10, 0): ("entryhi", 0xFFFFE0FF),
    (11, 0): ("compare", M32),
    (12, 1): ("intctl", 0x3E0),
    (14, 0): ("epc", M32),
    (15, 0): ("prid", 0),
    (15, 1): ("ebase", 0x3FFFF000),
    (16, 0): ("config", 7),
    (16, 1): ("config1", 0),
    (16, 7): ("config7", 0),
    (26, 0): ("errctl", 0x30000000),
    (28, 0): ("taglo", M32),
    (30, 0): ("errorepc", M32),
    (31, 0): ("desave", M32),
}


@pytest.mark.parametrize(("number", "sel"), WRITABLE)
def test_registers_read_what_was_written_of_their_bits(mips: Machine, number: int, sel: int) -> None:
    name, mask = WRITABLE[number, sel]
    before = mips[name]
    for value in (0xA5A5A5A5, 0x5A5A5A5A):
        mips["r3"] = value
        run(mips, op("MTC0", rt=3, rd=number, sel=sel), op("MFC0", rt=4, rd=number, sel=sel))
        assert mips["r4"] == mips[name] == before & ~mask & M32 | value & mask


def test_what_is_not_there_reads_as_0(mips: Machine) -> None:
    mips["r3"] = M32
    run(
        mips,
        op("MTC0", rt=3, rd=18),
        op("MFC0", rt=4, rd=18),
        op("MTC0", rt=3, rd=25, sel=3),
        op("MFC0", rt=5, rd=25, sel=3),
    )
    assert (mips["r4"], mips["r5"]) == (0, 0)


def test_page_masks_are_powers_of_four(mips: Machine) -> None:
    cases = ((0x6000, 0x6000), (0x1E000, 0x1E000), (0x2000, 0x1E000), (0x1FFFE000, 0x1FFFE000), (0, 0), (0x1000, 0))
    for value, kept in cases:
        mips["r3"] = value
        run(mips, op("MTC0", rt=3, rd=PAGEMASK), insns=1)
        assert mips["pagemask"] == kept, hex(value)


def eret(mips: Machine) -> None:
    """Return from an exception, in the unmapped window."""
    mips.write(OTHER, LAYOUT.code_of(op("ERET")))
    mips["status"], mips["pc"] = EXL, 0x80000000 | OTHER
    mips.run(1)


def test_a_system_call_enters_the_general_vector_and_returns(mips: Machine) -> None:
    put(mips, NOP, op("SYSCALL"))
    mips.run(2)
    assert (trap_of(mips), mips["epc"], mips["status"]) == ((GENERAL, SYSCALL), CODE + 4, ERL | EXL)
    eret(mips)
    assert (mips["pc"], mips["status"]) == (CODE + 4, 0)


def test_an_error_returns_to_its_own_register(mips: Machine) -> None:
    mips["errorepc"], mips["epc"] = OTHER, DATA
    put(mips, op("ERET"))
    mips["status"] = ERL | EXL
    mips.run(1)
    assert (mips["pc"], mips["status"]) == (OTHER, EXL)


def test_an_exception_within_one_leaves_where_it_came_from(mips: Machine) -> None:
    put(mips, op("BREAK"))
    mips["status"], mips["epc"] = ERL | EXL, 0x1234
    mips.run(1)
    assert (trap_of(mips), mips["epc"]) == ((GENERAL, BREAK), 0x1234)


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not_taken"])
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "with_its_branch"])
def test_an_exception_in_a_slot_tells_of_the_branch(mips: Machine, taken: bool, alone: bool) -> None:
    """The slot's block: its own when the run ends between the two, the branch's otherwise."""
    mips["r3"], mips["r4"] = 0 if taken else 1, DATA + 1
    put(mips, op("BEQ", rs=3, disp=8), op("LW", rt=5, base=4))
    if alone:
        mips.run(1)
    mips.run(1 if alone else 2)
    assert (trap_of(mips), mips["epc"], mips["cause"] & BD) == ((GENERAL, ADDRESS_LOAD), CODE, BD)
    eret(mips)
    assert mips["pc"] == CODE


def test_a_slot_that_traps_always_tells_of_the_branch(mips: Machine) -> None:
    put(mips, op("BEQ", disp=8), op("SYSCALL"))
    mips.run(2)
    assert (trap_of(mips), mips["epc"], mips["cause"] & BD) == ((GENERAL, SYSCALL), CODE, BD)


def test_a_trap_outside_of_a_slot_clears_the_mark(mips: Machine) -> None:
    put(mips, op("BEQ", disp=2), NOP, NOP, op("TEQ"))
    mips["cause"] = BD
    mips.run(3)
    assert (trap_of(mips), mips["epc"], mips["cause"] & BD) == ((GENERAL, TRAP), CODE + 12, 0)


@pytest.mark.parametrize("target", [OTHER + 1, OTHER + 2, OTHER + 3])
def test_a_misaligned_jump_runs_its_slot_and_traps_at_its_target(mips: Machine, target: int) -> None:
    mips["r3"], mips["r10"] = target, 0
    put(mips, op("JALR", rd=9, rs=3), op("ADDIU", rt=10, rs=10, imm=1))
    mips.run(2)
    assert (mips["pc"], mips["r9"], mips["r10"]) == (target, CODE + 8, 1)
    mips.run(1)
    assert (trap_of(mips), mips["cause"] & BD) == ((GENERAL, ADDRESS_LOAD), 0)
    assert mips["epc"] == mips["badvaddr"] == target


def test_the_slot_of_a_misaligned_jump_may_trap_itself(mips: Machine) -> None:
    mips["r3"] = OTHER + 2
    put(mips, op("JR", rs=3), op("BREAK"))
    mips.run(2)
    assert (trap_of(mips), mips["epc"], mips["cause"] & BD) == ((GENERAL, BREAK), CODE, BD)


@pytest.mark.parametrize("target", [1, 3, M32])
def test_a_misaligned_jump_traps_where_code_was_forgotten_too(mips: Machine, target: int) -> None:
    """Code at a multiple of 32 KiB is run, so that the jump cache's first entry is its, and overwritten."""
    mips["r8"], mips["r9"], mips["r10"] = FIRST_OF_JUMP_CACHE, target, op("JR", rs=31)
    mips.write(FIRST_OF_JUMP_CACHE, LAYOUT.code_of(op("JR", rs=31), NOP))
    put(mips, *[op("JALR", rd=31, rs=8), NOP] * 2, op("SW", rt=10, base=8), op("JR", rs=9), NOP)
    mips.run(20)
    assert (trap_of(mips), mips["epc"]) == ((GENERAL, ADDRESS_LOAD), target)


def test_coprocessors_that_are_not_there_are_unusable(mips: Machine) -> None:
    for name, unit in (("COP1", 1), ("LWC1", 1), ("SDC1", 1), ("MOVCI", 1), ("COP2", 2), ("LWC2", 2)):
        mips["status"] = ERL
        put(mips, op(name))
        mips.run(1)
        assert (trap_of(mips), mips["cause"] >> 28 & 3) == ((GENERAL, COPROCESSOR), unit), name


def user(mips: Machine, more: int = 0) -> None:
    """Map code and data one to one for the user, and become him."""
    map_page(mips, 0, CODE, CODE >> 6 | ALL, CODE + 0x1000 >> 6 | ALL)
    map_page(mips, 1, DATA, DATA >> 6 | ALL, 0)
    mips["status"] = UM | more


_NAMES = ("MFC0", "MTC0", "DI", "EI", "TLBR", "TLBWI", "TLBWR", "TLBP", "ERET", "WAIT", "CACHE", "RDPGPR")
PRIVILEGED = [op(name) for name in _NAMES]


@pytest.mark.parametrize("word", PRIVILEGED, ids=lambda word: f"{word:08x}")
def test_coprocessor_0_is_the_kernels(mips: Machine, word: int) -> None:
    user(mips)
    put(mips, word)
    mips.run(1)
    assert (trap_of(mips), mips["epc"], mips["cause"] >> 28 & 3) == ((GENERAL, COPROCESSOR), CODE, 0)


def test_a_user_may_be_given_coprocessor_0(mips: Machine) -> None:
    user(mips, CU0)
    run(mips, op("MFC0", rt=4, rd=STATUS))
    assert mips["r4"] == UM | CU0


def test_hardware_registers_are_given_one_by_one(mips: Machine) -> None:
    run(mips, op("RDHWR", rt=4, rd=1), op("RDHWR", rt=5, rd=3))
    assert (mips["r4"], mips["r5"]) == (32, 2)
    user(mips)
    mips["hwrena"] = 2
    run(mips, op("RDHWR", rt=6, rd=1), insns=1)
    assert mips["r6"] == 32
    put(mips, op("RDHWR", rt=6, rd=2))
    mips.run(1)
    assert trap_of(mips) == (GENERAL, RESERVED)


def test_a_user_reaches_nothing_above_his_half(mips: Machine) -> None:
    user(mips)
    mips["r3"] = 0x80000000 | DATA
    put(mips, op("LW", rt=4, base=3))
    mips.run(1)
    assert (trap_of(mips), mips["badvaddr"]) == ((GENERAL, ADDRESS_LOAD), 0x80000000 | DATA)


def test_unmapped_windows_show_the_first_memory(mips: Machine) -> None:
    mips.write(DATA, b"\x21\x43\x65\x07")
    mips["status"], mips["pc"] = 0, 0x80000000 | CODE
    mips["r3"], mips["r4"] = 0x80000000 | DATA, 0xA0000000 | DATA
    mips.write(CODE, LAYOUT.code_of(op("LW", rt=5, base=3), op("LW", rt=6, base=4)))
    mips.run(2)
    assert (mips["r5"], mips["r6"]) == (0x07654321, 0x07654321)


def test_nothing_at_an_address_is_a_bus_error(mips: Machine) -> None:
    mips["r3"] = 0x1D000000
    put(mips, op("LW", rt=5, base=3))
    mips.run(1)
    assert trap_of(mips) == (GENERAL, BUS_DATA)


@pytest.mark.parametrize("name", ["LW", "SW"])
def test_tlb_exceptions_by_what_is_wrong(mips: Machine, name: str) -> None:
    page = 0x00400000
    store = name == "SW"
    refused = TLB_STORE if store else TLB_LOAD
    read_only = MODIFIED if store else None
    cases = [(None, REFILL, refused), (0, GENERAL, refused), (VALID, GENERAL, read_only), (ALL, 0, None)]
    for rights, vector, code in cases:
        user(mips)
        if rights is not None:
            map_page(mips, 2, page, DATA >> 6 | rights, 0)
        mips["status"], mips["r3"] = UM, page + 8
        put(mips, op(name, rt=5, base=3))
        mips.run(1)
        if code is None:
            assert trap_of(mips) is None
            continue
        assert (trap_of(mips), mips["epc"], mips["badvaddr"]) == ((vector, code), CODE, page + 8)
        assert (mips["entryhi"] & 0xFFFFE000, mips["context"] & 0x7FFFFF) == (page, page >> 9)


def test_a_miss_within_an_exception_goes_to_the_general_vector(mips: Machine) -> None:
    mips["r3"] = 0xC0000000
    put(mips, op("LW", rt=5, base=3))
    mips["status"] = ERL | EXL
    mips.run(1)
    assert trap_of(mips) == (GENERAL, TLB_LOAD)


def test_a_fetch_that_misses_is_a_load(mips: Machine) -> None:
    mips["status"], mips["pc"] = 0, 0xC0001000
    mips.run(1)
    assert (trap_of(mips), mips["epc"], mips["badvaddr"]) == ((REFILL, TLB_LOAD), 0xC0001000, 0xC0001000)


def test_a_slot_on_a_page_that_misses_tells_of_the_branch(mips: Machine) -> None:
    map_page(mips, 0, 0xC0000000, CODE >> 6 | ALL, 0)
    mips.write(CODE + 0xFFC, LAYOUT.code_of(op("BEQ", rs=3, rt=4, disp=1)))
    mips["status"], mips["pc"], mips["r3"] = 0, 0xC0000FFC, 1
    mips.run(2)
    assert (trap_of(mips), mips["cause"] & BD) == ((GENERAL, TLB_LOAD), BD)
    assert (mips["epc"], mips["badvaddr"]) == (0xC0000FFC, 0xC0001000)


def test_address_spaces_are_told_apart_and_global_pages_shared(mips: Machine) -> None:
    page = 0x00400000
    for asid, byte in ((1, 0x11), (2, 0x22)):
        mips.write(DATA + 0x1000 * asid, bytes([byte] * 4))
        map_page(mips, asid, page, DATA + 0x1000 * asid >> 6 | ALL, 0, asid)
    map_page(mips, 3, page + 0x2000, DATA >> 6 | ALL | GLOBAL, GLOBAL, 5)
    map_page(mips, 0, CODE, CODE >> 6 | ALL | GLOBAL, GLOBAL)
    mips.write(DATA, bytes([0x33] * 4))
    mips["status"], mips["r3"], mips["r6"] = 0, page, page + 0x2000
    for asid, word in ((1, 0x11111111), (2, 0x22222222), (1, 0x11111111)):
        mips["r4"] = asid
        run(mips, op("MTC0", rt=4, rd=ENTRYHI), op("LW", rt=5, base=3), op("LW", rt=7, base=6))
        assert (mips["r5"], mips["r7"]) == (word, 0x33333333)


@pytest.mark.parametrize("bits", [12, 14, 16, 24])
def test_pages_of_other_sizes(mips: Machine, bits: int) -> None:
    mask = (1 << bits + 1) - 0x2000
    map_page(mips, 2, 0x40000000, 0 | ALL, DATA >> 6 | ALL if bits == 12 else ALL, mask=mask)
    mips["status"], mips["entryhi"] = ERL, 0x40000000 | 0x1000 & mask
    put(mips, op("TLBP"), op("TLBR"))
    mips.run(2)
    assert (mips["index"], mips["pagemask"], mips["entrylo0"]) == (2, mask, ALL)
    mips.write(0x9000, b"\x78\x56\x34\x12")
    map_page(mips, 0, 0x80000000, 0, 0)
    map_page(mips, 3, CODE, CODE >> 6 | ALL, 0)
    mips["status"], mips["r3"] = 0, 0x40009000
    put(mips, op("LW", rt=5, base=3))
    mips.run(1)
    if bits >= 16:
        assert mips["r5"] == 0x12345678
    else:
        assert trap_of(mips) == (REFILL, TLB_LOAD)


@pytest.mark.parametrize("bits", [14, 16, 20])
def test_of_two_entries_the_first_counts_whatever_was_read_before(mips: Machine, bits: int) -> None:
    page, mask = 0x40000000, (1 << bits + 1) - 0x2000
    for n in range(4):
        mips.write(DATA + 0x1000 * n, bytes([n + 1] * 4))
    map_page(mips, 0, 0, 3, 3, mask=0x6000)  # code
    map_page(mips, 5, page, ALL | GLOBAL, ALL | GLOBAL, mask=mask)
    map_page(mips, 4, page + 0x2000, DATA >> 6 | ALL, DATA + 0x1000 >> 6 | ALL)
    mips["status"], mips["r3"], mips["r4"] = 0, page, page + 0x2000
    run(mips, op("LW", rt=5, base=3), op("LW", rt=6, base=4))
    assert (mips["r5"], mips["r6"]) == (int.from_bytes(mips.read(0, 4), "little"), 0x01010101)
    map_page(mips, 3, page, DATA + 0x2000 >> 6 | ALL, DATA + 0x3000 >> 6 | ALL)
    run(mips, op("LW", rt=5, base=3), op("LW", rt=6, base=4))
    assert (mips["r5"], mips["r6"]) == (0x03030303, 0x01010101)
    map_page(mips, 2, page, 0, 0)
    put(mips, op("LW", rt=5, base=3))
    mips.run(1)
    assert trap_of(mips) == (GENERAL, TLB_LOAD)


def test_a_probe_that_finds_nothing_says_so(mips: Machine) -> None:
    mips["entryhi"] = 0x12344000
    run(mips, op("TLBP"))
    assert mips["index"] == 0x80000000


def test_random_stays_above_wired(mips: Machine) -> None:
    mips["r3"] = 13
    run(mips, op("MTC0", rt=3, rd=WIRED))
    seen = []
    for _ in range(5):
        seen.append(mips["random"])
        run(mips, op("TLBWR"))
    assert seen == [15, 14, 13, 15, 14]


def test_count_goes_up_every_other_cycle_and_compare_interrupts(mips: Machine) -> None:
    mips["count"], mips["compare"] = 0, 1000
    put(mips)
    mips["status"] = ERL
    assert mips.run(400) is Stop.BUDGET
    ticks = mips["count"]
    assert ticks > 0 and mips["cause"] & TI == (TI if ticks >= 1000 else 0)
    mips["pc"], mips["status"] = 0x80000000 | CODE, IE | 0x8000
    mips.run(2000)
    assert (trap_of(mips), mips["cause"] & TI, mips["cause"] >> 15 & 1) == ((GENERAL, INTERRUPT), TI, 1)
    put(mips, op("MTC0", rt=3, rd=COMPARE))
    mips["status"] = ERL
    mips.run(1)
    assert mips["cause"] & TI == 0


def test_count_can_be_stopped(mips: Machine) -> None:
    mips["count"], mips["cause"] = 500, DC
    put(mips)
    mips.run(300)
    stopped = mips["count"]
    mips.run(300)
    assert mips["count"] == stopped
    mips["cause"] = 0
    mips.run(300)
    assert mips["count"] > stopped


@pytest.mark.parametrize(
    ("spacing", "vectored", "vector"), [(0, 0, GENERAL), (0, IV, SPECIAL), (0x20, IV, SPECIAL + 0x20)]
)
def test_software_interrupts_and_vectors(mips: Machine, spacing: int, vectored: int, vector: int) -> None:
    mips["r3"], mips["r4"], mips["r5"] = vectored | 0x200, IE | 0x200, spacing
    mips["pc"] = 0x80000000 | CODE
    words = [op("MTC0", rt=5, rd=12, sel=1), op("MTC0", rt=3, rd=CAUSE), op("MTC0", rt=4, rd=STATUS), NOP]
    mips.write(CODE, LAYOUT.code_of(*words))
    mips.run(3)
    mips.run(1)
    assert trap_of(mips) == (vector, INTERRUPT)
    assert mips["epc"] == 0x80000000 | CODE + 12


def test_an_interrupt_between_a_branch_and_its_slot_starts_the_branch_again(mips: Machine) -> None:
    put(mips, op("BEQ", disp=4), NOP)
    mips["pc"] = 0x80000000 | CODE
    mips["status"] = 0
    mips.run(1)
    mips["cause"], mips["status"] = 0x100, IE | 0x100
    mips.run(1)
    assert (trap_of(mips), mips["epc"], mips["cause"] & BD) == ((GENERAL, INTERRUPT), 0x80000000 | CODE, BD)


def test_waiting_ends_with_an_interrupt(mips: Machine) -> None:
    mips["status"], mips["count"], mips["compare"] = IE | 0x8000, 0, 100000
    put(mips, op("WAIT"), NOP)
    mips["pc"] = 0x80000000 | CODE
    assert mips.run(100) in (Stop.IDLE, Stop.BUDGET)
    for _ in range(100):
        if trap_of(mips):
            break
        mips.run_for(wall_s=0.05)
    assert trap_of(mips) == (GENERAL, INTERRUPT)
    assert mips["epc"] == 0x80000000 | CODE + 4


def test_di_and_ei_return_what_status_was(mips: Machine) -> None:
    mips["status"] = ERL | IE
    run(mips, op("DI", rt=3), op("EI", rt=4), op("MFC0", rt=5, rd=STATUS))
    assert (mips["r3"], mips["r4"], mips["r5"]) == (ERL | IE, ERL, ERL | IE)


def test_after_reset_the_cpu_is_at_its_boot_vector(mips: Machine) -> None:
    mips.reset()
    assert (mips["pc"], mips["status"], mips["random"]) == (0xBFC00000, 0x400000 | ERL, 15)


def test_the_cpu_says_which_kind_of_24kc_it_is(mips: Machine) -> None:
    """16 TLB entries, two caches of 128 sets, lines of 32 bytes and 4 ways; no FPU, vectored interrupts; WAIT's end."""
    run(mips, *(op("MFC0", rt=3 + sel, rd=16, sel=sel) for sel in range(8)))
    cache = 1 << 6 | 4 << 3 | 3
    more, release_2, tlb, vectored = 1 << 31, 1 << 10, 1 << 7, 1 << 5
    first = [more | release_2 | tlb | 2, more | 15 << 25 | cache << 16 | cache << 7, more, vectored]
    expected = [*first, 0, 0, 0, 1 << 31]
    assert [mips[f"r{3 + sel}"] for sel in range(8)] == expected


def test_a_waiting_cpu_goes_on_at_an_interrupt_that_is_not_taken(mips: Machine) -> None:
    mips["status"], mips["count"], mips["compare"] = 0x8000, 0, 100000
    put(mips, op("WAIT"), op("ADDIU", rt=3, imm=7))
    mips["pc"], mips["r3"] = 0x80000000 | CODE, 0
    for _ in range(100):
        if mips["r3"]:
            break
        mips.run_for(insns=1, wall_s=0.05)
    assert (mips["r3"], trap_of(mips)) == (7, None)


def test_registers_of_returns_may_be_read_in_a_slot(mips: Machine) -> None:
    mips["epc"], mips["errorepc"] = 0x111, 0x222
    run(mips, op("BEQ", disp=1), op("MFC0", rt=3, rd=EPC), op("BEQ", disp=1), op("MTC0", rt=3, rd=ERROREPC), insns=4)
    assert (mips["r3"], mips["errorepc"], mips["pc"]) == (0x111, 0x111, CODE + 16)
    put(mips, op("BEQ", disp=3), op("MFC0", rt=4, rd=COUNT))
    mips.run(2)
    assert mips["pc"] == CODE + 16

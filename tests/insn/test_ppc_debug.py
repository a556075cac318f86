# SPDX-License-Identifier: MIT
"""Debug events of the PowerPC 440, in the interpreter and as blocks, against the PPC440x5 manual, chapter 8."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

import pytest

from l4vm.binding.machine import Machine, Stop
from tests.insn.ppc_words import (
    CODE,
    DATA,
    DATA_TLB,
    DECREMENTER,
    INSN_TLB,
    M32,
    MSR_CE,
    MSR_DE,
    MSR_EE,
    MSR_FP,
    MSR_ME,
    MSR_PR,
    NOP,
    PROGRAM,
    STAY,
    SYSTEM_CALL,
    VECTORS,
    WATCHDOG,
    op,
    put,
    run,
    trap_of,
)

DEBUG = 15
EDM, IDM, FT, IDE, UDE = 1 << 31, 1 << 30, 1, 1 << 31, 1 << 30
ICMP, BRT, IRPT, TRAP, RET = 0x08000000, 0x04000000, 0x02000000, 0x01000000, 0x8000
IAC = (0x800000, 0x400000, 0x200000, 0x100000)
DAC1R, DAC1W, DAC2R, DAC2W = 0x80000, 0x40000, 0x20000, 0x10000
READS, WRITES = DAC1R | DAC2R, DAC1W | DAC2W
INCLUSIVE, EXCLUSIVE, MASK = 2, 3, 1
MSR = MSR_FP | MSR_ME
INC5, INC6 = op("ADDI", rt=5, ra=5, si=1), op("ADDI", rt=6, ra=6, si=1)
DBSR, DBCR0, CSRR0 = 304, 308, 58


def arm(ppc: Machine, dbcr0: int, msr: int = MSR | MSR_DE) -> None:
    ppc["dbcr0"], ppc["msr"], ppc["dbsr"], ppc["r5"], ppc["r6"] = dbcr0, msr, 0, 0, 0


def interrupted(ppc: Machine, at: int, events: int, msr: int = MSR | MSR_DE) -> None:
    """Hold the CPU to be in the Debug interrupt, for these events, to return to `at`."""
    assert (trap_of(ppc), ppc["csrr0"], ppc["dbsr"]) == (DEBUG, at, events)
    assert (ppc["csrr1"], ppc["msr"]) == (msr, msr & MSR_ME)


@pytest.mark.parametrize("number", range(4))
def test_an_instruction_address_interrupts_before_the_instruction(ppc: Machine, number: int) -> None:
    arm(ppc, IDM | IAC[number])
    ppc[f"iac{number + 1}"] = CODE + 4
    run(ppc, INC5, INC5, INC5)
    interrupted(ppc, CODE + 4, IAC[number])
    assert ppc["r5"] == 1


def test_all_addresses_that_match_are_recorded_at_once(ppc: Machine) -> None:
    arm(ppc, IDM | IAC[0] | IAC[1] | IAC[3])
    ppc["iac1"], ppc["iac2"], ppc["iac3"], ppc["iac4"] = CODE, CODE + 4, CODE, CODE
    run(ppc, INC5, INC5)
    interrupted(ppc, CODE, IAC[0] | IAC[3])


@pytest.mark.parametrize("pair", [0, 1])
@pytest.mark.parametrize(("mode", "first"), [(INCLUSIVE, 2), (EXCLUSIVE, 0)])
def test_ranges_hold_their_first_address_and_not_their_last(ppc: Machine, pair: int, mode: int, first: int) -> None:
    arm(ppc, IDM | IAC[2 * pair + 1])
    ppc["dbcr1"] = mode << (6 if pair else 22)
    ppc[f"iac{2 * pair + 1}"], ppc[f"iac{2 * pair + 2}"] = CODE + 8, CODE + 16
    run(ppc, *[INC5] * 6)
    interrupted(ppc, CODE + 4 * first, IAC[2 * pair + 1])
    ppc["msr"], ppc["dbsr"] = MSR | MSR_DE, 0
    put(ppc, *[INC5] * 6)
    ppc["pc"] = CODE + 16 if mode == INCLUSIVE else CODE + 8
    ppc.run(2)
    assert trap_of(ppc) is None and ppc["dbsr"] == 0


def test_ranges_turn_around_at_each_event_where_they_are_to(ppc: Machine) -> None:
    arm(ppc, IDM | IAC[0])
    ppc["dbcr1"] = INCLUSIVE << 22 | 1 << 16
    ppc["iac1"], ppc["iac2"] = CODE + 8, CODE + 16
    run(ppc, *[INC5] * 6)
    interrupted(ppc, CODE + 8, IAC[0] | 2)
    ppc["msr"], ppc["dbsr"], ppc["pc"] = MSR | MSR_DE, 2, CODE + 8
    ppc.run(8)
    interrupted(ppc, CODE + 16, IAC[0])
    assert ppc["r5"] == 4


@pytest.mark.parametrize("field", [28, 24, 12, 8], ids=["iac1", "iac2", "iac3", "iac4"])
@pytest.mark.parametrize("user", [0, 1])
def test_addresses_may_be_those_of_one_state_or_space(ppc: Machine, field: int, user: int) -> None:
    number = {28: 1, 24: 2, 12: 3, 8: 4}[field]
    ppc["r10"], ppc["r11"] = 0, 0x3F
    run(ppc, op("TLBWE", rt=11, ra=10, ws=2))  # the user may run it as well
    for condition in range(16):
        us, space = condition >> 2, condition & 3
        if 1 in (us, space):
            continue
        msr = MSR | MSR_DE | (MSR_PR if user else 0)
        arm(ppc, IDM | IAC[number - 1], msr)
        ppc["dbcr1"], ppc[f"iac{number}"] = condition << field, CODE + 4
        run(ppc, INC5, INC5)
        hit = us != (2 if user else 3) and space != 3
        assert trap_of(ppc) == (DEBUG if hit else None), bin(condition)


def test_an_address_is_compared_before_its_page_is_missed(ppc: Machine) -> None:
    ppc["r10"], ppc["r11"] = 3, 0
    run(ppc, op("TLBWE", rt=11, ra=10, ws=0))
    for dbcr0, trap in ((IDM | IAC[0], DEBUG), (0, INSN_TLB)):
        arm(ppc, dbcr0)
        ppc["iac1"], ppc["pc"] = 0x30000000, 0x30000000
        ppc.run(2)
        assert trap_of(ppc) == trap
    arm(ppc, IDM | IAC[0], MSR)
    ppc["pc"] = 0x30000000
    ppc.run(2)
    assert (trap_of(ppc), ppc["srr0"], ppc["dbsr"]) == (INSN_TLB, 0x30000000, IAC[0] | IDE)


def test_what_happened_with_interrupts_off_interrupts_when_they_are_on(ppc: Machine) -> None:
    arm(ppc, IDM | IAC[0], MSR)
    ppc["iac1"], ppc["r3"] = CODE, MSR | MSR_DE
    run(ppc, INC5, INC5, op("MTMSR", rt=3), INC5)
    interrupted(ppc, CODE + 12, IAC[0] | IDE)
    assert ppc["r5"] == 2


def test_a_recorded_event_that_was_cleared_does_not_interrupt(ppc: Machine) -> None:
    arm(ppc, IDM | IAC[0], MSR)
    ppc["iac1"], ppc["r3"], ppc["r4"] = CODE, MSR | MSR_DE, M32
    run(ppc, INC5, op("MTSPR", spr=DBSR, rt=4), op("MTMSR", rt=3), INC5)
    assert (trap_of(ppc), ppc["dbsr"], ppc["r5"]) == (None, 0, 2)


def test_ranges_do_not_match_with_interrupts_off(ppc: Machine) -> None:
    arm(ppc, IDM | IAC[0] | IAC[2], MSR)
    ppc["dbcr1"], ppc["iac1"], ppc["iac2"], ppc["iac3"] = INCLUSIVE << 22, CODE, CODE + 64, CODE + 4
    run(ppc, INC5, INC5)
    assert ppc["dbsr"] == IAC[2] | IDE


def test_without_a_debug_mode_events_are_only_recorded(ppc: Machine) -> None:
    arm(ppc, IAC[0] | BRT | TRAP | DAC1W)
    ppc["iac1"], ppc["dac1"], ppc["r3"] = CODE, DATA, DATA
    run(ppc, op("STW", rt=5, ra=3), op("B", li=1), INC5, op("TWI", to=31))
    assert (trap_of(ppc), ppc["dbsr"]) == (PROGRAM, IAC[0] | BRT | TRAP | DAC1W)
    arm(ppc, IAC[0] | BRT | TRAP)
    ppc["dbsr"] = BRT
    run(ppc, INC5, op("MTSPR", spr=DBCR0, rt=4), INC5)
    assert trap_of(ppc) is None


BRANCHES = {
    "b": (op("B", li=2, lk=1), True),
    "bc": (op("BC", bo=12, bi=0, bd=2, lk=1), True),
    "not": (op("BC", bo=4, bi=0, bd=2), False),
    "ctr": (op("BC", bo=16, bd=2), True),
    "ctr_zero": (op("BC", bo=18, bd=2), False),
    "bclr": (op("BCLR", bo=20, lk=1), True),
    "bclr_not": (op("BCLR", bo=4, bi=0), False),
    "bcctr": (op("BCCTR", bo=20), True),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_a_branch_that_is_taken_interrupts_before_it_has_changed_anything(ppc: Machine, name: str) -> None:
    word, taken = BRANCHES[name]
    for msr in (MSR | MSR_DE, MSR):
        arm(ppc, IDM | BRT, msr)
        ppc["cr"], ppc["ctr"], ppc["lr"] = 0x80000000, CODE + 8, CODE + 8
        put(ppc, word, INC5, INC6)
        ppc.run(1 if taken and msr & MSR_DE else 2)
        if taken and msr & MSR_DE:
            interrupted(ppc, CODE, BRT)
            assert (ppc["ctr"], ppc["lr"]) == (CODE + 8, CODE + 8)
        else:
            assert (trap_of(ppc), ppc["dbsr"], ppc["r6" if taken else "r5"]) == (None, 0, 1)


@pytest.mark.parametrize("word", [op("TWI", to=31), op("TWI", to=4, ra=5), op("TW", to=4, ra=5, rb=6)])
def test_a_trap_goes_to_the_debugger_and_not_to_the_program_interrupt(ppc: Machine, word: int) -> None:
    arm(ppc, IDM | TRAP)
    run(ppc, INC6, op("ADDI", rt=6, ra=6, si=-1), word)
    interrupted(ppc, CODE + 8, TRAP)
    assert ppc["srr0"] == 0
    arm(ppc, IDM | TRAP, MSR)
    run(ppc, word)
    assert (trap_of(ppc), ppc["srr0"], ppc["dbsr"]) == (PROGRAM, CODE, TRAP | IDE)
    arm(ppc, IDM | TRAP)
    run(ppc, op("TWI", to=24, ra=5), INC5)
    assert (trap_of(ppc), ppc["dbsr"], ppc["r5"]) == (None, 0, 1)


@pytest.mark.parametrize(("name", "saves"), [("RFI", "srr"), ("RFCI", "csrr"), ("RFMCI", "mcsrr")])
def test_returns_interrupt_and_those_of_critical_handlers_only_with_interrupts_on(
    ppc: Machine, name: str, saves: str
) -> None:
    arm(ppc, IDM | RET)
    ppc[f"{saves}0"], ppc[f"{saves}1"] = CODE + 8, MSR
    run(ppc, op(name), INC5, INC6)
    interrupted(ppc, CODE, RET)
    arm(ppc, IDM | RET, MSR)
    ppc[f"{saves}0"], ppc[f"{saves}1"] = CODE + 8, MSR
    run(ppc, op(name), INC5, INC6)
    assert (trap_of(ppc), ppc["r6"], ppc["dbsr"]) == (None, 1, RET | IDE if name == "RFI" else 0)


STEPS: dict[str, tuple[Sequence[int], int]] = {
    "arithmetic": ((INC5,), CODE + 4),
    "overflow": ((op("ADD", rt=7, ra=8, rb=8, oe=1),), CODE + 4),
    "store": ((op("STW", rt=5, ra=3),), CODE + 4),
    "branch": ((op("B", li=4),), CODE + 16),
    "not_taken": ((op("BC", bo=4, bi=0, bd=4),), CODE + 4),
    "taken": ((op("BC", bo=12, bi=0, bd=4),), CODE + 16),
    "link": ((op("BCLR", bo=20),), CODE + 12),
    "rfi": ((op("RFI"),), CODE + 8),
    "mtmsr": ((op("MTMSR", rt=4),), CODE + 4),
    "isync": ((op("ISYNC"),), CODE + 4),
    "lmw": ((op("LMW", rt=28, ra=3),), CODE + 4),
    "fp": ((op("FADD", frt=1, fra=1, frb=1),), CODE + 4),
    "tlbwe": ((op("TLBWE", rt=9, ra=10, ws=2),), CODE + 4),
}


@pytest.mark.parametrize("name", STEPS)
def test_an_instruction_that_is_completed_interrupts_behind_it(ppc: Machine, name: str) -> None:
    words, behind = STEPS[name]
    arm(ppc, IDM | ICMP)
    ppc["cr"], ppc["lr"], ppc["srr0"], ppc["srr1"] = 0x80000000, CODE + 12, CODE + 8, MSR | MSR_DE
    ppc["r3"], ppc["r4"], ppc["r8"], ppc["r10"] = DATA, MSR | MSR_DE, 0x7FFFFFFF, 50
    put(ppc, *words, *[INC6] * 6)
    ppc.run(1)
    ppc.run(1)
    interrupted(ppc, behind, ICMP)
    assert ppc["r6"] == 0


def test_with_interrupts_off_nothing_is_stepped_nor_is_the_return_that_turns_them_on(ppc: Machine) -> None:
    arm(ppc, IDM | ICMP, MSR)
    ppc["csrr0"], ppc["csrr1"] = CODE + 8, MSR | MSR_DE
    run(ppc, INC5, op("RFCI"), INC6, INC6)
    interrupted(ppc, CODE + 12, ICMP)
    assert (ppc["r5"], ppc["r6"]) == (1, 1)


def test_the_step_that_turns_interrupts_off_interrupts_when_they_are_on_again(ppc: Machine) -> None:
    arm(ppc, IDM | ICMP)
    ppc["r3"], ppc["r4"] = MSR, MSR | MSR_DE
    run(ppc, op("MTMSR", rt=3), INC5, INC5, op("MTMSR", rt=4), INC6)
    interrupted(ppc, CODE + 16, ICMP | IDE)
    assert (ppc["r5"], ppc["r6"]) == (2, 0)


def test_an_instruction_that_faults_is_not_completed_and_a_system_call_is(ppc: Machine) -> None:
    ppc["r10"], ppc["r11"], ppc["r3"] = 3, 0, 0x30000000
    run(ppc, op("TLBWE", rt=11, ra=10, ws=0))
    arm(ppc, IDM | ICMP)
    put(ppc, op("LWZ", rt=5, ra=3))
    ppc.run(1)
    assert (trap_of(ppc), ppc["dbsr"]) == (DATA_TLB, 0)
    arm(ppc, IDM | ICMP)
    run(ppc, op("SC"))
    assert (ppc["srr0"], ppc["csrr0"], ppc["dbsr"]) == (CODE + 4, VECTORS + 0x100 * SYSTEM_CALL, ICMP)
    assert trap_of(ppc) == DEBUG


STEPPER = [
    op("ADDI", rt=20, ra=20, si=1),
    op("MFSPR", rt=21, spr=CSRR0),
    op("STWU", rt=21, ra=22, si=4),
    op("MFSPR", rt=23, spr=DBSR),
    op("MTSPR", rt=23, spr=DBSR),
    op("RFCI"),
]


def test_a_handler_steps_a_program_to_its_end(ppc: Machine) -> None:
    ppc.write(VECTORS + 0x100 * DEBUG, struct.pack(f">{len(STEPPER)}I", *STEPPER))
    arm(ppc, IDM | ICMP)
    ppc["r20"], ppc["r22"], ppc["ctr"], ppc["r3"] = 0, DATA - 4, 3, DATA + 0x800
    put(ppc, op("STWU", rt=5, ra=3, si=4), INC5, op("BC", bo=16, bd=-2), INC6)
    ppc.run(7 * 11 + 3)
    count = ppc["r20"]
    seen = [word - CODE for word in struct.unpack(f">{count}I", ppc.read(DATA, 4 * count))]
    assert seen[:11] == [4, 8, 0, 4, 8, 0, 4, 8, 12, 16, 16]
    assert (ppc["r5"], ppc["r6"]) == (3, 1)


def test_an_interrupt_is_an_event_before_its_handler(ppc: Machine) -> None:
    arm(ppc, IDM | IRPT)
    run(ppc, INC5, op("SC"), INC5)
    assert (trap_of(ppc), ppc["csrr0"], ppc["dbsr"]) == (DEBUG, VECTORS + 0x100 * SYSTEM_CALL, IRPT)
    assert ppc["srr0"] == CODE + 8
    arm(ppc, IDM | IRPT, MSR)
    run(ppc, op("SC"))
    assert (trap_of(ppc), ppc["dbsr"]) == (SYSTEM_CALL, IRPT | IDE)
    arm(ppc, IDM | IRPT, MSR | MSR_DE | MSR_EE)
    ppc["tcr"], ppc["r3"] = 0x04000000, 5
    run(ppc, op("MTSPR", rt=3, spr=22), *[INC5] * 200, insns=150)
    assert (trap_of(ppc), ppc["csrr0"]) == (DEBUG, VECTORS + 0x100 * DECREMENTER)


def test_critical_interrupts_are_events_of_the_trace_mode_only(ppc: Machine) -> None:
    for dbcr0, events in ((IDM | IRPT, 0), (IRPT, IRPT)):
        arm(ppc, dbcr0, MSR | MSR_DE | MSR_CE)
        ppc["tcr"], ppc["tsr"] = 0x08000000, 0x40000000
        run(ppc, INC5)
        assert (trap_of(ppc), ppc["dbsr"]) == (WATCHDOG, events)
        ppc["tsr"], ppc["tcr"] = 0, 0


@pytest.mark.parametrize(
    ("word", "event", "at"),
    [
        (op("LWZ", rt=5, ra=3), DAC1R, 0),
        (op("LBZX", rt=5, ra=3, rb=0), DAC1R, 0),
        (op("LHAU", rt=5, ra=3, si=8), DAC1R, 8),
        (op("LWBRX", rt=5, ra=3, rb=0), DAC1R, 0),
        (op("LMW", rt=28, ra=3), DAC1R, 8),
        (op("LSWI", rt=24, ra=3, nb=11), DAC1R, 8),
        (op("LWARX", rt=5, ra=3, rb=0), DAC1R, 0),
        (op("LFD", rt=5, ra=3), DAC1R, 0),
        (op("LFSU", rt=5, ra=3, si=4), DAC1R, 4),
        (op("LWZ", rt=5, ra=3, si=14), DAC1R, 16),
        (op("STW", rt=5, ra=3), DAC1W, 0),
        (op("STBUX", rt=5, ra=3, rb=7), DAC1W, 4),
        (op("STHBRX", rt=5, ra=3, rb=0), DAC1W, 0),
        (op("STMW", rt=30, ra=3), DAC1W, 4),
        (op("STSWI", rt=5, ra=3, nb=9), DAC1W, 8),
        (op("STFD", rt=5, ra=3), DAC1W, 0),
        (op("STFIWX", rt=5, ra=3, rb=0), DAC1W, 0),
        (op("DCBZ", ra=3, rb=7), DAC1W, 4),
        (op("DCBI", ra=3, rb=7), DAC1W, 4),
        (op("DCBF", ra=3, rb=7), DAC1W, 4),
        (op("DCBST", ra=3, rb=7), DAC1W, 4),
        (op("ICBI", ra=3, rb=7), DAC1R, 4),
        (op("DCBT", ra=3, rb=7), DAC1R, 4),
        (op("ICBT", ra=3, rb=7), DAC1R, 4),
    ],
    ids=lambda value: hex(value),
)
def test_a_data_address_interrupts_before_the_access(ppc: Machine, word: int, event: int, at: int) -> None:
    before = bytes(range(1, 65))
    for second in (0, 1):
        ppc.write(DATA, before)
        arm(ppc, IDM | (READS | WRITES if not second else event >> 2))
        ppc["r3"], ppc["r7"], ppc["r0"], ppc["f5"] = DATA, 4, 0, 0
        ppc["dac2" if second else "dac1"], ppc["dac1" if second else "dac2"] = DATA + at, DATA + 0x100
        run(ppc, INC6, word, INC6)
        interrupted(ppc, CODE + 4, event >> 2 if second else event)
        assert (ppc["r3"], ppc["r5"], ppc["f5"]) == (DATA, 0, 0)
        done = ppc.read(DATA, 64)
        first = min((i for i in range(64) if done[i] != before[i]), default=64)
        assert first >= 64 or (word >> 26 in (47, 31) and done[at:] == before[at:])  # words before it may be stored
        ppc["dac2" if second else "dac1"] = DATA + 0x200
        arm(ppc, IDM | READS | WRITES)
        run(ppc, INC6, word, INC6)
        assert (trap_of(ppc), ppc["r6"], ppc["dbsr"]) == (None, 2, 0)


def test_accesses_that_read_are_no_writes_and_the_other_way_around(ppc: Machine) -> None:
    ppc["r3"], ppc["dac1"], ppc["dac2"] = DATA, DATA, DATA
    arm(ppc, IDM | WRITES)
    run(ppc, op("LWZ", rt=5, ra=3), op("DCBT", ra=0, rb=3), op("ICBI", ra=0, rb=3))
    assert trap_of(ppc) is None
    arm(ppc, IDM | READS)
    run(ppc, op("STW", rt=5, ra=3), op("DCBF", ra=0, rb=3), op("DCBZ", ra=0, rb=3))
    assert trap_of(ppc) is None


def test_what_is_not_accessed_is_no_event(ppc: Machine) -> None:
    ppc["r3"], ppc["dac1"], ppc["dac2"] = DATA, DATA, DATA
    ppc["xer"], ppc["reserved"] = 0, 0
    arm(ppc, IDM | READS | WRITES)
    run(ppc, op("LSWX", rt=5, ra=0, rb=3), op("STSWX", rt=5, ra=0, rb=3), op("STWCX_", rt=5, ra=0, rb=3))
    assert trap_of(ppc) is None
    run(ppc, op("DCBA", ra=0, rb=3), op("DCCCI", ra=0, rb=3), op("ICCCI", ra=0, rb=3), op("DCREAD", rt=5, ra=0, rb=3))
    assert trap_of(ppc) is None
    ppc["reserved"], ppc["reserved_at"] = 1, DATA
    run(ppc, op("STWCX_", rt=5, ra=0, rb=3))
    interrupted(ppc, CODE, WRITES)


def test_an_access_that_faults_is_no_event(ppc: Machine) -> None:
    ppc["r10"], ppc["r11"] = 3, 0
    run(ppc, op("TLBWE", rt=11, ra=10, ws=0))
    for word in (op("LWZ", rt=5, ra=3), op("STW", rt=5, ra=3), op("DCBZ", ra=0, rb=3)):
        arm(ppc, IDM | READS | WRITES)
        ppc["r3"] = ppc["dac1"] = 0x30000000
        put(ppc, word)
        ppc.run(1)
        assert (trap_of(ppc), ppc["dbsr"]) == (DATA_TLB, 0)
    arm(ppc, IDM | READS)
    run(ppc, op("DCBT", ra=0, rb=3), INC5)  # a hint about it is nothing at all
    assert (trap_of(ppc), ppc["r5"]) == (None, 1)


@pytest.mark.parametrize("mode", [0, MASK, INCLUSIVE, EXCLUSIVE])
@pytest.mark.parametrize("condition", [0b0000, 0b1000, 0b1100, 0b0010, 0b0011])
def test_data_addresses_are_compared_as_dbcr2_says(ppc: Machine, mode: int, condition: int) -> None:
    low, high = DATA + 0x10, DATA + 0x20
    second = ~0xF & M32 if mode == MASK else high
    for at in (low - 1, low, low + 3, high - 1, high, high + 4):
        arm(ppc, IDM | DAC1W)
        ppc["dbcr2"], ppc["dac1"], ppc["dac2"] = condition << 28 | condition << 24 | mode << 22, low, second
        ppc["r3"] = at
        run(ppc, op("STB", rt=5, ra=3))
        hit = {0: at == low, MASK: at & ~0xF == low, INCLUSIVE: low <= at < high, EXCLUSIVE: not low <= at < high}[mode]
        meant = condition not in (0b1100, 0b0011)  # the supervisor in space 0 stores
        assert (trap_of(ppc) == DEBUG) == (hit and meant), hex(at)


def test_data_events_may_come_behind_the_access(ppc: Machine) -> None:
    arm(ppc, IDM | DAC1W)
    ppc["dbcr2"], ppc["dac1"], ppc["r3"], ppc["r8"] = 0x200000, DATA, DATA, 0x12345678
    run(ppc, INC5, op("STW", rt=8, ra=3), INC5)
    interrupted(ppc, CODE + 8, DAC1W)
    assert ppc.read(DATA, 4) == bytes.fromhex("12345678")


def test_data_events_with_interrupts_off_are_recorded_and_come_later(ppc: Machine) -> None:
    arm(ppc, IDM | DAC1R, MSR)
    ppc["dac1"], ppc["r3"], ppc["r4"] = DATA, DATA, MSR | MSR_DE
    ppc.write(DATA, struct.pack(">I", 77))
    run(ppc, op("LWZ", rt=5, ra=3), INC5, op("MTMSR", rt=4), INC5)
    interrupted(ppc, CODE + 12, DAC1R | IDE)
    assert ppc["r5"] == 78


def dvc_hit(lanes: dict[int, int], dvc: int, wanted: int, mode: int) -> bool:
    """Whether the bytes of one aligned word match, by the manual's words for each mode."""
    on = [lane for lane in range(4) if wanted & 8 >> lane]
    good = {lane for lane in on if lanes.get(lane) == dvc >> (24 - 8 * lane) & 255}
    if mode == 2:
        return bool(good)
    if mode == 3:
        return any(any(n in on for n in pair) and all(n in good for n in pair if n in on) for pair in ((0, 1), (2, 3)))
    return mode == 1 and len(good) == len(on)


def test_data_are_compared_byte_by_byte_as_they_lie_in_memory(ppc: Machine) -> None:
    rng = random.Random(7)
    loads = {"LWZ": 4, "LHZ": 2, "LBZ": 1, "LWBRX": 4, "LFD": 8}
    stores = {"STW": 4, "STH": 2, "STB": 1, "STHBRX": 2, "STFD": 8}
    hits = 0
    for _ in range(400):
        name = rng.choice((*loads, *stores))
        size, at = (loads | stores)[name], DATA + rng.choice((0, 0, 4, 8, rng.randrange(24)))
        memory = bytes(rng.choice((0x11, 0x22)) for _ in range(48))
        wanted, mode = rng.randrange(1, 16), rng.randrange(4)
        dvc = int.from_bytes(bytes(rng.choice((0x11, 0x22)) for _ in range(4)), "big")
        number = rng.choice((1, 2))
        ppc.write(DATA, memory)
        raw = memory[at - DATA : at - DATA + size]
        value = int.from_bytes(raw, "little" if "BRX" in name else "big")
        arm(ppc, IDM | (DAC1R | DAC1W if number == 1 else DAC2R | DAC2W))
        ppc["dbcr2"] = wanted << 8 | mode << 18 if number == 1 else wanted | mode << 16
        ppc[f"dac{number}"], ppc[f"dvc{number}"], ppc["r3"] = at, dvc, at
        ppc["r5"], ppc["f5"] = value & M32, value if size == 8 else 0
        fields = {"rb": 3} if "BRX" in name else {"ra": 3}
        run(ppc, op(name, rt=5, **fields))
        words: dict[int, dict[int, int]] = {}
        for index, byte in enumerate(raw):
            words.setdefault(at + index >> 2, {})[at + index & 3] = byte
        hit = any(dvc_hit(lanes, dvc, wanted, mode) for lanes in words.values())
        assert (trap_of(ppc) == DEBUG) == hit, (name, hex(at), raw.hex(), hex(dvc), bin(wanted), mode)
        hits += hit
    assert 100 < hits < 300


def test_a_debug_tool_has_an_event_of_its_own(ppc: Machine) -> None:
    arm(ppc, IDM)
    put(ppc, *[INC5] * 8)
    ppc.run(2)
    ppc["dbsr"] = UDE
    ppc.run(2)
    interrupted(ppc, CODE + 8, UDE)


@pytest.mark.parametrize(("event", "at"), [(IAC[0], 4), (ICMP, 4), (BRT, 8), (TRAP, 12)])
def test_in_external_mode_an_event_stops_the_cpu(ppc: Machine, event: int, at: int) -> None:
    arm(ppc, EDM | IDM | event)
    ppc["iac1"] = CODE + 4
    put(ppc, INC5, NOP, op("B", li=1), op("TWI", to=31))
    assert ppc.run(10) is Stop.HALT
    assert (ppc["pc"], ppc["dbsr"], ppc["csrr0"]) == (CODE + at, event, 0)


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_a_reset_by_dbcr0_is_kept_in_dbsr(ppc: Machine, kind: int) -> None:
    ppc["r3"] = kind << 28
    put(ppc, op("MTSPR", spr=DBCR0, rt=3), INC5)
    assert ppc.run(10) is Stop.HALT
    assert ppc["dbsr"] == kind << 28


def test_timers_stand_still_while_an_event_is_recorded_where_they_are_to(ppc: Machine) -> None:
    mftb = op("MFSPR", rt=8, spr=268)
    arm(ppc, IAC[0] | FT)
    ppc["iac1"], ppc["r4"] = CODE + 8, M32
    words = [mftb, INC5, op("MFSPR", rt=9, spr=268), *[INC5] * 20, op("MFSPR", rt=10, spr=268)]
    words += [op("MTSPR", spr=DBSR, rt=4), op("MFSPR", rt=11, spr=268), INC5, op("MFSPR", rt=12, spr=268)]
    run(ppc, *words)
    assert ppc["r8"] < ppc["r9"] == ppc["r10"] <= ppc["r11"] < ppc["r12"]
    assert ppc["r12"] - ppc["r8"] < 8 * (ppc["r9"] - ppc["r8"])
    arm(ppc, IAC[0] | FT, MSR | MSR_EE)
    ppc["tcr"], ppc["tsr"], ppc["r3"], ppc["iac1"] = 0x04000000, 0, 300, CODE + 4
    run(ppc, op("MTSPR", rt=3, spr=22), INC5, STAY, insns=20000)
    assert trap_of(ppc) is None
    ppc["dbsr"] = 0
    ppc["iac1"] = 0
    ppc.run(20000)
    assert trap_of(ppc) == DECREMENTER


def test_a_hot_loop_is_interrupted_where_an_address_was_set_meanwhile(ppc: Machine) -> None:
    arm(ppc, IDM)
    put(ppc, INC5, INC6, op("B", li=-2))
    for _ in range(50):
        ppc.run(1000)
    ppc["iac1"] = CODE + 4
    ppc["dbcr0"] = IDM | IAC[0]
    ppc.run(100)
    interrupted(ppc, CODE + 4, IAC[0])
    assert ppc["r5"] == ppc["r6"] + 1


def blocks_for(ppc: Machine, *words: int) -> int:
    """Return how many blocks a program that was not there before is made into."""
    ppc.write(CODE, bytes(64))
    before = ppc.stats()["blocks"]
    run(ppc, *words)
    return ppc.stats()["blocks"] - before


def test_code_pays_for_debug_events_only_while_they_are_enabled(ppc: Machine) -> None:
    words = [INC5] * 8
    few = blocks_for(ppc, *words)
    arm(ppc, IDM | IAC[0])
    assert few == 0 or blocks_for(ppc, *words) >= len(words)
    for dbcr0, msr in ((IDM, MSR | MSR_DE), (IDM | ICMP | BRT, MSR), (0, MSR | MSR_DE)):
        arm(ppc, dbcr0, msr)
        assert blocks_for(ppc, *words) == few

# SPDX-License-Identifier: MIT
"""PowerPC special registers, MSR, interrupts and returns, privilege, device control, against Book E and 440."""

from __future__ import annotations

import struct

import pytest

from l4vm.binding.machine import Machine, Stop
from tests.insn.ppc_words import (
    CODE,
    DATA,
    DECODE,
    ESR_PIL,
    ESR_PPR,
    ESR_PTR,
    EXTERNAL,
    M32,
    MACHINE_CHECK,
    MSR_CE,
    MSR_DE,
    MSR_DS,
    MSR_EE,
    MSR_FP,
    MSR_IS,
    MSR_ME,
    MSR_PR,
    MSR_WE,
    NOP,
    PROGRAM,
    STAY,
    SYSTEM_CALL,
    VECTORS,
    li,
    op,
    prepare,
    put,
    run,
    trap_of,
)

SUPERVISOR = MSR_FP
KEPT = MSR_DS | MSR_IS | 0x100 | MSR_DE | 0x400 | 0x800 | MSR_ME | MSR_FP | MSR_PR | MSR_EE | MSR_CE | MSR_WE
# number: name, mask of what is kept
WRITABLE = {
    8: ("lr", M32),
    9: ("ctr", M32),
    26: ("srr0", M32 - 3),
    27: ("srr1", M32),
    48: ("pid", 0xFF),
    58: ("csrr0", M32 - 3),
    59: ("csrr1", M32),
    61: ("dear", M32),
    62: ("esr", M32),
    63: ("ivpr", 0xFFFF0000),
    256: ("usprg0", M32),
    **{272 + n: (f"sprg{n}", M32) for n in range(8)},
    **{400 + n: (f"ivor{n}", 0xFFF0) for n in range(16)},
    309: ("dbcr1", M32),
    570: ("mcsrr0", M32 - 3),
    571: ("mcsrr1", M32),
    888: ("ccr1", M32),
    947: ("ccr0", M32),
}
CLEARED_BY_ONES = {304: "dbsr", 572: "mcsr"}


def user(ppc: Machine) -> None:
    """Give the user the memory that the supervisor has."""
    ppc["r10"], ppc["r11"] = 0x3F, 0
    run(ppc, op("TLBWE", rt=10, ra=11, ws=2))
    ppc["msr"] = SUPERVISOR | MSR_PR


@pytest.mark.parametrize("number", WRITABLE)
def test_special_registers_read_what_was_written(ppc: Machine, number: int) -> None:
    name, mask = WRITABLE[number]
    for value in (0xA5A5A5A5, 0x5A5A5A5A):
        ppc["r3"] = value
        run(ppc, op("MTSPR", spr=number, rt=3), op("MFSPR", spr=number, rt=4))
        assert ppc["r4"] == ppc[name] == value & mask


@pytest.mark.parametrize("number", CLEARED_BY_ONES)
def test_status_registers_are_cleared_by_ones(ppc: Machine, number: int) -> None:
    ppc[CLEARED_BY_ONES[number]], ppc["r3"] = 0xFFFF0000, 0x0FF00FF0
    run(ppc, op("MTSPR", spr=number, rt=3), op("MFSPR", spr=number, rt=4))
    assert ppc["r4"] == 0xF00F0000


def test_the_processor_says_that_it_is_a_440ep(ppc: Machine) -> None:
    ppc["r3"] = 0
    run(ppc, op("MFSPR", spr=287, rt=4))
    assert ppc["r4"] == 0x422218D3
    run(ppc, op("MTSPR", spr=287, rt=3))
    assert (trap_of(ppc), ppc["esr"]) == (PROGRAM, ESR_PIL)


def test_users_read_four_sprgs_by_other_numbers(ppc: Machine) -> None:
    user(ppc)
    for n in range(4, 8):
        ppc[f"sprg{n}"] = 0x1000 + n
        run(ppc, op("MFSPR", spr=256 + n, rt=4))
        assert ppc["r4"] == 0x1000 + n
        run(ppc, op("MTSPR", spr=256 + n, rt=4))
        assert (trap_of(ppc), ppc["esr"]) == (PROGRAM, ESR_PIL)
        ppc["msr"] = SUPERVISOR | MSR_PR


@pytest.mark.parametrize("number", [0, 2, 19, 25, 90, 1023])
def test_special_registers_that_do_not_exist_are_illegal(ppc: Machine, number: int) -> None:
    for name in ("MFSPR", "MTSPR"):
        run(ppc, op(name, spr=number, rt=4))
        assert (trap_of(ppc), ppc["esr"], ppc["srr0"]) == (PROGRAM, ESR_PIL, CODE)
    user(ppc)
    run(ppc, op("MFSPR", spr=number, rt=4))
    assert (trap_of(ppc), ppc["esr"]) == (PROGRAM, ESR_PPR if number & 0x10 else ESR_PIL)


PRIVILEGED = [
    *("MFMSR", "MTMSR", "WRTEE", "WRTEEI", "RFI", "RFCI", "RFMCI", "TLBRE", "TLBWE", "TLBSX", "TLBSYNC", "MFDCR"),
    *("MTDCR", "DCBI", "DCCCI", "ICCCI", "ICREAD", "DCREAD"),
]


@pytest.mark.parametrize("name", PRIVILEGED)
def test_users_are_kept_from_privileged_instructions(ppc: Machine, name: str) -> None:
    user(ppc)
    ppc["r4"] = before = DATA
    word = DECODE.entry(name).value
    run(ppc, word)
    assert (trap_of(ppc), ppc["esr"], ppc["srr0"]) == (PROGRAM, ESR_PPR, CODE)
    assert (ppc["srr1"], ppc["msr"], ppc["r4"]) == (SUPERVISOR | MSR_PR, 0, before)


@pytest.mark.parametrize("number", [22, 26, 48, 61, 272, 284, 304, 336, 340, 400, 946])
def test_users_are_kept_from_privileged_registers(ppc: Machine, number: int) -> None:
    for name in ("MFSPR", "MTSPR"):
        user(ppc)
        run(ppc, op(name, spr=number, rt=4))
        assert (trap_of(ppc), ppc["esr"]) == (PROGRAM, ESR_PPR), name


@pytest.mark.parametrize("word", [0, 0x04000000, 0x7C0000FE, 0x4C000001 | 0x1FE, 0xE8000000, 0x18000000, 0xF8000000])
def test_words_of_no_instruction_are_illegal(ppc: Machine, word: int) -> None:
    run(ppc, NOP, word)
    assert (trap_of(ppc), ppc["esr"], ppc["srr0"], ppc["srr1"]) == (PROGRAM, ESR_PIL, CODE + 4, SUPERVISOR)


def test_msr_keeps_its_bits_only(ppc: Machine) -> None:
    allowed = KEPT & ~(MSR_WE | MSR_PR | MSR_IS | MSR_DS)  # these would end the test
    ppc["r3"] = M32 & ~(MSR_WE | MSR_PR | MSR_IS | MSR_DS)
    run(ppc, op("MTMSR", rt=3), op("MFMSR", rt=4))
    assert ppc["msr"] == ppc["r4"] == allowed


def test_external_interrupts_are_enabled_alone(ppc: Machine) -> None:
    ppc["r3"], ppc["r5"] = M32, 0
    run(ppc, op("WRTEE", rt=3), op("MFMSR", rt=4))
    assert ppc["r4"] == SUPERVISOR | MSR_EE
    run(ppc, op("WRTEE", rt=5), op("MFMSR", rt=4))
    assert ppc["r4"] == SUPERVISOR
    run(ppc, op("WRTEEI", ee=1), op("MFMSR", rt=4))
    assert ppc["r4"] == SUPERVISOR | MSR_EE
    run(ppc, op("WRTEEI", ee=0), op("MFMSR", rt=4))
    assert ppc["r4"] == SUPERVISOR


def test_we_waits_and_goes_on_behind(ppc: Machine) -> None:
    ppc["r3"] = MSR_WE | MSR_EE
    put(ppc, op("MTMSR", rt=3), NOP)
    assert ppc.run(100) is Stop.IDLE
    assert (ppc["pc"], ppc["msr"]) == (CODE + 4, MSR_WE | MSR_EE)


def test_a_system_call_returns_behind_itself(ppc: Machine) -> None:
    ppc["msr"] = SUPERVISOR | MSR_CE | MSR_EE | MSR_ME | MSR_DE
    run(ppc, NOP, op("SC"))
    assert (trap_of(ppc), ppc["srr0"]) == (SYSTEM_CALL, CODE + 8)
    assert ppc["srr1"] == SUPERVISOR | MSR_CE | MSR_EE | MSR_ME | MSR_DE
    assert ppc["msr"] == MSR_CE | MSR_ME | MSR_DE  # what other classes of interrupts need stays


def test_a_trap_returns_to_itself_and_the_handler_steps_over_it(ppc: Machine) -> None:
    back = [op("MFSPR", spr=26, rt=3), op("ADDI", rt=3, ra=3, si=4), op("MTSPR", spr=26, rt=3), op("RFI")]
    ppc.write(VECTORS + 0x100 * PROGRAM, struct.pack(">4I", *back))
    ppc["r4"] = ppc["r5"] = 0
    program = [op("TWI", to=31, ra=0), op("ADDI", rt=4, ra=4, si=1), 0, op("ADDI", rt=5, ra=5, si=1)]
    run(ppc, *program, insns=16)
    assert (ppc["r4"], ppc["r5"], ppc["pc"], ppc["msr"]) == (1, 1, CODE + 16, SUPERVISOR)
    assert ppc["esr"] == ESR_PIL


def test_esr_names_the_trap_instruction(ppc: Machine) -> None:
    run(ppc, op("TWI", to=31, ra=0))
    assert (trap_of(ppc), ppc["esr"]) == (PROGRAM, ESR_PTR)


@pytest.mark.parametrize(
    ("name", "pc", "msr"), [("RFI", "srr0", "srr1"), ("RFCI", "csrr0", "csrr1"), ("RFMCI", "mcsrr0", "mcsrr1")]
)
def test_returns_take_pc_and_msr_from_their_own_registers(ppc: Machine, name: str, pc: str, msr: str) -> None:
    for register in ("srr", "csrr", "mcsrr"):
        ppc[f"{register}0"], ppc[f"{register}1"] = VECTORS, 0
    ppc[pc], ppc[msr] = CODE + 0x23, MSR_ME | MSR_CE | 0x80000001
    run(ppc, op(name), STAY)
    assert (ppc["pc"], ppc["msr"]) == (CODE + 0x20, MSR_ME | MSR_CE)


def test_a_return_into_the_user_is_in_the_users_memory(ppc: Machine) -> None:
    ppc["srr0"], ppc["srr1"] = CODE + 0x10, MSR_PR
    run(ppc, op("RFI"), insns=4)
    assert (trap_of(ppc), ppc["srr0"], ppc["srr1"]) == (3, CODE + 0x10, MSR_PR)  # no right to execute there
    user(ppc)
    ppc["msr"], ppc["srr0"], ppc["srr1"] = SUPERVISOR, CODE + 0x10, MSR_PR
    run(ppc, op("RFI"), insns=4)
    assert (ppc["pc"], ppc["msr"]) == (CODE + 0x10, MSR_PR)


def test_nothing_on_the_bus_is_a_machine_check(ppc: Machine) -> None:
    ppc["msr"] = before = MSR_ME | MSR_CE | MSR_EE
    ppc["r3"] = 0x70000000
    run(ppc, op("LWZ", rt=4, ra=3))
    assert (trap_of(ppc), ppc["mcsrr0"], ppc["mcsrr1"], ppc["msr"]) == (MACHINE_CHECK, CODE, before, 0)
    assert ppc["mcsr"] & 0xE0000000 == 0xA0000000
    prepare(ppc)
    ppc["r3"] = 0x70000000
    put(ppc, op("STW", rt=4, ra=3))
    assert ppc.run(10) is Stop.HALT  # ME off: the CPU stops


def test_device_control_registers_are_the_machines(ppc: Machine) -> None:
    ppc["r3"] = 0x80000001
    run(ppc, op("MTDCR", spr=0xC2, rt=3), op("MFDCR", spr=0xC2, rt=4))  # enables of the first interrupt controller
    assert ppc["r4"] == 0x80000001
    run(ppc, op("MFDCR", spr=0x3FF, rt=4))
    assert (trap_of(ppc), ppc["esr"], ppc["srr0"]) == (PROGRAM, ESR_PIL, CODE)
    run(ppc, op("MTDCR", spr=0x3FF, rt=4))
    assert (trap_of(ppc), ppc["esr"]) == (PROGRAM, ESR_PIL)


def test_the_uarts_interrupt_comes_when_it_is_enabled(ppc: Machine) -> None:
    uart_enable = [*li(3, 0xEF600301), op("ADDI", rt=4, ra=0, si=2), op("STB", rt=4, ra=3)]  # transmitter empty
    controller = [op("ADDIS", rt=5, ra=0, si=0x8000), op("MTDCR", spr=0xC2, rt=5), op("MTDCR", spr=0xC4, rt=5)]
    program = [*controller, *uart_enable, NOP, op("WRTEEI", ee=1), op("ADDI", rt=6, ra=0, si=1)]
    ppc["r6"] = 0
    run(ppc, *program, insns=20)
    assert (trap_of(ppc), ppc["srr0"], ppc["r6"]) == (EXTERNAL, CODE + 4 * (len(program) - 1), 0)
    assert (ppc["srr1"], ppc["msr"]) == (SUPERVISOR | MSR_EE, 0)
    ppc["r6"] = 0
    run(ppc, *program[:-2], op("MTSPR", spr=26, rt=6), op("ADDI", rt=6, ra=0, si=1), insns=20)
    assert (trap_of(ppc), ppc["r6"]) == (None, 1)

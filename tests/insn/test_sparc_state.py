# SPDX-License-Identifier: MIT
"""State registers, traps and returns, windows, branches, tagged and divide instructions, against the V8 manual."""

from __future__ import annotations

import struct

import pytest

from l4vm.binding.machine import Machine, Stop
from tests.insn.words import (
    CODE,
    DATA,
    M32,
    NOP,
    PSR,
    RAM,
    RETURN_BEHIND,
    STAY,
    alu,
    branch,
    fpop,
    imm,
    memory,
    put,
    run,
    trap_of,
)

ILLEGAL, PRIVILEGED, FP_DISABLED, OVERFLOW, UNDERFLOW, ALIGN, FP_EXCEPTION, TAG = 2, 3, 4, 5, 6, 7, 8, 10
N, Z, V, C = 8, 4, 2, 1
USER = PSR & ~0x80
RD_ASR, RD_PSR, RD_WIM, RD_TBR = 0x28, 0x29, 0x2A, 0x2B
WR_ASR, WR_PSR, WR_WIM, WR_TBR = 0x30, 0x31, 0x32, 0x33
TAGGED = (0, 4, 1, 2, 3, 0x7FFFFFFC, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFC, 0xFFFFFFFF)


def signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value


def tagged(a: int, b: int, subtract: bool) -> tuple[int, int]:
    exact = signed(a) - signed(b) if subtract else signed(a) + signed(b)
    low = exact & M32
    carry = a < b if subtract else a + b > M32
    overflow = signed(low) != exact or (a | b) & 3
    return low, (N if low >> 31 else 0) | (0 if low else Z) | (V if overflow else 0) | (C if carry else 0)


@pytest.mark.parametrize(("op3", "subtract", "traps"), [(0x20, 0, 0), (0x21, 1, 0), (0x22, 0, 1), (0x23, 1, 1)])
def test_tagged_arithmetic_sets_v_or_traps(machine: Machine, op3: int, subtract: bool, traps: bool) -> None:
    for a in TAGGED:
        for b in TAGGED:
            machine["psr"], machine["o0"], machine["o1"], machine["o2"] = PSR | C << 20, a, b, 99
            run(machine, alu(op3))
            result, icc = tagged(a, b, subtract)
            if traps and icc & V:
                assert trap_of(machine) == TAG
                machine["psr"] = machine["psr"] & ~31  # back to window 0
                assert (machine["o2"], machine["psr"] >> 20 & 15) == (99, C)
            else:
                assert (machine["o2"], machine["psr"] >> 20 & 15, trap_of(machine)) == (result, icc, None)


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("sets_icc", [False, True])
def test_division_at_its_borders(machine: Machine, is_signed: bool, sets_icc: bool) -> None:
    low, high = (-(1 << 31), (1 << 31) - 1) if is_signed else (0, M32)
    words = (0, 1, 2, 3, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF)
    for y in words:
        for a in words:
            for b in words[1:]:
                dividend, divisor = y << 32 | a, b
                if is_signed:
                    dividend, divisor = dividend - (dividend >> 63 << 64), signed(b)
                quotient = abs(dividend) // abs(divisor)
                exact = quotient if (dividend < 0) == (divisor < 0) else -quotient
                result = min(max(exact, low), high)
                machine["psr"], machine["y"], machine["o0"], machine["o1"] = PSR | C << 20, y, a, b
                run(machine, alu(0x0E + is_signed + 16 * sets_icc))
                icc = (N if result & 1 << 31 else 0) | (0 if result else Z) | (V if result != exact else 0)
                assert machine["o2"] == result & M32, (hex(y), hex(a), hex(b))
                assert machine["psr"] >> 20 & 15 == (icc if sets_icc else C)
                assert machine["y"] == y


def test_state_registers_read_and_write_as_the_exclusive_or(machine: Machine) -> None:
    machine["o0"] = 0xA5A5A5A5
    run(machine, imm(WR_ASR, 0, 8, 0xFF), imm(RD_ASR, 10, 0, 0))
    assert machine["y"] == machine["o2"] == 0xA5A5A55A
    run(machine, imm(WR_WIM, 0, 8, 0xFF), imm(RD_WIM, 10, 0, 0))
    assert machine["wim"] == machine["o2"] == 0x5A  # eight windows
    machine["wim"] = 0
    run(machine, imm(WR_TBR, 0, 8, 0xFF), imm(RD_TBR, 10, 0, 0))
    assert machine["tbr"] & ~0xFF0 == machine["o2"] & ~0xFF0 == 0xA5A5A000
    machine["tbr"], machine["o0"] = RAM, 0x00F01FC0
    run(machine, imm(WR_PSR, 0, 8, 0x22), imm(RD_PSR, 10, 0, 0))
    assert machine["psr"] == 0xF3F01FE2  # impl and ver are LEON3's, ET and CWP 2 by the exclusive or
    assert machine["o2"] == 0xF3F01FE2  # %o2 of the new window


def test_asr17_names_the_configuration_and_others_read_zero(machine: Machine) -> None:
    run(machine, imm(RD_ASR, 10, 17, 0), imm(RD_ASR, 11, 16, 0))
    assert (machine["o2"] & 0x11F, machine["o3"]) == (0x107, 0)  # V8 multiply and divide, eight windows
    run(machine, imm(RD_ASR, 0, 15, 0))  # stbar
    assert trap_of(machine) is None


@pytest.mark.parametrize("word", [imm(RD_ASR, 10, n, 0) for n in (1, 6, 14)] + [imm(WR_ASR, n, 0, 0) for n in (1, 15)])
def test_reserved_asrs_are_illegal(machine: Machine, word: int) -> None:
    run(machine, word)
    assert trap_of(machine) == ILLEGAL


def test_a_write_of_asr19_waits_for_an_interrupt(machine: Machine) -> None:
    put(machine, imm(WR_ASR, 19, 0, 0))
    assert machine.run(100) is Stop.IDLE
    assert machine["pc"] == CODE + 4


def test_a_window_that_does_not_exist_is_refused_by_wrpsr(machine: Machine) -> None:
    machine["o0"] = PSR
    run(machine, imm(WR_PSR, 0, 8, 8))
    assert (trap_of(machine), machine["psr"] & 0xC7) == (ILLEGAL, 0xC7)


@pytest.mark.parametrize(
    "word",
    [imm(op3, 10, 0, 0) for op3 in (RD_PSR, RD_WIM, RD_TBR)]
    + [imm(op3, 0, 0, 0) for op3 in (WR_PSR, WR_WIM, WR_TBR, 0x39)]
    + [imm(WR_ASR, 19, 0, 0), memory(0x26, 0)],
)
def test_the_user_is_kept_from_privileged_instructions(machine: Machine, word: int) -> None:
    machine["psr"] = USER
    run(machine, word)
    assert (trap_of(machine), machine["psr"] & 0xC0) == (PRIVILEGED, 0x80)  # S, PS clear


@pytest.mark.parametrize("psr", [PSR, USER, PSR | 3, USER | 7])
def test_rett_gives_back_mode_window_and_enables_traps(machine: Machine, psr: int) -> None:
    machine["psr"] = psr
    machine["o1"] = 0
    machine.write(RAM + 0x85 * 16, RETURN_BEHIND)
    put(machine, imm(0x3A, 8, 0, 5), imm(0, 9, 9, 1), imm(0, 9, 9, 2))
    assert machine.run(6) is Stop.BUDGET
    assert machine["psr"] & 0xFF == psr & 0xBF | psr >> 1 & 0x40  # PS is what S was when the trap came
    assert (machine["o1"], machine["pc"]) == (3, CODE + 12)


@pytest.mark.parametrize(
    ("psr", "wim", "target", "tt"),
    [(PSR, 0, 0, ILLEGAL), (USER, 0, 0, PRIVILEGED)],
)
def test_rett_with_traps_enabled_traps(machine: Machine, psr: int, wim: int, target: int, tt: int) -> None:
    machine["psr"], machine["wim"], machine["o0"] = psr, wim, target
    run(machine, imm(0x39, 0, 8, 0))
    assert trap_of(machine) == tt


@pytest.mark.parametrize(
    ("psr", "wim", "target", "tt"),
    [(0x1000, 0, 0, PRIVILEGED), (0x1080, 2, 0, UNDERFLOW), (0x1080, 0, 2, ALIGN)],
    ids=["user", "window", "align"],
)
def test_rett_that_may_not_return_is_error_mode(machine: Machine, psr: int, wim: int, target: int, tt: int) -> None:
    machine["psr"], machine["wim"], machine["o0"] = psr, wim, target
    put(machine, imm(0x39, 0, 8, 0))
    assert machine.run(9) is Stop.HALT
    assert (machine.exit_code, machine["pc"], machine["tbr"] >> 4 & 0xFF) == (tt, CODE, tt)


def holds(cond: int, icc: int) -> bool:
    n, z, v, c = (bool(icc & bit) for bit in (N, Z, V, C))
    table = (False, z, z or n != v, n != v, c or z, c, n, v)
    return table[cond & 7] != (cond >= 8)


def fp_holds(cond: int, fcc: int) -> bool:
    e, less, g, u = (fcc == n for n in range(4))
    table = [False, not e, less or g, u or less, less, u or g, g, u]
    table += [True, e, u or e, g or e, u or g or e, less or e, u or less or e, not u]
    return table[cond]


@pytest.mark.parametrize("annul", [0, 1])
@pytest.mark.parametrize("cond", range(16))
def test_branches_on_integer_conditions(machine: Machine, cond: int, annul: int) -> None:
    for icc in range(16):
        machine["psr"], machine["o1"] = PSR | icc << 20, 0
        run(machine, branch(cond, 4, annul), imm(0, 9, 9, 1), STAY)
        taken = holds(cond, icc)
        slot = not annul or (taken and cond != 8)
        assert (machine["o1"], machine["pc"]) == (int(slot), CODE + (16 if taken else 8)), icc


@pytest.mark.parametrize("annul", [0, 1])
@pytest.mark.parametrize("cond", range(16))
def test_branches_on_floating_point_conditions(machine: Machine, cond: int, annul: int) -> None:
    for fcc in range(4):
        machine["fsr"], machine["o1"] = fcc << 10, 0
        run(machine, branch(cond, 4, annul, op2=6), imm(0, 9, 9, 1), STAY)
        taken = fp_holds(cond, fcc)
        slot = not annul or (taken and cond != 8)
        assert (machine["o1"], machine["pc"]) == (int(slot), CODE + (16 if taken else 8)), fcc
    machine["psr"] = PSR & ~0x1000
    run(machine, branch(cond, 4, annul, op2=6))
    assert trap_of(machine) == FP_DISABLED


@pytest.mark.parametrize("cond", range(16))
def test_ticc_traps_when_its_condition_holds(machine: Machine, cond: int) -> None:
    for icc in range(16):
        for word in (imm(0x3A, cond, 8, 0x63), alu(0x3A, cond, 8, 9), imm(0x3A, cond, 0, 0x173)):
            machine["psr"], machine["o0"], machine["o1"] = PSR | icc << 20, 0xFFFFFF90, 0x63
            run(machine, word)
            assert trap_of(machine) == (0x80 + 0x73 if holds(cond, icc) else None)


def test_a_branch_in_the_slot_of_a_branch_runs_one_instruction_of_the_first_target(machine: Machine) -> None:
    machine["o1"] = machine["o2"] = 0
    program = [branch(8, 4), branch(8, 6), STAY, STAY, imm(0, 9, 9, 1), imm(0, 10, 10, 1), STAY, STAY]
    run(machine, *program, insns=20)  # ba; ba in its slot   V8 5.1.2
    assert (machine["o1"], machine["o2"], machine["pc"]) == (1, 0, CODE + 28)


TRANSFERS = {
    "ba": (branch(8, 16), CODE + 64),
    "be taken": (branch(1, 16), CODE + 64),
    "be,a taken": (branch(1, 16, 1), CODE + 64),
    "bne not taken": (branch(9, 16), CODE + 8),
    "fbu not taken": (branch(7, 16, 0, 6), CODE + 8),
    "call": (1 << 30 | 16, CODE + 64),
    "jmpl": (imm(0x38, 0, 12, 64), CODE + 64),
}
SLOTS = {
    "load": (memory(0, 10, 13), ALIGN),
    "store": (memory(7, 10, 13), ALIGN),
    "save": (imm(0x3C, 14, 14, 0), OVERFLOW),
    "restore": (imm(0x3D, 14, 14, 0), UNDERFLOW),
    "divide": (imm(0x0E, 10, 0, 0), 0x2A),
    "tagged": (imm(0x22, 10, 0, 1), TAG),
    "trap": (imm(0x3A, 8, 0, 9), 0x89),
    "illegal": (0, ILLEGAL),
    "quad": (fpop(0x43), FP_EXCEPTION),
}


@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize("transfer", TRANSFERS)
def test_a_trap_in_a_delay_slot_saves_where_the_transfer_goes(machine: Machine, transfer: str, slot: str) -> None:
    (first, npc), (second, tt) = TRANSFERS[transfer], SLOTS[slot]
    machine["psr"], machine["wim"], machine["fsr"] = PSR | Z << 20, 0x82, 0
    machine["o4"], machine["o5"] = CODE, DATA + 1
    run(machine, first, second, insns=6)
    assert trap_of(machine) == tt
    assert (machine["l1"], machine["l2"]) == (CODE + 4, npc)


def test_call_and_jmpl_leave_their_address(machine: Machine) -> None:
    machine["o0"], machine["o7"], machine["o1"] = CODE, 0, 0
    run(machine, 1 << 30 | 4, imm(0, 9, 9, 1))
    assert (machine["o7"], machine["o1"], machine["pc"]) == (CODE, 1, CODE + 16)
    run(machine, imm(0x38, 10, 8, 0x20), imm(0, 9, 9, 1))
    assert (machine["o2"], machine["o1"], machine["pc"]) == (CODE, 2, CODE + 0x20)
    run(machine, imm(0x38, 10, 8, 0x22))
    assert trap_of(machine) == ALIGN


def test_all_windows_are_reached_and_the_ins_are_the_outs_of_the_window_before(machine: Machine) -> None:
    machine["o0"] = 1
    run(machine, *[imm(0x3C, 8, 8, 1)] * 8)  # save %o0, 1, %o0 eight times round
    assert machine["psr"] & 31 == 0
    assert [machine[f"w{window}o0"] for window in range(8)] == [9, 8, 7, 6, 5, 4, 3, 2]
    assert machine["i0"] == machine["w1o0"]
    run(machine, *[imm(0x3D, 8, 8, 1)] * 3)
    assert (machine["psr"] & 31, machine["o0"]) == (3, 12)


@pytest.mark.parametrize(("op3", "window", "tt"), [(0x3C, 7, OVERFLOW), (0x3D, 1, UNDERFLOW)])
def test_save_and_restore_respect_the_invalid_mask(machine: Machine, op3: int, window: int, tt: int) -> None:
    machine["wim"], machine["o0"] = 1 << window, 5
    run(machine, imm(op3, 8, 8, 1))
    assert (trap_of(machine), machine["w0o0"], machine["psr"] & 31) == (tt, 5, 7)
    assert (machine["l1"], machine["l2"]) == (CODE, CODE + 4)


def test_ldfsr_keeps_version_and_trap_type(machine: Machine) -> None:
    machine.write(DATA, struct.pack(">2I", M32, 0x5555AAAA))
    machine["o0"], machine["fsr"] = DATA, 3 << 14
    run(machine, memory(0x21, 0), memory(0x25, 0, 8, 8))
    assert machine.read(DATA + 8, 4) == struct.pack(">I", 0xCFC00FFF | 2 << 17 | 3 << 14)
    run(machine, memory(0x21, 0, 8, 4), memory(0x25, 0, 8, 8))
    assert machine.read(DATA + 8, 4) == struct.pack(">I", 0x5555AAAA & 0xCFC00FFF | 2 << 17 | 3 << 14)


def test_stdfq_is_a_sequence_error_because_the_queue_is_empty(machine: Machine) -> None:
    machine["o0"], machine["fsr"] = DATA, 0
    run(machine, memory(0x26, 0))
    assert (trap_of(machine), machine["fsr"] >> 14 & 7) == (FP_EXCEPTION, 4)


@pytest.mark.parametrize("opf", [0x43, 0x47, 0x4B, 0x4F, 0x6E, 0x2B, 0xC7, 0xCB, 0xCD, 0xCE, 0xCC, 0xD3, 0x00])
def test_quad_operations_are_unimplemented(machine: Machine, opf: int) -> None:
    machine["fsr"] = 0
    run(machine, fpop(opf))
    assert (trap_of(machine), machine["fsr"] >> 14 & 7) == (FP_EXCEPTION, 3)
    machine["psr"], machine["fsr"] = PSR, 0
    run(machine, fpop(0x53, op3=0x35))  # FCMPq
    assert (trap_of(machine), machine["fsr"] >> 14 & 7) == (FP_EXCEPTION, 3)


@pytest.mark.parametrize("op3", [0x20, 0x21, 0x23, 0x24, 0x25, 0x26, 0x27])
def test_fp_memory_instructions_trap_while_the_fpu_is_off(machine: Machine, op3: int) -> None:
    machine["psr"], machine["o0"] = PSR & ~0x1000, DATA + 1
    run(machine, memory(op3, 0))
    assert trap_of(machine) == FP_DISABLED


def test_flush_makes_changed_code_run(machine: Machine) -> None:
    machine["o0"], machine["o1"], machine["o2"] = CODE + 16, imm(0, 11, 0, 7), 0
    machine["o3"] = 0
    run(machine, memory(4, 9), imm(0x3B, 0, 8, 0), NOP, NOP, imm(0, 11, 0, 1), insns=6)
    assert machine["o3"] == 7

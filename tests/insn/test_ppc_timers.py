# SPDX-License-Identifier: MIT
"""PowerPC 440 time base, decrementer, fixed interval timer and watchdog: exact to the instruction, in both engines.

Guest time here is 10 ns an instruction, so the timers, which count at the CPU's 400 MHz, count 4 for each. What an
instruction reads or writes of time, it does at its end.
Source: 440 manual, chapter 7.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from l4vm.binding.machine import Machine, Stop, Time
from tests.insn.layout import COMPARED
from tests.insn.ppc_words import (
    CODE,
    DECREMENTER,
    FIT,
    M32,
    MSR_CE,
    MSR_EE,
    MSR_WE,
    NOP,
    STAY,
    VECTORS,
    WATCHDOG,
    op,
    prepare,
    put,
    trap_of,
)

TICKS = 4
DEC, DECAR, TBL_READ, TBU_READ, TBL, TBU, TSR, TCR = 22, 54, 268, 269, 284, 285, 336, 340
WIS, ENW, DIS, FIS = 1 << 30, 1 << 31, 1 << 27, 1 << 26
WIE, DIE, FIE, ARE, WRC_SYSTEM = 1 << 27, 1 << 26, 1 << 23, 1 << 22, 3 << 28
BEHIND = CODE + 0x400
COUNT_R7 = op("ADDI", rt=7, ra=7, si=1)


@pytest.fixture(params=COMPARED, ids=lambda engine: engine.name.lower())
def timed(request: pytest.FixtureRequest) -> Iterator[Machine]:
    with Machine("bamboo", ram_mib=16, engine=request.param, time=Time.EXACT, ns_per_insn=10, code_mib=1) as made:
        prepare(made)
        made["r7"] = 0
        yield made


def handler(machine: Machine, number: int, *words: int) -> None:
    machine.write(VECTORS + 0x100 * number, struct.pack(f">{len(words)}I", *words))


def counting(*words: int) -> list[int]:
    """Return words, then a loop that counts its turns of two instructions in r7."""
    return [*words, COUNT_R7, op("B", li=-1)]


def test_the_time_base_counts_and_can_be_set(timed: Machine) -> None:
    timed["r3"], timed["r4"] = 0xFFFFFFF0, 0x11
    read = [op("MFTB", spr=TBL_READ, rt=5), op("MFTB", spr=TBU_READ, rt=6), op("MFSPR", spr=TBL_READ, rt=8)]
    put(timed, op("MTSPR", spr=TBU, rt=4), op("MTSPR", spr=TBL, rt=3), NOP, *read)
    timed.run(6)
    assert (timed["r5"], timed["r6"], timed["r8"]) == (0xFFFFFFF0 + 2 * TICKS, 0x11, 0xFFFFFFF0 + 4 * TICKS & M32)
    put(timed, *read)
    timed.run(3)
    assert (timed["r5"], timed["r6"]) == (0xFFFFFFF0 + 5 * TICKS & M32, 0x12)


def test_the_time_base_does_not_care_how_a_run_is_cut(timed: Machine) -> None:
    put(timed, op("MFTB", spr=TBL_READ, rt=5), *[NOP] * 20, op("MFTB", spr=TBL_READ, rt=6))
    for insns in (1, 3, 1, 9, 8):
        assert timed.run(insns) is Stop.BUDGET
    assert timed["r6"] - timed["r5"] == 21 * TICKS


def test_the_decrementer_counts_down_to_zero_and_stays(timed: Machine) -> None:
    timed["r3"] = 100
    put(timed, op("MTSPR", spr=DEC, rt=3), *[NOP] * 9, op("MFSPR", spr=DEC, rt=4), op("MFSPR", spr=TSR, rt=5))
    timed.run(12)
    assert (timed["r4"], timed["r5"]) == (100 - 10 * TICKS, 0)
    put(timed, *[NOP] * 30, op("MFSPR", spr=DEC, rt=4), op("MFSPR", spr=TSR, rt=5))
    timed.run(32)
    assert (timed["r4"], timed["r5"] & DIS) == (0, DIS)


def test_writing_zero_to_the_decrementer_is_no_event(timed: Machine) -> None:
    timed["r3"] = 0
    put(timed, op("MTSPR", spr=DEC, rt=3), *[NOP] * 9, op("MFSPR", spr=TSR, rt=5))
    timed.run(11)
    assert timed["r5"] & DIS == 0


@pytest.mark.parametrize("count", [4, 100, 101, 103, 104, 4001])
def test_the_decrementer_interrupts_at_the_exact_instruction(timed: Machine, count: int) -> None:
    timed["r3"], timed["r4"], timed["msr"] = count, DIE, MSR_EE
    put(timed, *counting(op("MTSPR", spr=TCR, rt=4), op("MTSPR", spr=DEC, rt=3)))
    timed.run(3000)
    assert trap_of(timed) == DECREMENTER
    done = -(-count // TICKS)  # instructions of the loop; the count begins at the end of the one that writes it
    assert (timed["r7"], timed["srr0"]) == (-(-done // 2), CODE + 8 + 4 * (done % 2))
    assert (timed["srr1"], timed["tsr"] & DIS) == (MSR_EE, DIS)


def test_the_decrementer_waits_for_its_enables(timed: Machine) -> None:
    timed["r3"], timed["r4"], timed["r5"] = 40, DIE, DIS
    timed["msr"] = MSR_EE
    put(timed, op("MTSPR", spr=DEC, rt=3), *[NOP] * 30, op("MTSPR", spr=TCR, rt=4), COUNT_R7)
    timed.run(40)  # due since long when it is enabled
    assert (trap_of(timed), timed["srr0"], timed["r7"]) == (DECREMENTER, CODE + 4 * 32, 0)
    timed["msr"] = 0
    put(timed, NOP, op("WRTEEI", ee=1), COUNT_R7)
    timed.run(5)
    assert (trap_of(timed), timed["srr0"], timed["r7"]) == (DECREMENTER, CODE + 8, 0)
    timed["msr"] = 0
    put(timed, op("MTSPR", spr=TSR, rt=5), op("WRTEEI", ee=1), COUNT_R7)
    timed.run(5)
    assert (trap_of(timed), timed["r7"]) == (None, 1)


def test_the_decrementer_reloads_itself(timed: Machine) -> None:
    period, turns = 400, 20
    handler(timed, DECREMENTER, op("MTSPR", spr=TSR, rt=5), op("ADDI", rt=6, ra=6, si=1), op("RFI"))
    timed["r3"], timed["r4"], timed["r5"], timed["r6"], timed["msr"] = period, DIE | ARE, DIS, 0, MSR_EE
    setup = [op("MTSPR", spr=DECAR, rt=3), op("MTSPR", spr=TCR, rt=4), op("MTSPR", spr=DEC, rt=3)]
    put(timed, *counting(*setup))
    timed.run(3 + turns * period // TICKS + 10)
    assert timed["r6"] == turns
    assert abs(timed["r7"] - turns * (period // TICKS - 3) // 2) < 10


def test_a_sleeping_cpu_is_woken(timed: Machine) -> None:
    handler(timed, DECREMENTER, op("MTSPR", spr=TSR, rt=5), op("MTSPR", spr=27, rt=9), op("RFI"))
    timed["r3"], timed["r4"], timed["r5"], timed["r9"] = 400000, DIE, DIS, MSR_EE
    timed["r10"] = MSR_EE | MSR_WE
    put(timed, op("MTSPR", spr=TCR, rt=4), op("MTSPR", spr=DEC, rt=3), op("MTMSR", rt=10), COUNT_R7)
    assert timed.run(100) is Stop.IDLE
    written = 2 * 10  # ns
    assert (timed["pc"], timed.idle_until_ns) == (CODE + 12, written + 1_000_000)
    timed.advance(timed.idle_until_ns)
    assert timed.run(5) is Stop.BUDGET
    assert (timed["r7"], timed["msr"], timed["tsr"] & DIS) == (1, MSR_EE, 0)


@pytest.mark.parametrize("period", range(2))
def test_the_fixed_interval_timer_follows_the_time_base(timed: Machine, period: int) -> None:
    ticks = 1 << 13 + 4 * period
    handler(timed, FIT, op("MTSPR", spr=TSR, rt=5), op("ADDI", rt=6, ra=6, si=1), op("MFTB", spr=TBL_READ, rt=8))
    timed.write(VECTORS + 0x100 * FIT + 12, struct.pack(">I", op("RFI")))
    timed["r4"], timed["r5"], timed["r6"], timed["msr"] = FIE | period << 24, FIS, 0, MSR_EE
    put(timed, *counting(op("MTSPR", spr=TBL, rt=6), op("MTSPR", spr=TBU, rt=6), op("MTSPR", spr=TCR, rt=4)))
    timed.run(10 * ticks // TICKS)
    assert timed["r6"] == 10
    assert 0 <= timed["r8"] % ticks - ticks // 2 < 4 * TICKS  # the bit of half the period went from 0 to 1


def test_the_watchdog_warns_interrupts_and_stops_the_machine(timed: Machine) -> None:
    ticks = 1 << 21
    timed["r4"], timed["r6"], timed["msr"] = WIE | WRC_SYSTEM, 0, 0
    put(timed, *counting(op("MTSPR", spr=TBL, rt=6), op("MTSPR", spr=TBU, rt=6), op("MTSPR", spr=TCR, rt=4)))
    timed.run(ticks // TICKS)
    assert timed["tsr"] & (ENW | WIS) == ENW
    timed["msr"] = MSR_CE
    timed.run(ticks // TICKS)
    assert (trap_of(timed), timed["tsr"] & (ENW | WIS)) == (WATCHDOG, ENW | WIS)
    assert timed["csrr1"] == MSR_CE
    assert CODE + 12 <= timed["csrr0"] < CODE + 20
    assert timed.run(ticks // TICKS) is Stop.HALT


def test_a_watchdog_that_is_fed_does_not_bark(timed: Machine) -> None:
    ticks = 1 << 21
    timed["r4"], timed["r5"], timed["r6"] = WRC_SYSTEM, M32, 0
    put(timed, *counting(op("MTSPR", spr=TBL, rt=6), op("MTSPR", spr=TBU, rt=6), op("MTSPR", spr=TCR, rt=4)))
    timed.write(BEHIND, struct.pack(">2I", op("MTSPR", spr=TSR, rt=5), STAY))
    for _ in range(6):
        assert timed.run(ticks // TICKS) is Stop.BUDGET
        timed["pc"] = BEHIND
    assert timed["tsr"] & WIS == 0


def test_the_watchdogs_reset_cannot_be_taken_back(timed: Machine) -> None:
    timed["r3"], timed["r4"] = WRC_SYSTEM, 0
    put(timed, op("MTSPR", spr=TCR, rt=3), op("MTSPR", spr=TCR, rt=4), op("MFSPR", spr=TCR, rt=5))
    timed.run(3)
    assert timed["r5"] == WRC_SYSTEM

# SPDX-License-Identifier: MIT
"""PowerPC words by their names in the instruction table, and a machine for the tests of this folder.

`op("ADDI", rt=3, ra=0, si=-1)`; fields that are not named are zero. That the table is the architecture's is held by
tests/decode, against an independent disassembler. Bits of registers are written by their value.
"""

from __future__ import annotations

import functools
import struct

from l4vm.binding.machine import Machine
from l4vm.decode.table import read
from tests.insn.layout import Layout

CODE, DATA, VECTORS = 0x2000, 0x8000, 0x10000
M32 = 0xFFFFFFFF
NOP = 0x60000000  # ori r0, r0, 0
STAY = 0x48000000  # b .
LAYOUT = Layout("ppc", "bamboo", 0, CODE, DATA, NOP, STAY)
put, run = LAYOUT.put, LAYOUT.run

MSR_DS, MSR_IS, MSR_DE, MSR_ME, MSR_FP, MSR_PR = 0x10, 0x20, 0x200, 0x1000, 0x2000, 0x4000
MSR_EE, MSR_CE, MSR_WE = 0x8000, 0x20000, 0x40000
SO, OV, CA = 1 << 31, 1 << 30, 1 << 29
LT, GT, EQ, UN = 8, 4, 2, 1  # of a CR field; UN is its summary overflow
CRITICAL, MACHINE_CHECK, DATA_STORAGE, INSN_STORAGE, EXTERNAL, ALIGNMENT, PROGRAM, FP_OFF = range(8)
SYSTEM_CALL, _, DECREMENTER, FIT, WATCHDOG, DATA_TLB, INSN_TLB = range(8, 15)
ESR_PIL, ESR_PPR, ESR_PTR, ESR_ST = 0x08000000, 0x04000000, 0x02000000, 0x00800000
DECODE = read(LAYOUT.table)


@functools.lru_cache(None)
def op(name: str, **fields: int) -> int:
    """Return the word of an entry. `spr` stands for a special register's number, whose halves the word swaps."""
    entry = DECODE.entry(name)
    if "spr" in fields:
        number = fields.pop("spr")
        fields |= {"spr_lo": number & 31, "spr_hi": number >> 5}
    word = entry.value
    for field_name, value in fields.items():
        field = entry.field(field_name)
        assert field is not None, f"{name} has no field {field_name}"
        word = field.put(word, value)
    return word


def li(rt: int, value: int) -> list[int]:
    """Return two words that put a constant into a register."""
    return [op("ADDIS", rt=rt, si=value >> 16), op("ORI", ra=rt, rt=rt, ui=value & 0xFFFF)]


def prepare(machine: Machine) -> None:
    """Supervisor, interrupts off, FPU on, memory one to one; every interrupt's vector holds the CPU."""
    machine["msr"], machine["ivpr"] = MSR_FP, VECTORS
    for number in range(16):
        machine[f"ivor{number}"] = 0x100 * number
    machine.write(VECTORS, struct.pack(">I", STAY) * 1024)


def trap_of(machine: Machine) -> int | None:
    """Return the interrupt whose vector holds the CPU; None when it is elsewhere."""
    inside = VECTORS <= machine["pc"] < VECTORS + 0x1000
    assert not inside or machine["pc"] & 0xFF == 0
    return machine["pc"] >> 8 & 15 if inside else None

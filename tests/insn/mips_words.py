# SPDX-License-Identifier: MIT
"""MIPS words by their names in the instruction table, and a machine for the tests of this folder.

`op("ADDIU", rt=3, rs=0, imm=-1)`; fields that are not named are zero. That the table is the architecture's is held by
tests/decode, against an independent disassembler.
"""

from __future__ import annotations

import functools

from l4vm.binding.machine import Machine
from l4vm.decode.table import read
from tests.insn.layout import Layout

CODE, DATA, VECTORS, OTHER = 0x2000, 0x8000, 0x10000, 0x3000
M32 = 0xFFFFFFFF
NOP, STAY = 0, 0x1000FFFF  # sll $0, $0, 0; beq $0, $0, itself
LAYOUT = Layout("mips", "malta", 0, CODE, DATA, NOP, STAY, "<", True)
put, run = LAYOUT.put, LAYOUT.run

IE, EXL, ERL, UM, CU0 = 1, 2, 4, 0x10, 1 << 28
BD, TI, DC, IV = 1 << 31, 1 << 30, 1 << 27, 1 << 23
INTERRUPT, MODIFIED, TLB_LOAD, TLB_STORE, ADDRESS_LOAD, ADDRESS_STORE, BUS_FETCH, BUS_DATA = range(8)
SYSCALL, BREAK, RESERVED, COPROCESSOR, OVERFLOW, TRAP = range(8, 14)
REFILL, GENERAL, SPECIAL = 0, 0x180, 0x200  # vectors from EBase
INDEX, ENTRYLO0, ENTRYLO1, PAGEMASK, WIRED, COUNT, ENTRYHI, COMPARE = 0, 2, 3, 5, 6, 9, 10, 11
STATUS, CAUSE, EPC, ERROREPC = 12, 13, 14, 30
DECODE = read(LAYOUT.table)


@functools.lru_cache(None)
def op(name: str, **fields: int) -> int:
    """Return the word of an entry."""
    entry = DECODE.entry(name)
    word = entry.value
    for field_name, value in fields.items():
        field = entry.field(field_name)
        assert field is not None, f"{name} has no field {field_name}"
        word = field.put(word, value)
    return word


def prepare(machine: Machine) -> None:
    """Kernel with memory one to one (ERL); every vector holds the CPU."""
    machine["status"], machine["ebase"] = ERL, 0x80000000 | VECTORS
    machine.write(VECTORS, LAYOUT.code_of(*[STAY, NOP] * 512))


def map_page(machine: Machine, index: int, page: int, low: int, high: int, asid: int = 0, mask: int = 0) -> None:
    """Write a TLB entry by its instruction: the pair at `page` has EntryLo values low and high."""
    state = {name: machine[name] for name in ("status", "pc", "index", "entryhi", "entrylo0", "entrylo1", "pagemask")}
    machine["status"] = ERL
    machine["index"], machine["pagemask"], machine["entryhi"] = index, mask, page | asid
    machine["entrylo0"], machine["entrylo1"] = low, high
    put(machine, op("TLBWI"))
    machine.run(1)
    for name, value in state.items():
        machine[name] = value


def trap_of(machine: Machine) -> tuple[int, int] | None:
    """Return the vector that holds the CPU and Cause.ExcCode; None when it is elsewhere."""
    offset = machine["pc"] - (0x80000000 | VECTORS)
    if not 0 <= offset < 0x1000:
        return None
    return offset & ~7, machine["cause"] >> 2 & 31

# SPDX-License-Identifier: MIT
"""SPARC words by their formats, and a small program put into a machine and run; for the tests of this folder.

Register numbers are the manual's: 8-15 outs, 16-23 locals, 24-31 ins. Source: V8 appendix F.
"""

from __future__ import annotations

from l4vm.binding.machine import Machine
from tests.insn.layout import Layout

RAM = 0x40000000
CODE = RAM + 0x2000
DATA = RAM + 0x8000
M32 = 0xFFFFFFFF
PSR = 0x10A0  # EF, S, ET, window 0
NOP = 0x01000000
STAY = 0x30800000  # ba,a .
LAYOUT = Layout("sparc", "leon3", RAM, CODE, DATA, NOP, STAY)
TABLE, put, run = LAYOUT.table, LAYOUT.put, LAYOUT.run
RETURN_BEHIND = bytes.fromhex("81c4a000 81cca004 01000000 01000000")  # jmpl %l2; rett %l2 + 4; nop; nop


def alu(op3: int, rd: int = 10, rs1: int = 8, rs2: int = 9) -> int:
    """Format 3 with two registers."""
    return 2 << 30 | rd << 25 | op3 << 19 | rs1 << 14 | rs2


def imm(op3: int, rd: int, rs1: int, value: int) -> int:
    """Format 3 with simm13."""
    return 2 << 30 | rd << 25 | op3 << 19 | rs1 << 14 | 1 << 13 | value & 0x1FFF


def memory(op3: int, rd: int, rs1: int = 8, value: int = 0) -> int:
    """A load or store at rs1 + simm13."""
    return 3 << 30 | rd << 25 | op3 << 19 | rs1 << 14 | 1 << 13 | value & 0x1FFF


def alternate(op3: int, rd: int, asi: int, rs1: int = 8, rs2: int = 0) -> int:
    """A load or store in an alternate space at rs1 + rs2."""
    return 3 << 30 | rd << 25 | op3 << 19 | rs1 << 14 | asi << 5 | rs2


def fpop(opf: int, rd: int = 0, rs1: int = 2, rs2: int = 4, op3: int = 0x34) -> int:
    """A floating-point operation; op3 0x35 for the compares."""
    return 2 << 30 | rd << 25 | op3 << 19 | rs1 << 14 | opf << 5 | rs2


def branch(cond: int, words: int, annul: int = 0, op2: int = 2) -> int:
    """Bicc, or FBfcc with op2 6, by so many words."""
    return annul << 29 | cond << 25 | op2 << 22 | words & 0x3FFFFF


def trap_of(machine: Machine) -> int | None:
    """Return the trap type when pc is at a vector, where STAY holds it; None elsewhere."""
    inside = RAM <= machine["pc"] < RAM + 0x1000
    assert not inside or machine["tbr"] == machine["pc"]
    return machine["pc"] >> 4 & 0xFF if inside else None

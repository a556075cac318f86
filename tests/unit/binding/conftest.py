# SPDX-License-Identifier: MIT
"""A machine with a small loop in it: each test runs once in the interpreter and once as blocks.

The loop at LOOP counts %o0 up, stores it at DATA + 8, loads a word from DATA + 0x20 and branches
back, with the addition of %o1 in the delay slot: LOOP_INSNS instructions a round.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from l4vm.binding import Engine, Machine, Time
from tests.insn.words import CODE, DATA, PSR, RAM, STAY, branch, imm, memory, put

LOOP = CODE
LOOP_INSNS = 5
STORE, LOAD, BRANCH, SLOT = LOOP + 4, LOOP + 8, LOOP + 12, LOOP + 16
G1, O0, O1, O2 = 1, 8, 9, 10
WORDS = [
    imm(0x00, O0, O0, 1),  # add %o0, 1, %o0
    memory(0x04, O0, G1, 8),  # st %o0, [%g1 + 8]
    memory(0x00, O2, G1, 0x20),  # ld [%g1 + 0x20], %o2
    branch(8, -3),  # ba LOOP
    imm(0x00, O1, O1, 3),  # add %o1, 3, %o1
]


def loop_in(machine: Machine) -> Machine:
    machine["psr"], machine["tbr"], machine["wim"] = PSR, RAM, 0
    machine.write(RAM, struct.pack(">I", STAY) * 1024)
    put(machine, *WORDS)
    machine["g1"] = DATA
    machine.write(DATA + 0x20, b"\x00\x00\x12\x34")
    return machine


@pytest.fixture(params=list(Engine), ids=lambda engine: engine.name.lower())
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    with Machine("leon3", 16, request.param, Time.EXACT, code_mib=1) as made:
        yield loop_in(made)

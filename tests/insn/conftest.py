# SPDX-License-Identifier: MIT
"""The machines of the instruction tests: each test runs once in the interpreter and once as blocks."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from l4vm.binding.machine import Machine
from tests.insn import mips_words, ppc_words
from tests.insn.layout import COMPARED
from tests.insn.words import PSR, RAM, STAY

_ENGINES = pytest.fixture(params=COMPARED, ids=lambda engine: engine.name.lower())


@_ENGINES
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """SPARC: supervisor, traps enabled, FPU on, MMU off; every trap vector holds the CPU."""
    with Machine("leon3", ram_mib=16, engine=request.param, code_mib=1) as made:
        made["psr"], made["tbr"], made["wim"] = PSR, RAM, 0
        made.write(RAM, struct.pack(">I", STAY) * 1024)
        yield made


@_ENGINES
def ppc(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """PowerPC: as `ppc_words.prepare` says."""
    with Machine("bamboo", ram_mib=16, engine=request.param, code_mib=1) as made:
        ppc_words.prepare(made)
        yield made


@_ENGINES
def mips(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """MIPS: as `mips_words.prepare` says."""
    with Machine("malta", ram_mib=16, engine=request.param, code_mib=1) as made:
        mips_words.prepare(made)
        yield made

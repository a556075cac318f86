# SPDX-License-Identifier: MIT
"""The translator's text of a word, as its dumps show it, is the table's."""

from __future__ import annotations

import random
import struct

from l4vm.binding.machine import Machine
from l4vm.decode.sample import Sampler
from l4vm.decode.table import read
from tests.decode.disassemble import disassemble
from tests.insn.words import CODE, PSR, TABLE


def test_the_translator_prints_every_entry_as_the_table_says() -> None:
    table = read(TABLE)
    sampler = Sampler(table, random.Random(12))
    with Machine("leon3", ram_mib=8, code_mib=1) as machine:
        machine["psr"] = PSR
        for word in [0xC1F00000, *(sampler.word(entry) for entry in table.entries for _ in range(4))]:
            machine.write(CODE, struct.pack(">I", word))
            head, line = machine.dump(CODE).splitlines()[:2]
            assert (head, line) == ("guest", f"{CODE:08x}  {word:08x}  {disassemble(table, word, CODE)}")

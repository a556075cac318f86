# SPDX-License-Identifier: MIT
"""The translator's text of a word, as its dumps show it, is the table's; PowerPC's and MIPS's are binutils' as well."""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path

import pytest

from l4vm.binding.machine import Machine
from l4vm.decode.sample import Choose, Sampler
from l4vm.decode.table import read
from tests.decode.disassemble import disassemble
from tests.insn import mips_words, ppc_words, words
from tests.insn.layout import Layout

LAYOUTS = {"sparc": words.LAYOUT, "ppc": ppc_words.LAYOUT, "mips": mips_words.LAYOUT}
DRAWS = 40
CR_BITS = {"lt": 0, "gt": 1, "eq": 2, "so": 3}
RENAMED = {"cmpwi": "cmpi", "cmplwi": "cmpli", "cmpw": "cmp", "cmplw": "cmpl"}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_translator_prints_every_entry_as_the_table_says(layout: Layout) -> None:
    table = read(layout.table)
    sampler = Sampler(table, random.Random(12))
    with Machine(layout.machine, ram_mib=8, code_mib=1) as machine:
        if layout.guest == "sparc":
            machine["psr"] = words.PSR
        for word in [0xC1F00000, *(sampler.word(entry) for entry in table.entries for _ in range(4))]:
            machine.write(layout.code, layout.code_of(word))
            head, line = machine.dump(layout.code).splitlines()[:2]
            text = disassemble(table, word, layout.code)
            assert (head, line) == ("guest", f"{layout.code:08x}  {word:08x}  {text}")


POWERPC_440 = ("powerpc-linux-gnu-objdump", "-EB", "-m", "powerpc:common", "-M", "440,raw")
MIPS32R2 = ("mipsel-linux-gnu-objdump", "-EL", "-m", "mips:isa32r2", "-M", "no-aliases,reg-names=numeric")


def theirs(all_words: list[int], folder: Path, layout: Layout, tool: tuple[str, ...]) -> list[str]:
    """Return the text of each word by objdump."""
    image = folder / "words.bin"
    image.write_bytes(layout.code_of(*all_words))
    command = [*tool, "-D", "-z", "-b", "binary"]
    done = subprocess.run([*command, str(image)], capture_output=True, text=True, check=True)
    return [line.split("\t", 2)[2] for line in done.stdout.splitlines() if line.count("\t") > 1]


def parts(text: str) -> tuple[str, list[int]]:
    """Return a mnemonic and the operands as numbers, in order; names of CR bits and fields become their numbers."""
    mnemonic, _, rest = text.replace("\t", " ").partition(" ")
    rest = re.sub(r"(\d+) \+ 32 \* (\d+)", lambda m: str(int(m[1]) + 32 * int(m[2])), rest)
    rest = re.sub(r"4\*cr(\d)\+(..)", lambda m: str(4 * int(m[1]) + CR_BITS[m[2]]), rest)
    rest = re.sub(r"\b(lt|gt|eq|so)\b", lambda m: str(CR_BITS[m[1]]), rest)
    rest = re.sub(r"\b(?:cr|r|f)(\d+)", r"\1", rest)
    return RENAMED.get(mnemonic, mnemonic), [int(n, 0) & 0xFFFFFFFF for n in re.findall(r"-?(?:0x[0-9a-f]+|\d+)", rest)]


def is_within(ours: list[int], others: list[int]) -> bool:
    """Whether ours are among the others in this order: binutils also shows operands that are always 0."""
    rest = iter(others)
    return all(number in rest for number in ours)


def test_binutils_reads_the_powerpc_table_the_same_way(tmp_path: Path) -> None:
    table = ppc_words.DECODE
    fields: dict[str, Choose] = {"spr_lo": lambda r: r.choice((8, 12, 13)), "spr_hi": lambda _: 8}
    sampler = Sampler(table, random.Random(4), fields=fields | {"nb": lambda r: r.randrange(1, 32)})
    drawn = [(entry, sampler.word(entry)) for entry in table.entries for _ in range(DRAWS)]
    seen = set()
    others = theirs([w for _, w in drawn], tmp_path, ppc_words.LAYOUT, POWERPC_440)
    for index, ((entry, word), other) in enumerate(zip(drawn, others, strict=True)):
        if other.startswith(".long"):
            continue  # a form that is invalid
        (name, numbers), (their_name, their_numbers) = parts(disassemble(table, word, 4 * index)), parts(other)
        assert name == their_name, (entry.name, hex(word), other)
        assert is_within(numbers, their_numbers), (entry.name, hex(word), other, numbers)
        seen.add(entry.name)
    assert {entry.name for entry in table.entries} - seen == {"MFTB"}  # not in Book E: the 440 has it all the same


def test_binutils_reads_the_mips_table_the_same_way(tmp_path: Path) -> None:
    table = mips_words.DECODE
    fields: dict[str, Choose] = {name: lambda r: r.randrange(1, 31) for name in ("rs", "rt", "rd")}  # others: aliases
    sampler = Sampler(table, random.Random(4), fields=fields | {"sel": lambda r: r.randrange(1, 8)})
    present = [entry for entry in table.entries if not entry.text.startswith("cop")]
    drawn = [(entry, sampler.word(entry)) for entry in present for _ in range(DRAWS)]
    others = theirs([w for _, w in drawn], tmp_path, mips_words.LAYOUT, MIPS32R2)
    for index, ((entry, word), other) in enumerate(zip(drawn, others, strict=True)):
        name, ours = disassemble(table, word, 4 * index).partition(" ")[::2]
        their_name, their_operands = re.split(r"\s+", other + " ", maxsplit=1)
        numbers, their_numbers = (parts(f"x {text.replace('$', '')}")[1] for text in (ours, their_operands))
        assert name == their_name, (entry.name, hex(word), other)
        assert is_within(numbers, their_numbers), (entry.name, hex(word), other, numbers)

# SPDX-License-Identifier: MIT
"""Instruction tables: what is refused, with its sentence, and that C decodes as Python does."""

from __future__ import annotations

import random
import struct
import subprocess
from pathlib import Path

import pytest

from l4vm.decode.emit import write_header
from l4vm.decode.sample import Sampler
from l4vm.decode.table import parse, read
from l4vm.errors import L4vmError

SPARC = Path(__file__).parents[2] / "translator/guest/sparc/insn.decode"


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("A 0 x:6 | a", "t:3: A has 7 bits, must have 8"),
        ("A 0 x:7 | a\nB 00 x:6 | b", "t:4: B overlaps A of line 3: both take 0x00000000"),
        ("A 0 x:7 | a\ndefault B 00 x:6 | b", "t:4: B is never reached: the other lines take all its words"),
        ("A 0 x:7 | a {y:x}", "t:3: A: its text names the field 'y', it has x"),
        ("A 0 x:7 | a {x:q}", "t:3: A: unknown kind 'q' of x, known: a, b, c, d, f, l, n, o, r, x"),
        ("A 0 x:3 x:4 | a", "t:3: A: field x is given twice"),
        ("A 0 x:7 | a\nB 1 x:s7 | b", "t:4: B: field x is signed here, unsigned in line 3"),
        ("A 0 x:7 | a\nA 1 x:7 | b", "t:4: A is given already in line 3"),
        ("A 0 x=7 | a", "t:3: A: 'x=7' is neither bits, NAME:WIDTH nor -:WIDTH"),
        ("A 0 x:7", "t:3: A has no text"),
    ],
)
def test_a_faulty_table_is_refused_with_its_place(lines: str, sentence: str) -> None:
    with pytest.raises(L4vmError) as caught:
        parse(f"guest toy\nwidth 8\n{lines}\n", "t")
    assert sentence in str(caught.value)


def test_all_faults_come_in_one_run() -> None:
    with pytest.raises(L4vmError) as caught:
        parse("guest toy\nwidth 8\nA 0 | a\nB 111 | b\n", "t")
    assert "t:3:" in str(caught.value) and "t:4:" in str(caught.value)


def test_every_sparc_entry_can_be_drawn_and_decodes_to_itself() -> None:
    table = read(SPARC)
    sampler = Sampler(table, random.Random(3))
    for entry in table.entries:
        assert table.decode(sampler.word(entry)) is entry


def test_the_generated_matcher_decodes_as_the_table_does(tmp_path: Path) -> None:
    table = read(SPARC)
    write_header(SPARC, tmp_path / "sparc_dec_gen.h")
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "sparc_dec_gen.h"\n'
        "int main(void) { uint32_t w; struct sparc_insn d;\n"
        " (void)sparc_texts;\n"
        " while (fread(&w, 4, 1, stdin) == 1) { sparc_decode(w, &d); printf(\"%u\\n\", (unsigned)d.entry); } }\n"
    )
    program = tmp_path / "main"
    subprocess.run(["gcc", "-Wall", "-Werror", "-o", str(program), str(tmp_path / "main.c")], check=True)
    rng = random.Random(4)
    sampler = Sampler(table, rng)
    words = [rng.getrandbits(32) for _ in range(5000)] + [sampler.word(e) for e in table.entries for _ in range(10)]
    done = subprocess.run([program], input=struct.pack(f"={len(words)}I", *words), capture_output=True, check=True)
    names = [None, *[entry.name for entry in table.entries]]
    found = [names[int(line)] for line in done.stdout.split()]
    assert found == [entry.name if (entry := table.decode(word)) else None for word in words]

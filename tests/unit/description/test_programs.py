# SPDX-License-Identifier: MIT
"""Programs that no task may have are refused by their place in the image file, all in one run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l4vm.description.builder import PAGE, Rights
from l4vm.description.programs import END_VA, FIRST_VA, parse_program, parse_programs
from l4vm.errors import L4vmError, L4vmErrors
from tests.unit.description.case import CODE, CONSTANTS, DATA, PROGRAM, PROGRAMS, R, W, X, description, elf64


def test_program_is_its_segments_by_address() -> None:
    program = parse_program(elf64(DATA, CODE, CONSTANTS), "p")
    assert program.entry == 0x400000
    assert [(s.va, s.rights, s.mem_bytes) for s in program.segments] == [
        (0x400000, Rights.READ | Rights.EXEC, 100),
        (0x401000, Rights.READ, 9),
        (0x402000, Rights.READ | Rights.WRITE, 0x1800),
    ]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "p: is no ELF file (Magic number does not match)"),
        (PROGRAM[:40], "p: is no ELF file ("),
        (PROGRAM[:-10], "p: the segment at 0x401000 has 3 of 9 bytes"),
        (elf64(replace(CODE, va=(1 << 64) - PAGE)), "p: the segment at 0xfffffffffffff000, 100 bytes, lies outside"),
        (PROGRAM[:72] + b"\xff" * 8 + PROGRAM[80:], "p: is no ELF file ("),
        (elf64(CODE, machine=3), "p: is no linked x86-64 program"),
        (elf64(CODE, kind=3), "p: is no linked x86-64 program"),
        (elf64(replace(CODE, va=0x400010)), "p: the segment at 0x400010 is not page aligned"),
        (elf64(replace(CODE, va=0x3FF000)), "p: the segment at 0x3ff000, 100 bytes, lies outside 0x400000..0x1"),
        (elf64(CODE, replace(DATA, va=0xFFFFF000)), "p: the segment at 0xfffff000, 6144 bytes, lies outside"),
        (elf64(replace(CODE, flags=R | W | X)), "p: the segment at 0x400000 is writable and executable"),
        (elf64(CODE, replace(DATA, va=0x400000)), "p: the segment at 0x400000 begins on a page of the one before"),
        (elf64(CODE, entry=0x400064), "p: its entry 0x400064 lies in no executable segment"),
        (elf64(CODE, DATA, entry=0x402000), "p: its entry 0x402000 lies in no executable segment"),
        (elf64(), "p: its entry 0x400000 lies in no executable segment"),
    ],
)
def test_program_that_no_task_may_have_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(L4vmError) as error:
        parse_program(data, "p")
    assert error.value.message.startswith(sentence)
    assert error.value.hint


def test_every_cut_of_a_program_is_refused_or_whole() -> None:
    for length in range(len(PROGRAM)):
        with pytest.raises(L4vmError):
            parse_program(PROGRAM[:length], "p")


@given(st.lists(st.tuples(st.integers(0, len(PROGRAM) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_program_is_refused_or_still_one_that_a_task_may_have(flips: list[tuple[int, int]]) -> None:
    data = bytearray(PROGRAM)
    for at, value in flips:
        data[at] = value
    try:
        program = parse_program(bytes(data), "p")
    except L4vmError:
        return
    for segment in program.segments:
        assert FIRST_VA <= segment.va <= segment.va + segment.mem_bytes <= END_VA
        assert len(segment.data) <= segment.mem_bytes


def test_programs_not_built_and_broken_are_named_by_place(tmp_path: Path) -> None:
    programs = {"serial": b"x", "vm": PROGRAM}
    with pytest.raises(L4vmErrors) as errors:
        parse_programs(description(tmp_path), programs)
    assert [str(error) for error in errors.value.errors] == [
        "case/case.toml:2: image.root = 'root': this program was not built\n  scons builds what the image names",
        "case/case.toml:6: server.serial.program = 'serial': is no ELF file (Magic number does not match)\n"
        "  build it again",
        "case/case.toml:13: rt.beat.program = 'beat': this program was not built\n  scons builds what the image names",
        "case/case.toml:20: rt.pulse.program = 'beat': this program was not built\n  scons builds what the image names",
    ]
    assert errors.value.exit_code == 3
    assert sorted(parse_programs(description(tmp_path), PROGRAMS)) == ["beat", "root", "serial", "vm"]


def test_a_program_is_found_where_the_image_names_it(tmp_path: Path) -> None:
    whole = description(tmp_path)
    assert whole.where_program("beat").endswith(": rt.beat.program = 'beat'")
    assert whole.where_program("serial").endswith(": server.serial.program = 'serial'")
    assert whole.where_program("root").endswith(": image.root = 'root'")
    line = int(whole.where_program("beat").split(":")[1])
    assert whole.folder.joinpath("case.toml").read_text(encoding="utf-8").splitlines()[line - 1] == 'program = "beat"'

# SPDX-License-Identifier: MIT
"""Two engines in lock step agree, with chaos too; a wrong instruction of the host is found and named."""

from __future__ import annotations

import ctypes
import random
import struct
from pathlib import Path

import pytest

from l4vm.bench.programs import build_program
from l4vm.binding import Checked, Difference, Engine, Machine, Stop, Time, switch_names
from l4vm.errors import L4vmError
from l4vm.guests import load_elf
from tests.fuzz.sparc import GUEST, anything, sampler
from tests.insn.words import CODE, NOP, PSR, RAM, branch, imm, memory, put

O1, O2, G1 = 9, 10, 1
CONSTANT = 0x12345400
LOOP = [
    4 << 22 | O1 << 25 | CONSTANT >> 10,  # sethi %hi(CONSTANT), %o1
    imm(0x00, O2, O2, 1),  # add %o2, 1, %o2
    memory(0x04, O1, G1, 0),  # st %o1, [%g1]
    branch(8, -3),
    NOP,
]


def start(machine: Checked) -> None:
    for one in (machine, machine.partner):
        one["psr"], one["tbr"], one["wim"] = PSR, RAM, 0
        put(one, *LOOP)
        one["g1"] = RAM + 0x8000


def code_caches() -> list[tuple[int, int]]:
    """Return where code caches are mapped writable: start and end."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    lines = [line for line in maps if "l4vm-code" in line and " rw-s" in line]
    return [(int(a, 16), int(b, 16)) for a, b in (line.split()[0].split("-") for line in lines)]


def spoil(wanted: bytes, put_there: bytes) -> int:
    """Change bytes wherever they are in translated code; return how often."""
    count = 0
    for begin, end in code_caches():
        data = ctypes.string_at(begin, end - begin)
        at = data.find(wanted)
        while at >= 0:
            ctypes.memmove(begin + at, put_there, len(put_there))
            count, at = count + 1, data.find(wanted, at + 1)
    return count


@pytest.mark.parametrize("switches", [0, *switch_names().values()])
def test_program_is_the_same_in_both_engines(tmp_path: Path, switches: int) -> None:
    with Checked("leon3", 16, time=Time.EXACT, switches=switches, every=7919) as machine:
        machine.load_executable(load_elf(build_program("sort", tmp_path)))
        while machine.insns < 400_000:
            assert machine.run_for(400_000 - machine.insns, wall_s=60) == Stop.BUDGET
        assert machine.insns == machine.partner.insns == 400_000


@pytest.mark.parametrize("slice_max", [1, 3, 300])
@pytest.mark.parametrize("seed", range(8))
def test_random_program_is_the_same_under_chaos(seed: int, slice_max: int) -> None:
    rng = random.Random(seed)
    with Checked("leon3", 16, time=Time.EXACT, code_mib=1, every=1 + rng.randrange(60)) as machine:
        program, data = anything(rng, sampler(rng), 60), rng.randbytes(GUEST.data_bytes)
        GUEST.put(machine, program, data)
        GUEST.put(machine.partner, program, data)
        machine.chaos(seed, slice_max)
        machine.run_for(600, wall_s=60)
        assert machine.insns == machine.partner.insns


@pytest.mark.parametrize("every", [1000, 4096])
def test_wrong_host_instruction_is_found_with_register_pc_ir_and_bytes(every: int) -> None:
    with Checked("leon3", 16, time=Time.EXACT, code_mib=1, every=every) as machine:
        start(machine)
        machine.run_for(20_000, wall_s=60)
        assert spoil(struct.pack("<I", CONSTANT), struct.pack("<I", CONSTANT + 1))
        with pytest.raises(Difference) as caught:
            machine.run_for(100_000, wall_s=60)
    difference = caught.value
    assert ("o1", CONSTANT + 1, CONSTANT) in difference.registers or "RAM from byte 0x8003 of it on" in str(difference)
    assert CODE <= difference.pc < CODE + 4 * len(LOOP)
    text = str(difference)
    for part in ("behind pc 0x40002", "sethi %hi(0x48d15", "IR from the front end", "host bytes", "the bug report"):
        assert part in text, text


def test_difference_that_does_not_come_again_says_so() -> None:
    with Checked("leon3", 16, time=Time.EXACT, code_mib=1, every=1000) as machine:
        start(machine)
        machine.run_for(1500, wall_s=60)
        machine.partner["l5"] = 7
        with pytest.raises(Difference, match="do not when the last steps are taken again"):
            machine.run_for(10_000, wall_s=60)


def test_difference_in_ram_names_the_byte() -> None:
    with Checked("leon3", 16, time=Time.EXACT, code_mib=1, every=100) as machine:
        start(machine)
        machine.partner.write(RAM + 0x123456, b"!")
        with pytest.raises(Difference, match=r"RAM from byte 0x123456 of it on"):
            machine.run_for(10_000, wall_s=60)


def test_console_goes_to_both_and_comes_once(tmp_path: Path) -> None:
    with Checked("leon3", 16, time=Time.EXACT, every=1 << 30) as machine:
        machine.load_executable(load_elf(build_program("sort", tmp_path)))
        assert machine.console_write(b"abc") == 3
        machine.hook(1, 0x40001044)  # type: ignore[arg-type]
        assert machine.partner.console_read() == machine.console_read() == b""


def test_only_exact_time_can_be_compared() -> None:
    with pytest.raises(L4vmError, match="exact time"):
        Checked("leon3", 16, time=Time.INSN)
    with pytest.raises(L4vmError, match="every 1 or more"):
        Checked("leon3", 16, time=Time.EXACT, every=0)


def test_partner_may_be_any_engine() -> None:
    with Checked("leon3", 16, engine=Engine.INTERP, time=Time.EXACT, partner=Engine.BLOCK, every=50) as machine:
        start(machine)
        assert machine.run_for(1000, wall_s=60) == Stop.BUDGET
        assert isinstance(machine.partner, Machine)
        assert machine.partner.stats()["blocks"] > 0

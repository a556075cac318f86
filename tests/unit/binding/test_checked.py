# SPDX-License-Identifier: MIT
"""Two engines in lock step agree, with chaos too; a wrong instruction of the host is found and named; on each CPU."""

from __future__ import annotations

import ctypes
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from l4vm.bench.programs import MACHINES, build_program
from l4vm.binding import Checked, Difference, Engine, Machine, Stop, Time, switch_names
from l4vm.errors import L4vmError
from l4vm.guests import load_elf
from tests.fuzz.guest import FuzzGuest
from tests.fuzz.guests import GUESTS
from tests.insn import mips_words, ppc_words
from tests.insn.layout import Layout
from tests.insn.words import LAYOUT, NOP, PSR, RAM, branch, imm, memory

O1, O2, G1 = 9, 10, 1
NO_REGION, NO_DIRECT = 32, 128
BACK_ENDS = {"block": NO_REGION, "block soft": NO_REGION | NO_DIRECT, "region": 0, "region soft": NO_DIRECT}


@dataclass(frozen=True)
class Rig:
    """A loop that puts a constant into a register, counts, and stores the constant at `data`."""

    layout: Layout
    words: list[int]
    constant: int
    register: str
    pointer: str
    text: str  # of the first instruction
    prepare: Callable[[Machine], None]

    def start(self, machine: Checked) -> None:
        for one in (machine, machine.partner):
            self.prepare(one)
            self.layout.put(one, *self.words)
            one[self.pointer] = self.layout.data

    def checked(self, every: int = 997, **settings: Any) -> Checked:
        return Checked(self.layout.machine, 16, time=Time.EXACT, code_mib=1, every=every, **settings)


def _sparc(machine: Machine) -> None:
    machine["psr"], machine["tbr"], machine["wim"] = PSR, RAM, 0


RIGS = {
    "sparc": Rig(
        LAYOUT,
        [
            4 << 22 | O1 << 25 | 0x12345400 >> 10,  # sethi %hi(0x12345400), %o1
            imm(0x00, O2, O2, 1),  # add %o2, 1, %o2
            memory(0x04, O1, G1, 0),  # st %o1, [%g1]
            branch(8, -3),
            NOP,
        ],
        *(0x12345400, "o1", "g1", "sethi %hi(0x48d15", _sparc),
    ),
    "ppc": Rig(
        ppc_words.LAYOUT,
        [
            ppc_words.op("ADDIS", rt=9, si=0x1234),
            ppc_words.op("ADDI", rt=10, ra=10, si=1),
            ppc_words.op("STW", rt=9, ra=3),
            ppc_words.op("B", li=-3),
        ],
        *(0x12340000, "r9", "r3", "addis r9", ppc_words.prepare),
    ),
    "mips": Rig(
        mips_words.LAYOUT,
        [
            mips_words.op("LUI", rt=9, uimm=0x1234),
            mips_words.op("ADDIU", rt=10, rs=10, imm=1),
            mips_words.op("SW", rt=9, base=3),
            mips_words.op("BEQ", disp=-4),
            mips_words.NOP,
        ],
        *(0x12340000, "r9", "r3", "lui $9", mips_words.prepare),
    ),
}
EACH_RIG = pytest.mark.parametrize("rig", RIGS.values(), ids=RIGS)


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
@pytest.mark.parametrize("machine", MACHINES)
def test_program_is_the_same_in_both_engines(tmp_path: Path, machine: str, switches: int) -> None:
    program = load_elf(build_program("sort", tmp_path, machine), MACHINES[machine].cpu)
    with Checked(machine, 16, time=Time.EXACT, switches=switches, every=7919) as pair:
        pair.load_executable(program)
        while pair.insns < 400_000:
            assert pair.run_for(400_000 - pair.insns, wall_s=60) == Stop.BUDGET
        assert pair.insns == pair.partner.insns == 400_000


@pytest.mark.parametrize("slice_max", [1, 3, 300])
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("guest", GUESTS, ids=lambda guest: guest.machine)
def test_random_program_is_the_same_under_chaos(guest: FuzzGuest, seed: int, slice_max: int) -> None:
    rng = random.Random(seed)
    with Checked(guest.machine, 16, time=Time.EXACT, code_mib=1, every=1 + rng.randrange(60)) as machine:
        program, data = guest.anything(rng, guest.sampler(rng, ()), 60), rng.randbytes(guest.data_bytes)
        guest.put(machine, program, data)
        guest.put(machine.partner, program, data)
        machine.chaos(seed, slice_max)
        machine.run_for(600, wall_s=60)
        assert machine.insns == machine.partner.insns


@pytest.mark.slow
@pytest.mark.parametrize("guest", GUESTS, ids=lambda guest: guest.machine)
def test_random_loops_are_the_same_under_chaos(guest: FuzzGuest) -> None:
    regions = 0
    for seed in range(20):
        rng = random.Random(seed)
        with Checked(guest.machine, 16, time=Time.EXACT, code_mib=1, every=1 + rng.randrange(3000)) as machine:
            program, data = guest.loop(rng), rng.randbytes(guest.data_bytes)
            guest.put(machine, program, data)
            guest.put(machine.partner, program, data)
            machine.chaos(seed, rng.choice((1, 100, 3000)))
            machine.run_for(60_000, wall_s=60)
            assert machine.insns == machine.partner.insns
            regions += machine.stats()["regions"]
    assert regions


@pytest.mark.parametrize("back_end", BACK_ENDS)
@EACH_RIG
def test_wrong_host_instruction_is_found_with_register_pc_ir_and_bytes(rig: Rig, back_end: str) -> None:
    with rig.checked(switches=BACK_ENDS[back_end]) as machine:
        rig.start(machine)
        machine.run_for(2000, wall_s=60)
        rig.start(machine)  # the blocks are made anew, now that it is known how memory is mapped
        machine.run_for(20_000, wall_s=60)
        stats = machine.stats()
        assert (stats["regions"] > 0, stats["direct_made"] > 0) == ("region" in back_end, "soft" not in back_end)
        assert spoil(struct.pack("<I", rig.constant), struct.pack("<I", rig.constant + 1))
        with pytest.raises(Difference) as caught:
            machine.run_for(100_000, wall_s=60)
    difference = caught.value
    wrong = (rig.register, rig.constant + 1, rig.constant)
    assert wrong in difference.registers or "RAM from byte 0x800" in str(difference)
    start = rig.layout.code
    assert start <= difference.pc < start + 4 * len(rig.words)
    text = str(difference)
    for part in (f"behind pc 0x{start:08x}"[:-2], rig.text, "IR from the front end", "host bytes", "the bug report"):
        assert part in text, text


@EACH_RIG
def test_a_register_that_differs_from_the_start_is_named_with_the_pc_that_it_is_seen_behind(rig: Rig) -> None:
    with rig.checked() as machine:
        rig.start(machine)
        name = next(name for name in ("l5", "r21") if name in machine.register_names())
        machine[name] = 7
        with pytest.raises(Difference) as caught:
            machine.run_for(10_000, wall_s=60)
    assert [row for row in caught.value.registers if row[0] == name] == [(name, 7, 0)]
    assert (caught.value.insns, caught.value.pc) == (1, rig.layout.code)
    assert f"behind pc 0x{rig.layout.code:08x}\n  " in str(caught.value)
    assert f"  {name}: 0x00000007 block, 0x00000000 interp (partner)" in str(caught.value)


@EACH_RIG
def test_difference_that_does_not_come_again_says_so(rig: Rig) -> None:
    with rig.checked() as machine:
        rig.start(machine)
        machine.run_for(1500, wall_s=60)
        machine.partner[machine.register_names()[20]] = 7
        with pytest.raises(Difference, match="do not when the last steps are taken again"):
            machine.run_for(10_000, wall_s=60)


@EACH_RIG
def test_difference_in_ram_names_the_byte(rig: Rig) -> None:
    with rig.checked(every=100) as machine:
        rig.start(machine)
        machine.partner.write(rig.layout.ram + 0x123456, b"!")
        with pytest.raises(Difference, match=r"RAM from byte 0x123456 of it on"):
            machine.run_for(10_000, wall_s=60)


@EACH_RIG
def test_regions_through_windows_are_compared_with_blocks_through_the_soft_tlb(rig: Rig) -> None:
    soft = NO_REGION | NO_DIRECT
    with rig.checked(partner=Engine.BLOCK, partner_switches=soft) as machine:
        rig.start(machine)
        machine.run_for(20_000, wall_s=60)
        ours, theirs = machine.stats(), machine.partner.stats()
        assert ours["regions"] and ours["direct_made"]
        assert (theirs["regions"], theirs["direct_made"], theirs["blocks"] > 0) == (0, 0, True)
        machine.write(rig.layout.ram + 0x5000, b"!")
        with pytest.raises(Difference, match="RAM from byte 0x5000"):
            machine.run_for(10_000, wall_s=60)


@EACH_RIG
def test_chaos_unmaps_everything_before_each_region(rig: Rig) -> None:
    flushes = {}
    for switches in (0, NO_REGION):
        with Machine(rig.layout.machine, 16, time=Time.EXACT, code_mib=1, switches=switches) as machine:
            rig.prepare(machine)
            rig.layout.put(machine, *rig.words)
            machine[rig.pointer] = rig.layout.data
            machine.chaos(3, 2000)
            machine.run(400_000)
            flushes[switches] = machine.stats()["tlb_flushes"]
            assert (machine.stats()["regions"] > 0) == (switches == 0)
    assert flushes[0] > 3 * flushes[NO_REGION]  # of 400 slices, and of one in eight


@EACH_RIG
def test_chaos_of_slices_of_one_looks_around_before_every_instruction(rig: Rig) -> None:
    with Machine(rig.layout.machine, 16, time=Time.EXACT, code_mib=1) as machine:
        rig.prepare(machine)
        rig.layout.put(machine, *rig.words)
        machine[rig.pointer] = rig.layout.data
        machine.chaos(3, 1)
        machine.run(5000)
        stats = machine.stats()
        assert stats["exits"] + stats["insns_interp"] == machine.insns == 5000
        assert stats["code_flushes"] > 0


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
    rig = RIGS["sparc"]
    with rig.checked(engine=Engine.INTERP, partner=Engine.BLOCK, every=50) as machine:
        rig.start(machine)
        assert machine.run_for(1000, wall_s=60) == Stop.BUDGET
        assert isinstance(machine.partner, Machine)
        assert machine.partner.stats()["blocks"] > 0

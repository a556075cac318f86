# SPDX-License-Identifier: MIT
"""A guest that uses up its RAM, its code cache, its console's ring and its budget harms only itself."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from l4vm.bench.programs import MACHINES, PROGRAMS
from l4vm.binding import Machine
from l4vm.cli.run import tree_root
from l4vm.console.qemu import Boot, Manifest, Qemu, command_line
from l4vm.formats import link as wire
from l4vm.guests import Start, lay_out
from l4vm.link.line import Inbox
from l4vm.link.management import Listing, realtime_listing, tasks_listing
from tests.system.conftest import Talk, packed

WAIT_S = 600.0
RAM_MIB = 8
BUDGET_US, PERIOD_US = 2500, 10000
QUESTIONS = "uname -m; i=0; while [ $i -lt 50 ]; do i=$(($i+1)); done; echo counted to $i; cat /proc/version"
GUEST = f"""
[[guest]]
name = "hostile"
machine = "leon3"
ram_mib = {RAM_MIB}
kernel = "hostile.elf"
code_cache_mib = 1
priority = 50
budget_us = {BUDGET_US}
period_us = {PERIOD_US}
channel = 9
restart = "stop"
"""


def build_hostile(folder: Path) -> Path:
    """Compile the hostile program with the LEON3's start code."""
    chain, own, out = MACHINES["leon3"], PROGRAMS / "leon3", folder / "hostile.elf"
    flags = ["-O2", "-ffreestanding", "-fno-pic", "-Wall", "-Wextra", "-Werror", f"-DHOSTILE_RAM_MIB={RAM_MIB}"]
    sources = [own / "start.S", own / "console.c", PROGRAMS / "memory.c", Path(__file__).parent / "programs/hostile.c"]
    link = ["-nostdlib", "-static", "-Wl,-m,elf32_sparc", "-Wl,-z,noexecstack", f"-Wl,-T,{own / 'link.ld'}"]
    words = [f"{chain.tools}gcc", *chain.flags, *flags, f"-I{PROGRAMS / 'common'}", *map(str, sources), *link]
    subprocess.run([*words, "-o", str(out)], check=True)
    return out


def test_hostile_program_overflows_its_code_cache(tmp_path: Path) -> None:
    load = lay_out(Start("leon3", build_hostile(tmp_path).read_bytes(), "hostile.elf", RAM_MIB))
    with Machine("leon3", RAM_MIB, code_mib=1) as machine:
        machine.load_executable(load.executable)
        machine.boot(load.executable.entry)
        said = b""
        while b"round 00000002" not in said:
            machine.run(1_000_000)
            said += machine.console_read()
        assert machine.stats()["code_flushes"] > 10


@pytest.fixture(scope="module")
def beside(built: Callable[[str], Manifest], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    """The demo's guest and heartbeat beside the hostile guest, in counted time, Linux at its prompt."""
    root, folder = tree_root(), tmp_path_factory.mktemp("hostile")
    programs, home = built("demo").kernel.parent / "bin", folder / "images" / "demo"
    home.mkdir(parents=True)
    build_hostile(home)
    (home / "heartbeat.c").write_text((root / "images/demo/heartbeat.c").read_text())
    (home / "image.toml").write_text((root / "images/demo/image.toml").read_text() + GUEST)
    manifest = packed(home, programs, folder / "out")
    inbox, path, boot = Inbox(), str(folder / "line"), Boot(icount=True)
    with Qemu(command_line(manifest, boot, path), path, inbox) as qemu:
        talk = Talk(qemu, inbox, boot.preset)
        talk.wait_for("leon0", rb"\n# ", WAIT_S)
        yield talk


def answers(talk: Talk) -> str:
    """What Linux says to the questions."""
    behind = len(talk.text["leon0"])
    talk.connection.send("leon0", f"{QUESTIONS}; echo =done=\n".encode())
    behind = talk.wait_for("leon0", rb"=done=\r\n", WAIT_S, behind)  # what is typed comes back
    end = talk.wait_for("leon0", rb"=done=\r\n", WAIT_S, behind)
    return talk.text["leon0"][behind:end].decode("ascii", "replace")


def consumed(talk: Talk) -> tuple[int, int]:
    """The hostile guest's processor time so far, and the board's time: both in ns, a tick is one in counted time."""
    listing = tasks_listing()
    talk.list(listing)
    (record,) = (r for r in listing.records if r.name.rstrip("\0") == "hostile")
    assert wire.TaskState(record.state) is wire.TaskState.RUNNING
    return int(record.run_ticks), listing.board_time_ns


def test_another_guest_answers_the_same_with_and_without_the_hostile_one(beside: Talk) -> None:
    beside.wait_for("hostile", rb"round 00000002", WAIT_S)
    with_it = answers(beside)
    assert with_it.startswith("sparc\r\ncounted to 50\r\nLinux version")
    assert beside.task("hostile", wire.TaskAction.STOP) is wire.ReplyStatus.OK
    assert answers(beside) == with_it
    assert beside.task("hostile", wire.TaskAction.RESTART) is wire.ReplyStatus.OK


def test_no_deadline_is_missed_beside_the_hostile_guest(beside: Talk) -> None:
    beside.wait_for("hostile", rb"round 00000001", WAIT_S, len(beside.text["hostile"]))
    (record,) = beside.list(realtime_listing())
    assert record.misses == 0
    assert record.periods > 1000


def test_hostile_guest_never_has_more_than_its_budget(beside: Talk) -> None:
    samples = [consumed(beside) for _ in range(30)]
    assert samples[-1][0] > samples[0][0], "it did run"
    for (ran, at), (ran_later, later) in itertools.pairwise(samples):
        periods = (later - at) // (PERIOD_US * 1000) + 2  # an interval touches so many periods at most
        assert ran_later - ran <= periods * BUDGET_US * 1000


def test_hostile_guest_uses_no_memory_but_its_own(beside: Talk) -> None:
    for record in beside.list(Listing(wire.Op.MEMORY, wire.MemoryEntry)):
        assert 0 < record.used_bytes <= record.account_bytes, record.name

# SPDX-License-Identifier: MIT
"""The real GDB at a guest: break, step, registers, memory, watch, interrupt, detach, kill."""

from __future__ import annotations

import itertools
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from l4vm.guests import load_elf
from tests.gdb.conftest import BOARDS, SECONDS, Board, Guest


def values(text: str) -> list[int]:
    """Return the numbers that GDB printed as `$1 = 0x12`."""
    return [int(value, 16) for value in re.findall(r"\$\d+ = (0x[0-9a-f]+)", text)]


def test_halts_at_the_entry_and_stops_at_a_breakpoint(guest: Guest, program: Path, board: Board) -> None:
    commands = ["p/x $pc", "break *bench_run", "continue", "p/x $pc", f"p/x {board.argument}", "info symbol $pc"]
    out = guest.gdb(program, *commands, "kill")
    entry, stopped, rounds = values(out)
    assert entry == load_elf(program, board.cpu).entry
    assert "bench_run in section .text\n" in out, out
    assert rounds == 60000
    assert stopped != entry
    assert guest.end()[0] == 0


@pytest.mark.parametrize("board", BOARDS[:1], indirect=True, ids=["leon3"])
def test_steps_one_instruction_through_a_branch_and_its_slot(guest: Guest, program: Path) -> None:
    out = guest.gdb(program, "break *bench_run", "continue", *["stepi", "p/x $pc", "p/x $npc"] * 40, "kill")
    found = values(out)
    pcs, npcs = found[0::2], found[1::2]
    assert len(pcs) == 40
    assert pcs[1:] == npcs[:-1]  # in SPARC the next pc is npc, always but for traps and annulled slots
    assert any(npc != pc + 4 for pc, npc in zip(pcs, npcs, strict=True))


@pytest.mark.parametrize("board", BOARDS[1:], indirect=True, ids=["bamboo"])
def test_steps_one_instruction_at_a_time_and_jumps_only_at_branches(guest: Guest, program: Path) -> None:
    commands = ["stepi", "p/x $pc", "p/x {unsigned}$pc"] * 300
    out = guest.gdb(program, "break *bench_run", "continue", *commands, "kill")
    found = values(out)
    steps = list(zip(found[0::2], found[1::2], strict=True))
    jumps = [word for (pc, word), (after, _) in itertools.pairwise(steps) if after != pc + 4]
    assert len(steps) == 300
    assert jumps and all(word >> 26 in (16, 18, 19) for word in jumps)


def test_reads_and_writes_registers_and_memory(guest: Guest, program: Path, board: Board) -> None:
    out = guest.gdb(
        program,
        "break *bench_run",
        "continue",
        f"set {board.scratch} = 0x12345678",
        f"p/x {board.scratch}",
        f"p/x {board.control}",
        "set {int}&text = 0xcafe1234",
        "p/x {int}&text",
        "x/2i $pc",
        "p $f0",
        "set $sp = $sp - 96",
        "p/x {int}0xfffffff0",
        "kill",
    )
    assert values(out) == [0x12345678, 0xF, 0xCAFE1234]
    assert "Cannot access memory at address 0xfffffff0" in out, out
    assert re.search(r"=> 0x[0-9a-f]+ <bench_run>:\s+\w+", out), out


@pytest.mark.parametrize("board", BOARDS[1:], indirect=True, ids=["bamboo"])
def test_knows_floating_point_and_the_440_s_own_registers(guest: Guest, program: Path) -> None:
    out = guest.gdb(
        program,
        "break *bench_run",
        "continue",
        "set $f1 = -1.5",
        "p $f1",
        "p/x $fpscr",
        "p/x $ivpr",
        "set $srr0 = 0x1234",
        "p/x $srr0",
        "backtrace",
        "kill",
    )
    assert "$1 = -1.5" in out, out
    assert values(out) == [0, 0x100000, 0x1234]
    assert re.search(r"#1 .* in bench_main \(\)\n#2 .* in entry", out), out


@pytest.mark.parametrize(
    ("command", "kind"),
    [("watch", "Hardware watchpoint"), ("rwatch", "Hardware read watchpoint"), ("awatch", "access")],
)
def test_watches_memory(guest: Guest, program: Path, command: str, kind: str) -> None:
    out = guest.gdb(program, "break *bench_run", "continue", f"{command} *(int*)((char*)&text + 8)", "continue", "kill")
    assert re.search(kind + r".*2: ", out), out
    assert re.search(r"(Old value = |Value = )", out), out


def test_interrupts_a_running_guest(guest: Guest, program: Path, board: Board) -> None:
    command = ["gdb-multiarch", "-nx", "-q", "-ex", f"target remote {guest.place}", str(program)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as gdb:
        assert gdb.stdin is not None and gdb.stdout is not None
        gdb.stdin.write(f"set confirm off\nset {{int}}$pc = {board.stay}\ncontinue\n")
        gdb.stdin.flush()
        while "Continuing" not in gdb.stdout.readline():
            assert gdb.poll() is None
        time.sleep(1)
        gdb.send_signal(signal.SIGINT)
        out = gdb.communicate('echo [stopped]\\n\ninfo registers pc\nkill\nquit\n', timeout=SECONDS)[0]
    assert "SIGINT" in out, out
    assert re.search(rf"pc\s+{board.pc}", out), out
    assert guest.end()[0] == 0


def test_detached_guest_runs_to_its_end_without_a_trace(guest: Guest, program: Path) -> None:
    guest.gdb(program, "break *bench_run", "continue", "stepi", "detach")
    code, text = guest.end()
    assert code == 0
    assert "state ok" in text or "ok" in text, text


def test_next_gdb_takes_over_at_a_unix_socket(tmp_path: Path, program: Path, board: Board) -> None:
    guest = Guest(program, str(tmp_path / "gdb"), machine=board.machine)
    try:
        guest.gdb(program, "break *bench_run", "continue", "disconnect")
        out = guest.gdb(program, "p/x $pc", "monitor insns", "kill")
        assert hex(values(out)[0]).startswith(board.pc)
        assert "instructions" in out
        assert guest.end()[0] == 0
        assert not (tmp_path / "gdb").exists()
    finally:
        guest.process.kill()
        guest.process.communicate()


def test_monitor_goes_back_to_a_snapshot(guest: Guest, program: Path) -> None:
    out = guest.gdb(
        program,
        "monitor restore",
        "break *bench_run",
        "continue",
        "stepi",
        "monitor snapshot",
        *["stepi"] * 9,
        "p/x $pc",
        "monitor restore",
        "maintenance flush register-cache",
        "p/x $pc",
        *["stepi"] * 9,
        "p/x $pc",
        "kill",
    )
    first, back, again = values(out)
    assert first == again != back
    assert "there is no snapshot" in out


@pytest.mark.parametrize("board", BOARDS[:1], indirect=True, ids=["leon3"])
def test_unusable_places_are_refused(program: Path, tmp_path: Path) -> None:
    wrong = {"70000": "neither a port", "x": "for example --gdb 1234", str(tmp_path): "Address already in use"}
    for place, words in wrong.items():
        done = subprocess.run(
            ["python", "-m", "l4vm", "guest", "run", "--kernel", str(program), "--headless", "--gdb", place],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode in (2, 3)
        assert words in done.stderr, done.stderr

# SPDX-License-Identifier: MIT
"""The pages of docs/guide do what they say: their examples are run as they stand there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from l4vm.bench.programs import MACHINES, build_program
from l4vm.binding import Machine, Stop
from l4vm.guests import load_elf
from tests.gdb.conftest import Guest

GUIDE = Path(__file__).resolve().parents[2] / "docs/guide"
SECONDS = 120


def blocks(page: str, language: str) -> list[str]:
    found = re.findall(rf"```{language}\n(.*?)```", (GUIDE / page).read_text(encoding="utf-8"), re.S)
    assert found
    return found


def commands(page: str) -> list[list[str]]:
    lines = re.findall(r"^    (l4vm .*)$", (GUIDE / page).read_text(encoding="utf-8"), re.M)
    assert lines
    return [shlex.split(line)[1:] for line in lines]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_program("list", tmp_path_factory.mktemp("guide"))


def test_python_examples_run_one_after_the_other() -> None:
    text = "\n".join(blocks("python-api.md", "python"))
    exec(compile(text, "python-api.md", "exec"), {})


def test_gdb_commands_do_what_they_say(tmp_path: Path) -> None:
    program = build_program("state", tmp_path)
    guest = Guest(program, "0", "--time", "exact")
    try:
        given = [line for block in blocks("gdb.md", "gdb") for line in block.splitlines()]
        out = guest.gdb(program, *given)
        for part in ("Breakpoint 1, ", "=> 0x", "$1 = 0x1234", "Hardware watchpoint 2", "New value", "instructions, "):
            assert part in out, out
        assert guest.end()[0] == 0
    finally:
        guest.process.kill()
        guest.process.communicate()


def test_bare_program_says_ok_and_ends_here_and_on_the_peer(tmp_path: Path) -> None:
    (tmp_path / "program.S").write_text(blocks("bare-programs.md", "asm")[0])
    subprocess.run(shlex.split(blocks("bare-programs.md", "sh")[0]), cwd=tmp_path, check=True, timeout=SECONDS)
    program = tmp_path / "program.elf"
    with Machine("bamboo") as machine:
        machine.load_executable(load_elf(program, "ppc"))
        assert machine.run_for(wall_s=10) == Stop.HALT
        assert (machine.exit_code, machine.console_read()) == (0, b"OK")
    command = [*MACHINES["bamboo"].peer, str(program)]
    peer = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS, check=True)
    assert peer.stdout == b"OK"


def run(program: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    given = [str(program) if word == "program.elf" else word for word in arguments]
    command = [sys.executable, "-m", "l4vm", *given]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(commands("check-and-chaos.md"))))
def test_check_and_chaos_commands_are_accepted(program: Path, number: int) -> None:
    done = run(program, [*commands("check-and-chaos.md")[number], "--timeout", "4"])
    assert done.returncode in (0, 4), done.stderr
    assert "differ" not in done.stderr


@pytest.mark.slow
def test_chaos_ends_in_the_state_of_a_plain_run(program: Path) -> None:
    results = []
    for options in ([], ["--chaos", "42", "--chaos-slice", "1000"], ["--without", "region", "--without", "chain"]):
        fixed = ["guest", "run", "--kernel", str(program), "--headless", "--time", "exact", "--json", "-"]
        done = run(program, [*fixed, *options])
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        results.append((result["insns"], result["state_hash"]))
    assert len(set(results)) == 1, results


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--check"], "--check needs --time exact"),
        (["--check", "--time", "exact", "--gdb", "0"], "do not go together"),
        (["--without", "regions"], "no optimisation has this name"),
    ],
)
def test_options_that_make_no_sense_are_refused(program: Path, options: list[str], words: str) -> None:
    done = run(program, ["guest", "run", "--kernel", str(program), "--headless", *options])
    assert done.returncode == 2
    assert words in done.stderr

# SPDX-License-Identifier: MIT
"""Linux in exact time: the same image and the same scripted input end in one state, in every engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from l4vm.cli import guest
from l4vm.exit_codes import ExitCode
from tests.guests.linux import RECIPES, run_arguments

pytestmark = pytest.mark.guest
SCRIPT = [
    *("--until", "console=^# ", "--send", r"console=uname -sm; for i in 1 2 3; do echo $i; done\n"),
    *("--until", "console=^# ", "--send", r"console=cat /proc/interrupts\n"),
    *("--until", "console=^# ", "--send", r"console=ls -l /; sleep 1; echo $((6*7))\n", "--until", "console=^42"),
]
ENGINES = (
    (),
    ("--engine", "interp"),
    ("--engine", "block"),
    ("--without", "direct"),
    ("--without", "region"),
    ("--without", "region", "--without", "direct"),
    ("--chaos", "7", "--chaos-slice", "5000"),
)


def end_of(run: list[str], options: tuple[str, ...], result: Path) -> tuple[int, int, str]:
    """Run the script; return count, guest time and hash of registers and RAM at its end."""
    arguments = [*run, "--time", "exact", "--headless", "--quiet", "--timeout", "300", "--json", str(result)]
    done = CliRunner().invoke(guest.command, [*arguments, *options, *SCRIPT])
    assert done.exit_code == ExitCode.OK, done.output
    facts = json.loads(result.read_text())
    return facts["insns"], facts["guest_ns"], facts["state_hash"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_scripted_input_ends_in_one_state_in_every_engine(recipe: str, tmp_path: Path) -> None:
    run = run_arguments(recipe, tmp_path)
    found = {options: end_of(run, options, tmp_path / "result.json") for options in ENGINES}
    assert len(set(found.values())) == 1, found

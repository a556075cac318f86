# SPDX-License-Identifier: MIT
"""A plain command line of `guest run` means the same with and without click, and any other is left to click."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest

from l4vm.cli.guest import options_of, run_command
from l4vm.cli.guest_run import Options
from l4vm.cli.quick import quick_options

PLAIN = [
    "",
    "leon3-linux",
    "--kernel FILE --headless --timeout 120",
    "--machine=bamboo --kernel FILE --initrd FILE --append 'console=ttyS0 quiet' --dtb FILE --ram 64",
    "leon3-linux --append= --net lab.sock --disk a.img --disk b.img,ro --net lab.sock,mac=02:00:00:00:00:05",
    "leon3-linux --until 'console=# ' --send 'console=ls\\n' --until=console=init --screen",
    "--kernel FILE --time exact --engine interp --ns-per-insn 20 --check --check-every 1000 --chaos 7 --chaos-slice 9",
    "--kernel FILE --time exact --check --partner block --partner-without region --partner-without direct",
    "--kernel FILE --time host --time insn --without chain --without region --quiet --stats --gdb 0",
]
LEFT_TO_CLICK = [
    "--kernel nothing.elf",
    "--kernel",
    "--ram 0",
    "--ram 1.5",
    "--ram many",
    "--ram 99999",
    "--timeout 0.5",
    "--timeout 0",
    "--engine fast",
    "--json out.json",
    "--recipe leon3-linux",
    "--steps x",
    "--ns_per_insn 20",
    "--headless=yes",
    "--append --quiet",
    "--until nothing",
    "--send 'console=\\q'",
    "--unknown",
    "-h",
    "--help",
    "one two",
    "-- leon3-linux",
]


def by_click(words: list[str]) -> Options:
    context = run_command.make_context("run", list(words))
    return options_of(context, dict(context.params))


@pytest.mark.parametrize("line", PLAIN)
def test_plain_line_means_what_click_reads(line: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    words = shlex.split(line.replace("FILE", str(file)))
    assert quick_options(words) == by_click(words)


@pytest.mark.parametrize("line", LEFT_TO_CLICK)
def test_other_line_is_left_to_click(line: str) -> None:
    assert quick_options(shlex.split(line)) is None


def test_options_have_the_defaults_that_click_shows() -> None:
    assert isinstance(run_command, click.Command)
    assert by_click([]) == Options()

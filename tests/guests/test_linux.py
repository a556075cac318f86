# SPDX-License-Identifier: MIT
"""Linux on the LEON3 machine: boots to its shell in both engines, and both do exactly the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from l4vm.binding import Engine, Machine, Stop, Time
from l4vm.cli.exit_codes import ExitCode
from l4vm.cli.guest import command
from l4vm.errors import L4vmError
from l4vm.guests import GuestFiles, build_guest, load_elf

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def linux() -> GuestFiles:
    """The guest of the recipe, built once."""
    return build_guest("leon3-linux")


@pytest.mark.parametrize("time_mode", ["host", "insn", "exact"])
@pytest.mark.parametrize("engine", ["interp", "block"])
def test_linux_boots_talks_and_powers_off(linux: GuestFiles, tmp_path: Path, engine: str, time_mode: str) -> None:
    result = tmp_path / "result.json"
    arguments = ["run", "leon3-linux", "--engine", engine, "--time", time_mode, "--headless", "--quiet"]
    arguments += ["--timeout", "120", "--json", str(result), "--until", "console=^# "]
    arguments += [
        "--send",
        r"console=uname -sm; echo $((6*7))\n",
        "--until",
        "console=^Linux sparc",
        "--until",
        "console=^42",
    ]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == ExitCode.OK, done.output
    facts = json.loads(result.read_text())
    assert facts["stats"]["interrupts"] > 50
    assert facts["stats"]["smc_stores"] == 0 or engine == "block"


def test_plain_vmlinux_is_wrapped_on_the_way(linux: GuestFiles) -> None:
    arguments = [
        "run",
        "--kernel",
        str(linux.vmlinux),
        "--initrd",
        str(linux.initrd),
        "--append",
        "console=ttyS0,38400",
    ]
    arguments += ["--ram", "64", "--headless", "--quiet", "--timeout", "60", "--until", "console=^# "]
    arguments += ["--send", r"console=cat /proc/meminfo\n", "--until", r"console=MemTotal: +5\d{4} kB"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == ExitCode.OK, done.output


def test_wrapped_kernel_refuses_another_command_line(linux: GuestFiles) -> None:
    done = CliRunner().invoke(command, ["run", "--kernel", str(linux.kernel), "--append", "quiet"])
    assert isinstance(done.exception, L4vmError)
    assert "is wrapped already" in str(done.exception)


def test_wrapped_kernel_refuses_less_ram(linux: GuestFiles) -> None:
    done = CliRunner().invoke(command, ["run", "--kernel", str(linux.kernel), "--ram", "16"])
    assert isinstance(done.exception, L4vmError)
    assert "was wrapped for 32 MiB" in str(done.exception)


def forward(machine: Machine, insns: int) -> bytes:
    """Run exactly so many instructions, skipping idle time; returns what the console said."""
    said, end = b"", machine.insns + insns
    while machine.insns < end:
        stop = machine.run(end - machine.insns)
        assert stop in (Stop.BUDGET, Stop.IDLE)
        said += machine.console_read()
        if stop == Stop.IDLE:
            machine.advance(machine.idle_until_ns)
    return said


def test_both_engines_agree_at_every_stop_of_the_boot(linux: GuestFiles) -> None:
    executable = load_elf(linux.kernel)
    with (
        Machine(linux.machine, linux.ram_mib, Engine.INTERP, Time.EXACT) as one,
        Machine(linux.machine, linux.ram_mib, Engine.BLOCK, Time.EXACT) as other,
    ):
        for machine in (one, other):
            machine.load_executable(executable)
        for stop in range(340):
            assert forward(one, 99_991) == forward(other, 99_991)
            with_ram = stop % 20 == 0
            assert one.guest_ns == other.guest_ns
            assert one.state_hash(with_ram) == other.state_hash(with_ram), f"at {one.insns} instructions"

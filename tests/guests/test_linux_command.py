# SPDX-License-Identifier: MIT
"""Linux by `l4vm guest run`: boots to its shell in both engines and all kinds of time; what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from l4vm.cli.guest import command
from l4vm.errors import L4vmError
from l4vm.exit_codes import ExitCode
from l4vm.guests import GuestFiles, build_guest
from tests.guests.linux import run_arguments

pytestmark = pytest.mark.guest


@pytest.fixture(scope="module")
def linux() -> GuestFiles:
    """The guest of the recipe, built once."""
    return build_guest("leon3-linux")


@pytest.mark.parametrize(
    ("recipe", "cpu"), [("leon3-linux", "sparc"), ("bamboo-linux", "ppc"), ("malta-linux", "mips")]
)
@pytest.mark.parametrize("time_mode", ["host", "insn", "exact"])
@pytest.mark.parametrize("engine", ["interp", "block", "tiers"])
def test_linux_boots_and_talks(recipe: str, cpu: str, tmp_path: Path, engine: str, time_mode: str) -> None:
    result = tmp_path / "result.json"
    run = run_arguments(recipe, tmp_path) if engine == "interp" else ["run", recipe]
    arguments = [*run, "--engine", engine, "--time", time_mode, "--headless", "--quiet"]
    arguments += ["--timeout", "120", "--json", str(result), "--until", "console=^# "]
    arguments += [
        "--send",
        r"console=uname -sm; echo $((6*7))\n",
        "--until",
        f"console=^Linux {cpu}",
        "--until",
        "console=^42",
    ]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == ExitCode.OK, done.output
    facts = json.loads(result.read_text())
    assert facts["stats"]["interrupts"] > 20


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


@pytest.fixture(scope="module")
def bamboo() -> GuestFiles:
    """The PowerPC guest of the recipe."""
    return build_guest("bamboo-linux")


@pytest.mark.parametrize("with_tree", [False, True], ids=["our tree", "a given tree"])
def test_uimage_boots_with_initrd_command_line_and_tree(bamboo: GuestFiles, with_tree: bool) -> None:
    assert bamboo.dtb is not None
    arguments = ["run", "--machine", "bamboo", "--kernel", str(bamboo.kernel), "--initrd", str(bamboo.initrd)]
    arguments += ["--append", "console=ttyS0,115200 proof", "--ram", "96", "--headless", "--quiet", "--timeout", "60"]
    arguments += ["--dtb", str(bamboo.dtb)] if with_tree else []
    arguments += ["--until", "console=^# ", "--send", r"console=cat /proc/cmdline /proc/meminfo\n"]
    done = CliRunner().invoke(
        command, [*arguments, "--until", "console=^console.* proof", "--until", r"console=MemTotal: +9\d{4}"]
    )
    assert done.exit_code == ExitCode.OK, done.output


@pytest.fixture(scope="module")
def malta() -> GuestFiles:
    """The MIPS guest of the recipe."""
    return build_guest("malta-linux")


@pytest.mark.parametrize(("line", "reason"), [("poweroff", "Power down"), ("reboot", "Restarting system")])
def test_debians_kernel_boots_with_initrd_and_command_line_and_ends_the_machine(
    malta: GuestFiles, line: str, reason: str
) -> None:
    arguments = ["run", "--machine", "malta", "--kernel", str(malta.kernel), "--initrd", str(malta.initrd)]
    arguments += ["--append", f"{malta.append} proof", "--ram", "96", "--headless", "--quiet", "--timeout", "60"]
    arguments += ["--until", "console=^# ", "--send", r"console=cat /proc/cmdline /proc/meminfo\n"]
    arguments += ["--until", "console=^rd_start=.* proof", "--until", r"console=MemTotal: +[78]\d{4}"]
    arguments += ["--until", "console=^# ", "--send", rf"console={line}\n", "--until", f"console=reboot: {reason}"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == ExitCode.OK, done.output


def test_linux_measures_the_clock_of_the_malta_to_the_tick(malta: GuestFiles) -> None:
    """By the update flag of the real-time clock, whatever an instruction takes."""
    for ns in ("3", "20"):
        arguments = ["run", malta.name, "--time", "exact", "--ns-per-insn", ns, "--headless", "--quiet"]
        arguments += ["--timeout", "60", "--until", r"console=CPU frequency 320\.00 MHz"]
        done = CliRunner().invoke(command, arguments)
        assert done.exit_code == ExitCode.OK, done.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--machine", "leon3", "--kernel", "KERNEL"], "not an ELF file"),
        (["--machine", "bamboo", "--kernel", "KERNEL", "--dtb", "KERNEL"], "device tree"),
        (["--machine", "bamboo", "--kernel", "KERNEL", "--ram", "8", "--initrd", "VMLINUX"], "initial RAM disk has"),
        (["--machine", "bamboo", "--kernel", "KERNEL", "--append", "x" * 1024], "command line has 1024 characters"),
        (["--machine", "bambo", "--kernel", "KERNEL"], "no machine is called 'bambo'"),
        (["leon3-linux", "--dtb", "KERNEL"], "takes none"),
    ],
)
def test_what_does_not_go_together_is_refused(bamboo: GuestFiles, arguments: list[str], sentence: str) -> None:
    files = {"KERNEL": str(bamboo.kernel), "VMLINUX": str(bamboo.vmlinux)}
    words = [files.get(word, word) for word in arguments]
    done = CliRunner().invoke(command, ["run", *words])
    assert isinstance(done.exception, L4vmError)
    assert sentence in str(done.exception)

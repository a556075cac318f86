# SPDX-License-Identifier: MIT
"""The built guests on the peer emulator: their files are real boot files of their boards, not only ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from l4vm.cli.guest import command
from l4vm.exit_codes import ExitCode
from l4vm.guests import build_guest
from l4vm.guests.device_tree import flatten, parse, text
from tests.guests.conversation import shell_answers

pytestmark = pytest.mark.guest


def test_wrapped_linux_boots_to_its_shell_on_qemu() -> None:
    files = build_guest("leon3-linux", progress=print)
    machine = ["-M", "leon3_generic", "-m", str(files.ram_mib), "-nographic"]
    shell_answers(["qemu-system-sparc", *machine, "-kernel", str(files.kernel)], b"sparc")


def test_malta_linux_boots_to_its_shell_on_qemu() -> None:
    files = build_guest("malta-linux", progress=print)
    machine = ["-M", "malta", "-cpu", "24Kc", "-m", str(files.ram_mib), "-nographic", "-nic", "none"]
    command = ["qemu-system-mipsel", *machine, "-kernel", str(files.kernel), "-initrd", str(files.initrd)]
    shell_answers([*command, "-append", files.append], b"mips")


@pytest.mark.parametrize("own_tree", [False, True], ids=["tree of the emulator", "tree of ours"])
def test_bamboo_linux_boots_to_its_shell_on_qemu(own_tree: bool, tmp_path: Path) -> None:
    files = build_guest("bamboo-linux", progress=print)
    assert files.dtb is not None
    machine = ["-M", "bamboo", "-m", str(files.ram_mib), "-nographic", "-nic", "none"]
    if own_tree:  # the emulator's bamboo takes no -dtb: it looks for this name in the folders of -L
        (tmp_path / "bamboo.dtb").write_bytes(marked(files.dtb.read_bytes()))
        machine += ["-L", str(tmp_path)]
    command = ["qemu-system-ppc", *machine, "-kernel", str(files.kernel), "-initrd", str(files.initrd)]
    booted = shell_answers([*command, "-append", files.append], b"ppc")
    assert b"ttyS0 at MMIO 0xef600300" in booted
    assert (b"Hardware name: l4vm,bamboo" in booted) == own_tree


def marked(dtb: bytes) -> bytes:
    """Return the tree with a model name by which the kernel's messages tell it from the emulator's own."""
    tree = parse(dtb, "board.dtb")
    tree.properties["model"] = text("l4vm,bamboo")
    return flatten(tree)


def test_bamboo_linux_boots_here_with_the_tree_of_the_emulator_and_a_disk(tmp_path: Path) -> None:
    files = build_guest("bamboo-linux")
    disk = tmp_path / "disk.img"
    disk.write_bytes(b"from the disk\n".ljust(512))
    arguments = ["run", "--machine", "bamboo", "--kernel", str(files.kernel), "--initrd", str(files.initrd)]
    arguments += ["--append", files.append, "--dtb", "/usr/share/qemu/bamboo.dtb", "--disk", str(disk)]
    arguments += ["--headless", "--quiet", "--timeout", "60", "--until", "console=^# "]
    arguments += ["--send", r"console=uname -m; dd if=/dev/vda bs=13 count=1; echo\n"]
    arguments += ["--until", "console=^ppc", "--until", "console=^from the disk"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == ExitCode.OK, done.output

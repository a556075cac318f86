# SPDX-License-Identifier: MIT
"""Starting and ending QEMU: arguments, early deaths, names in a panic."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from l4vm.console.backtrace import Symbols, symbolise
from l4vm.console.qemu import Boot, Manifest, Qemu, command_line, describe_end
from l4vm.errors import L4vmError
from l4vm.link.line import Inbox

HERE = Manifest("demo", Path("/k.elf"), Path("/d.img"), Path("/s.elf"), 512, "max", ())


def test_counted_time_adds_icount_and_the_virtual_clock() -> None:
    words = " ".join(command_line(HERE, Boot(icount=True), "/tmp/x"))
    assert "-icount shift=0,sleep=off -rtc clock=vm" in words
    assert "-accel tcg,tb-size=512 -cpu max -smp 1 -m 512" in words
    assert "-kernel /k.elf" in words


def test_the_disk_is_booted_without_being_changed() -> None:
    words = " ".join(command_line(HERE, Boot(disk=True), "/tmp/x"))
    assert "snapshot=on,file=/d.img" in words
    assert "-kernel" not in words


@pytest.mark.parametrize(
    ("code", "words"), [(-9, "SIGKILL"), (7, "with code 3"), (0, "ended"), (1, "failed")]
)
def test_each_end_has_its_sentence(code: int, words: str) -> None:
    assert words in describe_end(code, "")


def test_a_missing_program_is_an_environment_error(tmp_path: Path) -> None:
    with pytest.raises(L4vmError, match="is not installed") as caught:
        Qemu(["qemu-system-nothing"], str(tmp_path / "s"), Inbox())
    assert caught.value.exit_code == 3


@pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="needs qemu-system-x86_64")
def test_qemu_dying_early_is_told_with_its_own_words(tmp_path: Path) -> None:
    path = str(tmp_path / "line")
    words = [*command_line(HERE, Boot(), path), "-machine", "toaster"]
    with pytest.raises(L4vmError, match="unsupported machine type") as caught:
        Qemu(words, path, Inbox())
    assert caught.value.exit_code == 6


def test_a_manifest_that_is_missing_or_broken_is_refused(tmp_path: Path) -> None:
    with pytest.raises(L4vmError, match="there is no built image"):
        Manifest.load(tmp_path / "manifest.json")
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(L4vmError, match="not a manifest of this version"):
        Manifest.load(tmp_path / "manifest.json")


@pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")
def test_addresses_of_a_panic_get_function_file_and_line(tmp_path: Path) -> None:
    source, elf = tmp_path / "k.c", tmp_path / "k.elf"
    source.write_text(
        "int kernel_main(int x)\n{\n    return x * 3;\n}\nint end(void) { return 1; }\n"
    )
    flags = ["-g", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x10000000,-e,kernel_main"]
    subprocess.run(["gcc", *flags, "-o", elf, source], check=True)
    assert str(Symbols(elf).name(0x10000004)).startswith("kernel_main+0x4 (k.c:")
    text = symbolise("PANIC\n #0 0000000010000004\n rax ffffffffffffffff", elf)
    assert "#0 0000000010000004    <- kernel_main+0x4 (k.c:" in text
    assert text.endswith("rax ffffffffffffffff")
    assert symbolise("PANIC", tmp_path / "no.elf") == "PANIC"


def test_uarts_of_other_servers_are_there_too() -> None:
    words = command_line(replace(HERE, lines=(1,), uarts=3), Boot(), "line")
    given = [words[i + 1] for i, word in enumerate(words) if word == "-serial"]
    assert given == ["null", "chardev:line0", "null"]

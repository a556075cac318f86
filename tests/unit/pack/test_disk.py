# SPDX-License-Identifier: MIT
"""The disk image: the same bytes each time, and the boot file found in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from l4vm.errors import L4vmError
from l4vm.pack import disk


def test_the_same_boot_file_gives_the_same_disk(tmp_path: Path) -> None:
    for name in ("one.img", "two.img"):
        disk.disk_image(b"\x7fELF boot file" * 5000, tmp_path / name)
    assert (tmp_path / "one.img").read_bytes() == (tmp_path / "two.img").read_bytes()


def test_the_boot_file_is_on_the_disk(tmp_path: Path) -> None:
    boot = bytes(range(256)) * 300
    disk.disk_image(boot, tmp_path / "d.img")
    words = ["xorriso", "-osirrox", "on", "-indev", str(tmp_path / "d.img"), "-extract", "/boot/l4vm.elf"]
    subprocess.run([*words, str(tmp_path / "back")], capture_output=True, check=True)
    assert (tmp_path / "back").read_bytes() == boot


def test_the_first_sector_boots_and_has_one_active_partition(tmp_path: Path) -> None:
    disk.disk_image(b"boot", tmp_path / "d.img")
    sector = (tmp_path / "d.img").read_bytes()[:512]
    assert sector[510:] == b"\x55\xaa"
    assert any(sector[:440])
    entries = [sector[446 + 16 * i :][:16] for i in range(4)]
    assert [entry[0] for entry in entries if entry[4]] == [0x80], "one partition, active"


def test_a_missing_boot_loader_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "GRUB", tmp_path / "nowhere")
    with pytest.raises(L4vmError, match=r"nowhere is not there") as refused:
        disk.disk_image(b"boot", tmp_path / "d.img")
    assert refused.value.exit_code == 3
    assert list(tmp_path.iterdir()) == []

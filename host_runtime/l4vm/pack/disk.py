# SPDX-License-Identifier: MIT
"""The disk image: GRUB and the boot file as a hybrid ISO 9660 image, which boots from a USB stick, a disk or a CD.

`grub-mkimage` makes a core with the modules it needs and a fixed configuration in it; `xorriso` writes the image with
a BIOS boot record in its first sector. Every date and number that the tools would take from the day is given.

Source: GNU GRUB manual 2.06 (grub-mkimage, embedded configuration); xorriso 1.5 man page (-as mkisofs).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from l4vm.errors import L4vmError

GRUB = Path("/usr/lib/grub/i386-pc")
EPOCH = "1700000000"
DATE = "2023111422132000"
MODULES = ("biosdisk", "iso9660", "part_msdos", "multiboot", "normal", "search", "search_fs_file", "boot")
CONFIG = """search --file --set=root /boot/l4vm.elf
multiboot /boot/l4vm.elf
boot
"""


def _run(words: list[str], folder: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC", "SOURCE_DATE_EPOCH": EPOCH}
    if not shutil.which(words[0]):
        raise L4vmError(f"{words[0]} is not installed", "install the packages of kit.packages (./kit does it)", 3)
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        last = lines[-1] if lines else ""
        raise L4vmError(f"{words[0]} failed with code {done.returncode}: {last}", "see kit.packages", 3)


def disk_image(boot: bytes, out: Path) -> None:
    """Write the disk image of a boot file.

    Raises:
        L4vmError: a tool is missing or fails (exit code 3).
    """
    if not GRUB.is_dir():
        raise L4vmError(f"{GRUB} is not there", "install grub-pc-bin (./kit does it)", 3)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tree = folder / "tree/boot"
        tree.mkdir(parents=True)
        (tree / "l4vm.elf").write_bytes(boot)
        (folder / "grub.cfg").write_text(CONFIG)
        _run(["grub-mkimage", "-O", "i386-pc", "-c", "grub.cfg", "-p", "/boot", "-o", "core.img", *MODULES], folder)
        (tree / "grub.img").write_bytes((GRUB / "cdboot.img").read_bytes() + (folder / "core.img").read_bytes())
        for path in [*tree.iterdir(), tree, tree.parent]:
            os.utime(path, (int(EPOCH), int(EPOCH)))
        words = ["xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "L4VM", "--modification-date=" + DATE]
        words += ["--set_all_file_dates", "=" + EPOCH, "-b", "boot/grub.img", "-no-emul-boot", "-boot-load-size", "4"]
        words += ["-boot-info-table", "--grub2-boot-info", "--grub2-mbr", str(GRUB / "boot_hybrid.img")]
        # Many BIOSes start a USB stick as a hard disk only when a partition of it is marked active.
        words += ["--protective-msdos-label", "--mbr-force-bootable", "-o", "disk.img", "tree"]
        _run(words, folder)
        shutil.move(folder / "disk.img", out)

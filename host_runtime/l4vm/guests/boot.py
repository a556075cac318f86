# SPDX-License-Identifier: MIT
"""What a machine's firmware does for a kernel: one function a machine makes the files that boot.

The long part, compiling, is build.py's; nothing here takes time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from l4vm.guests.bamboo import board_tree, kernel_image
from l4vm.guests.wrap import wrap


def _leon3(recipe: dict[str, Any], vmlinux: Path, initrd: Path) -> dict[str, bytes]:
    ram = recipe["ram_mib"] << 20
    return {"kernel": wrap(vmlinux.read_bytes(), initrd.read_bytes(), recipe["append"], ram)}


def _bamboo(recipe: dict[str, Any], vmlinux: Path, initrd: Path) -> dict[str, bytes]:
    kernel = kernel_image(vmlinux.read_bytes(), str(vmlinux))
    return {"kernel": kernel, "board.dtb": board_tree(recipe["ram_mib"] << 20, recipe["append"])}


def _malta(recipe: dict[str, Any], vmlinux: Path, initrd: Path) -> dict[str, bytes]:
    return {"kernel": vmlinux.read_bytes()}


_MACHINES: dict[str, Callable[[dict[str, Any], Path, Path], dict[str, bytes]]] = {
    "leon3": _leon3,
    "bamboo": _bamboo,
    "malta": _malta,
}


def boot_files(recipe: dict[str, Any], vmlinux: Path, initrd: Path) -> dict[str, bytes]:
    """Return the files by name that boot the recipe's machine: `kernel`, and `board.dtb` where it has a tree."""
    return _MACHINES[recipe["machine"]](recipe, vmlinux, initrd)

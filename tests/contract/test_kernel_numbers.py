# SPDX-License-Identifier: MIT
"""Numbers that Python writes into a system table and the kernel reads are the same numbers."""

from __future__ import annotations

import re
import subprocess
from enum import IntEnum, IntFlag
from pathlib import Path

import pytest

from l4vm.description.builder import Rights
from l4vm.formats.system_table import CapKind, IrqFlags, ObjectKind

ROOT = Path(__file__).resolve().parents[2]
ABI = ROOT / "kernel/include/abi/k_abi.h"


def kernel_numbers(names: list[str], folder: Path) -> dict[str, int]:
    """Ask the compiler for the values of enumerators of the kernel's ABI."""
    lines = "".join(f'  printf("{name} %lld\\n", (long long){name});\n' for name in names)
    source = folder / "numbers.c"
    source.write_text(f'#include <stdio.h>\n#include "abi/k_abi.h"\nint main(void)\n{{\n{lines}}}\n')
    program = folder / "numbers"
    command = ["gcc", "-std=c11", f"-I{ROOT / 'kernel/include'}", str(source), "-o", str(program)]
    subprocess.run(command, check=True)
    text = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout
    return {name: int(value) for name, value in (line.split() for line in text.splitlines())}


@pytest.mark.parametrize(
    ("numbers", "prefix"),
    [(Rights, "K_RIGHT_"), (IrqFlags, "K_IRQ_"), (ObjectKind, "K_KIND_"), (CapKind, "K_KIND_")],
)
def test_python_and_kernel_mean_the_same(
    numbers: type[IntEnum] | type[IntFlag], prefix: str, tmp_path: Path
) -> None:
    names = {member.name: int(member) for member in numbers if member.name != "OBJECT"}
    asked = kernel_numbers([f"{prefix}{name}" for name in names], tmp_path)
    assert asked == {f"{prefix}{name}": value for name, value in names.items()}


def test_all_rights_are_every_right_there_is() -> None:
    bits = re.findall(r"^X\(\w+, (\d+),", (ABI.parent / "k_right.def").read_text(encoding="utf-8"), re.M)
    assert int(Rights.ALL) == sum(1 << int(bit) for bit in bits)

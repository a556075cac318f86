# SPDX-License-Identifier: MIT
"""The translator runs without a C library: it compiles as a task and wants libl4's memory functions only."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from l4vm.binding.build import TRANSLATOR, sources, write_decoders

ROOT = TRANSLATOR.parent
TASK = [
    *("-std=c11", "-O2", "-ffreestanding", "-fno-stack-protector", "-fno-pic", "-mno-red-zone"),
    *("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion", "-Werror"),
]
LIBL4 = {"memcpy", "memmove", "memset", "memcmp"}


@pytest.mark.slow
def test_core_and_board_port_need_only_memory_functions(tmp_path: Path) -> None:
    write_decoders(tmp_path)
    files = [path for path in sources() if "port" not in path.parts]
    files += [TRANSLATOR / "port/l4" / name for name in ("xl_l4.c", "windows.c", "windows_upcall.S")]
    include = [tmp_path, TRANSLATOR, TRANSLATOR / "include", ROOT / "kernel/include", ROOT / "kernel/user/include"]
    objects = []
    for number, path in enumerate(files):
        objects.append(str(tmp_path / f"{number}.o"))
        command = ["gcc", *TASK, *(f"-I{folder}" for folder in include), "-c", str(path), "-o", objects[-1]]
        subprocess.run(command, check=True)
    subprocess.run(["ld", "-r", *objects, "-o", str(tmp_path / "all.o")], check=True)
    listed = subprocess.run(["nm", "-u", str(tmp_path / "all.o")], check=True, capture_output=True, text=True)
    assert {line.split()[-1] for line in listed.stdout.splitlines()} <= LIBL4

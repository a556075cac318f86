# SPDX-License-Identifier: MIT
"""The built guest on the peer emulator: the wrapped file is a real LEON boot file, not only ours."""

from __future__ import annotations

import os
import select
import subprocess
import time

import pytest

from l4vm.guests import build_guest

pytestmark = pytest.mark.guest


def talk(process: subprocess.Popen[bytes], until: bytes, timeout_s: float) -> bytes:
    assert process.stdout is not None
    seen, end = b"", time.monotonic() + timeout_s
    while until not in seen and (left := end - time.monotonic()) > 0:
        if select.select([process.stdout], [], [], left)[0]:
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                break
            seen += chunk
    return seen


def test_wrapped_linux_boots_to_its_shell_on_qemu() -> None:
    files = build_guest("leon3-linux", progress=print)
    machine = ["-M", "leon3_generic", "-m", str(files.ram_mib), "-nographic"]
    command = ["qemu-system-sparc", *machine, "-kernel", str(files.kernel)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as qemu:
        try:
            assert qemu.stdin is not None
            booted = talk(qemu, b"\n# ", 60)
            assert b"\n# " in booted, booted.decode(errors="replace")
            qemu.stdin.write(b"uname -m\n")
            qemu.stdin.flush()
            assert b"\nsparc\r" in talk(qemu, b"\nsparc\r", 20)
        finally:
            qemu.kill()

# SPDX-License-Identifier: MIT
"""Talk to a guest on the peer emulator, by its standard input and output."""

from __future__ import annotations

import os
import select
import subprocess
import time


def talk(process: subprocess.Popen[bytes], until: bytes, timeout_s: float) -> bytes:
    """Read until something is printed, time is up or the process ends."""
    assert process.stdout is not None
    seen, end = b"", time.monotonic() + timeout_s
    while until not in seen and (left := end - time.monotonic()) > 0:
        if select.select([process.stdout], [], [], left)[0]:
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                break
            seen += chunk
    return seen


def shell_answers(command: list[str], machine: bytes) -> bytes:
    """Boot to the prompt, ask `uname -m`, require `machine`; returns what was printed up to the prompt."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as qemu:
        try:
            assert qemu.stdin is not None
            booted = talk(qemu, b"\n# ", 60)
            assert b"\n# " in booted, booted.decode(errors="replace")
            qemu.stdin.write(b"uname -m\n")
            qemu.stdin.flush()
            answer = b"\n" + machine + b"\r"
            assert answer in talk(qemu, answer, 20)
        finally:
            qemu.kill()
    return booted

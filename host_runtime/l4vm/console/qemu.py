# SPDX-License-Identifier: MIT
"""Boot a built image in qemu-system-x86_64, with its serial ports on named pipes.

What is here: `Manifest` (what the build says about an image), `command_line`, and `Qemu`, a running
emulator that is killed when its `with` block ends.

The pipes are there before QEMU starts, and keep what it writes until we read: no byte is lost, and the board never
waits for us. With icount its clock counts instructions (shift=0: one per nanosecond and TSC tick).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from l4vm.console.conversation import Ended
from l4vm.errors import L4vmError
from l4vm.exit_codes import ExitCode
from l4vm.formats.link import PRESET_WINDOW_BYTES
from l4vm.link.line import Inbox, Line, make_pipes, open_line

PROGRAM = "qemu-system-x86_64"
CONNECT_S = 20.0
DRAIN_S = 0.3
DEBUG_EXIT_PORT = 0xF4
PRESET_SESSION = 1
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Manifest:
    """What the build wrote about an image; paths are absolute.

    Attributes:
        kernel: Multiboot file for `qemu -kernel`.
        disk: raw disk image.
        symbols: kernel ELF with symbols.
        lines: which of the board's UARTs, in their order, carry channels; the first carries the system's.
        qemu: board's options: memory_mib, cpu, extra (list of arguments).
    """

    image: str
    kernel: Path
    disk: Path
    symbols: Path
    memory_mib: int
    cpu: str
    extra: tuple[str, ...]
    lines: tuple[int, ...] = (0,)
    uarts: int = 1  # that the board has

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read manifest.json.

        Raises:
            L4vmError: it is missing, not JSON, or lacks a key (exit code 3).
        """
        try:
            facts: dict[str, Any] = json.loads(path.read_text())
            folder = path.parent.resolve()
            qemu = facts.get("qemu", {})
            return cls(
                image=str(facts["image"]),
                kernel=folder / facts["kernel"],
                disk=folder / facts["disk"],
                symbols=folder / facts["symbols"]["kernel"],
                memory_mib=int(qemu.get("memory_mib", 512)),
                cpu=str(qemu.get("cpu", "max")),
                extra=tuple(str(argument) for argument in qemu.get("extra", ())),
                lines=tuple(int(uart) for uart in facts.get("lines", ())) or (0,),
                uarts=int(facts.get("uarts", 1)),
            )
        except FileNotFoundError as bad:
            raise L4vmError(
                f"{path}: there is no built image", "build it: ./kit scons image", 3
            ) from bad
        except (ValueError, KeyError, TypeError, AttributeError) as bad:
            raise L4vmError(
                f"{path}: not a manifest of this version: {bad!r}", "build the image again", 3
            ) from bad


@dataclass(frozen=True)
class Boot:
    """How to boot: from the disk image, with counted time, with a window."""

    disk: bool = False
    icount: bool = False
    display: bool = False
    paced: bool = False  # counted time that passes no faster than the wall clock: for people, not repeatable

    @property
    def preset(self) -> int:
        """The session the board starts with, so that nothing reaches a counted run from outside unasked; 0: none."""
        return PRESET_SESSION if self.icount and not self.disk else 0


def line_paths(manifest: Manifest, first: str) -> list[str]:
    """Return where the pipes of each line of the board lie; `first` is that of its first line."""
    return [first, *(f"{first}.{number}" for number in range(1, len(manifest.lines)))]


def command_line(manifest: Manifest, boot: Boot, line_path: str) -> list[str]:
    """Return QEMU's arguments."""
    words = [PROGRAM, "-accel", "tcg,tb-size=512", "-cpu", manifest.cpu, "-smp", "1"]
    words += ["-m", str(manifest.memory_mib), "-nodefaults", "-vga", "std", "-no-reboot"]
    for number, path in enumerate(line_paths(manifest, line_path)):
        words += ["-chardev", f"pipe,id=line{number},path={path}"]
    count = max(manifest.uarts, *(line + 1 for line in manifest.lines))
    for uart in range(count):  # QEMU's first serial port is the board's first UART
        words += ["-serial", f"chardev:line{manifest.lines.index(uart)}" if uart in manifest.lines else "null"]
    words += ["-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x},iosize=4"]
    if boot.icount or boot.paced:
        sleep = "off" if boot.icount else "on"
        words += ["-icount", f"shift=0,sleep={sleep}", "-rtc", "clock=vm"]
    if not boot.display:
        words += ["-display", "none"]
    if boot.disk:
        words += ["-drive", f"format=raw,if=ide,snapshot=on,file={manifest.disk}"]
    else:
        words += ["-kernel", str(manifest.kernel)]
    if boot.preset:
        words += ["-append", f"session={boot.preset} window={PRESET_WINDOW_BYTES}"]
    return words + list(manifest.extra)


def _die_with_parent() -> None:
    """Have Linux kill QEMU when this process dies, however it dies."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def describe_end(code: int, stderr: str, program: str = PROGRAM) -> str:
    """Return a sentence for QEMU's end."""
    if code < 0:
        how = f"was killed by {signal.Signals(-code).name}"
    elif code & 1 and code > 1:
        how = f"ended because the board asked for it, with code {code >> 1}"
    elif code == 0:
        how = "ended (the board switched off, reset, or the window was closed)"
    else:
        how = f"failed with code {code}"
    words = stderr.strip()
    return f"{program} {how}" + (f": {words}" if words else "")


class Qemu:
    """A running emulator; use it in a `with` block.

    Args:
        words: its command line, from `command_line`.
        line_path: of its serial line, or of each of them, in the order of `line_paths`.
        inbox: gets the line's items, and `Ended` when QEMU ends.
    """

    def __init__(self, words: Sequence[str], line_path: str | Sequence[str], inbox: Inbox) -> None:
        if shutil.which(words[0]) is None:
            raise L4vmError(
                f"{words[0]} is not installed",
                "install the Debian package qemu-system-x86, or let ./kit do it",
                ExitCode.ENVIRONMENT,
            )
        paths = [line_path] if isinstance(line_path, str) else line_path
        for path in paths:
            make_pipes(path)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as QEMU
        self._process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        try:
            self.lines = [self._connect(path, inbox, number) for number, path in enumerate(paths)]
            self.line = self.lines[0]
        except BaseException:
            self.kill()
            self._stderr.close()
            raise
        self._watcher = threading.Thread(target=self._watch, args=(inbox,), daemon=True)
        self._watcher.start()

    def _complaints(self) -> str:
        self._stderr.seek(0)
        return self._stderr.read().decode("utf-8", "replace")

    def _connect(self, path: str, inbox: Inbox, number: int) -> Line:
        """Open a line's pipes as soon as QEMU has them."""
        deadline = time.monotonic() + CONNECT_S
        while True:
            try:
                return open_line(f"pipe:{path}", inbox, number=number)
            except L4vmError:
                code = self._process.poll()
                if code is not None:
                    raise L4vmError(
                        describe_end(code, self._complaints()), "", ExitCode.ENDED_EARLY
                    ) from None
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.01)

    def _watch(self, inbox: Inbox) -> None:
        code = self._process.wait()
        time.sleep(DRAIN_S)
        inbox.put(Ended(describe_end(code, self._complaints())))
        self._stderr.close()

    def kill(self) -> None:
        """End QEMU at once."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Qemu:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End QEMU and the line."""
        self.kill()
        for line in self.lines:
            line.close()
        self._watcher.join()

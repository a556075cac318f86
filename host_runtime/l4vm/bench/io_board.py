# SPDX-License-Identifier: MIT
"""What a guest's input and output costs on the board: instructions for each unit, split by whose they are.

Image `io` is packed with a Linux whose only process, tests/bench/system/init.c, does one thing often and
ends its machine. The board runs in QEMU in counted time, and QEMU's plugin tests/bench/system/counter.c
counts each instruction for the program it belongs to. When guest and line are at rest, only the kernel's
timer is left, 157 instructions at a time, so the counts are read when all others stand still. A unit's cost is
the difference of a run that does the thing 2 N times and one that does it N times, divided by N: start,
translation and end cancel out.
"""

from __future__ import annotations

import contextlib
import queue
import shutil
import statistics
import struct
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

from l4vm.bench.system import SOURCES, initrd_of
from l4vm.console.conversation import Ended
from l4vm.console.qemu import Boot, Manifest, Qemu, command_line
from l4vm.description.programs import parse_program
from l4vm.errors import L4vmError
from l4vm.guests import build_guest
from l4vm.link.connection import ChannelText, Connection
from l4vm.link.line import Inbox, Received
from l4vm.pack.image import Inputs, pack

PARTS = ("guest", "translator", "ipc", "server", "other")
"""Whose instructions: translated guest code; its translator, device models among them; the kernel; the device servers;
root, the guest's peer on the network, and what ran before the kernel."""

_CLASSES = ("other", "ipc", "guest", "translator", "server")  # as in counter.c: other, kernel, translated
_SERVERS = ("serial", "block", "net")
_COUNTS = struct.Struct("<16Q")
_REST_S, _TIMEOUT_S = 0.1, 180.0
_LAST_WORDS = b"reboot: "


@dataclass(frozen=True)
class Operation:
    """What is done: `count` times, each of `units`; init.c says it is right."""

    name: str
    unit: str
    count: int
    units: int
    has_disk: bool = False
    has_net: bool = False


OPERATIONS = {
    one.name: one
    for one in (
        Operation("console", "byte", 100, 65),  # 64 bytes and the terminal's carriage return
        Operation("disk_read", "4 KiB", 1000, 1, has_disk=True),
        Operation("disk_write", "4 KiB", 1000, 1, has_disk=True),
        Operation("net_send", "packet", 1000, 1, has_net=True),
        Operation("net_echo", "packet", 500, 2, has_net=True),  # there and back
    )
}


@dataclass(frozen=True)
class Cost:
    """Instructions a unit, each part the median of the runs, and the median of their sums."""

    parts: dict[str, int]
    total: int


def _image_text(text: str, machine: str, kernel: Path, operation: Operation, count: int) -> str:
    """Return the image's description with the benchmark's guest, and only what it works on."""
    files = build_guest(f"{machine}-linux")
    head, guest = text.split("[[guest]]")
    lines = [line for line in guest.splitlines() if not line.startswith(("recipe", "machine", "disks", "nets"))]
    lines += [f'machine = "{machine}"', f'kernel = "{kernel}"', 'initrd = "initrd"']
    lines += [f'append = "{files.append} quiet -- {operation.name} {count}"']
    lines += ['disks = ["work"]'] if operation.has_disk else []
    lines += ['nets = ["lan,mac=02:00:00:00:00:01"]'] if operation.has_net else []
    return head + "[[guest]]" + "\n".join(lines) + "\n"


class CountedBoard:
    """A built image's programs and the counting plugin, ready for runs of one guest machine.

    Args:
        root: the checkout.
        programs: folder of the built image `io`'s program files.
        machine: one with disks and networks.
        scratch: a folder that exists.

    Raises:
        L4vmError: a tool is missing, or the plugin does not build.
    """

    def __init__(self, root: Path, programs: Path, machine: str, scratch: Path) -> None:
        self._root, self._programs, self._machine = root, programs, machine
        self._home = scratch / f"board-{machine}"
        self._image = self._home / "images" / "io"
        self._image.mkdir(parents=True)
        self._plugin = self._home / "counter.so"
        words = ["gcc", "-O2", "-shared", "-fPIC", str(SOURCES / "counter.c"), "-o", str(self._plugin)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise L4vmError(f"counter.c does not build: {done.stderr.strip()}", "", exit_code=1)
        self._pieces = self._write_pieces()

    def _write_pieces(self) -> Path:
        """Write each program's code to a file, and the list of them for the plugin."""
        lines = []
        for elf in sorted(self._programs.glob("*.elf")):
            part = "translator" if elf.stem == "vm" else "server" if elf.stem in _SERVERS else "other"
            if elf.stem == "kernel":
                continue
            for n, segment in enumerate(parse_program(elf.read_bytes(), str(elf)).segments):
                code = self._home / f"{elf.stem}.{n}"
                if segment.data:
                    code.write_bytes(segment.data)
                    lines.append(f"{_CLASSES.index(part)} {segment.va:x} {code}\n")
        target = self._home / "programs"
        target.write_text("".join(lines))
        return target

    def _packed(self, text: str) -> Manifest:
        """Pack an image of this description."""
        (self._image / "image.toml").write_text(text)
        out = self._home / "out"
        board = self._root / "boards/x86-embedded.toml"
        pack(Inputs(board, self._image / "image.toml", self._programs, self._programs / "kernel.elf", out))
        return Manifest.load(out / "manifest.json")

    def _run(self, manifest: Manifest, last_words: bytes) -> tuple[dict[str, bytes], dict[str, int]]:
        """Run the board until it rests; return what its channels said, and the instructions of each part."""
        out = self._home / "counts"
        plugin = ("-plugin", f"{self._plugin},programs={self._pieces},out={out}")
        manifest = replace(manifest, extra=(*manifest.extra, *plugin))
        path, inbox, boot = str(self._home / "line"), Inbox(), Boot(icount=True)
        with Qemu(command_line(manifest, boot, path), path, inbox) as qemu:
            return _until_rest(Connection(qemu.line, time.monotonic(), boot.preset), inbox, out, last_words)


class BoardBench(CountedBoard):
    """The image's Linux whose only process does one thing often; arguments as above.

    Raises:
        L4vmError: a tool is missing, or something does not build.
    """

    def __init__(self, root: Path, programs: Path, machine: str, scratch: Path) -> None:
        super().__init__(root, programs, machine, scratch)
        for source in (root / "images" / "io").glob("*.c"):
            shutil.copy(source, self._image)
        (self._image / "initrd").write_bytes(initrd_of(machine, self._home))

    def _pack(self, operation: Operation, count: int) -> Manifest:
        files = build_guest(f"{self._machine}-linux")
        text = (self._root / "images/io/image.toml").read_text()
        return self._packed(_image_text(text, self._machine, files.vmlinux, operation, count))

    def _counts(self, operation: Operation, count: int) -> dict[str, int]:
        """Run the board until it rests; return the instructions of each part."""
        text, found = self._run(self._pack(operation, count), _LAST_WORDS)
        said = text["guest"].decode(errors="replace")
        if f"{operation.name} ok {count}" not in said:
            raise L4vmError(f"the guest did not say '{operation.name} ok {count}' but {said[-200:]!r}", "", exit_code=1)
        return found

    def run(self, operation: Operation, runs: int, share: int = 1) -> Cost:
        """Measure an operation `runs` times, one in `share` times as often.

        Raises:
            L4vmError: the guest did not do it, or the board did not come to rest.
        """
        count, found = max(operation.count // share, 1), []
        for _ in range(runs):
            once, twice = (self._counts(operation, times * count) for times in (1, 2))
            units = count * operation.units
            found.append({part: round((twice[part] - once[part]) / units) for part in PARTS})
        parts = {part: round(statistics.median(one[part] for one in found)) for part in PARTS}
        return Cost(parts, round(statistics.median(sum(one.values()) for one in found)))


def _until_rest(
    connection: Connection, inbox: Inbox, counts: Path, last_words: bytes
) -> tuple[dict[str, bytes], dict[str, int]]:
    """Carry the line until the guest's task ended and the counts stand still; return what was said and them.

    The board's last words come while it still works; after them nothing more is sent to it.
    """
    text: dict[str, bytes] = {"guest": b"", "log": b""}
    began = since = time.monotonic()
    seen: tuple[int, ...] = ()
    while True:
        now = time.monotonic()
        has_ended = b"guest: stays stopped\r\n" in text["log"] and b"\n" in text["guest"].partition(last_words)[2]
        with contextlib.suppress(queue.Empty):
            item = inbox.get(timeout=0.02)
            if isinstance(item, Received) and not has_ended:
                connection.received(item.data, now)
            elif isinstance(item, Ended):
                raise L4vmError(f"the board ended: {item.sentence}", "", exit_code=6)
        if not has_ended:
            connection.tick(now)
        for event in connection.take_events():
            if isinstance(event, ChannelText):
                text[event.name] = text.get(event.name, b"") + event.data
        found = _COUNTS.unpack(counts.read_bytes() if has_ended else bytes(_COUNTS.size))
        is_still = all(a == b or part == "ipc" for a, b, part in zip(found, seen, _CLASSES, strict=False))
        if not seen or not has_ended or not is_still:
            seen, since = found, now
        elif now - since > _REST_S:
            return text, dict(zip(_CLASSES, seen, strict=False))
        if now - began > _TIMEOUT_S:
            sentence = f"the board did not come to rest in {_TIMEOUT_S:g} s"
            raise L4vmError(sentence, f"its guest said {text['guest'][-200:]!r}", 4)

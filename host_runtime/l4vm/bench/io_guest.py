# SPDX-License-Identifier: MIT
"""How fast `l4vm guest run` is on disk and network, beside QEMU's virtio-pci devices.

Both run the same kernel with the same RAM disk (tests/bench/system/init.c) on the same disk file and with the
same neighbour, a thread of this process. QEMU has no disk and no network for the LEON3. A rate is units by
wall seconds of a run beyond those of one that only starts and ends.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from l4vm.bench.io_board import Operation
from l4vm.bench.programs import MACHINES
from l4vm.bench.system import BOOT, RAM_MIB, initrd_of
from l4vm.bench.translator import SHORTEST_S, TIMEOUT_S, time_once
from l4vm.guests import build_guest

DISK_BYTES = 1 << 20
FRAME_MAX = 65536
_ECHO_PORT = (7).to_bytes(2, "big")
_OUR_MAC, _QEMU_HAS = "02:00:00:00:00:01", ("bamboo",)

OPERATIONS = {
    one.name: one
    for one in (
        Operation("disk_read", "4 KiB", 100000, 1, has_disk=True),
        Operation("disk_write", "4 KiB", 100000, 1, has_disk=True),
        Operation("net_send", "packet", 100000, 1, has_net=True),
        Operation("net_echo", "packet", 40000, 2, has_net=True),
    )
}


@dataclass(frozen=True)
class Rate:
    """Units in a second: by wall seconds, and by CPU seconds of the emulator; each the median of the runs."""

    wall: float
    cpu: float


def echoed(frame: bytes) -> bytes | None:
    """Return what the neighbour sends back: a datagram for port 7 to where it came from, nothing for other frames.

    Source: RFC 791, RFC 768, RFC 862. Swapped addresses leave both checksums as they are.
    """
    if len(frame) < 42 or frame[12:15] != b"\x08\x00\x45" or frame[23] != 17 or frame[36:38] != _ECHO_PORT:
        return None
    return frame[6:12] + frame[:6] + frame[12:26] + frame[30:34] + frame[26:30] + frame[34:]


def _answer(line: socket.socket) -> None:
    """Take frames until the line ends."""
    with contextlib.suppress(OSError):
        while frame := line.recv(FRAME_MAX):
            if back := echoed(frame):
                line.send(back)


def _listen(door: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            line, _ = door.accept()
            threading.Thread(target=_answer, args=(line,), daemon=True).start()


@contextlib.contextmanager
def _neighbour_of_ours(folder: Path) -> Iterator[list[str]]:
    """A network where the neighbour listens; gives the guest's options."""
    path = str(folder / "net")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(path)
        door.listen()
        threading.Thread(target=_listen, args=(door,), daemon=True).start()
        try:
            yield ["--net", f"{path},mac={_OUR_MAC}"]
        finally:
            door.shutdown(socket.SHUT_RDWR)
            os.unlink(path)


@contextlib.contextmanager
def _neighbour_of_qemu() -> Iterator[list[str]]:
    """The same for QEMU, whose frames are UDP datagrams of the workstation."""
    own, its = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with own, its:
        for one in (own, its):
            one.bind(("127.0.0.1", 0))
        here, there = own.getsockname()[1], its.getsockname()[1]
        its.close()  # QEMU takes this port
        own.connect(("127.0.0.1", there))
        threading.Thread(target=_answer, args=(own,), daemon=True).start()
        net = f"socket,id=n,udp=127.0.0.1:{here},localaddr=127.0.0.1:{there}"
        yield ["-netdev", net, "-device", f"virtio-net-pci,netdev=n,mac={_OUR_MAC}"]
        own.shutdown(socket.SHUT_RDWR)


class GuestBench:
    """A guest machine's kernel, RAM disk and disk file, ready for runs.

    Args:
        machine: one with disks and networks.
        scratch: a folder that exists.

    Raises:
        L4vmError: a tool is missing, or something does not build.
    """

    def __init__(self, machine: str, scratch: Path) -> None:
        self._machine, self._home = machine, scratch / f"guest-{machine}"
        self._home.mkdir()
        self._files = build_guest(f"{machine}-linux")
        self._initrd, self._disk = self._home / "initrd", self._home / "disk"
        self._initrd.write_bytes(initrd_of(machine, self._home))
        self._disk.write_bytes(bytes(DISK_BYTES))
        self.has_peer = machine in _QEMU_HAS

    def _ours(self, name: str, count: int) -> list[str]:
        kernel = self._files.kernel if self._machine == "bamboo" else self._files.vmlinux
        run = [sys.executable, "-m", "l4vm", "guest", "run", "--headless", "--timeout", str(TIMEOUT_S)]
        run += ["--machine", self._machine, "--ram", str(RAM_MIB), "--kernel", str(kernel)]
        return [*run, "--initrd", str(self._initrd), "--append", self._append(name, count)]

    def _qemu(self, name: str, count: int) -> list[str]:
        run = [*MACHINES[self._machine].peer, str(self._files.kernel), "-m", str(RAM_MIB)]
        return [*run, "-initrd", str(self._initrd), "-append", self._append(name, count)]

    def _append(self, name: str, count: int) -> str:
        return f"{self._files.append} quiet -- {name} {count}"

    def _seconds(self, operation: Operation, count: int, is_peer: bool) -> tuple[float, float]:
        """Return wall and CPU seconds of one run beyond one that does nothing."""
        with contextlib.ExitStack() as stack:
            options: list[str] = []
            if operation.has_disk and is_peer:
                options += ["-drive", f"file={self._disk},format=raw,if=none,id=d", "-device", "virtio-blk-pci,drive=d"]
            elif operation.has_disk:
                options += ["--disk", str(self._disk)]
            if operation.has_net:
                net = _neighbour_of_qemu() if is_peer else _neighbour_of_ours(self._home)
                options += stack.enter_context(net)
            command = self._qemu if is_peer else self._ours
            full = time_once([*command(operation.name, count), *options], f"{operation.name} ok {count}")
            base = time_once([*command(BOOT, 1), *options], f"{BOOT} ok 1")
        return max(full.wall_s - base.wall_s, SHORTEST_S), max(full.cpu_s - base.cpu_s, SHORTEST_S)

    def run(self, operation: Operation, runs: int, share: int = 1) -> tuple[Rate, Rate | None]:
        """Measure an operation `runs` times, here and in QEMU in turn; one in `share` times as often.

        Raises:
            L4vmError: the guest did not do it.
        """
        count = max(operation.count // share, 1)
        seconds: list[list[tuple[float, float]]] = [[], []]
        for _ in range(runs):
            for side in range(2 if self.has_peer else 1):
                seconds[side].append(self._seconds(operation, count, bool(side)))
        ours, qemu = (self._rate(one, count * operation.units) if one else None for one in seconds)
        assert ours
        return ours, qemu

    @staticmethod
    def _rate(seconds: list[tuple[float, float]], units: int) -> Rate:
        wall, cpu = (statistics.median(one[i] for one in seconds) for i in (0, 1))
        return Rate(round(units / wall, 1), round(units / cpu, 1))

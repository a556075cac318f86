# SPDX-License-Identifier: MIT
"""The options --disk and --net of `l4vm guest run`.

    --disk disk.img        a disk that the guest reads and writes; the file is locked meanwhile
    --disk base.img,ro     one that it can only read; several guests may share it
    --net lab.sock         a network: all guests that name the same socket hear each other
    --net lab.sock,mac=02:00:00:00:00:05

Disks become /dev/vda, /dev/vdb, .. in the order given, networks eth0, eth1. Without mac= an address is made
from the process number.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from l4vm.binding import Disk, Hub, Net, parse_mac
from l4vm.errors import L4vmError

_NEXT_STEP = {"disk": "--disk FILE or --disk FILE,ro", "net": "--net SOCKET or --net SOCKET,mac=02:00:00:00:00:01"}


@dataclass(frozen=True)
class Devices:
    """What the options say, in order; (file, read-only) and (socket, address)."""

    disks: tuple[tuple[Path, bool], ...] = ()
    nets: tuple[tuple[str, str], ...] = ()

    def open(self, stack: ExitStack) -> dict[str, Any]:
        """Open disks and networks until the stack ends; returns arguments for `Machine`.

        Raises:
            L4vmError: a file or a socket cannot be had.
        """
        disks, nets, hubs = [], [], {}
        for path, is_read_only in self.disks:
            disks.append(Disk.file(path, is_read_only))
            stack.callback(disks[-1].close)
        for socket, mac in self.nets:
            if socket not in hubs:
                hubs[socket] = Hub(socket)
                stack.callback(hubs[socket].close)
            nets.append(Net(hubs[socket], mac))
        return {"disks": disks, "nets": nets}


def device_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --disk and --net to a command; they come as `disk` and `net`."""
    disk = click.option(
        "--disk", multiple=True, metavar="FILE[,ro]", help="A disk for the guest; again for the next one."
    )
    net = click.option(
        "--net",
        multiple=True,
        metavar="SOCKET[,mac=MAC]",
        help="A network with all guests that name the same socket; again for the next one.",
    )
    return disk(net(command))


def parse_devices(disk: tuple[str, ...], net: tuple[str, ...]) -> Devices:
    """Read the options' texts.

    Raises:
        L4vmError: one of them is none of the forms above.
    """
    disks = []
    for text in disk:
        name, option = _split("disk", text)
        if option not in ("", "ro"):
            raise L4vmError(f"--disk {text}: {option!r} is not known", _NEXT_STEP["disk"])
        disks.append((Path(name), option == "ro"))
    nets = []
    for number, text in enumerate(net):
        name, option = _split("net", text)
        if option and not option.startswith("mac="):
            raise L4vmError(f"--net {text}: {option!r} is not known", _NEXT_STEP["net"])
        mac = option.removeprefix("mac=") or _own_mac(number)
        parse_mac(mac)
        nets.append((name, mac))
    return Devices(tuple(disks), tuple(nets))


def _split(what: str, text: str) -> tuple[str, str]:
    name, _, option = text.partition(",")
    if not name:
        raise L4vmError(f"--{what} {text!r} names nothing", _NEXT_STEP[what])
    return name, option


def _own_mac(number: int) -> str:
    """An address of those that everyone may give out (bit 1 of the first byte)."""
    return ":".join(f"{byte:02x}" for byte in (0x02, number, *os.getpid().to_bytes(4, "big")))

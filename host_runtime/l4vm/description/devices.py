# SPDX-License-Identifier: MIT
"""Servers, disks and networks of an image: what its texts mean, and the rules that hold for them.

    partitions = ["boot:512", "data:1024"]     parts of a disk in KiB, in their order from its start
    disks = ["work", "work.boot,ro"]           a disk or a part of it, to read and write or only to read
    nets = ["lan", "lan,mac=02:00:00:00:00:01"]

The words are those of `l4vm guest run --disk` and `--net`. tests/refuse/ has a file for each rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from l4vm.description.model import Disk, Guest, Image, Realtime, Server
from l4vm.description.schema import NAME, TOP, Place, Reader
from l4vm.errors import L4vmError, nearest
from l4vm.guests import read_machine_map

KIB = 1024
SHARED_MAX = 32
"""Clients of one server: BLOCK_CLIENTS_MAX in devsrv/block/disk.h, SWITCH_PORTS_MAX in devsrv/net/switch.h."""
CARRIER = "serial"
"""The program of the servers that carry channels, one for each serial line."""
CONSOLE = "console"
"""The program of the server that draws terminals and reads the keyboard."""
PLACES_MAX = 12
"""PLACES_MAX in devsrv/console/main.c: those that F1 to F12 show."""
SHARERS = {"block": "disks", "net": "networks"}
"""Programs of servers that have no device of the board, and what they carry."""
CLIENT_KIB = 4

_PARTITION = re.compile(rf"({NAME.pattern}):([1-9][0-9]{{0,6}})")
_DISK = re.compile(rf"({NAME.pattern})(?:\.({NAME.pattern}))?(,ro)?")
_NET = re.compile(rf"({NAME.pattern})(?:,mac=((?:[0-9a-f]{{2}}:){{5}}[0-9a-f]{{2}}))?")


@dataclass(frozen=True)
class DiskUse:
    """A guest's n-th disk: `size` bytes of a disk of the image from `start` on."""

    guest: str
    n: int
    disk: str
    name: str
    start: int
    size: int
    is_read_only: bool


@dataclass(frozen=True)
class NetUse:
    """A task's n-th network, and its address there; `group` is the network's index."""

    task: str
    n: int
    net: str
    group: int
    mac: bytes


def disk_bytes(disk: Disk, folder: Path) -> int:
    """Return a disk's size: what the image says, else that of its file, in whole KiB."""
    if disk.size_kib:
        return disk.size_kib * KIB
    return -(-(folder / disk.file).stat().st_size // KIB) * KIB


def _partitions(disk: Disk) -> Iterator[tuple[str, int, int]]:
    """Yield name, start and size in bytes of each part."""
    start = 0
    for text in disk.partitions:
        if found := _PARTITION.fullmatch(text):
            size = int(found[2]) * KIB
            yield found[1], start, size
            start += size


def disk_uses(image: Image, folder: Path) -> list[DiskUse]:
    """Return what guests have of disks, in the order of guests; the image was checked."""
    disks = {disk.name: disk for disk in image.disks}
    uses = []
    for guest in image.guests:
        for n, text in enumerate(guest.disks):
            found = _DISK.fullmatch(text)
            assert found
            disk = disks[found[1]]
            parts = {name: (start, size) for name, start, size in _partitions(disk)}
            start, size = parts[found[2]] if found[2] else (0, disk_bytes(disk, folder))
            uses.append(DiskUse(guest.name, n, disk.name, text.removesuffix(",ro"), start, size, bool(found[3])))
    return uses


def _members(image: Image) -> list[Realtime | Guest]:
    return [*image.realtime, *image.guests]


def net_uses(image: Image) -> list[NetUse]:
    """Return who is on which network, real-time tasks first; addresses that nobody gave are made from the order."""
    groups = {net.name: i for i, net in enumerate(image.nets)}
    uses: list[NetUse] = []
    for task in _members(image):
        for n, text in enumerate(task.nets):
            found = _NET.fullmatch(text)
            if found and found[1] in groups:
                made = bytes([0x02, 0x4C, 0x34, 0, groups[found[1]] & 255, len(uses) + 1 & 255])
                mac = bytes.fromhex(found[2].replace(":", "")) if found[2] else made
                uses.append(NetUse(task.name, n, found[1], groups[found[1]], mac))
    return uses


def carriers(image: Image) -> list[Server]:
    """Return the servers of serial lines; the first carries the system's channels, and those that name no other."""
    return [server for server in image.servers if server.program == CARRIER]


def own_servers(image: Image) -> list[Server]:
    """Return the servers whose programs are the image's own."""
    return [server for server in image.servers if server.program not in (CARRIER, CONSOLE, *SHARERS)]


# ---- rules ----


def check_servers(reader: Reader, image: Image) -> None:
    """Each line has a server, one carries all disks, one all networks; and those that are needed are there."""
    first: dict[str, Place] = {}
    owners: dict[str, Place] = {}
    for server in image.servers:
        if server.device and not reader.is_bad(server.place, "device"):
            if server.device in owners and server.program not in SHARERS:
                text = f" = '{server.device}': {owners[server.device].shown} owns it already"
                reader.wrong(server.place, "device", text, "give each device to one server")
            owners.setdefault(server.device, server.place)
        if server.layout != "us" and server.program != CONSOLE and not reader.is_bad(server.place, "layout"):
            text = f" = '{server.layout}': program '{server.program}' has no keyboard"
            reader.wrong(server.place, "layout", text, "leave it out")
        if server.program not in (CARRIER, CONSOLE, *SHARERS):
            continue
        carries = {CARRIER: "channels", CONSOLE: "terminals", **SHARERS}[server.program]
        if server.client_kib and not reader.is_bad(server.place, "client_kib"):
            text = f" = {server.client_kib}: program '{server.program}' has a layout of its own"
            reader.wrong(server.place, "client_kib", text, "leave it out")
        if carries in first and carries != "channels":
            text = f": {first[carries].shown} carries all {carries} already"
            reader.wrong(server.place, "", text, f"an image has one [[server]] for {carries}; leave this one out")
        first.setdefault(carries, server.place)
        if server.program not in SHARERS and not server.device:
            hint = f"program '{server.program}' needs a device of the board"
            reader.wrong(server.place, "device", ": is missing", hint)
        elif server.program in SHARERS and server.device:
            text = f" = '{server.device}': program '{server.program}' has no device of the board"
            reader.wrong(server.place, "device", text, "leave it out")
    _clients(reader, image)
    places = 2 + len(image.guests) + sum(guest.screen for guest in image.guests)
    if "terminals" in first and places > PLACES_MAX:
        text = f": shows {places} places: terminals of the log, the real-time tasks and each guest, and guests' screens"
        reader.wrong(first["terminals"], "", text, f"at most {PLACES_MAX}, as many as there are function keys")
    members = _members(image)
    if members and "channels" not in first and not reader.is_bad(TOP, "server"):
        text = ": no [[server]] of the image carries it"
        reader.wrong(members[0].place, "channel", text, 'write a [[server]] with program = "serial"')
    lines = [server.name for server in carriers(image)]
    for task in members:
        if task.line and task.line not in lines and lines and not reader.is_bad(task.place, "line"):
            text = f" = '{task.line}': is no [[server]] with program = \"serial\""
            reader.wrong(task.place, "line", text, nearest(task.line, lines))
    for key, program in (("disks", "block"), ("nets", "net")):
        for task in members:
            if getattr(task, key, ()) and SHARERS[program] not in first and not reader.is_bad(TOP, "server"):
                text = ": no [[server]] of the image carries them"
                reader.wrong(task.place, key, text, f'write a [[server]] with program = "{program}"')


def _clients(reader: Reader, image: Image) -> None:
    names = [server.name for server in own_servers(image)]
    for task in image.realtime:
        for i, name in enumerate(task.servers):
            if name not in names:
                text = f": '{name}' is no [[server]] with a program of the image's own"
                reader.wrong(task.place, "servers", text, nearest(name, names))
            elif name in task.servers[:i]:
                reader.wrong(task.place, "servers", f": '{name}' is there twice", "name it once")


def check_disks(reader: Reader, image: Image, folder: Path) -> None:
    """Hold disks, their parts and their users to each other."""
    for disk in image.disks:
        _disk(reader, disk, folder)
    if any(reader.is_bad(d.place, key) for d in image.disks for key in ("name", "size_kib", "file", "partitions")):
        return
    for guest in image.guests:
        _disks_of(reader, guest, image)
    if not any(reader.is_bad(guest.place, "disks") for guest in image.guests):
        _sharing(reader, image, folder)


def _disk(reader: Reader, disk: Disk, folder: Path) -> None:
    place = disk.place
    if reader.is_bad(place, "size_kib") or reader.is_bad(place, "file"):
        return
    if not disk.size_kib and not disk.file:
        reader.wrong(place, "size_kib", ": neither size_kib nor file is given", "give one, or both")
        return
    path = folder / disk.file
    if disk.file and not path.is_file():
        text = f" = '{disk.file}': there is no such file in {folder.name}/"
        reader.wrong(place, "file", text, "paths begin at the image file's folder")
        return
    content = path.stat().st_size if disk.file else 0
    if disk.file and not content:
        reader.wrong(place, "file", f" = '{disk.file}': is empty", "leave it out for an empty disk")
        return
    if disk.size_kib and content > disk.size_kib * KIB:
        text = f" = {disk.size_kib}: {disk.file} has {content} bytes"
        reader.wrong(place, "size_kib", text, f"give it {-(-content // KIB)} or more, or leave it out")
    elif not reader.is_bad(place, "partitions"):
        _parts(reader, disk, disk_bytes(disk, folder))


def _parts(reader: Reader, disk: Disk, size: int) -> None:
    for text in disk.partitions:
        if not _PARTITION.fullmatch(text):
            hint = 'write "NAME:KIB", as "data:1024"'
            reader.wrong(disk.place, "partitions", f": '{text}' is no part of a disk", hint)
            return
    names = [name for name, _, _ in _partitions(disk)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        reader.wrong(disk.place, "partitions", f": there are two called '{twice}'", "give each its own name")
    total = sum(part for _, _, part in _partitions(disk))
    if total > size:
        text = f": they need {total // KIB} KiB, the disk has {size // KIB}"
        reader.wrong(disk.place, "partitions", text, "make one smaller, or the disk larger")


def _places(reader: Reader, guest: Guest, key: str, disks: int, nets: int) -> None:
    """Refuse more devices than the guest's machine has places for."""
    try:
        read_machine_map(guest.machine).virtio_places(disks, nets)
    except L4vmError as error:
        if not reader.is_bad(guest.place, "machine"):
            reader.wrong(guest.place, key, f": {error.message}", error.hint or "give it fewer")


def _disks_of(reader: Reader, guest: Guest, image: Image) -> None:
    if reader.is_bad(guest.place, "disks"):
        return
    disks = {disk.name: disk for disk in image.disks}
    for text in guest.disks:
        found = _DISK.fullmatch(text)
        if not found:
            hint = 'write "DISK", "DISK.PART", or either with ",ro" to only read it'
            reader.wrong(guest.place, "disks", f": '{text}' names no disk", hint)
            return
        if found[1] not in disks:
            hint = nearest(found[1], sorted(disks))
            reader.wrong(guest.place, "disks", f": '{text}': the image has no [[disk]] '{found[1]}'", hint)
            return
        parts = [name for name, _, _ in _partitions(disks[found[1]])]
        if found[2] and found[2] not in parts:
            said = f": '{text}': disk.{found[1]} has no part '{found[2]}'"
            reader.wrong(guest.place, "disks", said, nearest(found[2], parts))
            return
    _places(reader, guest, "disks", len(guest.disks), 0)


def _overlap(one: DiskUse, other: DiskUse) -> bool:
    return one.start < other.start + other.size and other.start < one.start + one.size


def _sharing(reader: Reader, image: Image, folder: Path) -> None:
    uses = disk_uses(image, folder)
    places = {guest.name: guest.place for guest in image.guests}
    if len(uses) > SHARED_MAX:
        text = f": all guests together have {len(uses)} disks"
        reader.wrong(places[uses[-1].guest], "disks", text, f"at most {SHARED_MAX}")
    for i, use in enumerate(uses):
        for other in uses[:i]:
            is_common = use.disk == other.disk and _overlap(use, other)
            if is_common and not (use.is_read_only and other.is_read_only):
                text = f": '{use.name}' is shared with guest.{other.guest} and one of them writes"
                reader.wrong(places[use.guest], "disks", text, 'share it with ",ro" on both sides, or give each a part')


def check_nets(reader: Reader, image: Image) -> None:
    """Hold networks and their users to each other."""
    if any(reader.is_bad(net.place, "name") for net in image.nets):
        return
    names = [net.name for net in image.nets]
    for task in _members(image):
        if not reader.is_bad(task.place, "nets"):
            _nets_of(reader, task, names)
    if any(reader.is_bad(task.place, "nets") for task in _members(image)):
        return
    places = {task.name: task.place for task in _members(image)}
    uses = net_uses(image)
    if len(uses) > SHARED_MAX:
        text = f": all networks together have {len(uses)} ports"
        reader.wrong(places[uses[-1].task], "nets", text, f"at most {SHARED_MAX}")
    for i, use in enumerate(uses):
        other = next((o for o in uses[:i] if o.mac == use.mac and o.group == use.group), None)
        if other:
            text = f": {places[other.task].shown} has the address {use.mac.hex(':')} on '{use.net}' already"
            reader.wrong(places[use.task], "nets", text, "give each its own, or leave mac out")


def _nets_of(reader: Reader, task: Realtime | Guest, names: Sequence[str]) -> None:
    for text in task.nets:
        found = _NET.fullmatch(text)
        if not found:
            hint = 'write "NET" or "NET,mac=02:00:00:00:00:01"'
            reader.wrong(task.place, "nets", f": '{text}' names no network", hint)
        elif found[1] not in names:
            hint = nearest(found[1], sorted(names))
            reader.wrong(task.place, "nets", f": '{text}': the image has no [[net]] '{found[1]}'", hint)
        elif found[2] and (int(found[2][:2], 16) & 1 or not int(found[2].replace(":", ""), 16)):
            text = f": '{found[2]}' is no address of one port"
            reader.wrong(task.place, "nets", text, "its first byte is even, and not all of it is 0")
    if isinstance(task, Guest):
        _places(reader, task, "nets", 0, len(task.nets))
    elif len(task.nets) > 1:
        reader.wrong(task.place, "nets", f": has {len(task.nets)}", "a real-time task has one network at most")

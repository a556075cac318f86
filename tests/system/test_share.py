# SPDX-License-Identifier: MIT
"""Image share: guests of two architectures and a real-time task use disks and a network, whose servers end meanwhile.

The image is packed again with file systems on its disks. SHARE_RESTARTS=100 and SHARE_COPY_KIB=10240 are the long form:

    SHARE_RESTARTS=100 SHARE_COPY_KIB=10240 ./kit pytest -q tests/system/test_share.py
"""

from __future__ import annotations

import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from l4vm.cli.run import tree_root
from l4vm.console.qemu import Boot, Manifest, Qemu, command_line
from l4vm.formats import link as wire
from l4vm.link.line import Inbox
from l4vm.link.management import realtime_listing, tasks_listing
from tests.guests.test_linux_devices import build_program, ext2
from tests.system.conftest import Talk, packed

RESTARTS = int(os.environ.get("SHARE_RESTARTS", "5"))
COPY_BYTES = 1024 * int(os.environ.get("SHARE_COPY_KIB", "1024"))
PATTERN = bytes((i * i >> 7 ^ i) & 255 for i in range(COPY_BYTES))
RECIPES = {"leon0": "leon3-linux", "ppc0": "bamboo-linux"}
MOUNT = "mkdir /both; mount -t ext2 -o ro /dev/vdb /both; mount -t ext2 /dev/vda /mnt"
WAIT_S = 600.0


def disks(folder: Path) -> None:
    """Make both disks' files: a file system for each guest, and one with their programs and a file to copy."""
    empty = ext2(folder / "empty.img", 2048).read_bytes()
    (folder / "work.img").write_bytes(empty * 2)
    content = folder / "content"
    for name, recipe in RECIPES.items():
        (content / name).mkdir(parents=True)
        build_program(content / name, "net", recipe)
    (content / "pattern").write_bytes(PATTERN)
    ext2(folder / "both.img", COPY_BYTES // 1024 * 9 // 8 + 512, content)


@pytest.fixture(scope="module")
def share(built: Callable[[str], Manifest], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    """The image with these disks, in counted time, both guests at their prompts."""
    root, folder = tree_root(), tmp_path_factory.mktemp("share")
    programs, home = built("share").kernel.parent / "bin", folder / "images" / "share"
    shutil.copytree(root / "images/share", home)
    disks(home)
    text = (home / "image.toml").read_text()
    text = text.replace("size_kib = 4096", 'file = "work.img"').replace("size_kib = 256", 'file = "both.img"')
    (home / "image.toml").write_text(text)
    manifest = packed(home, programs, folder / "out")
    inbox, path, boot = Inbox(), str(folder / "line"), Boot(icount=True)
    with Qemu(command_line(manifest, boot, path), path, inbox) as qemu:
        talk = Talk(qemu, inbox, boot.preset)
        for name in RECIPES:
            talk.wait_for(name, rb"\n# ", WAIT_S)
        for name in RECIPES:
            command(talk, name, MOUNT)
        yield talk


def start(talk: Talk, name: str, line: str) -> int:
    """Type a command; returns where its output begins."""
    behind = len(talk.text[name])
    talk.connection.send(name, f"{line} && echo =done=\n".encode())
    return talk.wait_for(name, rb"=done=\r\n", WAIT_S, behind)


def finish(talk: Talk, name: str, behind: int) -> str:
    """Wait until a command ended well; returns what it printed."""
    end = talk.wait_for(name, rb"=done=\r\n", WAIT_S, behind)
    said = talk.text[name][behind:end].decode("ascii", "replace").replace("\r", "")
    return said.removesuffix("=done=\n")


def command(talk: Talk, name: str, line: str) -> str:
    """Run a command in a guest's shell."""
    return finish(talk, name, start(talk, name, line))


def restart_while(talk: Talk, server: str, name: str, progress: str) -> None:
    """End a server and start it anew RESTARTS times, each after the guest printed one more line of `progress`."""
    for _ in range(RESTARTS):
        behind = len(talk.text[name])
        assert talk.task(server, wire.TaskAction.RESTART) is wire.ReplyStatus.OK
        talk.wait_for(name, progress.encode(), WAIT_S, behind)


def restarts(talk: Talk, server: str) -> int:
    return next(int(r.restarts) for r in talk.list(tasks_listing()) if r.name.rstrip("\0") == server)


def assert_no_deadline_was_missed(talk: Talk) -> None:
    for task in talk.list(realtime_listing()):
        assert task.misses == 0
        assert task.periods > 1000


def test_written_file_is_there_after_the_guest_rebooted_itself(share: Talk) -> None:
    for name in RECIPES:
        command(share, name, f"echo kept by {name} > /mnt/note; umount /mnt")
        behind = len(share.text[name])
        share.connection.send(name, b"reboot\n")
        share.wait_for(name, rb"Linux version[^$]*\n# ", WAIT_S, behind)
        command(share, name, MOUNT)
        assert command(share, name, "cat /mnt/note") == f"kept by {name}\n"
    assert_no_deadline_was_missed(share)


def test_guest_that_is_restarted_while_it_writes_finds_what_it_had_written(share: Talk) -> None:
    command(share, "ppc0", "echo before > /mnt/before; sync")
    write = "dd if=/dev/zero of=/mnt/zeros bs=65536 count=8 2>/dev/null"
    behind = start(share, "ppc0", f"while {write}; do sync; echo again; done")
    share.wait_for("ppc0", rb"again\r\nagain", WAIT_S, behind)
    behind = len(share.text["ppc0"])
    assert share.task("ppc0", wire.TaskAction.RESTART) is wire.ReplyStatus.OK
    share.wait_for("ppc0", rb"\n# ", WAIT_S, behind)
    command(share, "ppc0", MOUNT)
    assert command(share, "ppc0", "cat /mnt/before") == "before\n"
    command(share, "ppc0", "rm /mnt/zeros; sync")
    assert_no_deadline_was_missed(share)


def test_shared_disk_is_read_by_both_and_written_by_none(share: Talk) -> None:
    for name in RECIPES:
        assert command(share, name, "cat /sys/block/vda/ro /sys/block/vdb/ro") == "0\n1\n"
        crc = f"bytes {COPY_BYTES} crc {zlib.crc32(PATTERN):x}\n"
        assert command(share, name, f"/both/{name}/net crc < /both/pattern") == crc


def test_guests_ping_each_other_and_the_real_time_task(share: Talk) -> None:
    for n, name in enumerate(RECIPES, 1):
        command(share, name, f"/both/{name}/net up eth0 10.0.0.{n}")
    assert command(share, "leon0", "/both/leon0/net ping 10.0.0.2 5") == "5 of 5 answered\n"
    assert command(share, "ppc0", "/both/ppc0/net ping 10.0.0.1 5") == "5 of 5 answered\n"
    for name in RECIPES:
        assert command(share, name, f"/both/{name}/net ping 10.0.0.9 5") == "5 of 5 answered\n"
    assert_no_deadline_was_missed(share)


def test_no_written_block_is_lost_while_the_block_server_is_ended_again_and_again(share: Talk) -> None:
    before, rounds = restarts(share, "block"), RESTARTS + 10
    write = "dd if=/both/pattern of=/mnt/copy$(($i%3)) bs=4096 count=64 2>/dev/null; sync"
    read = "umount /mnt; mount -t ext2 /dev/vda /mnt; /both/ppc0/net crc < /mnt/copy$(($i%3)) 2>&1"
    loop = f"i=0; while [ $i -lt {rounds} ]; do {write}; {read}; i=$(($i+1)); done"
    behind = start(share, "ppc0", loop)
    restart_while(share, "block", "ppc0", r"bytes \d+ crc \w+")
    said = re.findall(r"bytes (\d+) crc (\w+)", finish(share, "ppc0", behind))
    part = PATTERN[: 64 * 4096]
    assert said == [(str(len(part)), f"{zlib.crc32(part):x}")] * rounds
    assert restarts(share, "block") == before + RESTARTS
    assert_no_deadline_was_missed(share)


def test_copied_file_is_whole_while_the_net_server_is_ended_again_and_again(share: Talk) -> None:
    for n, name in enumerate(RECIPES, 1):
        command(share, name, f"/both/{name}/net up eth0 10.0.0.{n}")
    before = restarts(share, "net")
    receives = start(share, "ppc0", "/both/ppc0/net receive 7000 > /tmp/copy")
    sends = start(share, "leon0", "/both/leon0/net send 10.0.0.2 7000 < /both/pattern")
    for _ in range(RESTARTS):
        assert share.task("net", wire.TaskAction.RESTART) is wire.ReplyStatus.OK
    assert b"=done=" not in share.text["leon0"][sends:], "the file was copied before the last restart: make it larger"
    checksum = f"bytes {COPY_BYTES} crc {zlib.crc32(PATTERN):x}\n"
    assert finish(share, "leon0", sends) == checksum
    assert finish(share, "ppc0", receives) == checksum
    assert command(share, "ppc0", "/both/ppc0/net crc < /tmp/copy") == checksum
    assert restarts(share, "net") == before + RESTARTS
    assert_no_deadline_was_missed(share)


def test_no_console_byte_is_lost_or_doubled_while_the_serial_server_is_ended_again_and_again(share: Talk) -> None:
    before, lines = restarts(share, "serial"), 30 * (RESTARTS + 5)
    loop = f"i=0; while [ $i -lt {lines} ]; do echo line $i of the count; i=$(($i+1)); done"
    behind = {name: start(share, name, loop) for name in RECIPES}
    for number in range(RESTARTS):
        for name in RECIPES:
            share.wait_for(name, rb"line %d of" % (30 * number), WAIT_S, behind[name])
        assert share.task("serial", wire.TaskAction.RESTART) is wire.ReplyStatus.OK
    for name in RECIPES:
        said = finish(share, name, behind[name])
        assert said == "".join(f"line {n} of the count\n" for n in range(lines)), name
    assert restarts(share, "serial") == before + RESTARTS
    assert_no_deadline_was_missed(share)

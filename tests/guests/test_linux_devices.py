# SPDX-License-Identifier: MIT
"""Linux with disks and networks: what is written is there after a reset, and guests of two CPUs work together."""

from __future__ import annotations

import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from l4vm.binding import Disk, Hub, Net
from l4vm.cli.guest import command
from l4vm.errors import L4vmError
from l4vm.guests import Load, Start, build_guest, lay_out, start_of_recipe
from tests.guests.shell import Guest, Room

pytestmark = pytest.mark.guest
PROGRAMS = Path(__file__).parent / "programs"
COPY_BYTES = 10_000_001
PATTERN = bytes((i * i >> 7 ^ i) & 255 for i in range(COPY_BYTES))


COMPILERS = {
    "leon3-linux": ["sparc64-linux-gnu-gcc", "-m32", "-mcpu=v8", "-Wl,-m,elf32_sparc"],
    "bamboo-linux": ["powerpc-linux-gnu-gcc", "-mcpu=440fp", "-mno-altivec"],
}
ALONE = list(COMPILERS)
PAIRS = [("leon3-linux", "leon3-linux"), ("leon3-linux", "bamboo-linux")]


def linux(recipe: str, disks: int, nets: int) -> Load:
    """The recipe's Linux, told of so many disks and networks."""
    files = build_guest(recipe)
    return lay_out(start_of_recipe(files, Start(files.machine, b"", "", disks=disks, nets=nets)))


def build_program(folder: Path, name: str, recipe: str) -> None:
    """Compile a guest program into a folder."""
    flags = ["-O2", "-ffreestanding", "-fno-stack-protector", "-fno-pic", "-Wall", "-Werror"]
    link = ["-static", "-nostdlib", "-no-pie"]
    source = str(PROGRAMS / f"{name}.c")
    subprocess.run([*COMPILERS[recipe], *flags, *link, source, "-o", str(folder / name)], check=True)


def ext2(path: Path, size_kib: int, content: Path | None = None) -> Path:
    """Make a file with an ext2 file system, filled from a folder."""
    given = ["-d", str(content)] if content else []
    command = ["mke2fs", "-q", "-t", "ext2", "-b", "1024", *given, str(path), str(size_kib)]
    subprocess.run(command, check=True, capture_output=True)
    return path


def content_of(image: Path, name: str) -> bytes:
    """Read a file out of an ext2 image."""
    return subprocess.run(["debugfs", "-R", f"cat {name}", str(image)], check=True, capture_output=True).stdout


@pytest.mark.parametrize("recipe", ALONE)
def test_written_files_are_there_after_a_reset_and_on_the_workstation(recipe: str, tmp_path: Path) -> None:
    image = ext2(tmp_path / "disk.img", 4096)
    disk = Disk.file(image)
    guest = Guest(linux(recipe, 1, 0), [disk])
    with Room(guest) as room:
        room.boot()
        room.command(guest, "mount -t ext2 /dev/vda /mnt")
        room.command(guest, "dd if=/dev/zero of=/mnt/zeros bs=1000 count=1234")
        room.command(guest, "echo kept over the reset > /mnt/note")
        room.command(guest, "sync")
        guest.reset()
        room.boot()
        room.command(guest, "mount -t ext2 /dev/vda /mnt")
        assert room.command(guest, "cat /mnt/note") == "kept over the reset\n"
        room.command(guest, "umount /mnt")
        assert guest.machine.stats()["disk_requests"] > 50
    disk.close()
    assert content_of(image, "note") == b"kept over the reset\n"
    assert content_of(image, "zeros") == bytes(1_234_000)
    assert subprocess.run(["e2fsck", "-fn", str(image)], capture_output=True).returncode == 0


@pytest.mark.parametrize("recipe", ALONE)
def test_guest_reboots_itself_and_finds_its_data(recipe: str, tmp_path: Path) -> None:
    disk = Disk.file(ext2(tmp_path / "disk.img", 1024))
    guest = Guest(linux(recipe, 1, 0), [disk])
    with Room(guest) as room:
        room.boot()
        room.command(guest, "mount -t ext2 /dev/vda /mnt; echo before > /mnt/note; umount /mnt")
        room.type(guest, "reboot")
        while guest.is_running:
            room.step()
            assert room.now_ns < 20_000_000_000, guest.out
        guest.reset()
        room.boot()
        assert room.command(guest, "mount -t ext2 /dev/vda /mnt; cat /mnt/note") == "before\n"
    disk.close()


@pytest.mark.parametrize("recipe", ALONE)
def test_disks_come_in_order_and_a_read_only_one_refuses_writes(recipe: str) -> None:
    disks = [Disk.memory(bytes([65 + n]) * 512, is_read_only=n == 3) for n in range(4)]
    guest = Guest(linux(recipe, 4, 0), disks)
    with Room(guest) as room:
        room.boot()
        for n, letter in enumerate("abcd"):
            shown = room.command(guest, f"dd if=/dev/vd{letter} bs=8 count=1 2>/dev/null; echo")
            assert shown.strip() == chr(65 + n) * 8
        assert room.command(guest, "cat /sys/block/vda/ro /sys/block/vdd/ro") == "0\n1\n"
        room.command(guest, "! dd if=/bin/sh of=/dev/vdd bs=512 count=1 2>/dev/null")
        room.command(guest, "dd if=/bin/sh of=/dev/vdb bs=512 count=1 2>/dev/null; sync")
    assert disks[1].read()[:4] == b"\x7fELF"
    assert disks[3].read() == b"D" * 512


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """For each recipe a file system with the network program and a file to copy."""
    images = {}
    for recipe in COMPILERS:
        folder = tmp_path_factory.mktemp("tools")
        content = folder / "content"
        content.mkdir()
        build_program(content, "net", recipe)
        (content / "pattern").write_bytes(PATTERN)
        images[recipe] = ext2(folder / "disk.img", 12 << 10, content).read_bytes()
    return images


def on_one_network(recipes: tuple[str, str], tools: dict[str, bytes], hub: Hub) -> list[Guest]:
    """Return two guests of one network, each with its tools on a disk."""
    return [
        Guest(linux(recipe, 1, 1), [Disk.memory(tools[recipe])], [Net(hub, f"02:00:00:00:00:0{n}")])
        for n, recipe in enumerate(recipes, 1)
    ]


def meet(room: Room) -> None:
    """Boot the two guests, and let the first one ping the other."""
    room.boot()
    for n, guest in enumerate(room.guests, 1):
        room.command(guest, f"mount -t ext2 -o ro /dev/vda /mnt; /mnt/net up eth0 10.0.0.{n}")
    assert room.command(room.guests[0], "/mnt/net ping 10.0.0.2 5") == "5 of 5 answered\n"


@pytest.mark.parametrize("recipes", PAIRS, ids="+".join)
def test_two_guests_on_a_network_run_the_same_way_twice(recipes: tuple[str, str], tools: dict[str, bytes]) -> None:
    states = []
    for _ in range(2):
        hub = Hub()
        with Room(*on_one_network(recipes, tools, hub)) as room:
            meet(room)
            states.append([guest.machine.state_hash(with_ram=True) for guest in room.guests])
        hub.close()
    assert states[0] == states[1]


@pytest.mark.parametrize("recipes", PAIRS, ids="+".join)
def test_two_guests_ping_each_other_and_copy_a_file_with_equal_checksums(
    recipes: tuple[str, str], tools: dict[str, bytes]
) -> None:
    hub = Hub()
    first, second = on_one_network(recipes, tools, hub)
    with Room(first, second) as room:
        meet(room)
        assert room.command(second, "/mnt/net ping 10.0.0.1 5") == "5 of 5 answered\n"
        checksum = f"bytes {COPY_BYTES} crc {zlib.crc32(PATTERN):x}\n"
        room.type(second, "/mnt/net receive 7000 > /tmp/copy; /mnt/net crc < /tmp/copy")
        assert room.command(first, "/mnt/net send 10.0.0.2 7000 < /mnt/pattern", 60) == checksum
        assert room.until(second, r"(bytes \d+ crc \w+\n){2}").endswith(checksum * 2)
        assert first.machine.stats()["frames_out"] > COPY_BYTES // 1500
    hub.close()


@pytest.mark.parametrize("recipes", PAIRS, ids="+".join)
def test_guests_of_two_processes_meet_at_a_socket(
    recipes: tuple[str, str], tools: dict[str, bytes], tmp_path: Path
) -> None:
    mount = "mount -t ext2 -o ro /dev/vda /mnt && /mnt/net up eth0 10.0.0.{}"
    commands = []
    for recipe in recipes:
        disk = tmp_path / f"{recipe}.img"
        disk.write_bytes(tools[recipe])
        run = [sys.executable, "-m", "l4vm", "guest", "run", recipe, "--headless", "--timeout", "90"]
        run += ["--disk", f"{disk},ro", "--net", str(tmp_path / "lab.sock"), "--until", "console=^# ", "--send"]
        commands.append(run)
    listens = [f"console={mount.format(2)}; /mnt/net receive 7 > /tmp/copy\\n", "--until", r"console=bytes 6 crc"]
    asks = [f"console={mount.format(1)}; /mnt/net ping 10.0.0.2 3; echo hello | /mnt/net send 10.0.0.2 7\\n"]
    asks += ["--until", "console=^3 of 3 answered", "--until", r"console=^bytes 6 crc"]
    with subprocess.Popen([*commands[1], *listens]) as other:
        try:
            end = time.monotonic() + 60
            while not (tmp_path / "lab.sock").exists() and time.monotonic() < end:
                time.sleep(0.05)
            assert subprocess.run([*commands[0], *asks], timeout=120).returncode == 0
            assert other.wait(60) == 0
        finally:
            other.kill()


def test_kernel_wrapped_without_disks_is_not_run_with_one(tmp_path: Path) -> None:
    files = build_guest("leon3-linux")
    disk = ext2(tmp_path / "disk.img", 256)
    arguments = ["run", "--kernel", str(files.kernel), "--disk", str(disk)]
    done = CliRunner().invoke(command, arguments)
    assert isinstance(done.exception, L4vmError)
    assert "wrapped for fewer than 1 disks" in str(done.exception)
    out = tmp_path / "linux.elf"
    wrapping = ["wrap", str(files.vmlinux), "-o", str(out), "--initrd", str(files.initrd), "--disks", "1"]
    assert CliRunner().invoke(command, [*wrapping, "--append", files.append]).exit_code == 0
    arguments[2] = str(out)
    script = ["--until", "console=^# ", "--send", r"console=cat /sys/block/vda/size\n", "--until", "console=^512"]
    done = CliRunner().invoke(command, [*arguments, "--headless", "--quiet", "--timeout", "60", *script])
    assert done.exit_code == 0, done.output

# SPDX-License-Identifier: MIT
"""LEON Linux with disks and networks: what is written is there after a reset, and two guests work together."""

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
from l4vm.guests import Executable, build_guest, parse_executable, wrap
from tests.guests.shell import RAM_MIB, Guest, Room

pytestmark = pytest.mark.guest
PROGRAMS = Path(__file__).parent / "programs"
COPY_BYTES = 10_000_001
PATTERN = bytes((i * i >> 7 ^ i) & 255 for i in range(COPY_BYTES))


def linux(disks: int, nets: int) -> Executable:
    """The recipe's Linux, told of so many disks and networks."""
    files = build_guest("leon3-linux")
    plain, initrd = files.vmlinux.read_bytes(), files.initrd.read_bytes()
    data = wrap(plain, initrd, files.append, RAM_MIB << 20, disks=disks, nets=nets)
    return parse_executable(data, "the wrapped kernel")


def build_program(folder: Path, name: str) -> None:
    """Compile a guest program into a folder."""
    flags = ["-m32", "-mcpu=v8", "-O2", "-ffreestanding", "-fno-stack-protector", "-fno-pic", "-Wall", "-Werror"]
    link = ["-static", "-nostdlib", "-no-pie", "-Wl,-m,elf32_sparc"]
    source = str(PROGRAMS / f"{name}.c")
    subprocess.run(["sparc64-linux-gnu-gcc", *flags, *link, source, "-o", str(folder / name)], check=True)


def ext2(path: Path, size_kib: int, content: Path | None = None) -> Path:
    """Make a file with an ext2 file system, filled from a folder."""
    given = ["-d", str(content)] if content else []
    command = ["mke2fs", "-q", "-t", "ext2", "-b", "1024", *given, str(path), str(size_kib)]
    subprocess.run(command, check=True, capture_output=True)
    return path


def content_of(image: Path, name: str) -> bytes:
    """Read a file out of an ext2 image."""
    return subprocess.run(["debugfs", "-R", f"cat {name}", str(image)], check=True, capture_output=True).stdout


def test_written_files_are_there_after_a_reset_and_on_the_workstation(tmp_path: Path) -> None:
    image = ext2(tmp_path / "disk.img", 4096)
    disk = Disk.file(image)
    guest = Guest(linux(1, 0), [disk])
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


def test_guest_reboots_itself_and_finds_its_data(tmp_path: Path) -> None:
    disk = Disk.file(ext2(tmp_path / "disk.img", 1024))
    guest = Guest(linux(1, 0), [disk])
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


def test_disks_come_in_order_and_a_read_only_one_refuses_writes() -> None:
    disks = [Disk.memory(bytes([65 + n]) * 512, is_read_only=n == 3) for n in range(4)]
    guest = Guest(linux(4, 0), disks)
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
def tools(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file system with the network program and a file to copy."""
    folder = tmp_path_factory.mktemp("tools")
    content = folder / "content"
    content.mkdir()
    build_program(content, "net")
    (content / "pattern").write_bytes(PATTERN)
    return ext2(folder / "disk.img", 12 << 10, content).read_bytes()


def meet(program: Executable, tools: bytes) -> list[int]:
    """Boot two guests that ping each other; returns the state of both at the end."""
    hub = Hub()
    guests = [Guest(program, [Disk.memory(tools)], [Net(hub, f"02:00:00:00:00:0{n}")]) for n in (1, 2)]
    with Room(*guests) as room:
        room.boot()
        for n, guest in enumerate(guests, 1):
            room.command(guest, f"mount -t ext2 -o ro /dev/vda /mnt; /mnt/net up eth0 10.0.0.{n}")
        assert room.command(guests[0], "/mnt/net ping 10.0.0.2 5") == "5 of 5 answered\n"
        states = [guest.machine.state_hash(with_ram=True) for guest in guests]
    hub.close()
    return states


def test_two_guests_on_a_network_run_the_same_way_twice(tools: bytes) -> None:
    program = linux(1, 1)
    assert meet(program, tools) == meet(program, tools)


def test_two_guests_ping_each_other_and_copy_a_file_with_equal_checksums(tools: bytes) -> None:
    hub, program = Hub(), linux(1, 1)
    guests = [Guest(program, [Disk.memory(tools)], [Net(hub, f"02:00:00:00:00:0{n}")]) for n in (1, 2)]
    with Room(*guests) as room:
        room.boot()
        first, second = guests
        for n, guest in enumerate(guests, 1):
            room.command(guest, "mount -t ext2 -o ro /dev/vda /mnt")
            room.command(guest, f"/mnt/net up eth0 10.0.0.{n}")
        assert room.command(first, "/mnt/net ping 10.0.0.2 5") == "5 of 5 answered\n"
        assert room.command(second, "/mnt/net ping 10.0.0.1 5") == "5 of 5 answered\n"
        checksum = f"bytes {COPY_BYTES} crc {zlib.crc32(PATTERN):x}\n"
        room.type(second, "/mnt/net receive 7000 > /tmp/copy; /mnt/net crc < /tmp/copy")
        assert room.command(first, "/mnt/net send 10.0.0.2 7000 < /mnt/pattern", 60) == checksum
        assert room.until(second, r"(bytes \d+ crc \w+\n){2}").endswith(checksum * 2)
        assert first.machine.stats()["frames_out"] > COPY_BYTES // 1500
    hub.close()


def test_guests_of_two_processes_meet_at_a_socket(tools: bytes, tmp_path: Path) -> None:
    (tmp_path / "tools.img").write_bytes(tools)
    mount = "mount -t ext2 -o ro /dev/vda /mnt && /mnt/net up eth0 10.0.0.{}"
    common = [sys.executable, "-m", "l4vm", "guest", "run", "leon3-linux", "--headless", "--timeout", "90"]
    common += ["--disk", f"{tmp_path / 'tools.img'},ro", "--net", str(tmp_path / "lab.sock")]
    common += ["--until", "console=^# ", "--send"]
    listens = [f"console={mount.format(2)}; /mnt/net receive 7 > /tmp/copy\\n", "--until", r"console=bytes 6 crc"]
    asks = [f"console={mount.format(1)}; /mnt/net ping 10.0.0.2 3; echo hello | /mnt/net send 10.0.0.2 7\\n"]
    asks += ["--until", "console=^3 of 3 answered", "--until", r"console=^bytes 6 crc"]
    with subprocess.Popen([*common, *listens]) as other:
        try:
            end = time.monotonic() + 60
            while not (tmp_path / "lab.sock").exists() and time.monotonic() < end:
                time.sleep(0.05)
            assert subprocess.run([*common, *asks], timeout=120).returncode == 0
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

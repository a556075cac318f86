# SPDX-License-Identifier: MIT
"""`l4vm guest run --disk --net`: what is refused, and what hubs and disks do without a guest that uses them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from l4vm.binding import Disk, Hub, Machine, Net
from l4vm.cli.guest import command
from l4vm.cli.guest_devices import parse_devices
from l4vm.errors import L4vmError
from tests.guests.test_guest_command import HALT, elf


def refusal(tmp_path: Path, *options: str) -> str:
    """Run a program that would halt at once; returns why it was refused."""
    program = tmp_path / "program.elf"
    program.write_bytes(elf(HALT))
    done = CliRunner().invoke(command, ["run", "--kernel", str(program), "--headless", "--quiet", *options])
    assert isinstance(done.exception, L4vmError), done.output
    return str(done.exception)


def image(tmp_path: Path, size: int = 4096) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(size))
    return path


def test_program_runs_with_disks_and_a_network(tmp_path: Path) -> None:
    program, disk = tmp_path / "program.elf", image(tmp_path)
    program.write_bytes(elf(HALT))
    arguments = [
        "run",
        "--kernel",
        str(program),
        "--headless",
        "--quiet",
        "--disk",
        str(disk),
        "--disk",
        f"{program},ro",
    ]
    with program.open("ab") as grow:
        grow.write(bytes(512 - program.stat().st_size % 512))
    done = CliRunner().invoke(command, [*arguments, "--net", str(tmp_path / "lab.sock")])
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "lab.sock").exists()


def test_missing_disk_is_named(tmp_path: Path) -> None:
    text = refusal(tmp_path, "--disk", str(tmp_path / "no-disk.img"))
    assert "no-disk.img: No such file" in text
    assert f"`truncate -s 16M {tmp_path}/no-disk.img` makes" in text


def test_part_of_a_sector_is_refused(tmp_path: Path) -> None:
    assert "513 bytes are no whole number of sectors" in refusal(tmp_path, "--disk", str(image(tmp_path, 513)))


def test_disk_in_use_is_refused(tmp_path: Path) -> None:
    path = image(tmp_path)
    first = Disk.file(path)
    assert "another guest has it" in refusal(tmp_path, "--disk", str(path))
    first.close()
    shared = Disk.file(path, is_read_only=True)
    Disk.file(path, is_read_only=True).close()
    assert "another guest has it" in refusal(tmp_path, "--disk", str(path))
    shared.close()


def test_five_disks_are_too_many(tmp_path: Path) -> None:
    path = image(tmp_path)
    assert "at most 4 disks" in refusal(tmp_path, *["--disk", f"{path},ro"] * 5)


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        ("--disk", "disk.img,rw", "'rw' is not known"),
        ("--disk", ",ro", "names nothing"),
        ("--net", "lab.sock,02:00", "'02:00' is not known"),
        ("--net", "lab.sock,mac=02:00", "'02:00'"),
        ("--net", "lab.sock,mac=01:00:00:00:00:01", "no single station's"),
        ("--net", "no-such-folder/lab.sock", "No such file"),
        ("--net", "x" * 200, "at most 107 characters"),
    ],
)
def test_option_that_says_something_else_is_refused(tmp_path: Path, option: str, text: str, words: str) -> None:
    assert words in refusal(tmp_path, option, text)


def test_own_addresses_of_two_networks_differ() -> None:
    first, second = (mac for _, mac in parse_devices((), ("a.sock", "b.sock")).nets)
    assert first != second


def test_disk_in_memory_holds_what_it_was_given() -> None:
    disk = Disk.memory(b"x" * 512, size_bytes=2048)
    assert disk.read() == b"x" * 512 + bytes(1536)
    disk.close()


def test_full_hub_takes_no_machine_and_gives_its_places_back() -> None:
    hub = Hub()
    net = Net(hub, "02:00:00:00:00:01")
    machines = [Machine("leon3", 8, nets=[net], code_mib=1) for _ in range(16)]
    with pytest.raises(L4vmError, match="hub no place"):
        Machine("leon3", 8, nets=[net], code_mib=1)
    machines.pop().close()
    machines.append(Machine("leon3", 8, nets=[net], code_mib=1))
    for machine in machines:
        machine.close()
    hub.close()


def stranger(path: Path) -> socket.socket:
    """Another process's end of a hub's socket."""
    end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    end.settimeout(10)
    end.connect(str(path))
    return end


def test_socket_members_hear_each_other_and_nonsense_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "lab.sock"
    hub = Hub(str(path))
    with Machine("leon3", 8, nets=[Net(hub, "02:00:00:00:00:01")]) as machine:
        first, second = stranger(path), stranger(path)
        machine.run(1)
        for data in (b"short", bytes(1519), bytes(9000), b"a frame of more than fourteen bytes"):
            first.send(data)
            machine.run(1)
        assert second.recv(2000) == b"a frame of more than fourteen bytes"
        second.close()
        first.send(bytes(60))
        machine.run(1)
        for _ in range(400):
            first.send(bytes(60))
            machine.run(1)
        assert hub.lost > 100
        first.close()
        machine.run(1)
    hub.close()
    assert not path.exists()


def test_socket_of_a_dead_owner_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "lab.sock"
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    dead.bind(str(path))
    dead.close()
    hub = Hub(str(path))
    stranger(path).close()
    hub.close()


def test_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = image(tmp_path)
    with pytest.raises(L4vmError, match=str(path)):
        Hub(str(path))
    assert path.read_bytes() == bytes(4096)

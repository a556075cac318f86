# SPDX-License-Identifier: MIT
"""A guest's disks and networks on the board, driven on the workstation with the cores of both servers (devices.c)."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest

from l4vm.binding.build import TRANSLATOR
from l4vm.formats import args, cheader

HERE = Path(__file__).parent
DEVSRV = TRANSLATOR.parent / "devsrv"
BLOCK_BYTES, NET_BYTES = 0x41000, 0x32000  # description/resolve.py
READ, WRITE, FLUSH = 0, 1, 2
LATER = 2
FRAME = bytes([255] * 6 + [2, 2, 3, 4, 5, 6]) + bytes(100)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Compile the task's part of both devices."""
    folder = tmp_path_factory.mktemp("devices")
    (folder / "args_gen.h").write_text(cheader.header(args), encoding="utf-8")
    rooms = ("include", "block", "net", "../kernel/user/include")
    include = [folder, HERE, TRANSLATOR, TRANSLATOR / "include", TRANSLATOR / "port/l4", *(DEVSRV / r for r in rooms)]
    own = [HERE / "devices.c", TRANSLATOR / "port/l4/vm_devices.c"]
    rest = [DEVSRV / name for name in ("block/disk.c", "net/switch.c", "lib/queue.c", "lib/block.c", "lib/net.c")]
    flags = ["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-shared", "-fPIC", *(f"-I{path}" for path in include)]
    subprocess.run(["gcc", *flags, *map(str, own + rest), "-o", str(folder / "devices.so")], check=True)
    library = ctypes.CDLL(str(folder / "devices.so"))
    for name in ("open", "make"):
        getattr(library, f"devices_{name}").restype = ctypes.c_char_p
    for name in ("id", "mac", "buffer", "area"):
        getattr(library, f"devices_{name}").restype = ctypes.POINTER(ctypes.c_uint8)
    library.devices_sectors.restype = ctypes.c_uint64
    return library


def make(program: ctypes.CDLL, disk: int = BLOCK_BYTES, net: int = NET_BYTES, is_read_only: bool = False) -> str:
    return bytes(program.devices_make(ctypes.c_uint64(disk), ctypes.c_uint64(net), is_read_only)).decode()


def request(program: ctypes.CDLL, tag: int, op: int, sector: int, sectors: int) -> int:
    return int(program.devices_request(tag, op, ctypes.c_uint64(sector), sectors))


def done(program: ctypes.CDLL) -> tuple[int, int, bool]:
    """How many answers came, and the last one's tag and verdict."""
    word = int(program.devices_done())
    return word >> 8, word >> 1 & 127, bool(word & 1)


def test_machine_is_told_what_the_image_gives(program: ctypes.CDLL) -> None:
    assert make(program, is_read_only=True) == ""
    assert program.devices_sectors() == 64 << 1 | 1
    assert bytes(program.devices_id()[:20]) == b"work.data".ljust(20, b"\0")
    assert bytes(program.devices_mac()[:6]) == bytes([2, 2, 3, 4, 5, 6])
    assert make(program, 0, 0) == "" and program.devices_sectors() == 0


@pytest.mark.parametrize(("disk", "net", "word"), [(BLOCK_BYTES - 1, 0, "disk"), (0, NET_BYTES - 1, "network")])
def test_too_little_memory_is_refused(program: ctypes.CDLL, disk: int, net: int, word: str) -> None:
    assert f"a {word} whose ring is too small" in make(program, disk, net)


def test_requests_are_answered_later_in_their_order(program: ctypes.CDLL) -> None:
    assert make(program) == ""
    ctypes.memset(program.devices_buffer(2), ord("w"), 1024)
    assert request(program, 2, WRITE, 63, 1) == LATER
    assert request(program, 0, READ, 63, 1) == LATER
    assert not program.devices_offer() and program.devices_signals() == 0
    program.devices_signal()
    assert program.devices_signals() == 1, "once for both"
    assert program.devices_offer() and done(program) == (2, 0, True)
    assert bytes(program.devices_buffer(0)[:513]) == b"w" * 512 + b"\0"
    assert bytes(program.devices_area()[63 * 512 : 64 * 512]) == b"w" * 512
    program.devices_signal()
    assert not program.devices_offer() and program.devices_signals() == 1


@pytest.mark.parametrize(("op", "sector", "good"), [(READ, 64, False), (WRITE, 0, False), (READ, 63, True)])
def test_verdict_of_the_server_reaches_the_guest(program: ctypes.CDLL, op: int, sector: int, good: bool) -> None:
    assert make(program, is_read_only=True) == ""
    assert request(program, 1, op, sector, 1) == LATER
    program.devices_signal()
    assert program.devices_offer() and done(program) == (1, 1, good)


def test_task_that_starts_anew_waits_for_what_its_last_life_asked(program: ctypes.CDLL) -> None:
    assert make(program) == ""
    ctypes.memset(program.devices_buffer(3), ord("l"), 512)
    assert request(program, 3, WRITE, 5, 1) == LATER
    assert bytes(program.devices_open()) == b""
    program.devices_away(4)
    program.devices_settle()
    assert program.devices_signals() == 5
    assert bytes(program.devices_area()[5 * 512 : 6 * 512]) == b"l" * 512
    assert not program.devices_offer() and done(program)[0] == 0, "the machine of this life asked nothing"
    assert request(program, 0, FLUSH, 0, 0) == LATER
    program.devices_signal()
    assert program.devices_offer() and done(program) == (1, 0, True)


def test_frame_waits_until_the_guest_has_room(program: ctypes.CDLL) -> None:
    assert make(program) == ""
    program.devices_other(FRAME, len(FRAME))
    assert not program.devices_offer() and program.devices_frame_bytes() == 0
    program.devices_take_frames(1)
    assert program.devices_offer() and program.devices_frame_bytes() == len(FRAME)
    assert not program.devices_offer()


def test_frames_of_one_slice_go_with_one_signal(program: ctypes.CDLL) -> None:
    assert make(program) == ""
    for size in (60, 61):
        program.devices_send(FRAME, size)
    assert program.devices_other(None, 0) == 0
    program.devices_signal()
    assert program.devices_signals() == 1
    assert [program.devices_other(None, 0) for _ in range(3)] == [60, 61, 0]

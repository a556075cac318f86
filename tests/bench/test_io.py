# SPDX-License-Identifier: MIT
"""`l4vm bench io`: its frames, its rows, and one short run of each side."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from l4vm.bench.io_guest import echoed

HEAD = bytes(range(6)) + bytes(range(6, 12)) + b"\x08\x00"


def datagram(port: int, payload: bytes = b"hello") -> bytes:
    """A frame with a datagram from 10.0.0.1 to 10.0.0.9 and right checksums."""
    ports = port.to_bytes(2, "big") * 2
    ip = bytes([0x45, 0, 0, 28 + len(payload), 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 9])
    ip = ip[:10] + checksum(ip).to_bytes(2, "big") + ip[12:]
    return HEAD + ip + ports + bytes([0, 8 + len(payload), 0, 0]) + payload


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    total = sum(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def test_echo_goes_back_to_where_it_came_from_with_a_right_checksum() -> None:
    frame = datagram(7)
    back = echoed(frame)
    assert back is not None
    assert (back[:6], back[6:12]) == (frame[6:12], frame[:6])
    assert (socket.inet_ntoa(back[26:30]), socket.inet_ntoa(back[30:34])) == ("10.0.0.9", "10.0.0.1")
    assert checksum(back[14:34]) == 0
    assert back[34:] == frame[34:]


ARP = HEAD[:12] + b"\x08\x06" + datagram(7)[14:]


@pytest.mark.parametrize("frame", [b"", HEAD, datagram(9), datagram(7)[:41], ARP])
def test_other_frames_are_not_answered(frame: bytes) -> None:
    assert echoed(frame) is None


def measured(out: Path, *words: str) -> list[Any]:
    """Run the benchmark once and a small part of it; return its rows."""
    command = [sys.executable, "-m", "l4vm", "bench", "io", "--runs", "1", *words, "--json", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows: list[Any] = json.loads(out.read_text())
    return rows


@pytest.mark.guest
def test_rates_of_the_workstation_are_reported_beside_the_peer(tmp_path: Path) -> None:
    rows = measured(tmp_path / "io.json", "--where", "workstation", "--share", "1000")
    assert {(row["guest"], row["operation"]) for row in rows} == {
        (guest, name) for guest in ("leon3", "bamboo") for name in ("disk_read", "disk_write", "net_send", "net_echo")
    }
    for row in rows:
        assert row["ours"]["wall"] > 0
        assert (row["qemu"] is None) == (row["guest"] == "leon3")


@pytest.mark.system
@pytest.mark.parametrize("operation", ["console", "disk_read", "net_echo"])
def test_instructions_on_the_board_are_split_by_whose_they_are(operation: str, tmp_path: Path) -> None:
    words = ("--where", "board", "--guest", "bamboo", "--only", operation, "--share", "4")
    (row,) = measured(tmp_path / "io.json", *words)
    parts = row["cost"]["parts"]
    assert row["cost"]["total"] == sum(parts.values())
    for part in ("guest", "translator", "ipc", "server"):
        assert parts[part] > 0, part
    assert (parts["other"] > 0) == (operation == "net_echo"), "only the network's other end is neither guest nor server"

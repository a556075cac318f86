# SPDX-License-Identifier: MIT
"""Whole conversations over a socket with a model of the board at its other end."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from l4vm.cli.console import command as console
from l4vm.formats import link as wire
from tests.unit.link.board_model import BoardModel, ModelChannel

BACKTRACE = b"\0\r\nPANIC: page fault at 0xdeadbeef\r\n  #0 ffffffff80100000\r\n\0"


class Shell(BoardModel):
    """A board whose guest echoes what it is told, and answers `uname -m`; and one rt task."""

    def __init__(self) -> None:
        super().__init__(boot_id=3)
        self.channels[8].out += b"Linux 6.1\r\n# "

    def feed(self, data: bytes) -> None:
        super().feed(data)
        self._listen(self.channels[8])

    def _listen(self, channel: ModelChannel) -> None:
        while b"\n" in channel.waiting:
            line, _, rest = bytes(channel.waiting).partition(b"\n")
            channel.waiting[:] = rest
            channel.out += line + b"\r\n"
            if line == b"uname -m":
                channel.out += b"sparc\r\n# "

    def _request(self, payload: bytes) -> None:
        head = wire.Request.parse(payload)
        entry: dict[str, object] = dict.fromkeys(
            (field.name for field in wire.RealtimeEntry.subcons), 0
        )
        entry |= {"name": "heartbeat", "periods": 1234, "min_ticks": 300, "median_ticks": 310}
        entry |= {"max_ticks": 900, "histogram": [0] * wire.HISTOGRAM_BUCKETS}
        data = wire.ListHead.build(
            {
                "total": 1,
                "first": 0,
                "count": 1,
                "tsc_khz": 1_000_000,
                "board_time_ns": 1_234_500_000,
                "board_ticks": 1_234_500_000,
            }
        ) + wire.RealtimeEntry.build(entry)
        reply = wire.Reply.build({"id": head.id, "op": head.op, "status": 0})
        self._send(1, wire.FrameType.REPLY, 0, reply + data)


def serve(server: socket.socket, board: Shell, before: bytes, garble: bool) -> None:
    """Answer one connection as the board."""
    try:
        link, _ = server.accept()
    except OSError:
        return
    with link:
        link.sendall(before)
        noise = b"\xfe\x00junk\x01\xff" if garble else b""
        with contextlib.suppress(OSError):
            while data := link.recv(4096):
                board.feed(data)
                link.sendall(noise + board.take())


@contextlib.contextmanager
def board_at(path: Path, before: bytes = b"", garble: bool = False) -> Iterator[Shell]:
    """Offer a board on a unix socket."""
    board = Shell()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        answer: Callable[..., None] = serve
        threading.Thread(target=answer, args=(server, board, before, garble), daemon=True).start()
        yield board


def talk(path: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Run `l4vm console` and return its code, its result and what it said."""
    out = path.parent / "out.json"
    words = [f"unix:{path}", "--headless", "--logs", str(path.parent / "logs"), *arguments]
    result = CliRunner().invoke(console, [*words, "--json", str(out)])
    return result.exit_code, json.loads(out.read_text()), result.output


SESSION = ("--until", "leon0=# ", "--send", "leon0=uname -m\\n", "--until", "leon0=sparc")


def test_a_scripted_session_ends_with_matches_statistics_and_logs(tmp_path: Path) -> None:
    with board_at(tmp_path / "line", before=b"GRUB\r\nL4VM starts\r\n"):
        code, result, _ = talk(tmp_path / "line", *SESSION, "--timeout", "30")
    assert code == 0
    assert [match["text"] for match in result["matches"]] == ["# ", "sparc"]
    (task,) = result["realtime"]
    assert task["task"] == "heartbeat"
    assert (task["periods"], task["misses"]) == (1234, 0)
    assert task["latency_insns"] == {"min": 300, "median": 310, "max": 900}
    assert result["board_time_ns"] == 1_234_500_000
    logs: dict[str, str] = result["channels"]
    assert b"uname -m\r\nsparc" in Path(logs["leon0"]).read_bytes()
    assert Path(logs["boot"]).read_bytes().startswith(b"GRUB\r\nL4VM starts\r\n")


def test_garbage_on_the_line_is_counted_and_the_session_goes_on(tmp_path: Path) -> None:
    with board_at(tmp_path / "line", before=b"\x80\x81\xff" * 100, garble=True):
        code, result, _ = talk(tmp_path / "line", *SESSION, "--timeout", "30")
    assert code == 0
    assert result["link"]["garbage_bytes"] > 300


def test_a_pattern_that_never_comes_ends_with_the_time_out_code(tmp_path: Path) -> None:
    with board_at(tmp_path / "line"):
        code, result, _ = talk(tmp_path / "line", "--until", "leon0=never", "--timeout", "0.5")
    assert code == 4
    assert "waiting for 'never' on leon0" in str(result["reason"])


def test_a_channel_the_board_has_not_is_refused_with_those_it_has(tmp_path: Path) -> None:
    with board_at(tmp_path / "line"):
        code, result, _ = talk(tmp_path / "line", "--until", "leon7=x", "--timeout", "30")
    assert code == 2
    assert "no channel 'leon7'" in str(result["reason"])
    assert "leon0" in str(result["reason"])


def test_a_panic_ends_the_run_with_its_text(tmp_path: Path) -> None:
    with board_at(tmp_path / "line", before=BACKTRACE):
        code, result, output = talk(tmp_path / "line", "--until", "leon0=never", "--timeout", "30")
    assert code == 5
    assert "page fault at 0xdeadbeef" in str(result["reason"])
    assert "#0 ffffffff80100000" in output


def test_a_port_that_is_not_there_is_an_environment_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(console, [str(tmp_path / "ttyNone"), "--headless"])
    assert getattr(result.exception, "exit_code", None) == 3

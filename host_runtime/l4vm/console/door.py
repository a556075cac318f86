# SPDX-License-Identifier: MIT
"""The door of a running conversation: other commands on this workstation ask its board through it.

One line of JSON each way over a Unix socket in a folder of the user's own. The line to a board has one
owner, `l4vm run` or `l4vm console`; `l4vm ps` and `l4vm guest stop` knock there.

    {"do": "tasks"}                                     -> {"tasks": [{name, kind, state, ...}]}
    {"do": "task", "name": "leon0", "action": "STOP"}   -> {"status": "OK"}
    {"do": "picture", "name": "leon0", "offset": 0}     -> {"status": "OK", "data": base64 of a PictureHead and runs}
    anything that fails                                 -> {"error": sentence}

What is here: `Door`, which listens and puts `Asked` into the conversation's queue; `knock`, the other side; `doors`.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socket
import stat
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from l4vm.errors import L4vmError
from l4vm.exit_codes import ExitCode
from l4vm.link.line import Inbox

ANSWER_S = 90.0
"""Longest wait for the board; an emulated one is slow."""
LINE_BYTES_MAX = 1 << 16


@dataclass(frozen=True)
class Asked:
    """Somebody asks; the answer goes into `answer`."""

    request: dict[str, object]
    answer: queue.SimpleQueue[dict[str, object]] = field(default_factory=queue.SimpleQueue)


def door_folder() -> Path:
    """Return the folder of doors, made: nobody else can enter it.

    Raises:
        L4vmError: somebody else owns it.
    """
    base = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(base) / "l4vm" if base else Path(tempfile.gettempdir()) / f"l4vm-doors-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077:
        raise L4vmError(f"{folder}: belongs to somebody else or is open to others", "remove it", ExitCode.ENVIRONMENT)
    return folder


class Door:
    """Listens while a conversation runs."""

    def __init__(self, inbox: Inbox, name: str) -> None:
        self.path = door_folder() / f"{name}-{os.getpid()}"
        self._inbox = inbox
        self.path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(self.path))
        self._socket.listen(8)
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Door:
        """Return the door itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Shut it."""
        self.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _listen(self) -> None:
        while True:
            try:
                visitor, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(visitor,), daemon=True).start()

    def _serve(self, visitor: socket.socket) -> None:
        with visitor, contextlib.suppress(OSError):
            visitor.settimeout(ANSWER_S)
            visitor.sendall(json.dumps(self._answer(_read_line(visitor))).encode() + b"\n")

    def _answer(self, line: bytes) -> dict[str, object]:
        try:
            request = json.loads(line)
        except ValueError:
            request = None
        if not isinstance(request, dict):
            return {"error": "the request is no JSON object"}
        asked = Asked(request)
        self._inbox.put(asked)
        try:
            return asked.answer.get(timeout=ANSWER_S)
        except queue.Empty:
            return {"error": f"the board did not answer in {ANSWER_S:g} s"}


def _read_line(peer: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n") and len(data) < LINE_BYTES_MAX:
        piece = peer.recv(4096)
        if not piece:
            break
        data += piece
    return data


def doors() -> dict[str, Path]:
    """Return the doors of the conversations that run, by name; those of the dead are removed."""
    found = {}
    for path in sorted(door_folder().iterdir()):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            try:
                peer.connect(str(path))
                found[path.name] = path
            except OSError:
                path.unlink(missing_ok=True)
    return found


def knock(name: str | None, request: dict[str, object]) -> dict[str, object]:
    """Ask the board of a running conversation.

    Args:
        name: its door, or the image's name; None: the only one there is.
        request: see the head of this file.

    Raises:
        L4vmError: there is none, or more than one; or the answer is an error.
    """
    found = {door: path for door, path in doors().items() if name is None or name in (door, door.rpartition("-")[0])}
    if len(found) != 1:
        which = f"called {name!r} " if name else ""
        hint = f"name one by --on: {', '.join(found)}" if found else "start one by `l4vm run IMAGE` or `l4vm console`"
        raise L4vmError(f"{len(found) or 'no'} conversations {which}run here", hint, ExitCode.ENVIRONMENT)
    (path,) = found.values()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(ANSWER_S + 5)
        try:
            peer.connect(str(path))
            peer.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(_read_line(peer))
        except (OSError, ValueError) as bad:
            raise L4vmError(f"{path.name} went away ({bad})", "is it still running?", ExitCode.ENVIRONMENT) from bad
    if not isinstance(answer, dict) or "error" in answer:
        raise L4vmError(str(answer["error"]) if isinstance(answer, dict) else "no answer", "")
    return answer

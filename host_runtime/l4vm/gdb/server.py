# SPDX-License-Identifier: MIT
"""Where GDB connects: a TCP port of this machine only, or a Unix socket; one GDB at a time.

There is no thread: `Server.serve` is called between pieces of the guest's run. A GDB that does not
read its replies, or goes away in the middle of a frame, is dropped; the guest then runs on.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from pathlib import Path

from l4vm.errors import L4vmError
from l4vm.gdb.packets import Deframer, Signal, frame
from l4vm.gdb.stub import State, Stub

SEND_S = 2.0
PIECE = 1 << 14
HOST = "127.0.0.1"


class Server:
    """The listening socket and the GDB on it.

    Args:
        stub: whom to serve.
        place: a port number, 0 for any free one, or the path of a Unix socket (it has a slash).

    Raises:
        L4vmError: the place is none, or in use.
    """

    def __init__(self, stub: Stub, place: str) -> None:
        self.stub = stub
        self._path = Path(place) if "/" in place else None
        self._socket = self._listen(place)
        self._gdb: socket.socket | None = None
        self._deframer = Deframer()
        self._last = b""

    def _listen(self, place: str) -> socket.socket:
        try:
            if self._path is not None:
                made = socket.socket(socket.AF_UNIX)
                made.bind(place)
            else:
                port = int(place)
                if not 0 <= port <= 65535:
                    raise ValueError(place)
                made = socket.create_server((HOST, port))
        except ValueError:
            sentence = f"--gdb {place}: neither a port 0 to 65535 nor a path with a slash in it"
            raise L4vmError(sentence, "for example --gdb 1234 or --gdb ./gdb.sock") from None
        except OSError as bad:
            raise L4vmError(f"--gdb {place}: {bad.strerror}", "give another port or path", exit_code=3) from bad
        made.listen(1)
        return made

    @property
    def place(self) -> str:
        """What to give GDB's `target remote`."""
        return str(self._path) if self._path is not None else f"localhost:{self._socket.getsockname()[1]}"

    @property
    def descriptor(self) -> int:
        """The descriptor on which something may come."""
        return (self._gdb or self._socket).fileno()

    def close(self) -> None:
        """Drop GDB and stop listening."""
        self._drop()
        self._socket.close()
        if self._path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    def serve(self, wait_s: float) -> None:
        """Take what comes within `wait_s`, and answer it."""
        if not select.select([self.descriptor], [], [], wait_s)[0]:
            return
        if self._gdb is None:
            self._gdb, _ = self._socket.accept()
            self._gdb.settimeout(SEND_S)
            self._deframer = Deframer()
            self.stub.attach()
            return
        try:
            data = self._gdb.recv(PIECE)
        except OSError:
            data = b""
        if not data:
            self._drop()
        for what in self._deframer.feed(data):
            self._take(what)

    def _take(self, what: bytes | Signal) -> None:
        if what == Signal.BREAK:
            self.tell(self.stub.interrupt())
        elif what == Signal.NACK:
            self._send(self._last)
        elif what == Signal.BAD:
            self._send(b"-")
        elif isinstance(what, bytes):
            if self.stub.acknowledges:
                self._send(b"+")
            self.tell(self.stub.answer(what))
            if self.stub.state == State.FREE and self._gdb is not None:
                self._drop()

    def tell(self, payload: bytes | None) -> None:
        """Send a reply, if there is one."""
        if payload is not None:
            self._last = frame(payload)
            self._send(self._last)

    def _send(self, data: bytes) -> None:
        if self._gdb is None:
            return
        try:
            self._gdb.sendall(data)
        except OSError:
            self._drop()

    def _drop(self) -> None:
        if self._gdb is not None:
            self._gdb.close()
            self._gdb = None
            self.stub.release()

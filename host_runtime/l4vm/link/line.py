# SPDX-License-Identifier: MIT
"""Byte lines to a board: any pyserial URL, a unix socket, or a pair of named pipes such as QEMU's.

What is here: `open_line`, which gives a `Line`. A line has a thread of its own that reads and puts
`Received` and `Closed` into a queue; `write` never blocks for long.

Rules of use: one queue may serve several lines and other sources; the owner handles the
items in one thread. A closed line is opened again by a new `open_line`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import select
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import serial

from l4vm.errors import L4vmError

READ_BYTES = 4096
UNSENT_LIMIT = 65536
"""A peer that reads nothing may leave so many bytes waiting; what comes later is dropped."""
PIPE_BYTES = 1 << 20
ENVIRONMENT = 3

Inbox = queue.SimpleQueue[object]


@dataclass(frozen=True)
class Received:
    """Bytes came from a line; `line` is the number it was opened with."""

    data: bytes
    line: int = 0


@dataclass(frozen=True)
class Closed:
    """The line ended."""

    reason: str


class Line(Protocol):
    """An open byte line."""

    def write(self, data: bytes) -> None:
        """Send bytes; a line that is closed or stuck drops them."""

    def close(self) -> None:
        """End the line; its thread ends too."""


class _Waiting:
    """What is written and not taken yet by the other side, of a line whose `_put` never blocks."""

    _unsent = b""

    def _put(self, data: bytes) -> int:
        """Hand bytes over; returns how many were taken. Raises BlockingIOError for none, OSError for a closed line."""
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        """Send what is taken now and keep the rest for the next call."""
        if len(self._unsent) < UNSENT_LIMIT:
            self._unsent += data
        try:
            sent = self._put(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._unsent, sent = b"", 0
        self._unsent = self._unsent[sent:]


class SocketLine(_Waiting):
    """A line over a connected stream socket."""

    def __init__(self, sock: socket.socket, inbox: Inbox, number: int = 0) -> None:
        self._socket, self._number = sock, number
        self._inbox = inbox
        threading.Thread(target=self._read, name="line", daemon=True).start()

    def _read(self) -> None:
        reason = "the other side closed the line"
        try:
            while data := self._socket.recv(READ_BYTES):
                self._inbox.put(Received(data, self._number))
        except OSError as bad:
            reason = str(bad)
        self._inbox.put(Closed(reason))

    def _put(self, data: bytes) -> int:
        return self._socket.send(data, socket.MSG_DONTWAIT)

    def close(self) -> None:
        """Shut the socket down, which ends the reader."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def make_pipes(path: str) -> None:
    """Make the named pipes PATH.in and PATH.out of a `PipeLine` before the other side starts; older ones go."""
    for end in ("in", "out"):
        Path(f"{path}.{end}").unlink(missing_ok=True)
        os.mkfifo(f"{path}.{end}")


class PipeLine(_Waiting):
    """A line over two named pipes; the other side reads PATH.in and writes PATH.out.

    A pipe holds what is written to it byte for byte. A unix socket holds about 250 pieces, so that an emulated UART,
    which writes single bytes, had to wait for whoever reads, and counted time with it.
    """

    def __init__(self, path: str, inbox: Inbox, number: int = 0) -> None:
        self._inbox, self._number = inbox, number
        self._from = os.open(f"{path}.out", os.O_RDONLY | os.O_NONBLOCK)
        try:
            self._to = os.open(f"{path}.in", os.O_WRONLY | os.O_NONBLOCK)  # fails while nobody has it open
        except OSError:
            os.close(self._from)
            raise
        with contextlib.suppress(OSError):  # else it has its usual 64 KiB
            fcntl.fcntl(self._from, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._end, self._wake = os.pipe()
        self._reader = threading.Thread(target=self._read, name="line", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        reason = "the other side closed the line"
        wait = select.poll()
        wait.register(self._from, select.POLLIN)
        wait.register(self._end, select.POLLIN)
        try:
            while all(fd != self._end for fd, _ in wait.poll()) and (data := os.read(self._from, READ_BYTES)):
                self._inbox.put(Received(data, self._number))
        except OSError as bad:
            reason = str(bad)
        self._inbox.put(Closed(reason))

    def _put(self, data: bytes) -> int:
        return os.write(self._to, data)

    def close(self) -> None:
        """End the reader and close the pipes."""
        if self._wake >= 0:
            os.close(self._wake)
            self._reader.join()
            for fd in (self._end, self._from, self._to):
                os.close(fd)
            self._wake = self._to = -1  # what is written from now on is dropped, whoever gets the number next


class SerialLine:
    """A line over whatever pyserial can open."""

    def __init__(self, port: Any, inbox: Inbox, number: int = 0) -> None:
        self._port, self._number = port, number
        self._inbox = inbox
        self._ending = False
        threading.Thread(target=self._read, name="line", daemon=True).start()

    def _read(self) -> None:
        reason = "closed"
        try:
            while not self._ending:
                data = self._port.read(max(1, min(self._port.in_waiting, READ_BYTES)))
                if data:
                    self._inbox.put(Received(data, self._number))
        except (serial.SerialException, OSError, TypeError, AttributeError) as bad:
            reason = str(bad) or "the port went away"
        self._inbox.put(Closed(reason))

    def write(self, data: bytes) -> None:
        """Send bytes; the reader reports a broken port."""
        with contextlib.suppress(serial.SerialException, OSError):
            self._port.write(data)

    def close(self) -> None:
        """Close the port."""
        self._ending = True
        with contextlib.suppress(serial.SerialException, OSError):
            self._port.close()


def open_line(url: str, inbox: Inbox, baud: int = 115200, number: int = 0) -> Line:
    """Open a line by its URL.

    Args:
        url: `unix:PATH`, `pipe:PATH`, or what pyserial takes (/dev/ttyUSB0, socket://HOST:PORT, rfc2217://...).
        inbox: where the line's items go.
        baud: bits per second of a real port.
        number: of the line, when a board has several; what is received bears it.

    Raises:
        L4vmError: it cannot be opened (exit code 3).
    """
    try:
        if url.startswith("unix:"):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.connect(url.removeprefix("unix:").removeprefix("//"))
            except OSError:
                sock.close()
                raise
            return SocketLine(sock, inbox, number)
        if url.startswith("pipe:"):
            return PipeLine(url.removeprefix("pipe:"), inbox, number)
        port = serial.serial_for_url(url, baudrate=baud, timeout=0.1, write_timeout=1.0)
        return SerialLine(port, inbox, number)
    except (OSError, ValueError, serial.SerialException) as bad:
        raise L4vmError(
            f"{url}: cannot be opened: {bad}",
            "give a serial port (l4vm doctor lists them), unix:PATH or a pyserial URL",
            ENVIRONMENT,
        ) from bad

# SPDX-License-Identifier: MIT
"""The keyboard of an interactive console: a prefix key for commands, all else goes to a channel.

What is here: `Keys` (bytes to typing and commands; pure), `HELP`, `raw_terminal`, which puts the
terminal in raw mode and keeps Ctrl-C, and `raw_keyboard`, which feeds a queue from it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import termios
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from l4vm.link.line import Inbox

PREFIX = 0x14  # ctrl-t
HELP = """\
ctrl-t is the command key. After it:
  0-9  type to this channel (numbers: ctrl-t l)    n p  next, previous channel
  l    list channels and log files                 a    show only the selected channel, or all
  m    mute the selected channel, or unmute        t    time stamps on, off
  r    show real-time statistics                   q    quit
  ?    this help                                   ctrl-t  send ctrl-t itself
All other keys go to the selected channel."""


@dataclass(frozen=True)
class Typed:
    """Bytes for the selected channel."""

    data: bytes


@dataclass(frozen=True)
class Command:
    """The key that followed the prefix."""

    key: str


@dataclass(frozen=True)
class KeyBytes:
    """Bytes from the keyboard."""

    data: bytes


class Keys:
    """Tell typing from commands."""

    def __init__(self) -> None:
        self._after_prefix = False

    def feed(self, data: bytes) -> list[Typed | Command]:
        """Take bytes from the keyboard; returns what they mean, in order."""
        out: list[Typed | Command] = []
        typed = bytearray()
        for byte in data:
            if self._after_prefix:
                self._after_prefix = False
                if byte == PREFIX:
                    typed.append(byte)
                    continue
                if typed:
                    out.append(Typed(bytes(typed)))
                    typed.clear()
                out.append(Command(chr(byte)))
            elif byte == PREFIX:
                self._after_prefix = True
            else:
                typed.append(byte)
        if typed:
            out.append(Typed(bytes(typed)))
        return out


@contextlib.contextmanager
def raw_terminal() -> Iterator[int]:
    """Put the terminal in raw mode and hand out its descriptor; it is restored at the end.

    Ctrl-C still interrupts; Enter gives CR; nothing is echoed.
    """
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    mode = termios.tcgetattr(fd)
    mode[0] &= ~(termios.ICRNL | termios.IXON)
    mode[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
    mode[6][termios.VSUSP] = b"\0"
    mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
    termios.tcsetattr(fd, termios.TCSADRAIN, mode)
    try:
        yield fd
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


@contextlib.contextmanager
def raw_keyboard(inbox: Inbox) -> Iterator[None]:
    """Read the raw terminal byte by byte into a queue."""
    with raw_terminal() as fd:

        def read() -> None:
            with contextlib.suppress(OSError):
                while data := os.read(fd, 256):
                    inbox.put(KeyBytes(data))

        threading.Thread(target=read, name="keyboard", daemon=True).start()
        yield

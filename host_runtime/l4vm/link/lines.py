# SPDX-License-Identifier: MIT
"""A board with several lines, as one connection: each line has a session of its own, names say which is meant.

What is here: `Connections`, which a conversation holds. The first line carries the system's channels, so questions
to root and text outside frames go over it; only it is ever opened again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from l4vm.errors import L4vmError
from l4vm.formats.link import Op
from l4vm.link.connection import Connection, ConnectionEvent
from l4vm.link.line import Line
from l4vm.link.management import Listing
from l4vm.link.session import ChannelInfo, Opened, Replied, Session


class Connections:
    """Carry one board's channels over all its lines.

    Args:
        lines: where wire bytes go; the first is the system's.
        now: the time.
        preset: number of the sessions that the board was started with; 0: none, greet it.
    """

    def __init__(self, lines: Sequence[Line], now: float, preset: int = 0) -> None:
        self._all = [Connection(line, now, preset) for line in lines]
        self._first = self._all[0]
        self._opened: Opened | None = None

    @property
    def is_open(self) -> bool:
        """Whether the board confirmed the session of every line."""
        return all(one.is_open for one in self._all)

    @property
    def session(self) -> Session:
        """The session of the first line, which root answers on."""
        return self._first.session

    @property
    def channels(self) -> tuple[ChannelInfo, ...]:
        """The board's channels, by their numbers."""
        found = [info for one in self._all for info in one.session.channels]
        return tuple(sorted(found, key=lambda info: info.number))

    @property
    def names(self) -> dict[str, int]:
        """Names of the board's channels, and their numbers."""
        return {info.name: info.number for info in self.channels}

    def reopen(self, line: Line, now: float) -> None:
        """Go on over another first line, with a new session."""
        self._first.reopen(line, now)

    def received(self, data: bytes, now: float, line: int = 0) -> None:
        """Take bytes from a line."""
        self._all[line].received(data, now)

    def send(self, name: str, data: bytes) -> None:
        """Send bytes to a channel; a KeyError if the board has no such channel."""
        next((one for one in self._all if name in one.names), self._first).send(name, data)

    def ask(self, listing: Listing, listed: Callable[[Listing | L4vmError], None]) -> None:
        """Ask for a list; `listed` gets it whole, or the error. One at a time."""
        self._first.ask(listing, listed)

    def do(self, op: Op, arguments: bytes, done: Callable[[Replied | L4vmError], None]) -> None:
        """Ask root to do something; `done` gets the reply, or the error. One at a time, lists among them."""
        self._first.do(op, arguments, done)

    @property
    def is_asking(self) -> bool:
        """Whether an answer of root's is awaited."""
        return self._first.is_asking

    def next_tick(self) -> float:
        """Return when `tick` has something to do."""
        return min(one.next_tick() for one in self._all)

    def tick(self, now: float) -> None:
        """Do what is due."""
        for one in self._all:
            one.tick(now)

    def take_events(self) -> list[ConnectionEvent]:
        """Return what happened since the last call; `Opened` comes once all lines are open, and has all channels."""
        events: list[ConnectionEvent] = []
        for one in self._all:
            for event in one.take_events():
                if isinstance(event, Opened):
                    self._opened = event
                else:
                    events.append(event)
        if self._opened and self.is_open:
            events.insert(0, Opened(self.channels, self._opened.boot_id, self._opened.rebooted))
            self._opened = None
        return events

    def counters(self) -> dict[str, int]:
        """Return what was damaged, lost and repaired, on both sides: sums over all lines."""
        total: dict[str, int] = {}
        for one in self._all:
            for name, value in one.counters().items():
                total[name] = total.get(name, 0) + value
        return total

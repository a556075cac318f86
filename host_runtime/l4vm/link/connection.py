# SPDX-License-Identifier: MIT
"""A board at the end of a line: deframer and session together, driven by received bytes and time.

What is here: `Connection`. Its owner has the line, hands in bytes and the time, and handles the
events; names instead of numbers go in and out.

Rules of use: single-threaded, no I/O but `write` of the line it was given. Call `tick` not later
than `next_tick`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass

from l4vm.errors import L4vmError
from l4vm.formats.link import Op
from l4vm.link.frames import BootText, Deframer, Frame
from l4vm.link.line import Line
from l4vm.link.management import Listing
from l4vm.link.session import Data, Event, Lost, Replied, Session, State

BOOT = "boot"
"""Name of the pseudo channel of text outside frames."""
TEXT_IDLE_S = 0.05
"""Text without a line end is given out after so much silence."""


@dataclass(frozen=True)
class ChannelText:
    """Bytes of a named channel (or of `boot`)."""

    name: str
    data: bytes
    board_time_ns: int | None = None


ConnectionEvent = Event | ChannelText


class Connection:
    """Carry one board's channels.

    Args:
        line: where wire bytes go; exchange it by `reopen`.
        now: the time.
        preset: number of the session that the board was started with; 0: none, greet it.
    """

    def __init__(self, line: Line, now: float, preset: int = 0) -> None:
        self.session = Session(preset or secrets.randbelow(0xFFFFFFFF) + 1, now, bool(preset))
        self.deframer = Deframer()
        self._line = line
        self._text_since: float | None = None
        self._events: list[ConnectionEvent] = []
        self._listing: Listing | None = None
        self._listed: Callable[[Listing | L4vmError], None] | None = None
        self._done: Callable[[Replied | L4vmError], None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the board confirmed the session."""
        return self.session.state is State.OPEN

    @property
    def names(self) -> dict[str, int]:
        """Names of the board's channels, and their numbers."""
        return {info.name: info.number for info in self.session.channels}

    def reopen(self, line: Line, now: float) -> None:
        """Go on over another line, with a new session."""
        self._line = line
        self.deframer.feed(b"\0", self._emitter(now))
        self.session.reconnect(now)

    def received(self, data: bytes, now: float) -> None:
        """Take bytes from the line."""
        self._text_since = now
        self.deframer.feed(data, self._emitter(now))
        self._turn()

    def send(self, name: str, data: bytes) -> None:
        """Send bytes to a channel; a KeyError if the board has no such channel."""
        self.session.send(self.names[name], data)
        self._turn()

    def ask(self, listing: Listing, listed: Callable[[Listing | L4vmError], None]) -> None:
        """Ask for a list; `listed` gets it whole, or the error. One at a time."""
        self._listing, self._listed = listing, listed
        self.session.request(listing.op, listing.arguments())
        self._turn()

    def do(self, op: Op, arguments: bytes, done: Callable[[Replied | L4vmError], None]) -> None:
        """Ask root to do something; `done` gets the reply, or the error. One at a time, lists among them."""
        self._done = done
        self.session.request(op, arguments)
        self._turn()

    @property
    def is_asking(self) -> bool:
        """Whether an answer of root's is awaited."""
        return self._listing is not None or self._done is not None

    def next_tick(self) -> float:
        """Return when `tick` has something to do."""
        due = self.session.next_tick()
        if self._text_since is not None:
            due = min(due, self._text_since + TEXT_IDLE_S)
        return due

    def tick(self, now: float) -> None:
        """Do what is due."""
        if self._text_since is not None and now >= self._text_since + TEXT_IDLE_S:
            self._text_since = None
            self.deframer.flush(self._emitter(now))
        self.session.tick(now)
        self._turn()

    def take_events(self) -> list[ConnectionEvent]:
        """Return what happened since the last call."""
        events, self._events = self._events, []
        return events

    def counters(self) -> dict[str, int]:
        """Return what was damaged, lost and repaired, on both sides."""
        counts = asdict(self.deframer.counters) | asdict(self.session.counters)
        status = self.session.board_status
        for name in ("crc_errors", "garbage_bytes", "uart_overruns", "server_epoch"):
            if status is not None:
                counts[f"board_{name}"] = int(status[name])
        return counts

    def _emitter(self, now: float) -> Callable[[Frame | BootText], None]:
        def emit(item: Frame | BootText) -> None:
            if isinstance(item, Frame):
                self.session.receive(item, now)
                self._collect()
            else:
                self._events.append(ChannelText(BOOT, item.data))

        return emit

    def _turn(self) -> None:
        """Write what the session wants to say, and take its events."""
        self._collect()
        output = self.session.take_output()
        if output:
            self._line.write(output)

    def _collect(self) -> None:
        names = {info.number: info.name for info in self.session.channels}
        for event in self.session.take_events():
            if isinstance(event, Data):
                self._events.append(ChannelText(names[event.channel], event.data, event.board_time_ns))
            elif isinstance(event, Replied) and self._listing is not None:
                self._list_reply(self._listing, event)
            elif isinstance(event, Replied) and self._done is not None:
                self._does(event)
            else:
                if isinstance(event, Lost):
                    self._list_ends(L4vmError("the board ended the session", "", 1))
                    self._does(L4vmError("the board ended the session", "", 1))
                self._events.append(event)

    def _list_reply(self, listing: Listing, reply: Replied) -> None:
        outcome: Listing | L4vmError = listing
        try:
            if not listing.take(reply.status, reply.data):
                self.session.request(listing.op, listing.arguments())
                return
        except L4vmError as bad:
            outcome = bad
        self._list_ends(outcome)

    def _does(self, outcome: Replied | L4vmError) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(outcome)

    def _list_ends(self, outcome: Listing | L4vmError) -> None:
        listed, self._listing, self._listed = self._listed, None, None
        if listed is not None:
            listed(outcome)

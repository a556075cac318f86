# SPDX-License-Identifier: MIT
"""The workstation's end of a link session: a pure state machine.

What is here: `Session` takes frames and the time, and gives wire bytes and events; it opens the
session, keeps order, acknowledges, sends within the board's credit, polls, repairs losses, and
notices
that the board forgot the session. The protocol is told in `l4vm.formats.link`.

Rules of use: no I/O, no clock. After each `receive`, `send`, `request` or `tick` the owner
writes `take_output()` and handles `take_events()`; it calls `tick` not later than
`next_tick()`. Times are seconds of any one monotonic clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from construct import Construct, ConstructError, Container, StreamError

from l4vm.formats import link as wire
from l4vm.link.frames import Frame, encode

IDLE_S = 0.1
"""The line was silent so long: poll once."""
HEARTBEAT_S = 1.0
"""Poll at least so often."""
LONGEST_WAIT_S = 1.0
"""An unanswered HELLO or POLL is repeated after IDLE_S, then twice that, up to this."""
MASK = 0xFFFFFFFF
SILENT_BYTES = wire.PRESET_WINDOW_BYTES * 3 // 4
"""A session that was opened before the board started is silent until a channel has so much unacknowledged."""
PRESET_S = 120.0
"""No word of such a session for so long: the board did not take it, say HELLO."""


def distance(later: int, earlier: int) -> int:
    """Return later - earlier of two offsets modulo 2**32, as a signed 32-bit number."""
    return ((later - earlier + 0x80000000) & MASK) - 0x80000000


@dataclass(frozen=True)
class ChannelInfo:
    """A channel as the board describes it."""

    number: int
    name: str
    kind: wire.ChannelKind


@dataclass(frozen=True)
class Opened:
    """The board confirmed a session; `rebooted` if it is another boot than the session before."""

    channels: tuple[ChannelInfo, ...]
    boot_id: int
    rebooted: bool


@dataclass(frozen=True)
class Data:
    """Bytes of a channel, in order and once."""

    channel: int
    data: bytes
    board_time_ns: int | None = None


@dataclass(frozen=True)
class Dropped:
    """So many bytes of a channel were dropped on the board while nobody listened."""

    channel: int
    count: int


@dataclass(frozen=True)
class Lost:
    """The board no longer knows the session; a new one is being opened."""


@dataclass(frozen=True)
class Replied:
    """The answer to a request."""

    id: int
    op: int
    status: wire.ReplyStatus | int
    data: bytes


@dataclass(frozen=True)
class Refused:
    """The link cannot work; `sentence` says why and what to do."""

    sentence: str


Event = Opened | Data | Dropped | Lost | Replied | Refused


class State(Enum):
    """Where a session stands."""

    OPENING = "opening"
    OPEN = "open"
    REFUSED = "refused"


@dataclass
class Counters:
    """What the session repaired or threw away."""

    duplicates: int = 0
    gaps: int = 0
    resent_bytes: int = 0
    polls: int = 0
    sessions: int = 0
    malformed: int = 0


@dataclass
class _Stream:
    """Both directions of one channel."""

    info: ChannelInfo
    expected: int  # from the board: next byte
    base: int  # to the board: first byte not acknowledged
    sent: int  # to the board: next byte to send
    limit: int  # to the board: first byte without credit
    pending: bytearray = field(default_factory=bytearray)  # from `base` on
    sent_at_poll: int = 0
    want_again: bool = False
    asked_again: bool = False
    owe_ack: bool = False
    unheard: int = 0  # received while silent
    dropped: int = 0


@dataclass
class _Question:
    """The one request on its way."""

    id: int
    op: int
    frame: Frame
    polled: bool = False  # a POLL went out after the frame


def _text(value: str) -> str:
    return value.rstrip("\0")


class Session:
    """One workstation's sessions with one board, one after another.

    Args:
        number: 1..2**32-1, not used lately on this board; each further session takes the next one.
        now: the time.
        preset: the board was started with this session open (its command line says so). Nothing is
            sent until there is something to say, so that what the board does until then depends on
            nothing but itself.
    """

    def __init__(self, number: int, now: float, preset: bool = False) -> None:
        self.counters = Counters()
        self.board_status: Container | None = None
        self.boot_id: int | None = None
        self.state = State.OPENING
        self._number = number & MASK or 1
        self._streams: dict[int, _Stream] = {}
        self._unsent: dict[int, bytearray] = {}
        self._output = bytearray()
        self._events: list[Event] = []
        self._question: _Question | None = None
        self._next_id = 1
        self._sequence = 0
        self._unanswered = False
        self._wait_s = IDLE_S
        self._silent = preset
        self._due = now + PRESET_S if preset else now
        self._asked_at = now
        self._quiet_since: float | None = None

    # ---- for the owner ----

    @property
    def channels(self) -> tuple[ChannelInfo, ...]:
        """The channels the board named."""
        return tuple(stream.info for stream in self._streams.values())

    def take_output(self) -> bytes:
        """Return wire bytes to write now, and forget them."""
        if self.state is State.OPEN and not self._silent:
            for stream in self._streams.values():
                self._push(stream)
        out = bytes(self._output)
        self._output.clear()
        return out

    def take_events(self) -> list[Event]:
        """Return what happened since the last call."""
        events, self._events = self._events, []
        return events

    def send(self, channel: int, data: bytes) -> None:
        """Queue bytes for a channel; they leave as the board's credit allows."""
        self._speak()
        if channel in self._streams:
            self._streams[channel].pending += data
        else:
            self._unsent.setdefault(channel, bytearray()).extend(data)

    def unsent_bytes(self, channel: int) -> int:
        """Return how many bytes of a channel the board has not acknowledged."""
        stream = self._streams.get(channel)
        return len(stream.pending) if stream else len(self._unsent.get(channel, b""))

    def request(self, op: int, arguments: bytes = b"") -> int:
        """Send a management request; returns its id. The answer comes as `Replied`.

        Raises:
            RuntimeError: no session is open, or a request is on its way already.
        """
        if self.state is not State.OPEN:
            raise RuntimeError("no session is open: wait for Opened")
        if self._question is not None:
            raise RuntimeError(f"request {self._question.id} has no reply yet")
        self._speak()
        number, self._next_id = self._next_id, self._next_id + 1
        head = wire.Request.build({"id": number, "op": op, "reserved": 0})
        frame = Frame(wire.Channel.MANAGEMENT, wire.FrameType.REQUEST, 0, head + arguments)
        self._question = _Question(number, op, frame)
        self._output += encode(frame)
        return number

    def reconnect(self, now: float) -> None:
        """Open a new session, because the line under it was closed and opened again."""
        self._output.clear()
        self._open_again(now)

    def next_tick(self) -> float:
        """Return the time at which `tick` has something to do."""
        if self._silent and self.state is State.OPEN:
            return math.inf
        if self.state is State.OPEN and not self._unanswered:
            if any(stream.want_again for stream in self._streams.values()):
                return 0.0
            if self._quiet_since is not None:
                return min(self._quiet_since + IDLE_S, self._due)
        return self._due

    def tick(self, now: float) -> None:
        """Do what is due: say HELLO, poll."""
        if self.state is State.REFUSED or now < self.next_tick():
            return
        if self.state is State.OPENING:
            self._hello(now)
        else:
            self._poll(now)

    def receive(self, frame: Frame, now: float) -> None:
        """Take one good frame from the board."""
        handler = {
            wire.FrameType.DATA: self._on_data,
            wire.FrameType.ACK: self._on_ack,
            wire.FrameType.HELLO_REPLY: self._on_hello_reply,
            wire.FrameType.REPLY: self._on_reply,
            wire.FrameType.STATUS: self._on_status,
        }.get(frame.type)
        if handler is None:
            self.counters.malformed += 1
            return
        if self.state is State.OPEN or frame.type is wire.FrameType.HELLO_REPLY:
            try:
                handler(frame, now)
            except (ConstructError, UnicodeDecodeError):
                self.counters.malformed += 1

    # ---- opening ----

    def _speak(self) -> None:
        """A silent session has something to say: from now on it polls and acknowledges."""
        if self._silent:
            self._silent = False
            self._due = 0.0

    def _hello(self, now: float) -> None:
        if self._silent:
            self._speak()
            self._number = (self._number + 1) & MASK or 1
        payload = wire.Hello.build(
            {"session": self._number, "version": wire.VERSION, "window": wire.WINDOW_BYTES}
        )
        self._output += encode(Frame(wire.Channel.CONTROL, wire.FrameType.HELLO, 0, payload))
        self._due = now + self._wait_s
        self._wait_s = min(self._wait_s * 2, LONGEST_WAIT_S)

    def _open_again(self, now: float) -> None:
        self._number = (self._number + 1) & MASK or 1
        self.state = State.OPENING
        self._question = None
        self._next_id = 1
        self._wait_s = IDLE_S
        self._due = now

    def _on_hello_reply(self, frame: Frame, now: float) -> None:
        head, entries = _list(frame.payload, wire.HelloReply, wire.ChannelEntry, "channel_count")
        if self.state is not State.OPENING or head.session != self._number:
            return
        if head.version != wire.VERSION:
            self.state = State.REFUSED
            self._events.append(
                Refused(
                    f"the board speaks link protocol {head.version}, this l4vm speaks "
                    f"{wire.VERSION}: use the l4vm of the same build as the image"
                )
            )
            return
        rebooted = self.boot_id is not None and self.boot_id != head.boot_id
        known = {} if rebooted or self.boot_id is None else self._streams
        self._streams = {}
        self.boot_id = head.boot_id
        for entry in entries:
            self._streams[entry.number] = self._stream(entry, known.get(entry.number))
        self.state = State.OPEN
        self.counters.sessions += 1
        self._events.append(Opened(self.channels, head.boot_id, rebooted))
        for stream in self._streams.values():
            if stream.dropped:
                self._events.append(Dropped(stream.info.number, stream.dropped))
        if not self._silent:
            self._poll(now)

    def _stream(self, entry: Container, old: _Stream | None) -> _Stream:
        """Build a channel's state from its entry; keep what the same boot already settled."""
        kinds = {int(kind) for kind in wire.ChannelKind}
        kind = wire.ChannelKind(entry.kind if entry.kind in kinds else wire.ChannelKind.OTHER)
        info = ChannelInfo(entry.number, _text(entry.name) or f"channel{entry.number}", kind)
        expected, dropped = entry.tx_offset, entry.dropped
        pending = self._unsent.pop(entry.number, bytearray())
        if old is not None:
            ahead = distance(entry.tx_offset, old.expected)
            expected = entry.tx_offset if ahead > 0 else old.expected
            dropped = max(ahead, 0)
            taken = distance(entry.rx_offset, old.base)
            pending = old.pending[taken:] if 0 <= taken <= len(old.pending) else bytearray()
        limit = (entry.rx_offset + entry.rx_window) & MASK
        offset = entry.rx_offset
        stream = _Stream(info, expected, offset, offset, limit, pending)
        stream.dropped = dropped
        return stream

    # ---- streams ----

    def _on_data(self, frame: Frame, now: float) -> None:
        self._quiet_since = now
        stream = self._streams.get(frame.channel)
        if stream is None:
            self.counters.malformed += 1
            return
        skip = -distance(frame.offset, stream.expected)
        if skip < 0:
            self.counters.gaps += 1
            stream.want_again = not stream.asked_again
            self._speak()
            return
        fresh = frame.payload[skip:]
        if skip:
            self.counters.duplicates += 1
        if fresh:
            stream.expected = (stream.expected + len(fresh)) & MASK
            stream.asked_again = False
            self._events.append(Data(frame.channel, fresh, frame.stamp_ns))
        stream.unheard += len(fresh)
        if stream.unheard > SILENT_BYTES:
            self._speak()
        stream.owe_ack = True

    def _on_ack(self, frame: Frame, now: float) -> None:
        self._quiet_since = now
        stream = self._streams.get(frame.channel)
        window = _exact(frame.payload, wire.Ack).window
        if stream is None:
            self.counters.malformed += 1
        else:
            self._acknowledge(stream, frame.offset, window)

    def _acknowledge(self, stream: _Stream, offset: int, window: int) -> None:
        taken = distance(offset, stream.base)
        if taken < 0 or distance(offset, stream.sent) > 0:
            return
        del stream.pending[:taken]
        stream.base = offset
        stream.limit = (offset + window) & MASK

    def _push(self, stream: _Stream) -> None:
        """Send what the credit allows, and an acknowledgement if one is owed."""
        if stream.owe_ack:
            stream.owe_ack = False
            payload = wire.Ack.build({"window": wire.WINDOW_BYTES})
            number = stream.info.number
            self._output += encode(Frame(number, wire.FrameType.ACK, stream.expected, payload))
        while True:
            start = distance(stream.sent, stream.base)
            room = distance(stream.limit, stream.sent)
            chunk = bytes(stream.pending[start : start + min(room, wire.MAX_PAYLOAD)])
            if room <= 0 or not chunk:
                return
            number = stream.info.number
            self._output += encode(Frame(number, wire.FrameType.DATA, stream.sent, chunk))
            stream.sent = (stream.sent + len(chunk)) & MASK

    # ---- recovery ----

    def _poll(self, now: float) -> None:
        """Ask for the board's state, and for what is missing."""
        for stream in self._streams.values():
            self._push(stream)
        self._sequence = (self._sequence + 1) & MASK
        entries = b""
        for number, stream in self._streams.items():
            again = stream.want_again or (stream.asked_again and self._unanswered)
            flags = wire.PollFlags.RETRANSMIT if again else 0
            stream.asked_again, stream.want_again = again, False
            stream.sent_at_poll = stream.sent
            entries += wire.PollEntry.build(
                {"number": number, "flags": flags, "reserved": 0, "offset": stream.expected}
            )
        head = {"session": self._number, "sequence": self._sequence, "count": len(self._streams)}
        payload = wire.Poll.build(head) + entries
        self._output += encode(Frame(wire.Channel.CONTROL, wire.FrameType.POLL, 0, payload))
        self.counters.polls += 1
        if self._question is not None:
            self._question.polled = True
        self._wait_s = min(self._wait_s * 2, LONGEST_WAIT_S) if self._unanswered else IDLE_S * 2
        self._unanswered = True
        self._asked_at = now
        self._due = now + self._wait_s
        self._quiet_since = None

    def _on_status(self, frame: Frame, now: float) -> None:
        head, entries = _list(frame.payload, wire.Status, wire.StatusEntry, "count")
        if head.session != self._number:
            self._events.append(Lost())
            self._open_again(now)
            return
        if head.sequence != self._sequence or not self._unanswered:
            return
        self._unanswered = False
        self.board_status = head
        self._due = self._asked_at + HEARTBEAT_S
        for entry in entries:
            stream = self._streams.get(entry.number)
            if stream is not None:
                self._compare(stream, entry)
        question = self._question
        if question is not None and question.polled:
            question.polled = False
            self._output += encode(question.frame)
        if question is not None or any(stream.pending for stream in self._streams.values()):
            self._quiet_since = now

    def _compare(self, stream: _Stream, entry: Container) -> None:
        """Find out what was lost, in either direction, when the board answered the poll."""
        behind = distance(entry.tx_sent, stream.expected) > 0
        stream.want_again = behind and not stream.asked_again
        stream.asked_again = False
        self._acknowledge(stream, entry.rx_offset, entry.rx_window)
        missing = distance(stream.sent_at_poll, entry.rx_offset)
        if missing > 0 and entry.rx_offset == stream.base:
            self.counters.resent_bytes += missing
            stream.sent = entry.rx_offset

    # ---- requests ----

    def _on_reply(self, frame: Frame, now: float) -> None:
        self._quiet_since = now
        head, data = _head(frame.payload, wire.Reply)
        question = self._question
        if question is None or head.id != question.id or head.op != question.op:
            return
        self._question = None
        known = {int(status) for status in wire.ReplyStatus}
        status = wire.ReplyStatus(head.status) if head.status in known else head.status
        self._events.append(Replied(head.id, head.op, status, data))


def _head(payload: bytes, layout: Construct) -> tuple[Container, bytes]:
    """Parse a head and return it with the bytes behind it."""
    return layout.parse(payload), payload[layout.sizeof() :]


def _exact(payload: bytes, layout: Construct) -> Container:
    """Parse a payload that is one struct and nothing more."""
    if len(payload) != layout.sizeof():
        raise StreamError(f"payload of {len(payload)} bytes, {layout.sizeof()} expected")
    return layout.parse(payload)


def _list(
    payload: bytes, layout: Construct, entry: Construct, count: str
) -> tuple[Container, list[Container]]:
    """Parse a head and exactly as many entries as it announces."""
    head, rest = _head(payload, layout)
    size = entry.sizeof()
    if len(rest) != head[count] * size:
        raise StreamError(f"{len(rest)} bytes behind the head, {head[count]} x {size} expected")
    return head, [entry.parse(rest[at : at + size]) for at in range(0, len(rest), size)]

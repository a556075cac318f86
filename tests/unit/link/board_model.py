# SPDX-License-Identifier: MIT
"""A small model of the board's end of the link.

It keeps what the real one keeps: a ring per channel and direction, the session, and no clock. The
guest behind each channel is the test: it writes to `channel.out` and reads `channel.got`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from l4vm.formats import link as wire
from l4vm.link.frames import BootText, Deframer, Frame, encode
from l4vm.link.session import MASK, distance

RING_BYTES = 3000


@dataclass
class ModelChannel:
    """One channel: bytes to send from offset `base` on, bytes received up to `rx_next`."""

    number: int
    name: str
    base: int = 0
    sent: int = 0
    limit: int = 0
    out: bytearray = field(default_factory=bytearray)
    rx_next: int = 0
    waiting: bytearray = field(default_factory=bytearray)
    got: bytearray = field(default_factory=bytearray)

    @property
    def window(self) -> int:
        """Free space towards the board."""
        return RING_BYTES - len(self.waiting)


class BoardModel:
    """Answers frames; `feed` wire bytes, then `take` wire bytes."""

    def __init__(self, boot_id: int, first_offset: int = 0) -> None:
        self.boot_id = boot_id
        self.session = 0
        self.deframer = Deframer()
        self.channels = {
            number: ModelChannel(number, name, first_offset, first_offset, first_offset)
            for number, name in ((1, "management"), (2, "log"), (8, "leon0"))
        }
        for channel in self.channels.values():
            channel.rx_next = (first_offset + 77) & MASK
        self.asked: list[tuple[int, int, bytes]] = []
        self._wire = bytearray()

    def feed(self, data: bytes) -> None:
        """Take wire bytes from the workstation."""
        self.deframer.feed(data, self._take)

    def preset(self, session: int, window: int) -> None:
        """Start with a session open, as the loader's command line asked."""
        self._hello(session, window)

    def take(self) -> bytes:
        """Send what the credit allows and return the wire bytes."""
        if self.session:
            for channel in self.channels.values():
                self._push(channel)
        out = bytes(self._wire)
        self._wire.clear()
        return out

    def read(self, number: int, count: int) -> None:
        """Let the guest read its input; a window that was nearly closed is announced."""
        channel = self.channels[number]
        was = channel.window
        channel.got += channel.waiting[:count]
        del channel.waiting[:count]
        if self.session and was < wire.MAX_PAYLOAD and channel.window > was:
            self._ack(channel)

    def _send(self, channel: int, kind: wire.FrameType, offset: int, payload: bytes) -> None:
        self._wire += encode(Frame(channel, kind, offset, payload))

    def _push(self, channel: ModelChannel) -> None:
        while True:
            start = distance(channel.sent, channel.base)
            room = min(distance(channel.limit, channel.sent), wire.MAX_PAYLOAD)
            chunk = bytes(channel.out[start : start + max(room, 0)])
            if not chunk:
                return
            self._send(channel.number, wire.FrameType.DATA, channel.sent, chunk)
            channel.sent = (channel.sent + len(chunk)) & MASK

    def _ack(self, channel: ModelChannel) -> None:
        payload = wire.Ack.build({"window": channel.window})
        self._send(channel.number, wire.FrameType.ACK, channel.rx_next, payload)

    def _acknowledged(self, channel: ModelChannel, offset: int) -> None:
        taken = distance(offset, channel.base)
        if 0 <= taken <= distance(channel.sent, channel.base):
            del channel.out[:taken]
            channel.base = offset
            channel.limit = (offset + wire.WINDOW_BYTES) & MASK

    def _take(self, frame: Frame | BootText) -> None:
        assert isinstance(frame, Frame)
        if frame.type is wire.FrameType.HELLO:
            self._hello(wire.Hello.parse(frame.payload).session)
        elif frame.type is wire.FrameType.POLL:
            self._poll(frame.payload)
        elif not self.session:
            return
        elif frame.type is wire.FrameType.ACK:
            self._acknowledged(self.channels[frame.channel], frame.offset)
        elif frame.type is wire.FrameType.DATA:
            self._data(self.channels[frame.channel], frame)
        elif frame.type is wire.FrameType.REQUEST:
            self._request(frame.payload)

    def _hello(self, session: int, window: int = wire.WINDOW_BYTES) -> None:
        if session != self.session:
            self.session = session
            for channel in self.channels.values():
                channel.sent = channel.base
                channel.limit = (channel.base + window) & MASK
        head = {
            "session": session,
            "version": wire.VERSION,
            "boot_id": self.boot_id,
            "server_epoch": 1,
            "max_payload": wire.MAX_PAYLOAD,
            "channel_count": len(self.channels),
            "reserved": 0,
        }
        payload = wire.HelloReply.build(head)
        for channel in self.channels.values():
            payload += wire.ChannelEntry.build(
                {
                    "number": channel.number,
                    "kind": wire.ChannelKind.GUEST,
                    "reserved": 0,
                    "tx_offset": channel.base,
                    "rx_offset": channel.rx_next,
                    "rx_window": channel.window,
                    "dropped": 0,
                    "name": channel.name,
                }
            )
        self._send(0, wire.FrameType.HELLO_REPLY, 0, payload)

    def _data(self, channel: ModelChannel, frame: Frame) -> None:
        skip = -distance(frame.offset, channel.rx_next)
        if skip < 0:
            return
        fresh = frame.payload[skip:]
        assert len(fresh) <= channel.window, "the workstation sent more than its credit"
        channel.waiting += fresh
        channel.rx_next = (channel.rx_next + len(fresh)) & MASK
        self._ack(channel)

    def _poll(self, payload: bytes) -> None:
        head = wire.Poll.parse(payload)
        ours = head.session == self.session
        status = dict.fromkeys((field.name for field in wire.Status.subcons), 0)
        status |= {
            "session": self.session,
            "sequence": head.sequence,
            "boot_id": self.boot_id,
            "count": len(self.channels) if ours else 0,
        }
        answer = wire.Status.build(status)
        again = []
        if ours:
            for index in range(head.count):
                at = wire.Poll.sizeof() + index * wire.PollEntry.sizeof()
                entry = wire.PollEntry.parse(payload[at:])
                channel = self.channels[entry.number]
                self._acknowledged(channel, entry.offset)
                if entry.flags & wire.PollFlags.RETRANSMIT:
                    again.append((channel, entry.offset))
            for channel in self.channels.values():
                answer += wire.StatusEntry.build(
                    {
                        "number": channel.number,
                        "flags": 0,
                        "reserved": 0,
                        "tx_sent": channel.sent,
                        "tx_end": (channel.base + len(channel.out)) & MASK,
                        "rx_offset": channel.rx_next,
                        "rx_window": channel.window,
                        "dropped": 0,
                    }
                )
        self._send(0, wire.FrameType.STATUS, 0, answer)
        for channel, offset in again:
            if 0 <= distance(offset, channel.base) <= distance(channel.sent, channel.base):
                channel.sent = offset

    def _request(self, payload: bytes) -> None:
        head = wire.Request.parse(payload)
        data = payload[wire.Request.sizeof() :]
        self.asked.append((head.id, head.op, data))
        reply = wire.Reply.build({"id": head.id, "op": head.op, "status": 0})
        self._send(1, wire.FrameType.REPLY, 0, reply + data)

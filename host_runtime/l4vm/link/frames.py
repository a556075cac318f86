# SPDX-License-Identifier: MIT
"""Frames to wire bytes, and a byte stream back to frames, boot text and counted garbage.

What is here: `Frame`, `encode`, and `Deframer`, which takes bytes as they come, in pieces of any
size. The layout and the rules are in `l4vm.formats.link`.

Rules of use: a Deframer belongs to one byte stream. It holds at most one run (a little over one
frame), whatever
arrives. Text is given out line by line; the owner calls `flush` when the line fell
silent, so that a prompt without a line end is seen too.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

from cobs import cobs

from l4vm.formats import link as wire

TEXT_BYTES = bytes([*range(0x20, 0x7F), 0x1B, 0x0D, 0x0A])
KNOWN_TYPES = frozenset(int(kind) for kind in wire.FrameType)
TEXT_KEPT = 4096
"""A text run without a line end is given out when it is this long."""


@dataclass(frozen=True)
class Frame:
    """One good frame; `offset` is 0 where its type has none."""

    channel: int
    type: wire.FrameType
    offset: int = 0
    payload: bytes = b""
    stamp_ns: int | None = None  # board time of a stamped frame


@dataclass(frozen=True)
class BootText:
    """Text the board wrote outside frames."""

    data: bytes


@dataclass
class LineCounters:
    """What was not a good frame.

    Attributes:
        garbage_bytes: bytes in runs that were neither frame nor text.
        crc_errors: runs that were whole in COBS and had the wrong CRC-32 (also in garbage_bytes).
        bad_frames: frames with a good CRC and an unknown type, flags or length.
        frames: good frames.
    """

    garbage_bytes: int = 0
    crc_errors: int = 0
    bad_frames: int = 0
    frames: int = 0


def encode(frame: Frame) -> bytes:
    """Build the wire form, with its two zero bytes.

    Raises:
        ValueError: the payload is longer than MAX_PAYLOAD.
    """
    if len(frame.payload) > wire.MAX_PAYLOAD:
        raise ValueError(
            f"payload of {len(frame.payload)} bytes: a frame takes at most {wire.MAX_PAYLOAD}"
        )
    head: bytes = wire.FrameHeader.build(
        {"channel": frame.channel, "type": frame.type, "flags": 0, "offset": frame.offset}
    )
    body = head + frame.payload
    coded: bytes = cobs.encode(body + zlib.crc32(body).to_bytes(wire.CRC_BYTES, "little"))
    return b"\0" + coded + b"\0"


class Deframer:
    """Cut a byte stream at its zero bytes and sort the runs."""

    def __init__(self) -> None:
        self.counters = LineCounters()
        self._run = bytearray()
        self._shown = 0  # bytes of this run already given out as text
        self._too_long = False

    def feed(self, data: bytes, emit: Callable[[Frame | BootText], None]) -> None:
        """Take bytes; call `emit` for each frame and piece of text they complete."""
        pieces = data.split(b"\0")
        for piece in pieces[:-1]:
            self._append(piece)
            self._close(emit)
        self._append(pieces[-1])
        if self._is_text():
            end = len(self._run) if len(self._run) >= TEXT_KEPT else self._run.rfind(b"\n") + 1
            self._show(end, emit)
            if self._shown >= TEXT_KEPT:
                del self._run[: self._shown - 1]
                self._shown = 1

    def flush(self, emit: Callable[[Frame | BootText], None]) -> None:
        """Give out a text run that has not ended, because the line fell silent."""
        if self._is_text():
            self._show(len(self._run), emit)

    def _append(self, piece: bytes) -> None:
        if self._too_long:
            self.counters.garbage_bytes += len(piece)
            return
        self._run += piece
        if len(self._run) > wire.MAX_ENCODED and not self._is_text():
            self.counters.garbage_bytes += len(self._run) - self._shown
            self._too_long = True
            self._run.clear()
            self._shown = 0

    def _is_text(self) -> bool:
        return not self._run[self._shown :].translate(None, TEXT_BYTES) and bool(self._run)

    def _show(self, end: int, emit: Callable[[Frame | BootText], None]) -> None:
        if end > self._shown:
            emit(BootText(bytes(self._run[self._shown : end])))
            self._shown = end

    def _close(self, emit: Callable[[Frame | BootText], None]) -> None:
        """End the run at a zero byte."""
        if self._run and not self._too_long:
            if self._is_text():
                self._show(len(self._run), emit)
            elif self._shown:
                self.counters.garbage_bytes += len(self._run) - self._shown
            else:
                self._decode(emit)
        self._run.clear()
        self._shown = 0
        self._too_long = False

    def _decode(self, emit: Callable[[Frame | BootText], None]) -> None:
        """Read the run as a frame, or count it."""
        run = bytes(self._run)
        try:
            frame = cobs.decode(run)
        except cobs.DecodeError:
            self.counters.garbage_bytes += len(run)
            return
        body, crc = frame[: -wire.CRC_BYTES], frame[-wire.CRC_BYTES :]
        if len(frame) < wire.HEADER_BYTES + wire.CRC_BYTES or len(frame) > wire.MAX_FRAME:
            self.counters.garbage_bytes += len(run)
            return
        if zlib.crc32(body) != int.from_bytes(crc, "little"):
            self.counters.garbage_bytes += len(run)
            self.counters.crc_errors += 1
            return
        head = wire.FrameHeader.parse(body)
        payload, stamp = body[wire.HEADER_BYTES :], None
        stamped = head.flags == wire.FrameFlags.STAMPED and head.type == wire.FrameType.DATA and len(payload) >= 8
        if head.type not in KNOWN_TYPES or (head.flags and not stamped):
            self.counters.bad_frames += 1
            return
        if stamped:
            stamp, payload = int.from_bytes(payload[:8], "little"), payload[8:]
        self.counters.frames += 1
        emit(Frame(head.channel, wire.FrameType(head.type), head.offset, payload, stamp))

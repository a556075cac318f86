# SPDX-License-Identifier: MIT
"""Frames of the GDB remote protocol: `$payload#checksum`, acknowledgements, the break byte.

Nothing the other side sends grows anything without bound or raises: a frame that is too long or has
a wrong checksum is reported as such, bytes between frames are dropped.

Source: Debugging with GDB, appendix E, Overview and Packet Acknowledgment.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

PAYLOAD_MAX = 4096
_ESCAPE = 0x7D
_ESCAPED = b"#$}*"
_HEX = b"0123456789abcdefABCDEF"


class Signal(enum.Enum):
    """What came that is no payload."""

    ACK = "+"
    NACK = "-"
    BREAK = "^C"
    BAD = "a frame that is too long or damaged"


def checksum(body: bytes) -> bytes:
    """Return the two hexadecimal digits behind a body."""
    return b"%02x" % (sum(body) & 0xFF)


def frame(payload: bytes) -> bytes:
    """Return a payload, any bytes, as it goes over the wire."""
    body = bytearray()
    for byte in payload:
        body += bytes((_ESCAPE, byte ^ 0x20)) if byte in _ESCAPED else bytes((byte,))
    return b"$" + bytes(body) + b"#" + checksum(bytes(body))


def _unescaped(body: bytes) -> bytes | None:
    out, index = bytearray(), 0
    while index < len(body):
        if body[index] == _ESCAPE:
            index += 1
            if index == len(body):
                return None
            out.append(body[index] ^ 0x20)
        else:
            out.append(body[index])
        index += 1
    return bytes(out)


@dataclass
class Deframer:
    """Bytes of the wire in any pieces to payloads and signals."""

    _body: bytearray = field(default_factory=bytearray)
    _state: str = "between"
    _too_long: bool = False
    _digits: bytes = b""

    def feed(self, data: bytes) -> list[bytes | Signal]:
        """Take bytes; return what is complete, in order."""
        found: list[bytes | Signal] = []
        for byte in data:
            one = self._byte(byte)
            if one is not None:
                found.append(one)
        return found

    def _byte(self, byte: int) -> bytes | Signal | None:
        if self._state == "body" and byte == ord("#"):
            self._state, self._digits = "sum", b""
        elif self._state != "between" and byte == ord("$"):
            self._begin()
            return Signal.BAD
        elif self._state == "body":
            self._too_long = self._too_long or len(self._body) >= 2 * PAYLOAD_MAX
            if not self._too_long:
                self._body.append(byte)
        elif self._state == "sum":
            self._digits += bytes((byte,))
            if len(self._digits) == 2:
                self._state = "between"
                return self._end()
        elif byte == ord("$"):
            self._begin()
        else:
            return {0x03: Signal.BREAK, ord("+"): Signal.ACK, ord("-"): Signal.NACK}.get(byte)
        return None

    def _begin(self) -> None:
        self._body.clear()
        self._too_long, self._state = False, "body"

    def _end(self) -> bytes | Signal:
        body = bytes(self._body)
        if self._too_long or self._digits.lower() != checksum(body):
            return Signal.BAD
        payload = _unescaped(body)
        return Signal.BAD if payload is None or len(payload) > PAYLOAD_MAX else payload


def hexadecimal(text: bytes, limit: int = 1 << 64) -> int:
    """Return a number as the protocol writes it.

    Raises:
        ValueError: no digits, other characters, or not below `limit`.
    """
    if not text or len(text) > 16 or any(digit not in _HEX for digit in text):
        raise ValueError(text)
    value = int(text, 16)
    if value >= limit:
        raise ValueError(text)
    return value

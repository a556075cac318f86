# SPDX-License-Identifier: MIT
"""A scripted conversation with channels: wait for a pattern, send a text, in the order given.

What is here: `Until` and `Send` (the steps), `Script` (walks through them), and the reader of
`CHANNEL=TEXT` arguments. `l4vm run`, `l4vm guest run` and `l4vm console` all use this one.

Rules of use: no I/O and no clock of its own but the one handed in. The owner calls `feed` with what
arrives and after each feed drains `next_send` (in a loop, until it returns None); when
`done` is true the script is over, and `waiting` says what it hangs on.

Steps are taken in order. Each channel is a conversation of its own: an Until matches only text of its
channel behind the match before it there, and only what arrived after the last Send to it. So the
prompts of several guests can be waited for in any order.
"""

from __future__ import annotations

import codecs
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

KEPT_CHARACTERS = 65536
"""A pattern is sought in at most so many characters before the newest one."""

SIMPLE_ESCAPES = {
    "n": b"\n",
    "r": b"\r",
    "t": b"\t",
    "a": b"\a",
    "b": b"\b",
    "f": b"\f",
    "v": b"\v",
    "e": b"\x1b",
    "\\": b"\\",
    '"': b'"',
    "'": b"'",
    "?": b"?",
}


class StepError(ValueError):
    """A step cannot be read; the message is a sentence for the user."""


@dataclass(frozen=True)
class Until:
    """Wait until a pattern (Python's re, `^` and `$` at each line) appears on a channel."""

    channel: str
    regex: str


@dataclass(frozen=True)
class Send:
    """Send bytes to a channel."""

    channel: str
    data: bytes


Step = Until | Send


@dataclass(frozen=True)
class Match:
    """One Until that was met, `time_s` seconds after the script began.

    board_time_ns is when the board sent the channel's last text then, where it says so (counted runs): the same in
    every run.
    """

    channel: str
    regex: str
    text: str
    time_s: float
    board_time_ns: int | None = None

    def as_json(self) -> dict[str, object]:
        """Return the match as it stands in the result file."""
        return {
            "channel": self.channel,
            "regex": self.regex,
            "text": self.text,
            "time_s": round(self.time_s, 3),
        } | ({} if self.board_time_ns is None else {"board_time_ns": self.board_time_ns})


@dataclass
class _Seen:
    """Text of one channel that a pattern may still match."""

    text: str = ""
    board_time_ns: int | None = None
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )


class Script:
    """Walk through steps as text arrives.

    Args:
        steps: what to do, in order; empty means done at once.
        clock: seconds, monotonic.
    """

    def __init__(self, steps: Sequence[Step], clock: Callable[[], float] = time.monotonic) -> None:
        self.steps = tuple(steps)
        self.matches: list[Match] = []
        self._patterns = [
            re.compile(step.regex, re.MULTILINE) if isinstance(step, Until) else None
            for step in self.steps
        ]
        self._position = 0
        self._seen: dict[str, _Seen] = {}
        self._clock = clock
        self._began = clock()

    def begin(self) -> None:
        """Set the zero of `Match.time_s` to now (it is the construction else)."""
        self._began = self._clock()

    @property
    def done(self) -> bool:
        """Whether every step was taken."""
        return self._position == len(self.steps)

    @property
    def waiting(self) -> Until | None:
        """The pattern the script hangs on, if any."""
        step = None if self.done else self.steps[self._position]
        return step if isinstance(step, Until) else None

    @property
    def channels(self) -> frozenset[str]:
        """Names of all channels the steps speak of."""
        return frozenset(step.channel for step in self.steps)

    def feed(self, channel: str, data: bytes, board_time_ns: int | None = None) -> None:
        """Take bytes that arrived on a channel, and match the waiting patterns against them."""
        seen = self._seen.setdefault(channel, _Seen())
        seen.board_time_ns = board_time_ns
        seen.text += seen.decoder.decode(data)
        self._match()
        seen.text = seen.text[-KEPT_CHARACTERS:]

    def next_send(self) -> Send | None:
        """Take the step if it is a Send, else return None; the caller sends it at once."""
        step = None if self.done else self.steps[self._position]
        if not isinstance(step, Send):
            return None
        self._position += 1
        if step.channel in self._seen:
            self._seen[step.channel].text = ""
        return step

    def _match(self) -> None:
        """Meet as many Until steps in a row as the text allows."""
        while (step := self.waiting) is not None:
            seen = self._seen.get(step.channel)
            pattern = self._patterns[self._position]
            found = pattern.search(seen.text) if seen and pattern else None
            if seen is None or found is None:
                return
            elapsed = self._clock() - self._began
            self.matches.append(Match(step.channel, step.regex, found.group(), elapsed, seen.board_time_ns))
            seen.text = seen.text[found.end() :]
            self._position += 1


def unescape(text: str) -> bytes:
    r"""Turn C escapes into bytes; other characters become UTF-8.

    Args:
        text: with \n \r \t \a \b \f \v \e \\ \" \' \? \xHH (one or two digits) and \ooo (octal).

    Raises:
        StepError: an escape is unknown, cut short or above 255.
    """
    out = bytearray()
    at = 0
    while at < len(text):
        if text[at] != "\\":
            out += text[at].encode("utf-8", "surrogateescape")
            at += 1
            continue
        found = re.compile(r"x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.", re.DOTALL).match(text, at + 1)
        body = found.group() if found else ""
        if body in SIMPLE_ESCAPES:
            out += SIMPLE_ESCAPES[body]
        elif body[:1] in set("01234567") and body and int(body, 8) < 256:
            out.append(int(body, 8))
        elif len(body) > 1 and body[0] == "x":
            out.append(int(body[1:], 16))
        else:
            raise StepError(
                f"escape '\\{body}' at character {at + 1} of '{text}' is not known: "
                r"use \n \r \t \a \b \f \v \e \\ \xHH or \ooo up to \377"
            )
        at += 1 + len(body)
    return bytes(out)


def _split(option: str, argument: str) -> tuple[str, str]:
    """Split CHANNEL=TEXT."""
    channel, equals, rest = argument.partition("=")
    if not equals or not channel or not rest:
        raise StepError(
            f"{option} '{argument}': write CHANNEL=TEXT, for example {option} 'leon0=# '"
        )
    return channel, rest


def read_until(argument: str) -> Until:
    """Read the argument of --until.

    Raises:
        StepError: no CHANNEL=, or the pattern is not a regular expression.
    """
    channel, regex = _split("--until", argument)
    try:
        re.compile(regex)
    except re.error as bad:
        raise StepError(f"--until '{argument}': not a regular expression: {bad}") from bad
    return Until(channel, regex)


def read_send(argument: str) -> Send:
    """Read the argument of --send.

    Raises:
        StepError: no CHANNEL=, or a bad escape.
    """
    channel, text = _split("--send", argument)
    return Send(channel, unescape(text))


READERS: dict[str, Callable[[str], Step]] = {"until": read_until, "send": read_send}
"""By the option's name, what reads its argument."""

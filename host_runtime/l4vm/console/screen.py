# SPDX-License-Identifier: MIT
"""Labelled output of many channels on one terminal, whole lines at a time.

What is here: `Screen`. Finished lines are printed with the channel's label; the unfinished line
of the
selected channel (its prompt, what the user types) stays at the bottom and is drawn again after
other
channels' lines. Other channels' unfinished lines are printed when they fell silent.

Rules of use: without a terminal there are no colours, no bottom line, and an unfinished line
appears
when its channel is silent for QUIET_S. `tick` is called at least every QUIET_S while
`has_unfinished` holds.
"""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import dataclass, field
from typing import TextIO

from l4vm.console.cells import RESET, LineBuffer

MERGE_S = 0.05
QUIET_S = 1.0
COLOURS = (36, 33, 35, 32, 34, 31, 96, 93, 95, 92)
CLEAR_LINE = "\r\x1b[K"


@dataclass
class _Lane:
    """One channel on the screen."""

    colour: int
    buffer: LineBuffer = field(default_factory=LineBuffer)
    muted: bool = False
    changed: float = 0.0
    printed: str = ""  # the unfinished line as it was last printed with a line end


class Screen:
    """Print channels on a stream."""

    def __init__(self, out: TextIO, is_terminal: bool) -> None:
        self._out = out
        self._terminal = is_terminal
        self._lanes: dict[str, _Lane] = {}
        self._width = 4
        self._bottom = False
        self.selected: str | None = None
        self.timestamps = False
        self.only_selected = False
        self._began = time.monotonic()

    def add(self, channel: str) -> None:
        """Make a channel known, which gives it its colour."""
        if channel not in self._lanes:
            self._lanes[channel] = _Lane(COLOURS[len(self._lanes) % len(COLOURS)])
            self._width = max(self._width, len(channel))

    def mute(self, channel: str) -> bool:
        """Turn a channel off or on; returns whether it is now off."""
        lane = self._lanes[channel]
        lane.muted = not lane.muted
        return lane.muted

    @property
    def has_unfinished(self) -> bool:
        """Whether `tick` has something to look after."""
        return any(not lane.buffer.is_empty for lane in self._lanes.values())

    def write(self, channel: str, data: bytes, now: float) -> None:
        """Take a channel's bytes."""
        self.add(channel)
        lane = self._lanes[channel]
        lines = lane.buffer.feed(data)
        lane.changed = now
        for line in lines:
            if lane.printed and line == lane.printed:
                lane.printed = ""
                continue
            lane.printed = ""
            if self._is_shown(channel):
                self._line(self._labelled(channel, line))
        self._draw_bottom()

    def note(self, text: str) -> None:
        """Print a line of our own."""
        mark = "\x1b[2m--\x1b[0m " if self._terminal else "-- "
        for line in text.splitlines():
            self._line(mark + line)
        self._draw_bottom()

    def tick(self, now: float) -> None:
        """Print unfinished lines of channels that fell silent."""
        for channel, lane in self._lanes.items():
            at_bottom = self._terminal and channel == self.selected
            if lane.buffer.is_empty or at_bottom or not self._is_shown(channel):
                continue
            if now - lane.changed >= QUIET_S and lane.printed != lane.buffer.current:
                lane.printed = lane.buffer.current
                self._line(self._labelled(channel, lane.printed))
        self._draw_bottom()

    def end(self) -> None:
        """Print what is unfinished and leave the cursor on a fresh line."""
        self._clear_bottom()
        for channel, lane in self._lanes.items():
            current = "" if lane.buffer.is_empty else lane.buffer.current
            if current and current != lane.printed and self._is_shown(channel):
                self._line(self._labelled(channel, current))
        self._out.flush()

    def select(self, channel: str | None) -> None:
        """Choose the channel at the bottom of the screen."""
        self.selected = channel
        self._clear_bottom()
        self._draw_bottom()

    def _is_shown(self, channel: str) -> bool:
        if self.only_selected and self.selected is not None:
            return channel == self.selected
        return not self._lanes[channel].muted

    def _labelled(self, channel: str, line: str) -> str:
        stamp = f"{time.monotonic() - self._began:9.3f} " if self.timestamps else ""
        label = f"{channel:>{self._width}}"
        if not self._terminal:
            return f"{stamp}{label} | {re.sub(chr(27) + r'.[0-9;]*m', '', line)}"
        return f"{stamp}\x1b[{self._lanes[channel].colour}m{label} |{RESET} {line}{RESET}"

    def _line(self, text: str) -> None:
        self._clear_bottom()
        self._out.write(text + ("\r\n" if self._terminal else "\n"))
        if not self._terminal:
            self._out.flush()

    def _clear_bottom(self) -> None:
        if self._bottom:
            self._out.write(CLEAR_LINE)
            self._bottom = False

    def _draw_bottom(self) -> None:
        if not self._terminal:
            return
        self._clear_bottom()
        if self.selected in self._lanes and self._is_shown(self.selected):
            room = shutil.get_terminal_size().columns - self._width - 14
            current = self._lanes[self.selected].buffer.current
            if len(current) <= room:
                self._out.write(self._labelled(self.selected, current))
            else:
                self._out.write(self._labelled(self.selected, _tail(current, room)))
            self._bottom = True
        self._out.flush()


def _tail(text: str, room: int) -> str:
    """Return the last characters of a line, without colours."""
    return "<" + re.sub(r"\x1b.[0-9;]*m", "", text)[-max(room - 1, 10) :]

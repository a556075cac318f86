# SPDX-License-Identifier: MIT
"""One line of a guest's output, made harmless: text, colours, and movements within the line.

What is here: `LineBuffer`. It understands CR, BS, TAB, colours (SGR) and the escape sequences
that edit within a line; every other control character or escape sequence is swallowed, so that
no guest
can move the cursor of the user's terminal, set its title or leave its colours on.
"""

from __future__ import annotations

import codecs
import re

RESET = "\x1b[0m"
LONGEST_LINE = 1000
"""A longer line is broken."""
ESCAPE = re.compile(
    r"\x1b(?:\[(?P<args>[0-9;:<=>?]*)[ -/]*(?P<final>[@-~])"  # CSI
    r"|[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, SOS, PM, APC
    r"|[ -/]+[0-~]|[0-Z\\a-~])"  # other escapes
)
UNFINISHED = 256
"""An escape sequence that has not ended after so many characters is dropped."""


class LineBuffer:
    """Turn bytes into whole lines and the line that is being written.

    `current` is the unfinished line; `feed` returns the finished ones.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._input = ""
        self._cells: list[str] = []
        self._cursor = 0
        self._colour = ""
        self._carried = ""  # colour a line begins with

    @property
    def current(self) -> str:
        """The unfinished line."""
        text = self._carried + "".join(self._cells)
        return text + RESET if "\x1b" in text or self._colour else text

    @property
    def is_empty(self) -> bool:
        """Whether the unfinished line has no text."""
        return not self._cells

    def feed(self, data: bytes) -> list[str]:
        """Take bytes and return the lines they finish, without line ends."""
        text = self._input + self._decoder.decode(data)
        self._input = ""
        lines: list[str] = []
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                found = ESCAPE.match(text, at)
                if found is None and len(text) - at < UNFINISHED:
                    self._input = text[at:]
                    break
                if found is not None:
                    self._escape(found)
                at = found.end() if found else at + 1
                continue
            if text[at] == "\n" or len(self._cells) >= LONGEST_LINE:
                lines.append(self._finish())
            if text[at] != "\n":
                self._character(text[at])
            at += 1
        return lines

    def _finish(self) -> str:
        line = self.current
        self._cells.clear()
        self._cursor = 0
        self._carried = self._colour
        return line

    def _character(self, char: str) -> None:
        if char == "\r":
            self._cursor = 0
        elif char == "\b":
            self._cursor = max(0, self._cursor - 1)
        elif char == "\t":
            for _ in range(8 - self._cursor % 8):
                self._put(" ")
        elif char.isprintable():
            self._put(char)

    def _put(self, char: str) -> None:
        before = self._cells[self._cursor] if self._cursor < len(self._cells) else ""
        sgr = before[:-1] if before.startswith("\x1b") and not self._colour else self._colour
        cell = sgr + char if sgr and self._shown_colour() != sgr else char
        if self._cursor < len(self._cells):
            self._cells[self._cursor] = cell
        else:
            self._cells.append(cell)
        self._cursor += 1

    def _shown_colour(self) -> str:
        """Return the colour in force just before the cursor."""
        for cell in reversed(self._cells[: self._cursor]):
            if cell.startswith("\x1b"):
                return cell[:-1]
        return self._carried

    def _escape(self, found: re.Match[str]) -> None:
        final, args = found.group("final"), found.group("args") or ""
        first = int(args.split(";")[0]) if re.fullmatch(r"[0-9]{1,4}(;[0-9]*)*", args) else 0
        if final == "m" and re.fullmatch(r"[0-9;]{0,40}", args):
            self._colour = "" if args.strip("0;") == "" else f"\x1b[{args}m"
            if not self._colour and self._shown_colour():
                self._colour = RESET
        elif final == "K":
            self._erase(first)
        elif final == "D":
            self._cursor = max(0, self._cursor - max(first, 1))
        elif final == "C":
            self._cursor = min(len(self._cells), self._cursor + max(first, 1))
        elif final == "P":
            del self._cells[self._cursor : self._cursor + max(first, 1)]

    def _erase(self, how: int) -> None:
        if how == 0:
            del self._cells[self._cursor :]
        elif how == 1:
            self._cells[: self._cursor] = [" "] * min(self._cursor, len(self._cells))
        elif how == 2:
            self._cells[:] = [" "] * min(self._cursor, len(self._cells))

# SPDX-License-Identifier: MIT
"""A TOML file with the line of every key, so that an error can name its place.

`tomllib` reads the values and refuses what is no TOML; a second pass over the same text finds where keys
and tables stand. Paths are dotted, elements of arrays are numbered: `rt[0].budget_us`.

Source: TOML 1.0.0, https://toml.io/en/v1.0.0 (keys, strings, tables, arrays of tables, inline tables).
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from l4vm.errors import L4vmError

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(r'"""(?:\\.|[^\\])*?""""{0,2}' r"|'''.*?''''{0,2}" r'|"(?:\\.|[^"\\])*"' r"|'[^']*'", re.S)
_WORD = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]+")
_LAST = re.compile(r"(\[\d+\]|\.?[^.\[\]]+)$")
_SHOWN = 60  # characters of a line in an error
_NEXT_STEPS = {  # by how tomllib's sentences begin
    "Cannot overwrite": "write each key once in its table, and [[NAME]] above each of several tables",
    "Cannot declare": "write [NAME] once, or [[NAME]] above each of several tables",
    "Invalid value": "write a text in quotes, an integer, true, false, or an array of them in [ ]",
    "Expected newline": "end the line behind the value; integers have no units and do not begin with 0",
}
_AT = re.compile(r"^(.*?) \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass
class Document:
    """A parsed file: its values, and the line of each path."""

    name: str
    values: dict[str, Any]
    lines: dict[str, int] = field(default_factory=dict)

    def place(self, path: str) -> str:
        """Return `file:line` of a path, or of the nearest one around it."""
        while path and path not in self.lines:
            path = _LAST.sub("", path) if _LAST.search(path) else ""
        return f"{self.name}:{self.lines.get(path, 1)}"


def join(path: str, name: str) -> str:
    """Return the path of a key in a table; the path of the whole file is empty."""
    return f"{path}.{name}" if path else name


class _Scanner:
    """Walks over text that tomllib took, and notes the line of each path."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.lines: dict[str, int] = {}
        self.last: dict[str, int] = {}  # of each array of tables, the number of its last element
        self._line, self._counted = 1, 0

    def line(self) -> int:
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line

    def blank(self) -> None:
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def take(self, mark: str) -> bool:
        """Step over a mark and the blanks around it, if it stands here."""
        self.blank()
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        self.blank()
        return True

    def key(self) -> list[str]:
        """Read a dotted key: its parts, quotes taken off."""
        parts = []
        while match := _STRING.match(self.text, self.at) or _WORD.match(self.text, self.at):
            parts.append(match[0].strip("\"'"))
            self.at = match.end()
            if not self.take("."):
                break
        return parts

    def header(self, parts: list[str], line: int, array: bool) -> str:
        """Note a table's header; returns the table's path."""
        path = ""
        for i, part in enumerate(parts):
            path = join(path, part)
            self.lines.setdefault(path, line)
            if array and i == len(parts) - 1:
                self.last[path] = self.last.get(path, -1) + 1
            if path in self.last:
                path += f"[{self.last[path]}]"
        self.lines[path] = line
        return path

    def pair(self, table: str) -> None:
        """Read `key = value`."""
        line, path = self.line(), table
        for part in self.key():
            path = join(path, part)
            self.lines.setdefault(path, line)
        self.take("=")
        self.value(path)

    def value(self, path: str) -> None:
        if self.take("["):
            number = 0
            while not self.take("]") and self.at < len(self.text):
                self.lines[f"{path}[{number}]"] = self.line()
                self.value(f"{path}[{number}]")
                number += 1
                self.take(",")
        elif self.take("{"):
            while not self.take("}") and self.at < len(self.text):
                self.pair(path)
                self.take(",")
        else:
            match = _STRING.match(self.text, self.at) or _SCALAR.match(self.text, self.at)
            self.at = match.end() if match else len(self.text)

    def run(self) -> dict[str, int]:
        table = ""
        self.blank()
        while self.at < len(self.text):
            line = self.line()
            if self.take("[["):
                table = self.header(self.key(), line, True)
                self.take("]]")
            elif self.take("["):
                table = self.header(self.key(), line, False)
                self.take("]")
            else:
                self.pair(table)
            self.blank()
        return self.lines


def _no_toml(text: str, place: str, line: int, sentence: str) -> L4vmError:
    """Return the error for what tomllib refuses: the place, the line as it stands, the cause and what to do."""
    if text.startswith("\ufeff"):
        return L4vmError(f"{place}: the file begins with a byte order mark", "save it as UTF-8 without one")
    lines = text.splitlines()
    shown = lines[line - 1].strip()[:_SHOWN] if line <= len(lines) else ""
    steps = (step for begins, step in _NEXT_STEPS.items() if sentence.startswith(begins))
    step = next(steps, "see https://toml.io/en/v1.0.0 for the syntax")
    return L4vmError(": ".join(filter(None, (place, shown, sentence))), step)


def parse(text: str, name: str) -> Document:
    """Parse a file's text; `name` is how errors call it.

    Raises:
        L4vmError: it is no TOML; the sentence names the line.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _AT.match(str(error))
        line = int((match and match[2]) or max(1, len(text.splitlines())))
        sentence = match[1] if match else str(error)
        raise _no_toml(text, f"{name}:{line}", line, sentence) from error
    except RecursionError as error:
        raise L4vmError(f"{name}: arrays or tables are nested too deeply", "three levels are enough") from error
    return Document(name, values, _Scanner(text).run())


def read(path: Path, name: str) -> Document:
    """Read a file; `name` is how errors call it.

    Raises:
        L4vmError: it cannot be read, is not UTF-8, or is no TOML; the sentence names the line.
    """
    try:
        return parse(path.read_text(encoding="utf-8"), name)
    except OSError as error:
        raise L4vmError(f"{name}: {error.strerror}", "check the file's name and rights") from error
    except UnicodeDecodeError as error:
        raise L4vmError(f"{name}: byte {error.start} is no UTF-8", "save the file as UTF-8") from error

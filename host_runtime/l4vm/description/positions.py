# SPDX-License-Identifier: MIT
"""A TOML file with the line of every key, so that an error can name its place.

`tomllib` reads the values; a second pass over the lines finds where keys and tables stand. Paths are
dotted, elements of arrays of tables are numbered: `rt[0].budget_us`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from l4vm.errors import L4vmError

_TABLE = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\-]+)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-]+)\s*=")
_SYNTAX = re.compile(r"^(.*?) \(at line (\d+), column (\d+)\)$")


@dataclass
class Document:
    """A parsed file: its values, and the line of each path."""

    name: str
    values: dict[str, Any]
    lines: dict[str, int] = field(default_factory=dict)

    def place(self, path: str) -> str:
        """Return `file:line` of a path, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return f"{self.name}:{self.lines.get(path, 1)}"


def _lines(text: str) -> dict[str, int]:
    """Find keys outside multi-line values; the files of this kit have no nested ones."""
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    table, depth = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        bare = re.sub(r'"(\\.|[^"\\])*"', '""', line).split("#")[0]
        if depth == 0:
            if match := _TABLE.match(line):
                table = match[2]
                if match[1] == "[[":
                    counts[table] = counts.get(table, -1) + 1
                    table = f"{table}[{counts[table]}]"
                lines[table] = number
                continue
            if match := _KEY.match(line):
                lines[f"{table}.{match[1]}" if table else match[1]] = number
        depth += bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}")
    return lines


def read(path: Path, name: str) -> Document:
    """Read a file; `name` is how errors call it.

    Raises:
        L4vmError: it cannot be read, is not UTF-8, or is no TOML; the sentence names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise L4vmError(f"{name}: {error.strerror}", "check the file's name and rights") from error
    except UnicodeDecodeError as error:
        raise L4vmError(f"{name}: byte {error.start} is no UTF-8", "save the file as UTF-8") from error
    try:
        return Document(name, tomllib.loads(text), _lines(text))
    except tomllib.TOMLDecodeError as error:
        match = _SYNTAX.match(str(error))
        where = f"{name}:{match[2]}" if match else name
        raise L4vmError(f"{where}: {match[1] if match else error}", "see https://toml.io for the syntax") from error

# SPDX-License-Identifier: MIT
"""What keys a table may have, and the pass that turns tables into frozen dataclasses.

A schema is a dict of `Key`. `Reader` collects every error with its place and goes on, so that one run
names all of them. A value that is wrong is replaced by its default, so that later checks see something.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from l4vm.description.positions import Document
from l4vm.errors import L4vmError, nearest

REQUIRED = object()
_WORDS: dict[type, str] = {int: "an integer", str: "a text", bool: "true or false", list: "an array"}


@dataclass(frozen=True)
class Key:
    """One key: its type, its default (REQUIRED: none), and what a value may be."""

    kind: type
    default: Any = REQUIRED
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    multiple: int = 1
    form: str = ""  # what the pattern means, in words


NAME = Key(str, pattern=r"[a-z][a-z0-9_-]{0,14}", form="a lower-case letter, then at most 14 of a-z 0-9 _ -")

Schema = Mapping[str, Key]


@dataclass
class Reader:
    """Reads tables of one document and keeps what is wrong."""

    document: Document
    errors: list[L4vmError] = field(default_factory=list)

    def wrong(self, path: str, sentence: str, hint: str, shown: str = "") -> None:
        """Keep an error at a path; `shown` is how the sentence calls it (else the path)."""
        self.errors.append(L4vmError(f"{self.document.place(path)}: {shown or path}{sentence}", hint))

    def table(self, path: str, values: Any, schema: Schema, shown: str) -> dict[str, Any]:
        """Return the values of one table, each checked, defaults filled in.

        Args:
            path: the table's path in the document.
            values: what stands there.
            shown: how errors call the table (`rt.heartbeat`).
        """
        if not isinstance(values, dict):
            self.wrong(path, f" = {values!r}: must be a table", f"write [{path}]", shown)
            values = {}
        for name in values:
            if name not in schema:
                self.wrong(_join(path, name), ": no such key", nearest(name, list(schema)), _join(shown, name))
        return {name: self._value(path, shown, name, values, key) for name, key in schema.items()}

    def _value(self, path: str, shown: str, name: str, values: dict[str, Any], key: Key) -> Any:
        at, call = _join(path, name), _join(shown, name)
        if name not in values:
            if key.default is REQUIRED:
                self.wrong(path, ": is missing", f"write {name} = ... ({_range(key)})", call)
                return _stand_in(key)
            return key.default
        value = values[name]
        if type(value) is not key.kind:
            self.wrong(at, f" = {value!r}: must be {_WORDS[key.kind]}", f"allowed: {_range(key)}", call)
        elif not _allowed(key, value):
            hint = nearest(value, key.choices) if key.choices else f"allowed: {_range(key)}"
            self.wrong(at, f" = {_show(value)}: {_fault(key, value)}", hint, call)
        else:
            return value
        return key.default if key.default is not REQUIRED else _stand_in(key)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _show(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def _allowed(key: Key, value: Any) -> bool:
    if key.kind is int:
        inside = (key.low is None or value >= key.low) and (key.high is None or value <= key.high)
        return inside and value % key.multiple == 0
    if key.choices:
        return value in key.choices
    return not key.pattern or re.fullmatch(key.pattern, value) is not None


def _fault(key: Key, value: Any) -> str:
    if key.kind is int and value % key.multiple:
        return f"no multiple of {key.multiple}"
    return "outside its range" if key.kind is int else "not one of the known" if key.choices else "no valid name"


def _range(key: Key) -> str:
    if key.kind is int:
        low, high = key.low if key.low is not None else "any", key.high if key.high is not None else "any"
        text = f"{low} to {high}"
        return f"{text}, a multiple of {key.multiple}" if key.multiple > 1 else text
    if key.choices:
        return ", ".join(key.choices)
    return key.form or _WORDS[key.kind]


def _stand_in(key: Key) -> Any:
    """Return something of the right type for later checks to look at."""
    if key.kind is int:
        return key.low or 0
    return key.choices[0] if key.choices else key.kind()

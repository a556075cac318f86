# SPDX-License-Identifier: MIT
"""What keys a table may have, and the reader that holds tables to it.

A schema is a dict of `Key`. `Reader` collects every error with its place and goes on, so that one run names all of
them. A value that is wrong is replaced by one of the right type, and later checks of that key stay silent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from l4vm.description.positions import Document, join
from l4vm.errors import L4vmError, nearest

REQUIRED = object()
_WORDS: dict[type, str] = {
    int: "an integer", str: "a text", bool: "true or false", list: "an array", dict: "a table"
}  # fmt: skip


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
    form: str = ""  # what is allowed, in words
    element: type | None = None  # of an array


NAME = Key(str, pattern=r"[a-z][a-z0-9_-]{0,14}", form="a lower-case letter, then at most 14 of a-z 0-9 _ -")

Schema = Mapping[str, Key]


@dataclass(frozen=True)
class Place:
    """A table: its path in the document, and how errors call it (`rt.heartbeat`)."""

    path: str = ""
    shown: str = ""


TOP = Place()


@dataclass
class Reader:
    """Reads tables of one document and keeps what is wrong."""

    document: Document
    _found: list[tuple[int, L4vmError]] = field(default_factory=list)
    _bad: set[str] = field(default_factory=set)

    @property
    def errors(self) -> list[L4vmError]:
        """All errors, in the order of their lines."""
        return [error for _, error in sorted(self._found, key=lambda entry: entry[0])]

    def wrong(self, place: Place, key: str, sentence: str, hint: str) -> None:
        """Keep an error of a key (empty: of the table itself), unless the key has one already."""
        path = join(place.path, key) if key else place.path
        if path not in self._bad:
            shown = join(place.shown, key) if key else place.shown
            where = self.document.place(path)
            line = int(where.rpartition(":")[2])
            self._found.append((line, L4vmError(f"{where}: {shown}{sentence}", hint)))
        self._bad.add(path)

    def is_bad(self, place: Place, key: str) -> bool:
        """Tell whether a key has an error already, so that its value means nothing."""
        return join(place.path, key) in self._bad

    def table(self, place: Place, values: Any, schema: Schema) -> dict[str, Any]:
        """Return the values of one table, each checked, defaults filled in."""
        if place.path in self._bad:  # it is no table, or missing: one sentence is enough
            return {name: _stand_in(key) for name, key in schema.items()}
        for name, value in values.items():
            if name not in schema:
                word = "table" if isinstance(value, dict) or _has_tables(value) else "key"
                self.wrong(place, name, f": no such {word}", nearest(name, list(schema)))
        return {name: self._value(place, name, values, key) for name, key in schema.items()}

    def tables(self, name: str, array: Any, schema: Schema) -> Iterator[tuple[Place, dict[str, Any]]]:
        """Read an array of tables; errors call each by its name."""
        for i, values in enumerate(array):
            path = f"{name}[{i}]"
            called = values.get("name")
            place = Place(path, f"{name}.{called}" if isinstance(called, str) and called else path)
            yield place, self.table(place, values, schema)

    def _value(self, place: Place, name: str, values: dict[str, Any], key: Key) -> Any:
        if name not in values:
            if key.default is not REQUIRED:
                return key.default
            self.wrong(place, name, ": is missing", _how_to_write(join(place.path, name), name, key))
            return _stand_in(key)
        value: Any = values[name]
        if not _is(value, key.kind):
            hint = _how_to_write(join(place.path, name), name, key)
            self.wrong(place, name, f" = {_show(value)}: must be {_kind(key)}", hint)
        elif not _allowed(key, value):
            hint = f"{'there are' if key.choices else 'allowed'}: {allowed_range(key)}"
            if key.element:
                hint = _how_to_write(join(place.path, name), name, key)
            shown = _number(key, value) if key.kind is int else _show(value)
            self.wrong(place, name, f" = {shown}: {_fault(key, value)}", hint)
        else:
            return value
        return _stand_in(key)


def _is(value: Any, kind: type) -> bool:
    """Tell whether a value is of a type; true and false are no integers."""
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{...}"
    if _has_tables(value):
        return "[{...}]"
    text = f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _has_tables(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(element, dict) for element in value)


def _kind(key: Key) -> str:
    if key.element:
        return "an array of tables" if key.element is dict else "an array of texts"
    return _WORDS[key.kind]


def _allowed(key: Key, value: Any) -> bool:
    if key.kind is int:
        inside = (key.low is None or value >= key.low) and (key.high is None or value <= key.high)
        return inside and not value % key.multiple
    if key.element:
        return all(_is(word, key.element) for word in value)
    if key.choices:
        return value in key.choices
    return not key.pattern or re.fullmatch(key.pattern, value) is not None


def _fault(key: Key, value: Any) -> str:
    if key.kind is int:
        return f"no multiple of {key.multiple}" if value % key.multiple else "outside its range"
    if key.element:
        return f"must be {_kind(key)}"
    return "not one of the known" if key.choices else "not of the right form"


def allowed_range(key: Key) -> str:
    """Return what a key may be, in words."""
    if key.form:
        return key.form
    if key.kind is int:
        text = f"{_number(key, key.low)} to {_number(key, key.high)}"
        return f"{text}, a multiple of {key.multiple}" if key.multiple > 1 else text
    if key.choices:
        return ", ".join(key.choices)
    if key.element:
        return "tables" if key.element is dict else '["...", "..."]'
    return _WORDS[key.kind]


def _number(key: Key, value: int | None) -> str:
    """Return a number as its key is usually written: addresses in hexadecimal."""
    return "any" if value is None else f"{value:#x}" if key.multiple > 1 else str(value)


def _how_to_write(path: str, name: str, key: Key) -> str:
    if key.kind is dict:
        return f"write [{path}]"
    if key.element is dict:
        return f"write [[{path}]]"
    return f"write {name} = ... ({allowed_range(key)})"


def _stand_in(key: Key) -> Any:
    """Return something of the right type for later code to look at."""
    if key.default is not REQUIRED:
        return key.default
    if key.kind is int:
        return key.low or 0
    return key.choices[0] if key.choices else key.kind()

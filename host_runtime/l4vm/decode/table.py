# SPDX-License-Identifier: MIT
"""Read an instruction table and refuse what cannot be decoded.

The format, one item a line, `#` starts a comment:

    guest NAME                 the prefix of the generated C names; once, before the first entry
    width BITS                 bits of an instruction word (32); once
    default ENTRY ...          an entry that takes what no earlier line of its pattern takes
    NAME  BITS ...  | TEXT     an entry

BITS, from the highest bit down, are separated by blanks:

    0110          fixed bits
    rd:5          a field of 5 bits, unsigned
    imm:s13       a field of 13 bits, signed
    -:8           8 bits that are not looked at

TEXT is the disassembly; `{field:kind}` prints a field. Kinds: r integer register, f FP register,
x hexadecimal, d signed decimal, b branch target (pc + 4 * field), n plain number; o, c, l, a: the
letter o, a full stop, the letter l, the letter a when the field is not 0, else nothing.

Refused, all in one run, each with file:line: a width that does not add up, an unknown item, field or
kind, a field given twice or once signed and once not, a name given twice, two entries that overlap,
an entry that no word reaches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from l4vm.errors import L4vmError, L4vmErrors

KINDS = {"r", "f", "x", "d", "b", "n", "o", "c", "l", "a"}
_FIELD = re.compile(r"^(?P<name>[a-z][a-z0-9_]*):(?P<sign>s?)(?P<bits>\d+)$")
_SKIP = re.compile(r"^-:(?P<bits>\d+)$")
_FIXED = re.compile(r"^[01]+$")
_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]*$")
_HOLE = re.compile(r"\{([^{}]*)\}")


class DecodeError(L4vmError):
    """A line of an instruction table that cannot be used."""


@dataclass(frozen=True)
class Field:
    """Where an operand lies in the word: bits [low, low + bits)."""

    name: str
    low: int
    bits: int
    signed: bool

    def get(self, word: int) -> int:
        """Return the operand's value in `word`."""
        value = word >> self.low & (1 << self.bits) - 1
        if self.signed and value >> self.bits - 1:
            value -= 1 << self.bits
        return value

    def put(self, word: int, value: int) -> int:
        """Return `word` with the operand set to `value` modulo its width."""
        mask = (1 << self.bits) - 1 << self.low
        return word & ~mask | value << self.low & mask


@dataclass(frozen=True)
class Entry:
    """One line: the words it takes are those with word & mask == value."""

    name: str
    mask: int
    value: int
    fields: tuple[Field, ...]
    text: str
    default: bool
    line: int

    def overlaps(self, other: Entry) -> bool:
        """Is there a word that both patterns take?"""
        return not (self.value ^ other.value) & self.mask & other.mask

    def takes(self, word: int) -> bool:
        """Does the pattern hold of `word`?"""
        return word & self.mask == self.value

    def field(self, name: str) -> Field | None:
        """Return the field of that name, or None."""
        return next((field for field in self.fields if field.name == name), None)

    def holes(self) -> Iterator[tuple[str, str]]:
        """Yield (field, kind) of each hole of the text."""
        for hole in _HOLE.findall(self.text):
            name, _, kind = hole.partition(":")
            yield name, kind


@dataclass(frozen=True)
class Table:
    """A checked instruction table."""

    guest: str
    width: int
    entries: tuple[Entry, ...]

    def decode(self, word: int) -> Entry | None:
        """Return the entry that takes `word`, as the generated C does; None: illegal."""
        for default in (False, True):
            for entry in self.entries:
                if entry.default is default and entry.takes(word):
                    return entry
        return None

    def entry(self, name: str) -> Entry:
        """Return the entry of that name; KeyError when there is none."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise KeyError(name)

    def field_signs(self) -> dict[str, bool]:
        """Return every field name of the table and whether it is signed."""
        return {field.name: field.signed for entry in self.entries for field in entry.fields}


def read(path: Path) -> Table:
    """Read and check the table at `path`.

    Raises:
        L4vmErrors: every fault of the file, in the order of its lines.
    """
    return parse(path.read_text(encoding="utf-8"), str(path))


def parse(text: str, place: str) -> Table:
    """Read and check a table given as text; `place` is its name in errors."""
    reader = _Reader(place)
    for number, line in enumerate(text.splitlines(), 1):
        reader.line(number, line.partition("#")[0].strip())
    return reader.finish()


class _Reader:
    """Collects entries and errors of one file."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.guest = ""
        self.width = 32
        self.entries: list[Entry] = []
        self.signs: dict[str, tuple[bool, int]] = {}
        self.errors: list[L4vmError] = []

    def refuse(self, line: int, message: str, hint: str = "") -> None:
        self.errors.append(DecodeError(f"{self.place}:{line}: {message}", hint))

    def line(self, number: int, text: str) -> None:
        """Take one line without its comment."""
        if not text:
            return
        words = text.split()
        if words[0] == "guest" and len(words) == 2:
            self.guest = words[1]
        elif words[0] == "width" and len(words) == 2 and words[1].isdigit():
            self.width = int(words[1])
        else:
            self.entry(number, text)

    def entry(self, number: int, text: str) -> None:
        """Take the line of an entry."""
        pattern, bar, disassembly = text.partition("|")
        words = pattern.split()
        default = words[:1] == ["default"]
        words = words[1:] if default else words
        if not words or not _NAME.match(words[0]):
            self.refuse(number, f"{text!r} is neither an entry nor `guest` nor `width`")
            return
        if not bar:
            self.refuse(number, f"{words[0]} has no text", "write its syntax after `|`")
        mask, value, fields = self.bits(number, words[0], words[1:])
        entry = Entry(words[0], mask, value, fields, disassembly.strip(), default, number)
        self.check_entry(entry)
        self.entries.append(entry)

    def bits(self, number: int, name: str, items: list[str]) -> tuple[int, int, tuple[Field, ...]]:
        """Return mask, value and fields of a pattern."""
        mask = value = 0
        at = self.width
        fields: list[Field] = []
        for item in items:
            if _FIXED.match(item):
                at -= len(item)
                if at >= 0:
                    mask |= (1 << len(item)) - 1 << at
                    value |= int(item, 2) << at
            elif skip := _SKIP.match(item):
                at -= int(skip["bits"])
            elif found := _FIELD.match(item):
                at -= int(found["bits"])
                fields.append(Field(found["name"], at, int(found["bits"]), bool(found["sign"])))
            else:
                self.refuse(number, f"{name}: {item!r} is neither bits, NAME:WIDTH nor -:WIDTH")
        if at != 0:
            self.refuse(
                number,
                f"{name} has {self.width - at} bits, must have {self.width}",
                f"{'add' if at > 0 else 'take away'} {abs(at)}",
            )
        return mask, value, tuple(fields)

    def check_entry(self, entry: Entry) -> None:
        """Refuse what is wrong within one line."""
        names = [field.name for field in entry.fields]
        for field in entry.fields:
            if field.bits == 0:
                self.refuse(entry.line, f"{entry.name}: field {field.name} has no bits")
            if names.count(field.name) > 1:
                self.refuse(entry.line, f"{entry.name}: field {field.name} is given twice")
            signed, line = self.signs.setdefault(field.name, (field.signed, entry.line))
            if signed is not field.signed:
                self.refuse(
                    entry.line,
                    f"{entry.name}: field {field.name} is {_sign(field.signed)} here, "
                    f"{_sign(signed)} in line {line}",
                    "give one of them another name",
                )
        for name, kind in entry.holes():
            if name not in names:
                self.refuse(
                    entry.line,
                    f"{entry.name}: its text names the field {name!r}, it has {', '.join(names)}",
                )
            if kind not in KINDS:
                self.refuse(
                    entry.line,
                    f"{entry.name}: unknown kind {kind!r} of {name}, known: "
                    + ", ".join(sorted(KINDS)),
                )

    def finish(self) -> Table:
        """Check the lines against each other; return the table or raise."""
        if not self.guest:
            self.refuse(1, "the line `guest NAME` is missing")
        seen: dict[str, Entry] = {}
        for entry in self.entries:
            if other := seen.get(entry.name.lower()):
                self.refuse(entry.line, f"{entry.name} is given already in line {other.line}")
            seen.setdefault(entry.name.lower(), entry)
        self.check_overlap()
        self.check_reach()
        if self.errors:
            raise L4vmErrors(self.errors)
        return Table(self.guest, self.width, tuple(self.entries))

    def check_overlap(self) -> None:
        plain = [entry for entry in self.entries if not entry.default]
        for index, entry in enumerate(plain):
            for other in plain[:index]:
                if entry.overlaps(other):
                    word = entry.value | other.value
                    self.refuse(
                        entry.line,
                        f"{entry.name} overlaps {other.name} of line {other.line}: "
                        f"both take {word:#010x}",
                        "fix a bit that tells them apart, or mark the wider one `default`",
                    )

    def check_reach(self) -> None:
        before = [entry for entry in self.entries if not entry.default]
        for entry in self.entries:
            if not entry.default:
                continue
            if not _left_over(entry.mask, entry.value, before):
                self.refuse(
                    entry.line,
                    f"{entry.name} is never reached: the other lines take all its words",
                    "remove it",
                )
            before.append(entry)


def _sign(signed: bool) -> str:
    return "signed" if signed else "unsigned"


def _left_over(mask: int, value: int, others: list[Entry]) -> bool:
    """Is there a word of the cube (mask, value) that no entry of `others` takes?"""
    for index, other in enumerate(others):
        if (value ^ other.value) & mask & other.mask:
            continue
        free = other.mask & ~mask
        while free:
            bit = free & -free
            free &= ~bit
            flipped = ~other.value & bit
            if _left_over(mask | bit, value | flipped, others[index + 1 :]):
                return True
            mask |= bit
            value |= other.value & bit
        return False
    return True

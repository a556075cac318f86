# SPDX-License-Identifier: MIT
"""Draw instruction words from a table, for fuzzing: every field random, every entry equally likely."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from l4vm.decode.table import Entry, Table

Choose = Callable[[random.Random], int]


class Sampler:
    """Draws words of the chosen entries.

    Args:
        table: a checked table.
        rng: the source of chance; the same seed gives the same words.
        entries: names of the entries to draw from; all of them by default.
        fields: for a field name, a function that draws its value instead of the uniform choice.
    """

    def __init__(
        self,
        table: Table,
        rng: random.Random,
        entries: Sequence[str] = (),
        fields: Mapping[str, Choose] | None = None,
    ) -> None:
        self.table = table
        self.rng = rng
        self.entries = [table.entry(name) for name in entries] or list(table.entries)
        self.fields = dict(fields or {})

    def entry(self) -> Entry:
        """Draw an entry."""
        return self.rng.choice(self.entries)

    def word(self, entry: Entry, **fixed: int) -> int:
        """Draw a word of `entry`; `fixed` gives fields by value. Bits not looked at are zero.

        A default entry is drawn until no other line takes the word.
        """
        while True:
            word = entry.value
            for field in entry.fields:
                if field.name in fixed:
                    value = fixed[field.name]
                elif choose := self.fields.get(field.name):
                    value = choose(self.rng)
                else:
                    value = self.rng.getrandbits(field.bits)
                word = field.put(word, value)
            if self.table.decode(word) is entry:
                return word

# SPDX-License-Identifier: MIT
"""Loops for the fuzz runs: they become regions, with branches, inner loops and calls, and what can go wrong in them.

A guest says what the pieces are made of (`Parts`); here they are joined. Some programs change their own code, and in
some a few instructions are wild: they may trap, touch devices or protected pages, change mappings.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Ref:
    """A word that depends on where a label lies: `word` gets the label's distance in words, and its address."""

    label: str
    word: Callable[[int, int], int]


Item = int | str | Ref  # a word, a label, a word with a label in it


@dataclass(frozen=True)
class Parts:
    """What loops of a guest are made of. Calm words neither trap nor leave, and keep counters, pointers and links.

    count, turn: load a counter (0 the outer, 1 the inner one); count it down and branch back while it is not 0.
    skip: a branch that is taken or not, with its slot where the guest has such; go: always.
    function: code around a body that calls if `calls`; number: of the function.
    patch: store a word over the one at a label; wild: any words that may trap and go on behind.
    """

    calm: Callable[[], int]
    wild: Callable[[], list[int]]
    count: Callable[[int, int], list[int]]
    turn: Callable[[int, str], list[Item]]
    skip: Callable[[str], list[Item]]
    go: Callable[[str], list[Item]]
    call: Callable[[str], list[Item]]
    function: Callable[[list[Item], int, bool], list[Item]]
    patch: Callable[[int, str], list[Item]]


@dataclass(frozen=True)
class Shape:
    """What a program is like."""

    turns: int  # of the outer loop
    pieces: int
    functions: int
    wildness: float
    patches: bool


def shape(rng: random.Random) -> Shape:
    """Draw a shape."""
    return Shape(
        turns=rng.choice((2, 30, 1000, 1000)),
        pieces=rng.randrange(2, 14),
        functions=rng.choice((0, 0, 1, 2, 3)),
        wildness=rng.choice((0.0, 0.0, 0.02, 0.1)),
        patches=rng.random() < 0.15,
    )


def _body(rng: random.Random, parts: Parts, shape: Shape, name: str, pieces: int, callees: Sequence[str]) -> list[Item]:
    """Return pieces, each with a label `name`0.., and a label behind the last."""
    items: list[Item] = []
    for number in range(pieces):
        items.append(f"{name}{number}")
        kind = rng.random()
        if kind < 0.2:
            items += parts.skip(f"{name}{rng.randrange(number + 1, min(number + 4, pieces) + 1)}")
        elif kind < 0.35 and callees:
            items += parts.call(rng.choice(callees))
        elif kind < 0.5 and "i" not in name:
            inner = f"{name}i{number}"
            items += [*parts.count(1, rng.choice((1, 2, 7, 300))), inner]
            items += [*_body(rng, parts, shape, f"{inner}.", rng.randrange(1, 4), ()), *parts.turn(1, inner)]
        elif kind < 0.6 and shape.patches:
            items += parts.patch(parts.calm(), f"{name}{rng.randrange(pieces)}")
        items += [parts.calm() for _ in range(rng.randrange(1, 6))]
        if rng.random() < 5 * shape.wildness:
            items += parts.wild()
    return [*items, f"{name}{pieces}"]


def program(rng: random.Random, parts: Parts, shape: Shape, start: Sequence[int], address: int) -> list[int]:
    """Return the words of a loop that lies at `address`, begins with `start` and never ends."""
    names = [f"f{number}" for number in range(shape.functions)]
    items: list[Item] = [*start, "again", *parts.count(0, shape.turns), "outer"]
    items += _body(rng, parts, shape, "o", shape.pieces, names)
    items += [*parts.turn(0, "outer"), *parts.go("again")]
    for number, name in enumerate(names):
        callees = names[number + 1 :]
        body = _body(rng, parts, shape, f"{name}b", rng.randrange(1, 4), callees)
        items += [name, *parts.function(body, number, bool(callees))]
    return _resolved(items, address)


def _resolved(items: Sequence[Item], address: int) -> list[int]:
    places, at = dict[str, int](), 0
    for item in items:
        if isinstance(item, str):
            places[item] = at
        else:
            at += 1
    words: list[int] = []
    for item in items:
        if isinstance(item, Ref):
            target = places[item.label]
            words.append(item.word(target - len(words), address + 4 * target))
        elif isinstance(item, int):
            words.append(item)
    return words

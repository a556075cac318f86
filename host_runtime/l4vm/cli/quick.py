# SPDX-License-Identifier: MIT
"""The plain command lines of `l4vm guest run`, read without click.

Importing click takes as long as a guest's kernel needs for its first messages. So a command line whose every word is
beyond doubt is read here, by the fields of `Options`; of all others `quick_options` says None, and click reads them
and words what is wrong. tests/unit/cli/test_quick.py holds the two to the same result.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from l4vm.cli.guest_run import CHOICES, FILES_READ, Options
from l4vm.console.script import READERS, Step, StepError

_KINDS = {field.name: str(field.type) for field in fields(Options)}
_NUMBER_DIGITS_MAX = 4  # from 1 on, every option that is a number takes what has no more digits


def _value(name: str, word: str) -> Any:
    """Return the value of an option, None when click is to look at it."""
    kind = _KINDS[name]
    if name in CHOICES:
        return word if word in CHOICES[name] else None
    if name in FILES_READ:
        return Path(word) if os.path.isfile(word) else None
    if kind.startswith(("int", "float")):
        is_plain = word.isascii() and word.isdigit() and len(word) <= _NUMBER_DIGITS_MAX and int(word)
        return (float(word) if kind.startswith("float") else int(word)) if is_plain else None
    return word if kind.startswith("str") else None


def quick_options(words: Sequence[str]) -> Options | None:
    """Return what the words behind `guest run` say, None when click is to read them."""
    found: dict[str, Any] = {}
    steps: list[Step] = []
    left = iter(words)
    for word in left:
        if not word.startswith("-"):
            if "recipe" in found or not word:
                return None
            found["recipe"] = word
            continue
        option, equals, text = word.partition("=")
        name = option[2:].replace("-", "_")
        if option != f"--{name.replace('_', '-')}" or name in ("recipe", "steps"):
            return None
        kind = _KINDS.get(name, "")
        if kind == "bool" and not equals:
            found[name] = True
            continue
        if not equals:
            text = next(left, "-")
            if text.startswith("-"):
                return None
        if name in READERS:
            try:
                steps.append(READERS[name](text))
            except StepError:
                return None
        elif kind.startswith("tuple[str"):
            found[name] = (*found.get(name, ()), text)
        elif not kind or (value := _value(name, text)) is None:
            return None
        else:
            found[name] = value
    return Options(steps=tuple(steps), **found)

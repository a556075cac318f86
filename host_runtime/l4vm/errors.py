# SPDX-License-Identifier: MIT
"""Errors that are sentences for the user.

What is here: `L4vmError`, which carries its sentence, the next step and the exit code of the
program, and `L4vmErrors`, many of them found in one run. Anything else that escapes is a bug of ours.
"""

from __future__ import annotations

from collections.abc import Sequence


class L4vmError(Exception):
    """One thing that is wrong, and what to do about it.

    Args:
        message: place, value and allowed range, in one sentence.
        hint: the next step; shown indented on its own line.
        exit_code: what the program ends with, a value of `l4vm.exit_codes.ExitCode`.
    """

    def __init__(self, message: str, hint: str = "", exit_code: int = 2) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        """Return the sentence and, indented below it, the next step."""
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class L4vmErrors(L4vmError):
    """All that is wrong, in the order of its places; ends with the largest exit code."""

    def __init__(self, errors: Sequence[L4vmError]) -> None:
        self.errors = tuple(errors)
        worst = max((error.exit_code for error in self.errors), default=2)
        super().__init__("\n".join(str(error) for error in self.errors), "", worst)


def nearest(word: str, known: Sequence[str]) -> str:
    """Return the next step for a word that is not known: the nearest one, else all of them."""
    import difflib  # for who errs

    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"there are: {', '.join(known)}" if known else "there is none"

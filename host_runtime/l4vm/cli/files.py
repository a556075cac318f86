# SPDX-License-Identifier: MIT
"""Files that options name: which must exist and which can be written, and what is said when they do not or cannot."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

import click

from l4vm.errors import L4vmError


class ExistingFile(click.ParamType[Path]):
    """A file that is read; one that is not there is refused with the nearest name in its folder."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path.

        Raises:
            L4vmError: there is no such file.
        """
        path = Path(value)
        if path.is_file():
            return path
        place = f"{param.opts[0]} " if param else ""
        if path.is_dir():
            raise L4vmError(f"{place}{path}: a folder, not a file", "name a file in it")
        raise L4vmError(f"{place}{path}: there is no such file", near_file(path))


class WritableFile(click.ParamType[Path]):
    """A file to be written at the end of a run; what could not be is refused before it begins. `-`: standard output."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path.

        Raises:
            L4vmError: it is a folder, there is no folder for it, or the user may not write it.
        """
        path = Path(value)
        if str(path) == "-":
            return path
        place = f"{param.opts[0]} {path}" if param else str(path)
        if path.is_dir():
            raise L4vmError(f"{place}: a folder, not a file", "name a file in it")
        if not path.parent.is_dir():
            raise L4vmError(f"{place}: there is no folder {path.parent}", "make it, or name a file in another one")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise L4vmError(f"{place}: you may not write it", "give a file that can be written")
        return path


def near_file(path: Path) -> str:
    """Return the next step for a file that is not there."""
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f"did you mean '{path.parent / close[0]}'?" if close else f"look into {path.parent.resolve()}"

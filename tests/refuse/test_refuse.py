# SPDX-License-Identifier: MIT
"""Every broken description is refused with its exact sentences, and every rule has a description that breaks it."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import FrameType

import pytest

from l4vm.description import checks, schema
from l4vm.description.schema import Reader
from tests.refuse.cases import FOLDER, expected, fixtures, load, refusal


def test_unbroken_pair_is_taken(tmp_path: Path) -> None:
    load(FOLDER / "good.board.toml", FOLDER / "good.toml", tmp_path)


@pytest.mark.parametrize("path", fixtures(), ids=lambda path: path.name.removesuffix(".toml"))
def test_refusal_says_exactly(path: Path, tmp_path: Path) -> None:
    assert expected(path)
    assert refusal(path, tmp_path) == expected(path)


def _calls(module: object) -> set[tuple[str, int, int]]:
    """Return (file, first line, last line) of every call of `.wrong` in a module."""
    file = inspect.getsourcefile(module)  # type: ignore[arg-type]
    assert file
    found = set()
    for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "wrong":
            found.add((file, node.lineno, node.end_lineno or node.lineno))
    return found


def test_every_rule_has_a_fixture_that_breaks_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[tuple[str, int]] = set()
    wrong = Reader.wrong

    def spy(self: Reader, *arguments: str) -> None:
        frame: FrameType | None = inspect.currentframe()
        assert frame and frame.f_back
        before = len(self.errors)
        wrong(self, *arguments)  # type: ignore[arg-type]
        if len(self.errors) > before:
            seen.add((frame.f_back.f_code.co_filename, frame.f_back.f_lineno))

    monkeypatch.setattr(Reader, "wrong", spy)
    for path in fixtures():
        refusal(path, tmp_path)
    calls = _calls(checks) | _calls(schema)
    assert len(calls) > 25
    unbroken = {
        f"{Path(file).name}:{first}"
        for file, first, last in calls
        if not any(name == file and first <= line <= last for name, line in seen)
    }
    assert unbroken == set()

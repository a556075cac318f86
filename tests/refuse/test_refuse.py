# SPDX-License-Identifier: MIT
"""Every broken description is refused with its exact sentences, and every rule has a description that breaks it."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from types import FrameType

import pytest

from l4vm.description import checks, devices, schema
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
    calls = _calls(checks) | _calls(devices) | _calls(schema)
    assert len(calls) > 25
    unbroken = {
        f"{Path(file).name}:{first}"
        for file, first, last in calls
        if not any(name == file and first <= line <= last for name, line in seen)
    }
    assert unbroken == set()


TEXTS = ('""', '"%s"' % ("x" * 100), r'"\u0000"', '"../.."')
NUMBERS = ("-1", "0", "1", str(1 << 70), "1.5", "nan", "true", "1979-05-27")
ODD = (*TEXTS, *NUMBERS, "[]", "[[]]", "{}", "[{}]", "[1, 2]", "{ a = { b = 1 } }")


@pytest.mark.parametrize("name", ["good.board.toml", "good.toml"])
def test_any_value_of_any_key_is_taken_or_refused_by_its_line(name: str, tmp_path: Path) -> None:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    refused = 0
    for number, line in enumerate(lines):
        key, equals, _ = line.partition(" = ")
        for value in ODD if equals else ():
            path = tmp_path / name
            path.write_text("\n".join([*lines[:number], f"{key} = {value}", *lines[number + 1 :]]), encoding="utf-8")
            said = refusal(path, tmp_path)
            refused += bool(said)
            for sentence in said.splitlines():
                assert re.match(r"  \S|refuse/good(\.board)?\.toml:\d+: \S", sentence), (line, value)
    assert refused > 10 * sum(" = " in line for line in lines)

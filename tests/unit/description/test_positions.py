# SPDX-License-Identifier: MIT
"""Every key of a TOML file has its line, however it is written; syntax errors name theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l4vm.description.positions import parse, read
from l4vm.errors import L4vmError

ROOT = Path(__file__).resolve().parents[3]

EVERYTHING = '''# head
name = "a" # tail
"quoted key" = 1
text = """
[not.a.table]
not_a_key = 1
"""
raw = \'\'\'
also = "no key"\'\'\'
list = [
  1, # one
  2,
]
inline = { a = 1, b = { c = [ { d = 4 } ] } }
a.b.c = 5

[ table . sub ]
x = 1
[[guest]]
name = "g0"
[guest.disk]
file = "#x"
[[guest]]
name = 'g1'
  [[guest.net]]
  mac = "0]["
  [[guest.net]]
  mac = 1979-05-27 07:32:00
'''


def leaves(value: Any, path: str) -> Iterator[str]:
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{i}]")


def test_every_path_of_every_form_has_its_line() -> None:
    document = parse(EVERYTHING, "f")
    lines = {path: document.lines[path] for path in leaves(document.values, "") if path}
    text = EVERYTHING.splitlines()
    expected = {
        "name": "name =", "quoted key": '"quoted key"', "text": "text =", "raw": "raw =", "list": "list =",
        "list[0]": "  1", "list[1]": "  2", "inline.b.c[0].d": "inline", "a.b.c": "a.b.c", "table.sub": "[ table",
        "table.sub.x": "x =", "guest[0]": "[[guest]]", "guest[0].disk": "[guest.disk]", "guest[0].disk.file": "file",
        "guest[1].name": "name = 'g1'", "guest[1].net[1].mac": "  mac = 1979", "guest[1].net[0].mac": '  mac = "0',
    }  # fmt: skip
    for path, start in expected.items():
        assert text[lines[path] - 1].startswith(start), path


def test_place_of_a_missing_key_is_its_table() -> None:
    document = parse("a = 1\n[[rt]]\nname = 'x'\n", "f")
    assert document.place("rt[0].budget_us") == "f:2"
    assert document.place("rt[7]") == "f:2"
    assert document.place("nothing.at.all") == "f:1"
    assert document.place("]odd[.") == "f:1"


@pytest.mark.parametrize("path", sorted([*ROOT.glob("boards/*.toml"), *ROOT.glob("images/**/*.toml")]), ids=str)
def test_every_path_of_the_kits_own_files_has_a_line(path: Path) -> None:
    document = read(path, path.name)
    assert [p for p in leaves(document.values, "") if p and p not in document.lines] == []


NAMES = st.sampled_from(["a", "b", "c1", "d-e"])
SCALARS = st.sampled_from(["1", '"x = 1"', "'[y]'", "true", "1.5", '"""\nk = 1\n"""'])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda v: "[\n" + ",\n".join(v) + "]"),
        st.dictionaries(NAMES, inner.filter(lambda v: "\n" not in v), max_size=3).map(
            lambda d: "{ " + ", ".join(f"{k} = {v}" for k, v in d.items()) + " }"
        ),
    ),
    max_leaves=6,
)


@given(st.lists(st.tuples(NAMES, st.dictionaries(NAMES, VALUES, max_size=3)), max_size=4))
def test_any_array_of_tables_has_all_its_lines(tables: list[tuple[str, dict[str, str]]]) -> None:
    text = "".join(f"# c\n[[{name}]]\n" + "".join(f"{k} = {v} # t\n" for k, v in t.items()) for name, t in tables)
    document = parse(text, "f")
    rows = text.splitlines()
    for path in leaves(document.values, ""):
        if path:
            line = document.lines[path]
            last = path.rpartition(".")[2].partition("[")[0]
            assert last in rows[line - 1] or "[" in path


@pytest.mark.parametrize(
    ("text", "start", "step"),
    [
        ("a = 1\nb = = 2\n", "f:2: b = = 2: Invalid value", "a text in quotes"),
        ("a = 1\n[x\n", "f:2: [x: Expected ']'", "toml.io"),
        ("a = 1\n\nb", "f:3: b: Expected '='", "toml.io"),
        ("a = 1\na = 2\n", "f:2: a = 2: Cannot overwrite a value", "each key once"),
        ("a = [1,\n", "f:1: a = [1,: Invalid value", "an array of them"),
        ("a = '" + 99 * "x", "f:1: a = '" + 55 * "x" + ": Expected", "toml.io"),
        ("", "", ""),
    ],
)
def test_syntax_errors_name_their_line(text: str, start: str, step: str) -> None:
    if not start:
        assert parse(text, "f").values == {}
        return
    with pytest.raises(L4vmError) as error:
        parse(text, "f")
    assert error.value.message.startswith(start)
    assert step in error.value.hint


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(L4vmError, match=r"^x.toml: No such file or directory"):
        read(tmp_path / "x.toml", "x.toml")
    (tmp_path / "x.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(L4vmError, match=r"^x.toml: byte 5 is no UTF-8"):
        read(tmp_path / "x.toml", "x.toml")
    with pytest.raises(L4vmError, match=r"^f: arrays or tables are nested"):
        parse("a = " + "[" * 100000, "f")

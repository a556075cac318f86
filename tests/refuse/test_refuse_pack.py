# SPDX-License-Identifier: MIT
"""What only the packer can see is refused too: by its place, all in one run, and nothing is written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from l4vm.description import load_description, resolve
from l4vm.errors import L4vmError, L4vmErrors
from l4vm.formats import system_table
from l4vm.guests.wrap import KERNEL_ENTRY_VA
from l4vm.pack.__main__ import main
from l4vm.pack.image import Inputs, check_ram, pack
from l4vm.pack.report import report_json, report_text
from tests.refuse.cases import FOLDER, elf32
from tests.unit.description.case import BOARD, GUEST, IMAGE, PROGRAM, PROGRAMS, description

SCHEMA = Path(__file__).resolve().parents[2] / "host_runtime/l4vm/pack/report.schema.json"


def inputs(folder: Path, image: str = IMAGE, without: str = "") -> Inputs:
    """Write the case's files and programs, but one."""
    description(folder, image)
    programs = folder / "bin"
    programs.mkdir()
    for name in PROGRAMS:
        if name != without:
            (programs / f"{name}.elf").write_bytes(PROGRAM)
    (folder / "kernel.elf").write_bytes(PROGRAM)
    home = folder / "case"
    return Inputs(home / "board.toml", home / "case.toml", programs, folder / "kernel.elf", folder / "out")


def test_programs_and_guests_are_refused_in_one_run(tmp_path: Path) -> None:
    image = IMAGE.replace('"guest.elf"', '"vmlinux"\ninitrd = "guest.elf"', 1)
    description(tmp_path)
    (tmp_path / "case/vmlinux").write_bytes(elf32(2, ">", KERNEL_ENTRY_VA))
    given = inputs(tmp_path, image, without="beat")
    with pytest.raises(L4vmErrors) as errors:
        pack(given)
    assert [error.message for error in errors.value.errors] == [
        "case/case.toml:13: rt.beat.program = 'beat': this program was not built",
        "case/case.toml:20: rt.pulse.program = 'beat': this program was not built",
        "case/case.toml:29: guest.leon0.kernel: vmlinux: no boot header (HdrS) in the kernel's head, "
        "so it cannot take an initial RAM disk",
    ]
    assert not given.out.exists()


def test_image_larger_than_the_board_names_its_largest_parts(tmp_path: Path) -> None:
    found = description(tmp_path, IMAGE, BOARD.replace("size = 0x20000000", "size = 0x4800000"))
    resolved = resolve(found, PROGRAMS, {"leon0": GUEST, "leon1": GUEST})
    with pytest.raises(L4vmError) as error:
        check_ram(found, resolved, 5 << 20)
    assert str(error.value) == (
        "case/case.toml:3: image.name = 'case': needs 77 MiB of RAM, the board bench has 72\n"
        "  the largest parts are leon0.ram 32 MiB, leon1.ram 16 MiB, leon0.code 8 MiB: make one smaller"
    )


def test_image_that_fits_is_taken_to_the_last_page(tmp_path: Path) -> None:
    found = description(tmp_path)
    resolved = resolve(found, PROGRAMS, {"leon0": GUEST, "leon1": GUEST})
    have = found.board.ram_bytes
    room = have - have // 32 - (2 << 20) - resolved.ram_bytes
    check_ram(found, resolved, room)
    with pytest.raises(L4vmError):
        check_ram(found, resolved, room + 1)


def run(*words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.output


def test_check_says_the_same_as_loading_and_ends_with_2(tmp_path: Path) -> None:
    path = FOLDER / "device_undeclared.toml"
    board = FOLDER / "good.board.toml"
    with pytest.raises(L4vmErrors) as errors:
        load_description(board, path)
    assert run("--check", "--board", board, "--image", path) == (2, f"{errors.value}\n")
    given = inputs(tmp_path)
    assert run("--check", "--board", given.board, "--image", given.image) == (0, "")
    assert not given.out.exists()


def test_both_files_missing_are_both_named(tmp_path: Path) -> None:
    code, output = run("--check", "--board", tmp_path / "b/x.toml", "--image", tmp_path / "i/y/image.toml")
    assert code == 2
    missing = "No such file or directory"
    assert output.splitlines()[::2] == [f"b/x.toml: {missing}", f"i/y/image.toml: {missing}"]


def test_packing_needs_its_folders() -> None:
    code, output = run("--board", "b.toml", "--image", "i.toml")
    assert code == 2
    assert "--programs, --kernel and --out are needed" in output


# ---- the report ----


def faults(value: Any, schema: dict[str, Any], path: str = "report") -> list[str]:
    """Hold a value to the part of JSON Schema that report.schema.json uses; an unknown word of it is a fault too."""
    known = {"$schema", "title", "description", "type", "const", "enum", "minimum", "required", "properties",
             "additionalProperties", "items"}  # fmt: skip
    found = [f"{path}: schema word {word}" for word in schema if word not in known]
    types = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if type(value) not in [types[name] for name in names]:
            return [*found, f"{path}: {value!r} is no {names}"]
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        found.append(f"{path}: {value!r} is not allowed")
    if "minimum" in schema and isinstance(value, int) and value < schema["minimum"]:
        found.append(f"{path}: {value} is too small")
    if isinstance(value, list):
        for i, element in enumerate(value):
            found += faults(element, schema["items"], f"{path}[{i}]")
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        found += [f"{path}: no {name}" for name in schema.get("required", ()) if name not in value]
        for name, inner in value.items():
            if name in properties:
                found += faults(inner, properties[name], f"{path}.{name}")
            elif not others:
                found.append(f"{path}: {name} is unknown")
            elif isinstance(others, dict):
                found += faults(inner, others, f"{path}.{name}")
    return found


def report(tmp_path: Path, is_empty: bool) -> dict[str, Any]:
    found = description(tmp_path)
    resolved = resolve(found, PROGRAMS, {"leon0": GUEST, "leon1": GUEST})
    if is_empty:
        resolved = type(resolved)(system_table.SystemTable(), b"", {})
    facts: dict[str, Any] = json.loads(json.dumps(report_json(found, resolved, PROGRAMS, 1 << 20, 2 << 20)))
    return facts


@pytest.mark.parametrize("is_empty", [False, True])
def test_report_is_in_the_form_of_its_schema(tmp_path: Path, is_empty: bool) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    facts = report(tmp_path, is_empty)
    assert faults(facts, schema) == []
    assert faults({**facts, "extra": 1}, schema) == ["report: extra is unknown"]
    assert faults({**facts, "tasks": [{}]}, schema)


def test_report_to_read_names_every_task_channel_and_response(tmp_path: Path) -> None:
    facts = report(tmp_path, False)
    assert facts["schedule"] == [
        {"task": "pulse", "priority": 221, "response_us": 100, "deadline_us": 500},
        {"task": "beat", "priority": 220, "response_us": 200, "deadline_us": 1000},
        {"task": "root", "priority": 210, "response_us": 2500, "deadline_us": 10000},
        {"task": "serial", "priority": 200, "response_us": 3600, "deadline_us": 5000},
    ]
    assert facts["processor_permille"] == {"reserved": 550, "left_for_guests": 450}
    text = report_text(facts)
    assert re.search(r"leon0 +guest +50 +6000/10000 +8 +stop\n", text)
    assert re.search(r"serial +3600 +5000\n", text)
    assert re.search(r"leon1 +0x300000000 +8192 +r-x +leon1.code\n", text)
    assert "reserved of the processor 55.0 %, left for guests 45.0 % at least" in text

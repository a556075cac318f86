# SPDX-License-Identifier: MIT
"""Root's check of the system table, under both sanitizers: good tables pass, broken ones are named."""

from __future__ import annotations

import random
import re
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from l4vm.formats import boot_image, cheader, system_table
from l4vm.formats.system_table import HEADER_ARRAYS, ArrayRef, TableHeader, TaskKind
from tests.contract.format_samples import IMAGE, TABLE
from tests.unit.devsrv.board import compile_program

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
MUTATIONS = 2000
EDGES = (0, 1, 0x7F, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


def image_of(table: system_table.SystemTable) -> bytes:
    blobs = bytes(range(256)) * 32
    return boot_image.build(boot_image.BootImage(IMAGE.root_entry, IMAGE.root, system_table.build(table), blobs))


GOOD_TABLE = replace(
    TABLE,
    task=(replace(TABLE.task[0], name="root", kind=TaskKind.ROOT),),
    thread=TABLE.thread * 2,  # the first is root's, which has a check of its own
    cap=(replace(TABLE.cap[0], slot=64),),
)
GOOD = image_of(GOOD_TABLE)
NAMED = re.compile(
    r"(the image's (size|version)|total_bytes|the (system table|blobs)'s? place|the number of arrays"
    r"|the system table's (version|header_bytes|total_bytes)|the place of array [a-z]+) is \d+, allowed is \d+"
    r"|[a-z]+\[\d+\]\.[a-z]+ = \d+, must be below \d+"
    r"|the system table has no magic|task 0 and thread 0 of the system table are not root's"
)
"""Every sentence of verify.c."""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    (folder / "gen").mkdir()
    (folder / "gen/boot_image_gen.h").write_text(cheader.header(boot_image), encoding="utf-8")
    return compile_program(folder, "verify", [HERE / "verify_driver.c", ROOT / "devsrv/root/verify.c"])


def verdicts(driver: Path, images: list[bytes]) -> list[str]:
    data = b"".join(struct.pack("<I", len(image)) + image for image in images)
    done = subprocess.run([str(driver)], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode("ascii").splitlines()
    assert len(lines) == len(images)
    return lines


def table_at(image: bytes) -> int:
    return int(boot_image.ImageHeader.parse(image).table_offset)


def with_bytes(image: bytes, at: int, value: bytes) -> bytes:
    return image[:at] + value + image[at + len(value) :]


def test_a_good_table_passes(driver: Path) -> None:
    assert verdicts(driver, [GOOD]) == ["ok"]


@pytest.mark.parametrize(
    ("at", "value", "sentence"),
    [
        (0, b"\0", "the system table has no magic"),
        (8, b"\x63", "the system table's version is 99, allowed is 1"),
        (12, b"\x01", "the system table's header_bytes is"),
        (16, b"\x01", "the system table's total_bytes is"),
    ],
)
def test_a_table_of_another_kind_is_named(driver: Path, at: int, value: bytes, sentence: str) -> None:
    (line,) = verdicts(driver, [with_bytes(GOOD, table_at(GOOD) + at, value)])
    assert line.startswith(sentence)


@pytest.mark.parametrize("array", HEADER_ARRAYS)
def test_an_array_outside_the_table_is_named(driver: Path, array: str) -> None:
    at = table_at(GOOD) + TableHeader.sizeof() - (len(HEADER_ARRAYS) - HEADER_ARRAYS.index(array)) * ArrayRef.sizeof()
    places = [struct.pack("<II", offset, count) for offset in (0, 0xFFFFFFFF) for count in (1, 0xFFFFFFFF)]
    for line in verdicts(driver, [with_bytes(GOOD, at, place) for place in places]):
        assert line.startswith(f"the place of array {array} is")


@pytest.mark.parametrize("keep", [0, 1, 127, 128, 4096, len(GOOD) - 1])
def test_an_image_cut_short_is_refused(driver: Path, keep: int) -> None:
    (line,) = verdicts(driver, [GOOD[:keep]])
    assert NAMED.fullmatch(line)


def place_of(array: str, field: str) -> tuple[int, int]:
    """Where a field of an array's last record lies in GOOD, and its size."""
    layout, _ = system_table._LAYOUTS[array]
    ref = TableHeader.parse(GOOD[table_at(GOOD) :])[array]
    at = table_at(GOOD) + ref.offset + (ref.count - 1) * layout.sizeof()
    for part in layout.subcons:
        if part.name == field:
            return at, part.sizeof()
        at += part.sizeof()
    raise KeyError(field)


def indices() -> list[tuple[str, str, int]]:
    """Every field that names a record: array, field, and how many records there are to name."""
    fixed = [
        (a, f, len(getattr(GOOD_TABLE, of)))
        for a, names in system_table._INDEX_FIELDS.items()
        for f, of in names.items()
    ]
    cap, bind = GOOD_TABLE.cap[0], GOOD_TABLE.bind[0]
    first, second = system_table._BIND_ARRAYS[bind.kind]
    return [
        *fixed,
        ("cap", "task", len(GOOD_TABLE.task)),
        ("cap", "object", len(getattr(GOOD_TABLE, system_table._CAP_ARRAYS[cap.kind]))),
        ("bind", "object", len(getattr(GOOD_TABLE, first))),
        ("bind", "target", len(getattr(GOOD_TABLE, second))),
    ]


@pytest.mark.parametrize(("array", "field", "count"), indices())
def test_an_index_that_names_nothing_is_named(driver: Path, array: str, field: str, count: int) -> None:
    at, size = place_of(array, field)
    for value in (count, 0x7FFFFFFF):
        (line,) = verdicts(driver, [with_bytes(GOOD, at, value.to_bytes(size, "little"))])
        last = len(getattr(GOOD_TABLE, array)) - 1
        assert line == f"{array}[{last}].{field} = {value}, must be below {count}"


def test_every_field_at_its_edges_passes_or_is_named(driver: Path) -> None:
    images, places = [], []
    for array in HEADER_ARRAYS:
        for part in system_table._LAYOUTS[array][0].subcons:
            at, size = place_of(array, part.name)
            for edge in EDGES:
                places.append((array, part.name, edge))
                images.append(with_bytes(GOOD, at, (edge & (1 << 8 * min(size, 8)) - 1).to_bytes(size, "little")))
    for (array, field, edge), line in zip(places, verdicts(driver, images), strict=True):
        assert line == "ok" or NAMED.fullmatch(line), f"{array}.{field} = {edge:#x}: {line!r}"


def test_no_change_of_the_table_reads_past_the_image(driver: Path) -> None:
    rng = random.Random(4)
    start = table_at(GOOD)
    size = int(boot_image.ImageHeader.parse(GOOD).table_bytes)
    images = []
    for _ in range(MUTATIONS):
        image = GOOD
        for _ in range(rng.randint(1, 4)):
            width = rng.choice((1, 2, 4, 8))
            at = rng.choice((rng.randrange(boot_image.HEADER_BYTES), start + rng.randrange(size)))
            value = rng.choice(EDGES) if rng.random() < 0.5 else rng.getrandbits(64)
            image = with_bytes(image, at & ~(width - 1), (value & (1 << 8 * width) - 1).to_bytes(width, "little"))
        images.append(image)
    lines = verdicts(driver, images)
    assert all(line == "ok" or NAMED.fullmatch(line) for line in lines), "every refusal names its check"
    assert 0 < lines.count("ok") < MUTATIONS

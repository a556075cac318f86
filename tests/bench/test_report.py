# SPDX-License-Identifier: MIT
"""What a benchmark reports: means, table order, JSON and chart, of rows made up here."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from click.testing import CliRunner

from l4vm.bench.breakdown import LEFT_OUT, PARTS, REST, Breakdown, part_of
from l4vm.bench.chart import draw
from l4vm.bench.translator import MEAN, Figure, Row, _less, entries_of, entry_kind, entry_names, means, run, to_json
from l4vm.bench.translator_station import counts_of
from l4vm.binding import Machine
from l4vm.cli.bench import CODE_COUNTS, MEMORY_COUNTS, command, grouped, show_breakdown
from l4vm.errors import L4vmError


def row(guest: str, name: str, kind: str, ours_s: float, qemu_s: float, share: float | None = None) -> Row:
    ours, qemu = Figure(ours_s, ours_s, 40), Figure(qemu_s, qemu_s, 50)
    return Row(guest, name, kind, ours, qemu, qemu_s / ours_s, qemu_s / ours_s, share)


ROWS = [
    row("leon3", "crc", "cpu", 1.0, 2.0, 0.25),
    row("leon3", "trap", "slow", 2.0, 1.0),
    row("leon3", "sort", "cpu", 1.0, 8.0, 1.0),
    row("bamboo", "crc", "cpu", 1.0, 3.0, 0.5),
]


def test_means_are_geometric_and_of_one_guest_and_kind() -> None:
    found = {(mean.guest, mean.kind): mean for mean in means(ROWS)}
    assert set(found) == {("leon3", "cpu"), ("leon3", "slow"), ("bamboo", "cpu")}
    mean = found["leon3", "cpu"]
    assert (mean.ratio, mean.native_share, mean.ours.cpu_s, mean.qemu.cpu_s) == (4.0, 0.5, 1.0, 4.0)
    assert found["leon3", "slow"].native_share is None


def test_each_mean_stands_behind_its_rows() -> None:
    order = [(line.guest, line.benchmark) for line in grouped(ROWS)]
    assert order[:3] == [("leon3", "crc"), ("leon3", "sort"), ("leon3", MEAN)]
    assert order[3:] == [("leon3", "trap"), ("leon3", MEAN), ("bamboo", "crc"), ("bamboo", MEAN)]


def test_json_keeps_the_keys_that_readers_know() -> None:
    first = json.loads(to_json(ROWS))[0]
    assert {"guest", "benchmark", "ours", "qemu", "ratio"} <= set(first)
    assert (first["guest"], first["qemu"]["cpu_s"], first["ratio"]) == ("leon3", 2.0, 2.0)


def test_chart_is_an_svg_with_a_bar_for_each_row() -> None:
    root = ET.fromstring(draw(ROWS))
    bars = [bar for bar in root.iter("{http://www.w3.org/2000/svg}rect") if bar.get("x")]
    assert len(bars) == len(ROWS)
    faster, slower = float(bars[0].get("x") or 0), float(bars[1].get("x") or 0)
    assert slower < faster  # from the line to the left, and to the right
    assert bars[0].get("width") == bars[1].get("width")  # twice as fast and half as fast are equally far


def test_what_boot_takes_is_taken_off_but_never_all() -> None:
    rest = _less(Figure(1.5, 2.0, 40), Figure(0.5, 3.0, 30))
    assert (rest.cpu_s, rest.wall_s, rest.peak_mib) == (1.0, 0.01, 40)


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("/x/translator/rt/mem.c:12", "memory"),
        ("/x/translator/rt/run.c:1", "dispatch"),
        ("/x/translator/guest/ppc/mmu.c:9", "memory"),
        ("/x/translator/guest/ppc/fpu_math.c:9", "guest's helpers"),
        ("/x/translator/rt/vm.c:265", LEFT_OUT),
        ("??:0", REST),
    ],
)
def test_a_source_file_belongs_to_a_part_of_the_work(line: str, part: str) -> None:
    assert part_of(line) == part
    assert (part in PARTS) == (part != LEFT_OUT)


def breakdown_of(stats: dict[str, int]) -> Breakdown:
    return Breakdown(10, dict.fromkeys(PARTS, 0.1), stats)


def test_breakdown_is_shown_with_every_part_and_count(capsys: pytest.CaptureFixture[str]) -> None:
    stats = dict.fromkeys((*CODE_COUNTS, *MEMORY_COUNTS), 7) | {"host_bytes": 600, "blocks_translated_insns": 10}
    show_breakdown([replace(ROWS[0], breakdown=breakdown_of(stats)), ROWS[1]])
    shown = capsys.readouterr().out
    words = set(re.findall(r"[\w/]+", shown))
    for name in (*PARTS, *CODE_COUNTS, *MEMORY_COUNTS):
        assert set(name.replace("_", " ").replace("'", " ").replace(",", " ").split()) <= words, name
    assert "60.0" in shown
    assert "trap" not in shown


def test_counters_of_the_report_are_the_translators_own() -> None:
    with Machine("leon3", 16) as machine:
        assert {*CODE_COUNTS, *MEMORY_COUNTS, "host_bytes", "blocks_translated_insns"} <= machine.stats().keys()


def test_a_machine_without_an_fpu_has_the_entries_that_do_without() -> None:
    assert entries_of("leon3") == entry_names()
    assert entries_of("malta") == [name for name in entry_names() if not name.startswith("fft")]


def test_an_entry_that_no_machine_has_is_refused() -> None:
    with pytest.raises(L4vmError, match="no entry is left for malta"):
        run(["fft_double"], ["malta"], 1, print)


PROFILE = """\
events: Ir
ob=/tmp/guest
fn=xl_next
12 5
14 1
cob=???
cfn=0x1000
calls=3 0
14 900
15 2

ob=???
fn=0x1000
0 30
"""


def test_instructions_of_a_profile_are_split_by_whether_their_code_has_a_file() -> None:
    assert counts_of(PROFILE) == (30, 8)


def test_no_two_entries_have_one_name() -> None:
    assert len(set(entry_names())) == len(entry_names())


def test_every_entry_has_a_kind() -> None:
    assert {entry_kind(name) for name in entry_names()} == {"cpu", "system", "slow"}
    with pytest.raises(L4vmError, match="no benchmark is called 'nothing'\n  known: bigint, chase"):
        entry_kind("nothing")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--only", "crc", "--kind", "slow"], "no entry is left"),
        (["--json", "figures.svg"], "the chart would replace it"),
        (["--only", "nothing"], "no benchmark is called 'nothing'"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_runs(arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(command, ["translator", *arguments], catch_exceptions=True)
    assert isinstance(result.exception, L4vmError)
    assert sentence in str(result.exception)

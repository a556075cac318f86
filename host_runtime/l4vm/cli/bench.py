# SPDX-License-Identifier: MIT
"""`l4vm bench`: figures of our own beside a peer's, from the same run.

    l4vm bench translator                             everything, here and in QEMU
    l4vm bench translator --json FILE                 the rows, and a chart of them beside: FILE with .svg
    l4vm bench translator --guest leon3 --only crc    --guest, --kind and --only may be given again
    l4vm bench translator --board                     bare programs on the board and here: host instructions, counted
    l4vm bench io --json FILE                         consoles, disks and networks: on the board and on the workstation

Every result is checked; a wrong one ends the run.
"""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from l4vm.bench import io as io_rows
from l4vm.bench import io_board, translator_board, translator_station
from l4vm.bench.breakdown import PARTS
from l4vm.bench.chart import draw
from l4vm.bench.programs import MACHINES
from l4vm.bench.translator import MEAN, Row, entry_kind, entry_names, means, run, to_json
from l4vm.cli.files import WritableFile
from l4vm.cli.run import board_of, build, tree_root
from l4vm.errors import L4vmError

KINDS = ("cpu", "system", "slow")
COLUMNS = ("guest", "kind", "benchmark", "ours s", "QEMU s", "ratio", "wall", "of native", "MiB")
CODE_COUNTS = ("insns", "insns_interp", "first_runs", "blocks", "regions", "chained", "exits", "jump_misses")
MEMORY_COUNTS = ("tlb_misses", "tlb_flushes", "windows_switched", "windows_mapped", "windows_dropped", "mmio")
FILE_COLUMNS = 160


@click.group(name="bench", help=__doc__)
def command() -> None:
    """Benchmarks."""


def cells(row: Row) -> list[str]:
    """Return the row as the table shows it, in the order of COLUMNS."""
    share = "" if row.native_share is None else f"{row.native_share:.1%}"
    figures = [f"{row.ours.cpu_s:.3f}", f"{row.qemu.cpu_s:.3f}", f"{row.ratio:.2f}", f"{row.wall_ratio:.2f}"]
    return [row.guest, row.kind, row.benchmark, *figures, share, f"{row.ours.peak_mib:.0f}"]


def show(rows: list[Row]) -> None:
    """Print the table: kind by kind, the means in bold behind their kind."""
    table = Table()
    for number, name in enumerate(COLUMNS):
        table.add_column(name, justify="left" if number < 3 else "right", no_wrap=True)
    for row in rows:
        is_mean = row.benchmark == MEAN
        table.add_row(*cells(row), style="bold" if is_mean else None, end_section=is_mean)
    screen().print(table)


def screen() -> Console:
    """Return the console for tables: a terminal's own width, or one that a file's lines may have."""
    console = Console()
    return console if console.is_terminal else Console(width=FILE_COLUMNS)


def show_breakdown(rows: list[Row]) -> None:
    """Print where our time went: shares by part of the work, then what the translator counted."""
    columns = (PARTS, (*CODE_COUNTS, "host bytes/insn"), MEMORY_COUNTS)
    tables = [Table() for _ in columns]
    for table, names in zip(tables, columns, strict=True):
        for name in ("guest", "benchmark"):
            table.add_column(name, no_wrap=True)
        for name in names:
            table.add_column(name.replace("_", " "), justify="right", min_width=min(len(name), 8))
    for row in rows:
        if row.breakdown:
            found, shares = row.breakdown.counts, row.breakdown.shares
            density = found["host_bytes"] / max(found["blocks_translated_insns"], 1)
            code = [f"{found[name]:,}" for name in CODE_COUNTS] + [f"{density:.1f}"]
            texts = ([f"{shares[part]:.1%}" for part in PARTS], code, [f"{found[name]:,}" for name in MEMORY_COUNTS])
            for table, words in zip(tables, texts, strict=True):
                table.add_row(row.guest, row.benchmark, *words)
    for table in tables:
        screen().print(table)


def grouped(rows: list[Row]) -> list[Row]:
    """Return the rows guest by guest and kind by kind, each kind's means behind it."""
    out = []
    for mean in means(rows):
        out += [row for row in rows if (row.guest, row.kind) == (mean.guest, mean.kind)]
        out.append(mean)
    return out


def show_board(rows: list[translator_board.BoardRow]) -> None:
    """Print host instructions for each guest instruction and slow event: the board's, then the workstation's."""
    table = Table(caption="here: the same program on the workstation, without its kernel")
    names = ["guest", "kind", "benchmark", *translator_board.PARTS, "total", "each event"]
    names += [f"{part} here" for part in translator_station.PARTS] + ["total here", "each event here"]
    for number, name in enumerate(names):
        table.add_column(name, justify="left" if number < 3 else "right", no_wrap=number < 3)
    for row in rows:
        board = [f"{row.parts[part]:.2f}" for part in translator_board.PARTS] + [f"{row.total:.2f}"]
        here = [f"{row.station_parts[part]:.2f}" for part in translator_station.PARTS]
        here.append(f"{row.station_total:.2f}")
        events = ["" if event is None else f"{event:,}" for event in (row.event, row.station_event)]
        table.add_row(row.guest, row.kind, row.benchmark, *board, events[0], *here, events[1])
    screen().print(table)


def _on_board(guests: list[str], names: list[str], share: int) -> list[translator_board.BoardRow]:
    if not names:
        raise L4vmError("no entry is left for the board", "--board runs bare programs: kinds cpu and slow")
    root = tree_root()
    board = board_of(root, "io", None)
    build(root, board, "io", "release")
    programs, rows = root / "build" / f"{board}-io-release" / "bin", []
    for row in translator_board.measure(root, programs, guests, names, share):
        click.echo(f"{row.guest} {row.benchmark}: {row.total:.2f}", err=True)
        rows.append(row)
    return rows


@command.command()
@click.option("--json", "json_path", type=WritableFile(), help="Write the rows here, a chart beside.")
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1, 100), help="Runs of each.")
@click.option("--only", multiple=True, help="Only this entry.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only entries of this kind.")
@click.option("--guest", "guests", multiple=True, type=click.Choice(list(MACHINES)), help="Only this guest.")
@click.option(
    "--breakdown/--no-breakdown", default=True, show_default=True, help="One more run of each of ours: where time goes."
)
@click.option("--board", "on_board", is_flag=True, help="Count host instructions on the board instead.")
@click.option("--share", default=4, show_default=True, type=click.IntRange(1, 1000), help="Do one in so many: --board.")
def translator(
    json_path: Path | None,
    runs: int,
    only: tuple[str, ...],
    kinds: tuple[str, ...],
    guests: tuple[str, ...],
    breakdown: bool,
    on_board: bool,
    share: int,
) -> None:
    """Time guest programs in the translator and in QEMU, alternating.

    cpu: bare programs that compute. system: Linux that boots, forks, maps ... slow: bare programs
    that repeat one slow event. Above 1 in `ratio` we are faster. Malta has no FPU.
    With --board the bare programs run once on the board, in counted time, and once here under valgrind: host
    instructions for each guest instruction, and for each slow event, of both.
    """
    names = [name for name in only or entry_names() if not kinds or entry_kind(name) in kinds]
    if not names:
        raise L4vmError("no entry is left", "--only and --kind exclude each other here")
    if json_path and json_path.suffix == ".svg":
        raise L4vmError(f"--json {json_path}: the chart would replace it", "give it another suffix, such as .json")

    if on_board:
        bare = [name for name in names if entry_kind(name) != "system"]
        counted = _on_board(list(guests or MACHINES), bare, share)
        show_board(counted)
        if json_path:
            json_path.write_text(translator_board.to_json(counted), encoding="utf-8")
        return

    def say(row: Row) -> None:
        click.echo(f"{row.guest} {row.benchmark}: {row.ratio:.2f}", err=True)

    rows = grouped(run(names, list(guests), runs, say, broken_down=breakdown))
    show(rows)
    if breakdown:
        show_breakdown(rows)
    if json_path:
        json_path.write_text(to_json(rows), encoding="utf-8")
        json_path.with_suffix(".svg").write_text(draw(rows), encoding="utf-8")


BOARD_COLUMNS = ("guest", "operation", "instructions for each", *io_board.PARTS, "total")
RATE_COLUMNS = ("guest", "operation", "unit", "ours 1/s", "MB/s", "QEMU 1/s", "MB/s", "ratio", "by CPU time")


def _or_blank(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def show_io(rows: list[io_rows.Row]) -> None:
    """Print a table for the board and one for the workstation, if they have rows."""
    board, station = Table(), Table()
    for table, columns in ((board, BOARD_COLUMNS), (station, RATE_COLUMNS)):
        for number, name in enumerate(columns):
            table.add_column(name, justify="left" if number < 3 else "right", no_wrap=True)
    for row in rows:
        head = (row.guest, row.operation, row.unit)
        if isinstance(row, io_rows.BoardRow):
            board.add_row(*head, *(f"{row.cost.parts[part]:,}" for part in io_board.PARTS), f"{row.cost.total:,}")
            continue
        ours = (f"{row.ours.wall:,.0f}", _or_blank(row.mb_per_s, ".1f"))
        peer = (_or_blank(row.qemu.wall if row.qemu else None, ",.0f"), _or_blank(row.qemu_mb_per_s, ".1f"))
        station.add_row(*head, *ours, *peer, _or_blank(row.ratio, ".2f"), _or_blank(row.cpu_ratio, ".2f"))
    for table in (board, station):
        if table.row_count:
            screen().print(table)


@command.command()
@click.option("--json", "json_path", type=WritableFile(), help="Write the rows here.")
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1, 100), help="Runs of each.")
@click.option("--only", multiple=True, type=click.Choice(list(io_board.OPERATIONS)), help="Only this operation.")
@click.option("--where", multiple=True, type=click.Choice(io_rows.WHERE), help="Only there.")
@click.option("--guest", "guests", multiple=True, type=click.Choice(io_rows.GUESTS), help="Only this guest.")
@click.option("--share", default=1, show_default=True, type=click.IntRange(1, 1000), help="Do one in so many.")
def io(
    json_path: Path | None,
    runs: int,
    only: tuple[str, ...],
    where: tuple[str, ...],
    guests: tuple[str, ...],
    share: int,
) -> None:
    """Measure what a Linux guest's input and output costs.

    board: instructions for each console byte, 4 KiB block and packet of 1000 bytes, in QEMU's counted time, split
    into the guest's own, its translator's with the device models, ipc (the kernel's), the servers' and the rest.
    workstation: blocks and packets in a second of `l4vm guest run`, beside QEMU where it has the device.
    """
    root, places = tree_root(), list(where or io_rows.WHERE)
    board = board_of(root, "io", None)
    if "board" in places:
        build(root, board, "io", "release")
    programs, rows = root / "build" / f"{board}-io-release" / "bin", []
    for row in io_rows.measure(root, programs, list(guests or io_rows.GUESTS), list(only), places, runs, share):
        click.echo(f"{row.where} {row.guest} {row.operation}", err=True)
        rows.append(row)
    show_io(rows)
    if json_path:
        json_path.write_text(io_rows.to_json(rows), encoding="utf-8")

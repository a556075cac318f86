# SPDX-License-Identifier: MIT
"""`l4vm bench`: figures of our own beside a peer's, from the same run.

l4vm bench translator [--json FILE] [--runs N] [--only NAME]   CPU programs, here and in QEMU
"""

from __future__ import annotations

from pathlib import Path

import click

from l4vm.bench.translator import Row, run, to_json


@click.group(name="bench", help=__doc__)
def command() -> None:
    """Benchmarks."""


@command.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the rows to this file.")
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1, 100), help="Runs of each.")
@click.option("--only", multiple=True, help="Only this program; may be given again.")
def translator(json_path: Path | None, runs: int, only: tuple[str, ...]) -> None:
    """Time bare LEON3 programs in the translator and in qemu-system-sparc, alternating."""
    click.echo(f"{'guest':<8}{'benchmark':<12}{'ours CPU s':>12}{'QEMU CPU s':>12}{'ratio':>8}")

    def show(row: Row) -> None:
        figures = f"{row.ours.cpu_s:>12.3f}{row.qemu.cpu_s:>12.3f}{row.ratio:>8.2f}"
        click.echo(f"{row.guest:<8}{row.benchmark:<12}{figures}")

    rows = run(list(only), runs, show)
    if json_path:
        json_path.write_text(to_json(rows), encoding="utf-8")

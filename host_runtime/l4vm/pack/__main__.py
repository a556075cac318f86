# SPDX-License-Identifier: MIT
"""`python -m l4vm.pack`: the build's last step. Exit codes: those of `l4vm.exit_codes`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from l4vm.description import load_description
from l4vm.errors import L4vmError
from l4vm.pack.image import Inputs, pack

FILE = click.Path(path_type=Path)


@click.command()
@click.option("--board", type=FILE, required=True, help="Board file.")
@click.option("--image", type=FILE, required=True, help="Image file.")
@click.option("--programs", type=FILE, help="Folder of the programs' ELF files.")
@click.option("--kernel", type=FILE, help="The kernel's ELF file.")
@click.option("--out", type=FILE, help="Where the results go.")
@click.option("--check", is_flag=True, help="Only check the two descriptions.")
def main(board: Path, image: Path, programs: Path | None, kernel: Path | None, out: Path | None, check: bool) -> None:
    """Pack an image, or check its description."""
    try:
        if check:
            load_description(board, image)
        elif programs is None or kernel is None or out is None:
            raise L4vmError("python -m l4vm.pack: --programs, --kernel and --out are needed", "or give --check")
        else:
            pack(Inputs(board, image, programs, kernel, out), lambda sentence: click.echo(f"  {sentence}", err=True))
    except L4vmError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()

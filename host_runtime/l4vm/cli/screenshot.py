# SPDX-License-Identifier: MIT
"""`l4vm screenshot`: what a terminal or a guest's screen of a running board shows, as a picture.

l4vm screenshot                         the places of the board's console server
l4vm screenshot leon0 out.png           a terminal, drawn with the font that the board uses
l4vm screenshot leon0/screen out.png    a guest's own screen, visible or not

It asks the board through the `l4vm run` or `console` that talks to it, piece by piece (formats/link.py: PICTURE).
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from construct import ConstructError

from l4vm import font
from l4vm.cli.ps import on_option
from l4vm.errors import L4vmError, nearest
from l4vm.exit_codes import ExitCode
from l4vm.formats import link as wire

FORMATS = {".png": "PNG", ".bmp": "BMP", ".gif": "GIF", ".ppm": "PPM"}
BUSY_S, ANSWER_S = 0.02, 30.0
COLUMNS_MAX, ROWS_MAX, WIDTH_MAX, HEIGHT_MAX = 256, 128, 1024, 768
TRIES = 3
_UNDERLINED, _UNDERLINE_ROW = 1 << 31, 14


@dataclass
class Picture:
    """What came so far: width and height in cells or pixels, and a run's fields with its count."""

    kind: wire.PictureKind
    width: int
    height: int
    runs: list[tuple[tuple[int, ...], int]] = field(default_factory=list)
    next: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return self.next == self.width * self.height


def take(picture: Picture | None, data: bytes) -> Picture:
    """Add a piece to a picture, or begin one.

    Raises:
        L4vmError: the piece is not what the board may say.
        ValueError: the picture's size is another one now.
    """
    try:
        head = wire.PictureHead.parse(data)
        kind = wire.PictureKind(head.kind)
        record = wire.CellRun if kind is wire.PictureKind.CELLS else wire.PixelRun
        runs = record[head.runs].parse(data[wire.PictureHead.sizeof() :])
    except (ConstructError, ValueError) as error:
        raise L4vmError("the board sent a piece of a picture that is none") from error
    limit = (COLUMNS_MAX, ROWS_MAX) if kind is wire.PictureKind.CELLS else (WIDTH_MAX, HEIGHT_MAX)
    if head.width > limit[0] or head.height > limit[1]:
        raise L4vmError(f"the board sent a picture of {head.width} x {head.height}, at most {limit} is known")
    if picture is None:
        picture = Picture(kind, head.width, head.height)
    if (picture.kind, picture.width, picture.height) != (kind, head.width, head.height):
        raise ValueError("another size")
    names = [member.name for member in record.subcons if member.name != "count"]
    picture.runs += [(tuple(run[name] for name in names), run.count) for run in runs]
    count = sum(run.count for run in runs)
    is_stuck = not count and not picture.is_whole
    if is_stuck or picture.next + count != head.next or head.next > head.width * head.height:
        raise L4vmError("the board sent a piece of a picture that does not follow the one before")
    picture.next = head.next
    return picture


def fetch(ask: Callable[[str, int], tuple[str, bytes]], name: str) -> Picture:
    """Fetch a whole picture; one whose size changes meanwhile is begun anew.

    Raises:
        L4vmError: the board refused, is not ready, or sent nonsense.
    """
    for _ in range(TRIES):
        picture = None
        try:
            while picture is None or not picture.is_whole:
                picture = take(picture, _piece(ask, name, picture.next if picture else 0))
        except ValueError:
            continue
        return picture
    raise L4vmError(f"{name}: its size changed {TRIES} times while it was fetched", "ask again")


def places(ask: Callable[[str, int], tuple[str, bytes]]) -> list[str]:
    """Return the names of the board's places."""
    data = _piece(ask, "", 0)[wire.PictureHead.sizeof() :]
    return data.decode("ascii", "replace").split()


def _piece(ask: Callable[[str, int], tuple[str, bytes]], name: str, offset: int) -> bytes:
    end = time.monotonic() + ANSWER_S
    status, data = ask(name, offset)
    while status == "BUSY" and time.monotonic() < end:
        time.sleep(BUSY_S)
        status, data = ask(name, offset)
    if status == "BAD_ARGUMENT":
        raise L4vmError(f"no place of the board is called '{name}'", nearest(name, places(ask)), ExitCode.USAGE)
    if status in ("REFUSED", "UNKNOWN_OP"):
        hint = "an image with a [[server]] of program \"console\" has places to see: docs/device-servers.md"
        raise L4vmError("the board's image has no console server", hint, ExitCode.USAGE)
    if status != "OK":
        text = f"the console server did not answer in {ANSWER_S:g} s ({status})"
        raise L4vmError(text, "`l4vm ps` shows whether it runs")
    return data


def _cell(code: int, fore: int, back: int) -> bytes:
    """Return the pixels of a cell, red, green, blue, row after row."""
    colours = [colour.to_bytes(3, "big") for colour in (back & 0xFFFFFF, fore & 0xFFFFFF)]
    rows = bytearray(font.load().glyph(code & ~_UNDERLINED))
    if code & _UNDERLINED:
        rows[_UNDERLINE_ROW] = 0xFF
    return b"".join(colours[row >> bit & 1] for row in rows for bit in range(7, -1, -1))


def pixels(picture: Picture) -> tuple[int, int, bytes]:
    """Return width and height in pixels and red, green and blue of each."""
    if picture.kind is wire.PictureKind.PIXELS:
        body = b"".join((run[0] & 0xFFFFFF).to_bytes(3, "big") * count for run, count in picture.runs)
        return picture.width, picture.height, body
    cells = [cell for run, count in picture.runs for cell in [_cell(*run)] * count]
    line = font.WIDTH * 3
    body = b"".join(
        cell[y * line : (y + 1) * line]
        for row in range(picture.height)
        for y in range(font.HEIGHT)
        for cell in cells[row * picture.width : (row + 1) * picture.width]
    )
    return picture.width * font.WIDTH, picture.height * font.HEIGHT, body


def asker(on: str | None) -> Callable[[str, int], tuple[str, bytes]]:
    """Return a function that asks a running board for one piece: status and data."""
    from l4vm.console.door import knock

    def ask(name: str, offset: int) -> tuple[str, bytes]:
        answer: dict[str, Any] = knock(on, {"do": "picture", "name": name, "offset": offset})
        try:
            return str(answer["status"]), base64.b64decode(answer.get("data", ""), validate=True)
        except (KeyError, binascii.Error) as error:
            raise L4vmError("the conversation's door sent an answer that is none") from error

    return ask


@click.command()
@click.argument("name", required=False)
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@on_option
def command(name: str | None, file: Path | None, on: str | None) -> None:
    """Write what a place of a board's display shows to FILE, or list the places."""
    ask = asker(on)
    if name is None:
        click.echo("\n".join(places(ask)))
        return
    if file is None:
        raise L4vmError(f"screenshot {name}: no file to write", f"l4vm screenshot {name} out.png", ExitCode.USAGE)
    if file.suffix.lower() not in FORMATS:
        known = ", ".join(FORMATS)
        raise L4vmError(f"{file}: the ending '{file.suffix}' is no known format", f"known: {known}", ExitCode.USAGE)
    if len(name) > wire.PLACE_BYTES or not name.isascii():
        raise L4vmError(f"no place of the board is called '{name}'", nearest(name, places(ask)), ExitCode.USAGE)
    width, height, body = pixels(fetch(ask, name))
    if not width:
        raise L4vmError(f"{name}: the screen is off", "the guest has not set a mode yet; look again when it has booted")
    from PIL import Image

    try:
        Image.frombytes("RGB", (width, height), body).save(file, FORMATS[file.suffix.lower()])
    except OSError as error:
        raise L4vmError(f"{file}: {error.strerror or error}", "write to a folder that exists") from error
    click.echo(f"{file}: {width} x {height}", err=True)

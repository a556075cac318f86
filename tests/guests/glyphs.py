# SPDX-License-Identifier: MIT
"""Read text from a screen's pixels, by the shapes that the same guest drew for characters that are known.

Nothing here knows a font: the guest is told to write every printable character, their cells are taken as shapes, and
what it writes later is looked up among them. A cell that is like none of them reads as �.
"""

from __future__ import annotations

from l4vm.binding import Machine

ALPHABET = "".join(chr(n) for n in range(33, 127))
CELL_WIDTH, CELL_HEIGHT = 8, 16


def cells(machine: Machine) -> list[list[bytes]]:
    """Return rows of a guest's cells; of each a byte a pixel: is it lit?"""
    return cells_of(*machine.screen())


def cells_of(width: int, height: int, pixels: bytes) -> list[list[bytes]]:
    """Return rows of cells of a picture with three bytes a pixel."""
    lit = bytes(any(pixels[at : at + 3]) for at in range(0, len(pixels), 3))
    rows = []
    for top in range(0, height - CELL_HEIGHT + 1, CELL_HEIGHT):
        lines = [lit[y * width : (y + 1) * width] for y in range(top, top + CELL_HEIGHT)]
        rows.append([b"".join(line[x : x + CELL_WIDTH] for line in lines) for x in range(0, width, CELL_WIDTH)])
    return rows


def learn(rows: list[list[bytes]], text: str = ALPHABET) -> dict[bytes, str]:
    """Return the characters of shapes; `text` stands from the first cell on."""
    flat = [cell for row in rows for cell in row]
    shapes = dict(zip(flat, text, strict=False))
    assert len(shapes) == len(text), "two characters look the same, or nothing is shown"
    return shapes | {bytes(CELL_WIDTH * CELL_HEIGHT): " "}


def read(rows: list[list[bytes]], shapes: dict[bytes, str]) -> list[str]:
    """Return the lines of text, without the blanks at their ends."""
    return ["".join(shapes.get(cell, "�") for cell in row).rstrip() for row in rows]

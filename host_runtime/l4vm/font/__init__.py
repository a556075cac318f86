# SPDX-License-Identifier: MIT
"""The font of terminals on a display with pixels: GNU Unifont in 8 by 16, from the Debian package `psf-unifont`.

One source for both sides: the console server draws with the C tables made here, and what reads or draws a terminal's
picture on the workstation uses the same glyphs. Unifont is under the GPL 2 or newer with a font exception, or the SIL
Open Font License 1.1; it is not part of this repository, but images with a console server contain its glyphs.

Source of the format: PSF version 1, a header of four bytes (36 04, mode, height), the glyphs, and for each glyph the
characters that it shows as little-endian UTF-16 units up to FFFF (FFFE begins sequences, which are not used here).
"""

from __future__ import annotations

import functools
import gzip
from dataclasses import dataclass
from pathlib import Path

from l4vm.errors import L4vmError

PATH = Path("/usr/share/consolefonts/Unifont-APL8x16.psf.gz")
WIDTH, HEIGHT = 8, 16
UNKNOWN = 0xFFFD
"""The character that is drawn for one that the font does not have."""

_MAGIC, _MODE_512, _MODE_TABLE, _END, _SEQUENCE = b"\x36\x04", 1, 6, 0xFFFF, 0xFFFE


@dataclass(frozen=True)
class Font:
    """Glyphs by character: HEIGHT bytes each, the topmost row first, bit 7 the leftmost pixel."""

    glyphs: dict[int, bytes]

    def glyph(self, code: int) -> bytes:
        """Return the glyph of a character, that of UNKNOWN when there is none."""
        return self.glyphs.get(code, self.glyphs[UNKNOWN])

    def text(self, rows: list[bytes]) -> str:
        """Read one line of text back from its pixels: HEIGHT rows of as many bytes as it has characters.

        A glyph that several characters share reads as the least of them, an unknown one as U+FFFD.
        """
        known = {glyph: code for code, glyph in sorted(self.glyphs.items(), reverse=True)}
        shapes = zip(*rows, strict=True)
        return "".join(chr(known.get(bytes(shape), UNKNOWN)) for shape in shapes)


def parse(data: bytes, where: str) -> Font:
    """Parse a PSF font, packed or not.

    Raises:
        L4vmError: it is none, or not of this size, or has no characters.
    """
    raw = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    count = 512 if len(raw) > 2 and raw[2] & _MODE_512 else 256
    is_long = len(raw) >= 4 + count * HEIGHT
    if not is_long or raw[:2] != _MAGIC or raw[3] != HEIGHT or not raw[2] & _MODE_TABLE:
        raise L4vmError(
            f"{where}: not a PSF 1 font of {WIDTH} x {HEIGHT} with a character table", "install psf-unifont"
        )
    glyphs: dict[int, bytes] = {}
    units = memoryview(raw[4 + count * HEIGHT : len(raw) - len(raw) % 2]).cast("H").tolist()
    number, is_sequence = 0, False
    for unit in units:
        if unit == _END:
            number, is_sequence = number + 1, False
        elif unit == _SEQUENCE:
            is_sequence = True
        elif not is_sequence and number < count:
            glyphs.setdefault(unit, raw[4 + number * HEIGHT : 4 + (number + 1) * HEIGHT])
    if not {*range(ord(" "), 0x7F), UNKNOWN} <= glyphs.keys():
        raise L4vmError(f"{where}: the font lacks characters of ASCII, or U+FFFD", "install psf-unifont")
    return Font(glyphs)


@functools.cache
def load(path: Path = PATH) -> Font:
    """Read the font.

    Raises:
        L4vmError: it is not there; the sentence names its package.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise L4vmError(f"{path}: {error.strerror}", "install the Debian package psf-unifont, or run ./kit") from error
    return parse(data, str(path))


def header(font: Font) -> str:
    """Return the C tables: characters in rising order, and the glyph of each."""
    names = {"WIDTH": WIDTH, "HEIGHT": HEIGHT, "GLYPHS": len(font.glyphs), "UNKNOWN": UNKNOWN}
    sizes = ", ".join(f"FONT_{name} = {value}" for name, value in names.items())
    lines = [
        "/* Made by l4vm.font; the glyphs are GNU Unifont's. */",
        "#ifndef FONT_GEN_H",
        "#define FONT_GEN_H",
        "#include <stdint.h>",
        f"enum {{ {sizes} }};",
        "static const struct font_glyph { uint16_t code; uint8_t rows[FONT_HEIGHT]; } font_glyphs[FONT_GLYPHS] = {",
        *(f"    {{{code:#06x}, {{{', '.join(map(str, rows))}}}}}," for code, rows in sorted(font.glyphs.items())),
        "};",
        "#endif",
    ]
    return "\n".join(lines) + "\n"

# SPDX-License-Identifier: MIT
"""The font of terminals: what it has, how text reads back, and which files are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from l4vm import font
from l4vm.errors import L4vmError

SHOWN = "".join(map(chr, [*range(0x20, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)])) + "─│┌┐└┘├┤┬┴┼═█░▒▓←↑→↓◆"


def lines(text: str) -> list[bytes]:
    """Return a line of text as rows of pixels."""
    glyphs = [font.load().glyph(ord(character)) for character in text]
    return [bytes(glyph[y] for glyph in glyphs) for y in range(font.HEIGHT)]


def test_text_reads_back_from_its_pixels() -> None:
    assert font.load().text(lines(SHOWN)) == SHOWN


def test_a_character_that_it_lacks_is_drawn_as_unknown() -> None:
    assert font.load().glyph(0x1F600) == font.load().glyph(font.UNKNOWN)
    assert font.load().text([b"\x5a"] * font.HEIGHT) == chr(font.UNKNOWN)


def test_header_names_every_glyph_once_in_order() -> None:
    rows = [line for line in font.header(font.load()).splitlines() if line.startswith("    {0x")]
    codes = [int(row.split("{")[1].split(",")[0], 16) for row in rows]
    assert codes == sorted(font.load().glyphs)


@pytest.mark.parametrize("data", [b"", b"\x36\x04", b"\x36\x04\x03\x08" + bytes(8192), b"\x36\x04\x03\x10" + bytes(99)])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(L4vmError, match="not a PSF 1 font"):
        font.parse(data, "other.psf")


def test_a_font_without_ascii_is_refused() -> None:
    with pytest.raises(L4vmError, match="lacks characters"):
        font.parse(b"\x36\x04\x02\x10" + bytes(256 * 16) + b"\xff\xff" * 256, "other.psf")


def test_a_missing_font_names_its_package(tmp_path: Path) -> None:
    with pytest.raises(L4vmError, match="psf-unifont"):
        font.load(tmp_path / "none.psf.gz")

# SPDX-License-Identifier: MIT
"""Draw the rows of a benchmark as an SVG: a bar for each ratio, a line where both are equally fast.

Bars have a logarithmic length, so that twice as fast and half as fast are equally far from the line.
Source: W3C Scalable Vector Graphics 1.1, 9 (shapes) and 10 (text).
"""

from __future__ import annotations

import math
from html import escape

from l4vm.bench.translator import MEAN, Row

_LINE, _TOP, _LEFT, _WIDTH, _RIGHT = 18, 34, 190, 460, 70
_LOW, _HIGH = 0.25, 8.0
_TICKS = (0.25, 0.5, 1, 2, 4, 8)
_COLOURS = {"cpu": "#2a6fb0", "system": "#3f8f5f", "slow": "#b0702a"}


def _x(ratio: float) -> float:
    """Return where a ratio lies; those off the chart lie at its edge."""
    inside = min(max(ratio, _LOW), _HIGH)
    return _LEFT + _WIDTH * math.log(inside / _LOW) / math.log(_HIGH / _LOW)


def _text(x: float, y: float, words: str, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>'


def _bar(row: Row, y: float) -> list[str]:
    one, end = _x(1), _x(row.ratio)
    weight = "bold" if row.benchmark == MEAN else "normal"
    box = f'x="{min(one, end):.1f}" y="{y - 11:.1f}" width="{abs(end - one):.1f}" height="13"'
    return [
        _text(_LEFT - 8, y, f"{row.guest} {row.benchmark}", "end", weight),
        f'<rect {box} fill="{_COLOURS[row.kind]}"/>',
        _text(max(one, end) + 5, y, f"{row.ratio:.2f}", weight=weight),
    ]


def draw(rows: list[Row]) -> str:
    """Return the SVG text of a chart with one bar for each row, top to bottom."""
    height = _TOP + _LINE * len(rows) + 12
    width = _LEFT + _WIDTH + _RIGHT
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">']
    out.append(f'<rect width="{width}" height="{height}" fill="white"/>')
    for tick in _TICKS:
        x, stroke = _x(tick), "#444" if tick == 1 else "#ccc"
        out.append(f'<line x1="{x:.1f}" y1="{_TOP - 12}" x2="{x:.1f}" y2="{height - 6}" stroke="{stroke}"/>')
        out.append(_text(x, _TOP - 18, f"{tick:g}", "middle"))
    for index, row in enumerate(rows):
        out += _bar(row, _TOP + _LINE * (index + 0.75))
    return "\n".join([*out, "</svg>"]) + "\n"

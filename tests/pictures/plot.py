"""A small plot with two logarithmic axes, as the text of an SVG file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rxstream.testing import _svg as svg

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["plot"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 520.0, 16.0, 316.0
_COLOURS: Final = (svg.INK, svg.GREEN, svg.BLUE, svg.ORANGE, svg.RED, svg.PURPLE)
_MANTISSAS: Final = (1, 2, 5)
# Beyond so many only the powers of ten are drawn.
_TICKS: Final = 10


def plot(
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    title: str,
    x_title: str,
    y_title: str,
    y_label: Callable[[float], str],
    x_label: Callable[[float], str] = "{:g}".format,
    y_span: float = 1.0,
) -> str:
    """Draw points joined by lines; all values are greater than 0.

    The highest value of the vertical axis is at least `y_span` times the lowest, so that what is
    nearly flat looks so.
    """
    drawing = svg.Drawing(title)
    points = [point for line in series.values() for point in line]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    wider = max(y_span * min(ys) / max(ys), 1.0) ** 0.5
    ys += [min(ys) / wider, max(ys) * wider]
    x_of = _scale(xs, _LEFT, _RIGHT)
    y_of = _scale(ys, _BOTTOM, _TOP)
    for value in _ticks(xs):
        x = x_of(value)
        drawing.line((x, _TOP), (x, _BOTTOM), width=1, faint=True)
        drawing.text(x, _BOTTOM + 18, x_label(value), anchor="middle")
    for value in _ticks(ys):
        y = y_of(value)
        drawing.line((_LEFT, y), (_RIGHT, y), width=1, faint=True)
        drawing.text(_LEFT - 8, y + 4, y_label(value), anchor="end")
    drawing.text((_LEFT + _RIGHT) / 2, _BOTTOM + 40, x_title, anchor="middle")
    drawing.text(_RIGHT + 16, _TOP + 8, y_title)
    for number, (name, line) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        placed = [(x_of(x), y_of(y)) for x, y in line]
        drawing.line(*placed, colour=colour)
        for x, y in placed:
            drawing.marble(x, y, 4, colour, "", name)
        y = _TOP + 36 + 20 * number
        drawing.marble(_RIGHT + 21, y - 4, 5, colour, "", name)
        drawing.text(_RIGHT + 32, y, name, colour=colour)
    return drawing.svg(_BOTTOM + 52)


def _scale(values: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    low, high = math.log(min(values) / 1.2), math.log(max(values) * 1.2)

    def place(value: float) -> float:
        return start + (end - start) * (math.log(value) - low) / (high - low)

    return place


def _ticks(values: Sequence[float]) -> list[float]:
    low, high = min(values) / 1.2, max(values) * 1.2
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [mantissa * 10.0**decade for decade in decades for mantissa in _MANTISSAS]
    within = [tick for tick in ticks if low <= tick <= high]
    whole = [tick for tick in within if math.log10(tick).is_integer()]
    return whole if len(within) > _TICKS and len(whole) > 1 else within

"""The part of SVG that the diagrams need; the same input gives the same bytes."""

from __future__ import annotations

import re
from html import escape
from typing import Final

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "INK",
    "ORANGE",
    "PINK",
    "PURPLE",
    "RED",
    "TEAL",
    "WIDTH",
    "Drawing",
    "TimeAxis",
]

WIDTH: Final = 720

# Legible on white and on black, and under white letters.
INK: Final = "#767676"
BLUE: Final = "#2a6fd1"
GREEN: Final = "#2b8036"
GREY: Final = "#6e7580"
ORANGE: Final = "#a85d00"
PINK: Final = "#bf3989"
PURPLE: Final = "#8250df"
RED: Final = "#d1343b"
TEAL: Final = "#0a7f86"

# Characters that XML 1.0 cannot hold, escaped or not.
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_UNITS: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))
_STEPS: Final = (
    *(mantissa * 10.0**power for power in range(-6, 1) for mantissa in (1, 2, 5)),
    *(10.0, 20.0, 30.0),
    *(60.0 * minutes for minutes in (1, 2, 5, 10, 20, 30)),
    *(3_600.0 * hours for hours in (1, 2, 3, 6, 12)),
    *(86_400.0 * mantissa * 10.0**power for power in range(4) for mantissa in (1, 2, 5)),
)
_TICKS: Final = 8
_MILLISECONDS: Final = (1e-3, "ms")


class Drawing:
    """A drawing of shapes; later ones cover earlier ones. All numbers are pixels."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._shapes: list[str] = []

    def line(
        self,
        *points: tuple[float, float],
        colour: str = INK,
        width: float = 2,
        faint: bool = False,
    ) -> None:
        """Draw a line through points."""
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        fade = ' stroke-opacity=".3"' if faint else ""
        self._shapes.append(
            f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="{width:g}"{fade}/>'
        )

    def text(  # noqa: D417 -- x and y are x and y
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: str = "start",
        colour: str = INK,
        mono: bool = False,
    ) -> None:
        """Write a line of text.

        Args:
            text: Any text; what XML cannot hold becomes a replacement character.
            anchor: Which end of the text is at `x`: `start`, `middle` or `end`.
            colour: The colour of the letters.
            mono: Use a font of fixed width.
        """
        font = ' font-family="monospace"' if mono else ""
        side = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._shapes.append(
            f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}"{side}{font}>{_escaped(text)}</text>'
        )

    def marble(self, x: float, y: float, radius: float, colour: str, text: str, hint: str) -> None:
        """Draw a circle with letters on it, and a text for the mouse pointer."""
        self._shapes.append(
            f"<g><title>{_escaped(hint)}</title>"
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}"/>'
        )
        if text:
            self.text(x, y + 4, text, anchor="middle", colour="#ffffff")
        self._shapes.append("</g>")

    def svg(self, height: float) -> str:
        """Return the text of the SVG file."""
        shapes = "\n".join(self._shapes)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}"'
            f' viewBox="0 0 {WIDTH} {height:.0f}" role="img" font-family="sans-serif"'
            f' font-size="12">\n<title>{_escaped(self._title)}</title>\n{shapes}\n</svg>\n'
        )


class TimeAxis:
    """A horizontal axis of seconds, from 0 to `end`."""

    def __init__(self, end: float, left: float, right: float) -> None:
        self.left = left
        self.right = right
        self._end = end

    def x(self, at: float) -> float:
        """Return the position of a moment, in pixels."""
        return self.left + (self.right - self.left) * (at / self._end)

    def draw(self, drawing: Drawing, top: float, bottom: float) -> None:
        """Draw a faint line for each tick from top to bottom, and its time below."""
        step = next((each for each in _STEPS if each * _TICKS >= self._end), self._end)
        fallback = _MILLISECONDS if self._end < 1 else _UNITS[-1]
        size, unit = next((each for each in _UNITS if each[0] <= step), fallback)
        for number in range(int(self._end / step + 1e-9) + 1):
            at = number * step
            x = self.x(at)
            drawing.line((x, top), (x, bottom), width=1, faint=True)
            shown = f"{at / size:.6g} {unit}" if at else "0"
            drawing.text(x, bottom + 16, shown, anchor="middle")


def _escaped(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))

"""Marble diagrams of recordings: a line of text for an assertion, an SVG for a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._checks import seconds
from .._values import TaskSnapshot
from ._svg import BLUE, GREEN, GREY, ORANGE, PINK, PURPLE, RED, TEAL, Drawing, TimeAxis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ._virtual import Emission

__all__ = ["draw_marbles", "initial", "marbles"]

# Text: longer silences are written as seconds; longer items are cut.
_SILENCE = 20
_ITEM = 24
_RESERVED = "-|×()[] "

_KNOWN = {"p": ORANGE, "w": GREY, "r": BLUE, "C": GREEN, "F": RED, "E": RED}
_OTHERS = (PURPLE, TEAL, PINK, BLUE, ORANGE, GREEN)

# SVG, in pixels.
_LEFT, _RIGHT = 28.0, 664.0
_RADIUS, _DOT = 13.0, 4.0
_LANE = 2 * _RADIUS + 2
_LANES = 4
_TITLE = 88  # characters
_SHORT = 4  # characters


def initial(item: object) -> str:
    """The short form of an item: the initial of a snapshot's status, else its `str`.

    The initial of a final status is in upper case.

    Args:
        item: The item.
    """
    if not isinstance(item, TaskSnapshot):
        return str(item)
    first = item.status[:1]
    return first.upper() if item.is_done else first


def marbles(emissions: Sequence[Emission], *, step: float = 1.0) -> str:
    """Write a recording as one line: `p-r--C|`.

    Each step of time is one character: an item, or `-` if there was none. Several items of one step
    stand in parentheses. The end, `|` for completion and `×` for an error, comes after the items of
    its step. A snapshot is the initial of its status, in upper case for a final one. Other items
    longer than one character stand in brackets: `[42]`. More than 20 steps without an item are
    written as seconds: `p 3599s C|`.

    Args:
        emissions: What `VirtualTime.record` returned.
        step: The seconds that one character stands for.

    Raises:
        ValueError: `step` is 0, negative, NaN or infinite.
    """
    step = seconds(step, "step")
    if not step:
        msg = "step must be more than 0"
        raise ValueError(msg)
    columns: dict[int, list[str]] = {}
    end = ""
    for emission in emissions:
        # A little more than the quotient: 0.3 / 0.1 is 2.9999999999999996.
        items = columns.setdefault(int(emission.at / step + 1e-6), [])
        if emission.kind == "next":
            items.append(_written(emission.value))
        else:
            end = "|" if emission.kind == "completed" else "×"
    line, reached = "", 0
    for column, items in sorted(columns.items()):
        silence = column - reached + (not items)
        line += "-" * silence if silence <= _SILENCE else f" {silence * step:.10g}s "
        line += items[0] if len(items) == 1 else f"({''.join(items)})" if items else ""
        reached = column + 1
    return (line + end).strip()


def _written(item: object) -> str:
    text = _cut(" ".join(initial(item).split()), _ITEM)
    return text if len(text) == 1 and text not in _RESERVED else f"[{text}]"


def draw_marbles(
    rows: Mapping[str, Sequence[Emission]],
    *,
    until: float | None = None,
    label: Callable[[Any], str] = initial,
) -> str:
    """Draw recordings below each other on one axis of time, as the text of an SVG file.

    Circles are items (hover to read them in full), a bar is completion, a cross is an error. The
    same recordings give the same bytes. The picture is 720 pixels wide, and legible on light and
    dark.

    ::

        time = VirtualTime()
        seen = time.record(rx.timer(1.0).pipe(ops.map(str)))
        Path("timer.svg").write_text(draw_marbles({"timer": seen}))

    Args:
        rows: Recordings by title, from the top: sources first, the result last.
        until: Where the axis ends, in seconds; later emissions are left out. None: at the last
            emission.
        label: The few characters to write on an item.

    Raises:
        ValueError: `until` is NaN, infinite or negative.
    """
    last = max((emission.at for row in rows.values() for emission in row), default=0.0)
    end = last if until is None else seconds(until, "until")
    axis = TimeAxis(end or 1.0, _LEFT, _RIGHT)
    placed: list[_Row] = []
    bottom = 8.0
    for title, emissions in rows.items():
        row = _Row(title, [each for each in emissions if each.at <= end], axis, bottom)
        placed.append(row)
        bottom = row.bottom
    drawing = Drawing("; ".join(rows))
    axis.draw(drawing, 8.0, bottom)
    colours = dict(_KNOWN)
    for row in placed:
        row.draw(drawing, label, colours)
    return drawing.svg(bottom + 26)


class _Row:
    """One timeline: a line, its marbles in as many lanes as they need, and its end."""

    def __init__(
        self, title: str, emissions: Sequence[Emission], axis: TimeAxis, top: float
    ) -> None:
        self._title = (title, top + 14)
        self._items = [each for each in emissions if each.kind == "next"]
        self._end = next((each for each in emissions if each.kind != "next"), None)
        self._xs = [axis.x(each.at) for each in self._items]
        self._lanes = list(_lanes(self._xs))
        highest = max(self._lanes, default=0)
        self._y = top + 26 + _RADIUS + highest * _LANE
        self._stop = axis.right + 24
        if self._end is not None:
            on_line = [x for x, lane in zip(self._xs, self._lanes, strict=True) if lane == 0]
            self._stop = max(axis.x(self._end.at), on_line[-1] + _RADIUS + 10 if on_line else 0.0)
        failed = self._end is not None and self._end.kind == "error"
        self.bottom = self._y + _RADIUS + (24 if failed else 8)

    def draw(self, drawing: Drawing, label: Callable[[Any], str], colours: dict[str, str]) -> None:
        title, y = self._title
        drawing.text(_LEFT - 20, y, _cut(title, _TITLE), mono=True)
        drawing.line((_LEFT - 20, self._y), (self._stop, self._y))
        self._draw_end(drawing)
        for emission, x, lane in zip(self._items, self._xs, self._lanes, strict=True):
            text = label(emission.value)
            if text not in colours:
                colours[text] = _OTHERS[(len(colours) - len(_KNOWN)) % len(_OTHERS)]
            radius, shown = (_RADIUS, _cut(text, _SHORT)) if lane < _LANES else (_DOT, "")
            y = self._y - lane * _LANE
            drawing.marble(x, y, radius, colours[text], shown, f"{emission.at:.10g} s: {text}")

    def _draw_end(self, drawing: Drawing) -> None:
        x, y, end = self._stop, self._y, self._end
        if end is None:
            drawing.line((x - 7, y - 5), (x, y), (x - 7, y + 5))
        elif end.kind == "completed":
            drawing.line((x, y - _RADIUS - 3), (x, y + _RADIUS + 3), width=3)
        else:
            drawing.line((x - 8, y - 8), (x + 8, y + 8), colour=RED, width=3)
            drawing.line((x - 8, y + 8), (x + 8, y - 8), colour=RED, width=3)
            side, at = ("end", x + 8) if x > (_LEFT + _RIGHT) / 2 else ("start", x - 8)
            drawing.text(at, y + _RADIUS + 15, type(end.value).__name__, anchor=side)


def _lanes(xs: Sequence[float]) -> Iterator[int]:
    """Give each marble the lowest lane where it covers no other, or a last one for all the rest."""
    taken: list[float] = []
    for x in xs:
        free = (lane for lane, before in enumerate(taken) if x - before >= _LANE)
        lane = next(free, len(taken))
        if lane < _LANES:
            taken[lane : lane + 1] = [x]
        yield lane


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"

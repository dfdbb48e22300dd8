"""What a benchmark finds: tables and plots, and the one thing that can go wrong with it."""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Note", "Part", "Plot", "Table", "WrongResultError", "require", "show", "spread"]


class WrongResultError(Exception):
    """A benchmark came to a wrong result, so that its times mean nothing."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; its first column stands to the left, the others to the right."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """As plain text."""
        widths = [max(map(len, column)) for column in zip(self.headings, *self.rows, strict=True)]
        lines = [self.title]
        for row in (self.headings, ["-" * width for width in widths], *self.rows):
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            lines.append("  " + "  ".join(cells).rstrip())
        return "\n".join(lines)

    def markdown(self) -> str:
        """As Markdown."""
        rule = ["---", *("---:" for _ in self.headings[1:])]
        lines = [f"| {' | '.join(row)} |" for row in (self.headings, rule, *self.rows)]
        return "\n".join([f"{self.title}:", "", *lines])


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over two logarithmic axes, for the page; all values are greater than 0."""

    name: str
    """The name of its file, without the ending."""
    title: str
    x_title: str
    y_title: str
    unit: str
    """What stands behind a value of the vertical axis."""
    series: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Note:
    """A line of text."""

    line: str


Part: TypeAlias = Table | Plot | Note


def require(condition: object, message: str) -> None:
    """Check a result."""
    if not condition:
        raise WrongResultError(message)


def show(text: str = "") -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median, and smallest and largest."""
    middle = f"{statistics.median(values):,.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"

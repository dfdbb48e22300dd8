"""Everything that is generated, and where it stands in the documentation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from . import cadence
from .operators import DIAGRAMS, draw
from .plot import plot

__all__ = ["DOCS", "generated", "pictures"]

DOCS: Final = Path(__file__).parent.parent.parent / "docs"


def pictures() -> dict[str, str]:
    """The text of every picture, by the name of its file."""
    found = cadence.families()
    polls = "polls of a task, on average"
    return {
        "lateness.svg": plot(
            {name: [(each.polls, each.lateness) for each in line] for name, line in found.items()},
            title="Mean lateness in seconds against polls",
            x_title=polls,
            y_title="late, on average",
            y_label=lambda value: f"{value:g} s",
        ),
        "lateness-share.svg": plot(
            {name: [(each.polls, each.share) for each in line] for name, line in found.items()},
            title="Mean lateness as a share of the task's duration against polls",
            x_title=polls,
            y_title="late, share of duration",
            y_label=lambda value: f"{value:.0%}",
        ),
        **{f"{name}.svg": draw(name) for name in DIAGRAMS},
    }


def _with_tables(page: str) -> str:
    """Put each generated part between its two comments."""
    parts = {"cadences": cadence.table()}
    for name, part in parts.items():
        begin, end = f"<!-- generated: {name} -->", "<!-- end -->"
        page = re.sub(f"{begin}.*?{end}", f"{begin}\n{part}\n{end}", page, flags=re.DOTALL)
    return page


def generated() -> dict[Path, str]:
    """The text of every generated file and of every page with a generated part."""
    page = DOCS / "backoff.md"
    drawn = {DOCS / "pictures" / name: text for name, text in pictures().items()}
    return {**drawn, page: _with_tables(page.read_text(encoding="utf-8"))}

"""How late a cadence sees the end of a task, and for how many polls: simulated, and repeatable."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Final

from rxstream.backoff import Schedule, constant, exponential

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DURATIONS", "TABLE", "Cost", "cost", "families", "polls_at", "table"]

_TASKS: Final = 1_000
_LONGEST: Final = 3_600.0
# Spreads points evenly over 0 to 1 without any chance: the fractions of its multiples.
_GOLDEN: Final = 0.618033988749895

DURATIONS: Final = tuple(_LONGEST ** ((number + 0.5) * _GOLDEN % 1) for number in range(_TASKS))
"""Seconds from 1 to 3,600; as many from 1 to 2 as from 1,000 to 2,000 (log-uniform)."""

FIRST: Final = (0.5, 1, 2, 5, 10)
GROWTH: Final = (1.1, 1.2, 1.5, 2)

TABLE: Final[Sequence[Schedule]] = (
    constant(1),
    constant(10),
    constant(60),
    exponential(1, factor=1.1),
    exponential(1, factor=1.2),
    exponential(1, factor=1.5),
    exponential(1, factor=2),
    exponential(1, factor=1.1, maximum=30),
    exponential(1, factor=1.2, maximum=30),
    exponential(1, factor=1.2, maximum=60),
)


@dataclass(frozen=True)
class Cost:
    """What a cadence costs, over all tasks."""

    polls: float
    """Polls of a task, on average."""
    lateness: float
    """Seconds from the end of a task to the poll that sees it, on average."""
    share: float
    """The same as a share of the task's duration, on average."""
    worst: float
    """The longest lateness, in seconds."""


def polls_at(cadence: Schedule, until: float = _LONGEST) -> list[float]:
    """When a task is polled: at once, then after each pause, until the first poll at the end."""
    moments = [0.0]
    for pause in cadence():
        if moments[-1] >= until:
            break
        moments.append(moments[-1] + pause)
    return moments


def cost(cadence: Schedule, durations: Sequence[float] = DURATIONS) -> Cost:
    """Wait for tasks of these durations; an answer takes no time."""
    moments = polls_at(cadence, max(durations))
    seen = [bisect_left(moments, duration) for duration in durations]
    late = [moments[poll] - duration for poll, duration in zip(seen, durations, strict=True)]
    return Cost(
        polls=fmean(poll + 1 for poll in seen),
        lateness=fmean(late),
        share=fmean(each / duration for each, duration in zip(late, durations, strict=True)),
        worst=max(late),
    )


def families() -> dict[str, list[Cost]]:
    """The lines of the plots."""
    fixed = {"fixed, 1 s to 2 min": [constant(pause) for pause in (1, 2, 5, 10, 20, 30, 60, 120)]}
    growing = {
        f"×{factor}, first 0.5 s to 10 s": [exponential(first, factor) for first in FIRST]
        for factor in GROWTH
    }
    capped = {"×1.2, at most 5 s to 2 min": [exponential(1, 1.2, top) for top in (5, 10, 30, 120)]}
    return {
        name: [cost(cadence) for cadence in cadences]
        for name, cadences in (fixed | growing | capped).items()
    }


def table() -> str:
    """The table of the page, in Markdown."""
    lines = [
        "| cadence | polls of a task | late, on average | late, as a share | late, at worst |",
        "|---|---:|---:|---:|---:|",
    ]
    for cadence in TABLE:
        found = cost(cadence)
        lines.append(
            f"| `{cadence!r}` | {found.polls:,.0f} | {found.lateness:,.1f} s"
            f" | {found.share:.0%} | {found.worst:,.0f} s |"
        )
    return "\n".join(lines)

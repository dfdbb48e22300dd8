"""The rows of the table, and the laws that hold in each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from .servers import COUNTERS
from .simulation import Case

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .simulation import Found

__all__ = ["GROUPS", "LEAST_USED", "MOST_REFUSED", "QUICK", "broken_laws"]

LEAST_USED: Final = 0.9
MOST_REFUSED: Final = 0.01

_WRONG_CLOCKS: Final = [
    *[(f"{off:+g} s, no `Date`", {"clock_off": off, "date": "none"}) for off in (20, -20, 90, -90)],
    *[(f"{off:+g} s, `Date` by ours", {"clock_off": off, "date": "wrong"}) for off in (20, -90)],
]

GROUPS: Final[Mapping[str, Sequence[tuple[str, Case]]]] = {
    "processes": [
        (f"{counter}, {processes} process{'es' if processes > 1 else ''}", case)
        for counter in COUNTERS
        for processes in (1, 4, 16)
        for case in [Case(counter, processes=processes)]
    ],
    "others": [
        *[(counter, Case(counter, others=0.5)) for counter in COUNTERS],
        *[
            (f"{counter}, `reserve=0.5`", Case(counter, others=0.5, reserve=0.5))
            for counter in COUNTERS
            if "fixed" in counter
        ],
    ],
    "half": [(counter, Case(counter, tells=0.5)) for counter in COUNTERS],
    "clocks": [
        (f"{counter}, {title}", replace(Case(counter), **keywords))
        for counter in COUNTERS
        if "bucket" not in counter
        for title, keywords in _WRONG_CLOCKS
    ],
    "nothing": [(counter, Case(counter, limit=600, tells=0.0)) for counter in COUNTERS],
}
"""What is simulated, by the name of its table: the title and the case of each row."""

_SMALL: Final = Case("", limit=600, waits=600, longest=240.0)

QUICK: Final[Mapping[str, Case]] = {
    **{counter: replace(_SMALL, counter=counter) for counter in COUNTERS},
    "4 processes": replace(_SMALL, counter="sliding log, reset: now + 60 s", processes=4),
    "16 processes": replace(_SMALL, counter="fixed minute", processes=16),
    "others": replace(_SMALL, counter="fixed minute", others=0.5),
    "half": replace(_SMALL, counter="sliding log, reset: now + 60 s", tells=0.5),
    "a clock": replace(_SMALL, counter="fixed minute", clock_off=-20.0, date="none"),
    "nothing": replace(_SMALL, counter="fixed minute", tells=0.0, waits=900),
}
"""A few small ones, for the tests."""


def broken_laws(case: Case, found: Found) -> list[str]:
    """What does not hold, in words."""
    wrong: list[str] = []
    if found.lost:
        wrong.append(f"{found.lost} waits lost")
    if found.used < LEAST_USED:
        wrong.append(f"only {found.used:.1%} of the limit used")
    if case.tells and found.refused_share > MOST_REFUSED:
        wrong.append(f"{found.refused_share:.1%} of the polls answered with a 429")
    return wrong

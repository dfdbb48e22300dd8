"""`by_answer`: pauses that are chosen by the last answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from .._checks import function
from ._schedule import Delays, Duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._values import TaskSnapshot

__all__ = ["ByAnswer", "PollInterval", "by_answer"]


@dataclass(frozen=True, slots=True, repr=False)
class ByAnswer:
    """What `by_answer` gives: it serves as `poll_interval`, and as nothing else."""

    choose: Callable[[TaskSnapshot], Duration]
    """Gives the pause after an answer."""

    def __repr__(self) -> str:
        return f"by_answer({self.choose!r})"


PollInterval: TypeAlias = Duration | Delays | ByAnswer
"""What can be a `poll_interval`: seconds, a timedelta, a schedule, or `by_answer(…)`."""


def by_answer(choose: Callable[[TaskSnapshot], Duration]) -> ByAnswer:
    """Let the last answer choose the pause until the next poll.

    ::

        cadence = backoff.by_answer(lambda snapshot: 1 if snapshot.status == "running" else 5)

    It serves as `poll_interval`. What it gives is checked after each answer: a pause that is NaN,
    infinite, negative or no duration ends the wait with a `ValueError` or `TypeError`. So does an
    exception of `choose`, with that exception.

    Args:
        choose: Called with each snapshot of a task that is not done. It returns the pause until the
            next poll: seconds, or a timedelta. It runs where your consumer runs, so it must not
            block.

    Raises:
        TypeError: `choose` cannot be called.
    """
    function(choose, "choose")
    return ByAnswer(choose)

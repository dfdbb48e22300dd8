"""The progress of many waits, and how long the rest will take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .._values import TaskOutcome
from ..errors import TaskTimeoutException

if TYPE_CHECKING:
    from .._gate.gate import Gate
    from .._gate.statistics import GateStatistics
    from .._time.clock import Clock

__all__ = ["Progress", "Tally"]

# Stream counts by the minute, and tells only when the current minute ends.
_WINDOW: Final = 60.0


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of many waits at one moment."""

    done: int
    """How many have ended, in whatever way."""
    completed: int
    """How many of them completed."""
    failed: int
    """How many of them ended in an error other than their deadline.

    Tasks that failed, polls that Stream refused, ids that were empty, waits that were cancelled.
    """
    timed_out: int
    """How many of them ended at their deadline (`TaskTimeoutException`)."""
    total: int | None
    """How many there will be, or None if unknown; never less than `done`."""
    elapsed: float
    """Seconds since subscribing."""
    eta: float | None
    """Seconds until all will have ended, or None while it is unknown."""


class Tally:
    """Counts outcomes. One thread at a time may add to it; any thread may read it."""

    __slots__ = (
        "_clock",
        "_completed",
        "_failed",
        "_gate",
        "_started",
        "_timed_out",
        "_total",
        "_waited",
    )

    def __init__(self, total: int | None, gate: Gate | None, clock: Clock) -> None:
        self._total = total
        self._gate = gate
        self._clock = clock
        self._started = clock.now()
        self._completed = 0
        self._failed = 0
        self._timed_out = 0
        self._waited = 0

    def add(self, outcome: object) -> None:
        """Count one outcome.

        Raises:
            TypeError: It is not an outcome.
        """
        if not isinstance(outcome, TaskOutcome):
            msg = (
                f"progress counts TaskOutcome items, not {type(outcome).__name__}: "
                "use it directly after tasks_observable or settle, before other operators"
            )
            raise TypeError(msg)
        if outcome.error is None:
            self._completed += 1
        elif isinstance(outcome.error, TaskTimeoutException):
            self._timed_out += 1
        else:
            self._failed += 1
        # An id that was refused at once says nothing about how long the others take.
        if outcome.polls or outcome.elapsed:
            self._waited += 1

    def progress(self, statistics: GateStatistics | None = None) -> Progress:
        """Return the progress now.

        Args:
            statistics: The gate's, if you have them already.
        """
        completed, failed, timed_out = self._completed, self._failed, self._timed_out
        done = completed + failed + timed_out
        total = None if self._total is None else max(self._total, done)
        elapsed = max(self._clock.now() - self._started, 0.0)
        eta: float | None = None
        if total is not None and total == done:
            eta = 0.0
        elif total is not None and self._waited and elapsed:
            by_pace = elapsed / self._waited * (total - done)
            eta = max(by_pace, self.at_least(total - done, statistics))
        return Progress(done, completed, failed, timed_out, total, elapsed, eta)

    def at_least(self, left: int, statistics: GateStatistics | None = None) -> float:
        """Seconds that the rate limit needs for one more poll of each wait that is left."""
        if statistics is None and self._gate is not None:
            statistics = self._gate.statistics()
        if statistics is None:
            return 0.0
        own = left / statistics.per_minute * _WINDOW if statistics.per_minute else 0.0
        return max(own, _at_least(left, statistics))


def _at_least(left: int, gate: GateStatistics) -> float:
    opens = gate.closed_for
    if not gate.limit:
        return opens
    if not gate.reset_after:  # the window is over, and nothing is known of the next one yet
        here, ends = gate.limit, opens + _WINDOW
    elif opens >= gate.reset_after:
        here, ends = 0, opens
    else:
        here, ends = gate.remaining or 0, gate.reset_after
    if left > here:
        return ends + (left - here) / gate.limit * _WINDOW
    # Polls that are paced reach the end of the window with the last one that is left in it.
    return max(opens, gate.paced_for * left / here) if here else opens

"""How long until the next poll of one wait: two schedules, each with a budget of its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, cast

from .._checks import begun, seconds
from .._wire.failures import add_gave_up_note, is_transient, named_delay
from ..backoff import ByAnswer
from ..errors import StreamRateLimitException

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._gate.admission import Admission
    from .._values import TaskSnapshot
    from ..backoff import Delays

__all__ = ["LAST_POLL", "WAKE_EVERY", "Pauses"]

LAST_POLL: Final = 0.05
"""What the last poll before a deadline gets to be answered, besides twice the last round trip."""
WAKE_EVERY: Final = 1.0
"""The shortest time between two polls of a task that events ask for, however many there are."""


class Pauses:
    """The cadence after good answers and the back-off after failed ones."""

    __slots__ = (
        "_cadence",
        "_delay",
        "_delays",
        "_gate",
        "_is_last",
        "_retries",
        "_retry",
        "_tries",
    )

    def __init__(
        self, cadence: Delays | ByAnswer | float, retry: Delays | None, gate: Admission
    ) -> None:
        self._cadence = cadence
        self._retry = retry
        self._gate = gate
        self._delays: Iterator[float] | None = None
        self._delay: float | None = None
        self._retries: Iterator[float] | None = None
        self._tries = 0
        self._is_last = False

    def after(
        self,
        snapshot: TaskSnapshot | None,
        error: BaseException | None,
        left: float,
        round_trip: float,
    ) -> float | None:
        """The pause after a poll; None if its error ends the wait.

        It is infinite if no further poll can be answered in time.

        Args:
            snapshot: The answer, or None after a failed poll.
            error: What went wrong, or None after a good answer. It may name a pause, which wins
                over the schedule.
            left: Seconds until the deadline.
            round_trip: Seconds that the call took.

        Raises:
            TypeError: A schedule or `by_answer` gave something that is no number.
            ValueError: One of them gave something that is no delay, or the cadence gave nothing.
            Exception: What `choose` of `by_answer` raised.
        """
        if error is not None:
            return self._after_error(error, left, round_trip)
        self._retries = None
        self._tries = 0
        cadence = self._cadence
        if callable(cadence):
            cadence = self._next(cadence)
        elif isinstance(cadence, ByAnswer):
            chosen = cadence.choose(cast("TaskSnapshot", snapshot))
            cadence = seconds(chosen, "the pause that choose of by_answer returns")
        return self._cut_short(cadence, left, round_trip)

    def _next(self, cadence: Delays) -> float:
        if self._delays is None:
            self._delays = begun(cadence, "poll_interval")
        # A schedule that has run out keeps its last delay.
        self._delay = next(self._delays, self._delay)
        if self._delay is None:
            msg = "poll_interval gave no delay at all"
            raise ValueError(msg)
        return seconds(self._delay, "a delay of poll_interval")

    def _after_error(self, error: BaseException, left: float, round_trip: float) -> float | None:
        if self._retry is None or not is_transient(error):
            return None
        if isinstance(error, StreamRateLimitException):
            # All waits together were too fast, and the gate holds them up: it is no failure of this
            # one, whose budget is for those.
            return self._gate.statistics().closed_for
        if self._retries is None:
            self._retries = begun(self._retry, "retry")
        self._tries += 1
        delay = next(self._retries, None)
        if delay is None:
            add_gave_up_note(error, f"{self._tries} failed polls in a row")
            return None
        planned = seconds(delay, "a delay of retry")
        longest = self._gate.longest_pause
        return named_delay(error, longest) or self._cut_short(planned, left, round_trip)

    def _cut_short(self, delay: float, left: float, round_trip: float) -> float:
        """Make room for one last poll before the deadline, and for none after that."""
        latest = max(left - LAST_POLL - 2 * round_trip, left / 2)
        if delay <= latest:
            return delay
        if self._is_last:
            return math.inf
        self._is_last = True
        return max(latest, 0.0)

"""How long until the next poll of one wait: two schedules, counted separately."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from .._checks import seconds
from .._wire.failures import add_gave_up_note, is_transient, named_delay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..backoff import Delays

__all__ = ["Pauses"]

# The time for the last poll before a deadline, besides twice the last round trip.
_LAST_POLL: Final = 0.05


class Pauses:
    """The cadence after good answers and the back-off after failed ones."""

    __slots__ = ("_cadence", "_delay", "_delays", "_is_last", "_retries", "_retry", "_tries")

    def __init__(self, cadence: Delays | float, retry: Delays | None) -> None:
        self._cadence = cadence
        self._retry = retry
        self._delays: Iterator[float] | None = None
        self._delay: float | None = None
        self._retries: Iterator[float] | None = None
        self._tries = 0
        self._is_last = False

    def after(self, error: BaseException | None, left: float, round_trip: float) -> float | None:
        """The pause after a poll; None if its error ends the wait.

        It is infinite if no further poll can be answered in time.

        Args:
            error: What went wrong, or None after a good answer. It may name a pause, which wins
                over the schedule.
            left: Seconds until the deadline.
            round_trip: Seconds that the call took.

        Raises:
            TypeError: A schedule gave something that is not a number.
            ValueError: A schedule gave a bad delay, or the cadence gave none.
        """
        if error is not None:
            return self._after_error(error, left, round_trip)
        self._retries = None
        self._tries = 0
        cadence = self._cadence
        delay = self._next(cadence) if callable(cadence) else cadence
        return self._cut_short(delay, left, round_trip)

    def _next(self, cadence: Delays) -> float:
        if self._delays is None:
            self._delays = cadence()
        # A schedule that has run out keeps its last delay.
        self._delay = next(self._delays, self._delay)
        if self._delay is None:
            msg = "poll_interval gave no delay"
            raise ValueError(msg)
        return seconds(self._delay, "a delay of poll_interval")

    def _after_error(self, error: BaseException, left: float, round_trip: float) -> float | None:
        if self._retry is None or not is_transient(error):
            return None
        if self._retries is None:
            self._retries = self._retry()
        self._tries += 1
        delay = next(self._retries, None)
        if delay is None:
            add_gave_up_note(error, f"{self._tries} failed polls in a row")
            return None
        planned = seconds(delay, "a delay of retry")
        return named_delay(error) or self._cut_short(planned, left, round_trip)

    def _cut_short(self, delay: float, left: float, round_trip: float) -> float:
        """Shorten a pause so that one last poll fits before the deadline."""
        latest = max(left - _LAST_POLL - 2 * round_trip, left / 2)
        if delay <= latest:
            return delay
        if self._is_last:
            return math.inf
        self._is_last = True
        return max(latest, 0.0)

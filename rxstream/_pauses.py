"""How long until the next poll of one wait: two schedules, each with a budget of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ._checks import seconds
from .errors import StreamApiException, StreamRateLimitException

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .backoff import Delays

__all__ = ["Pauses", "Plan", "named_delay"]

# What the last poll before a deadline gets to be answered, besides twice the last round trip.
_LAST_POLL: Final = 0.05


@dataclass(frozen=True, slots=True)
class Plan:
    """How to wait, whatever the task; times in seconds."""

    cadence: Delays | float
    timeout: float | None
    retry: Delays | None


class Pauses:
    """The cadence after good answers and the back-off after failed ones."""

    __slots__ = ("_back_off", "_cadence", "_delay", "_delays", "_is_last", "_retries", "_tries")

    def __init__(self, plan: Plan) -> None:
        self._cadence = plan.cadence
        self._back_off = plan.retry
        self._delays: Iterator[float] | None = None
        self._delay: float | None = None
        self._retries: Iterator[float] | None = None
        self._tries = 0
        self._is_last = False

    def after_answer(self, left: float, round_trip: float) -> float:
        """The pause after a good answer; infinite if no further poll can be answered in time.

        Args:
            left: Seconds until the deadline.
            round_trip: Seconds that the last answer took.

        Raises:
            TypeError: The schedule gave something that is no number.
            ValueError: The schedule gave nothing, or something that is no delay.
        """
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
            msg = "poll_interval gave no delay at all"
            raise ValueError(msg)
        return seconds(self._delay, "a delay of poll_interval")

    def after_error(self, error: BaseException, left: float, round_trip: float) -> float | None:
        """The pause after a failed poll; None if there is to be no further one.

        Args:
            error: What went wrong; it may name a pause, which wins over the schedule.
            left: Seconds until the deadline.
            round_trip: Seconds that the failed attempt took.

        Raises:
            TypeError: The schedule gave something that is no number.
            ValueError: The schedule gave something that is no delay.
        """
        if self._back_off is None:
            return None
        if self._retries is None:
            self._retries = self._back_off()
        self._tries += 1
        delay = next(self._retries, None)
        if delay is None:
            error.add_note(f"rxstream gave up after {self._tries} failed polls in a row")
            return None
        planned = seconds(delay, "a delay of retry")
        return named_delay(error) or self._cut_short(planned, left, round_trip)

    def _cut_short(self, delay: float, left: float, round_trip: float) -> float:
        """Make room for one last poll before the deadline, and for none after that."""
        latest = max(left - _LAST_POLL - 2 * round_trip, left / 2)
        if delay <= latest:
            return delay
        if self._is_last:
            return math.inf
        self._is_last = True
        return max(latest, 0.0)


def named_delay(error: BaseException) -> float:
    """The pause that the server asks for: `Retry-After`, else the window's end; 0 for none."""
    if isinstance(error, StreamApiException):
        if error.retry_after is not None:
            return error.retry_after.total_seconds()
        window = error.rate_limit
        # A 429 while requests are left comes from another limit, of which this window says nothing.
        if isinstance(error, StreamRateLimitException) and window and window.remaining <= 0:
            return window.reset_after.total_seconds()
    return 0.0

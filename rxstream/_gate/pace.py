"""How fast: what a rate limit allows, as arithmetic over moments of one clock.

The requests of a window must last until it ends. At any moment a share of those that are left is
kept for other calls of the application; towards the end, polls use what those calls did not::

    requests left
    limit ┤╲ quickly, as long as the budget is ahead of time
      3/4 ┤ ╲__
          │    ╲___ spread over the time that is left
          │        ╲___
        0 ┼────────────╲── window's end
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from .._values import RateLimitInfo

__all__ = ["Pace"]

# The share of a window that may be used early, so that a few waits are not slowed down.
_AHEAD: Final = 0.25
# Early polls go this many times as fast as evenly spread ones, and not all at once.
_HASTE: Final = 4
# Stream counts by the minute: if a window seems much longer, a clock is wrong.
_LONGEST: Final = 120.0
# A shorter spacing would only cost timers.
_GRAIN: Final = 0.005
# Clocks round to the microsecond.
_TICK: Final = 1e-6


class Pace:
    """When the next poll may be sent. Not thread-safe."""

    __slots__ = (
        "_closed_until",
        "_credit",
        "_ends_at",
        "_queueing_since",
        "_sent_at",
        "_share",
        "_window",
        "_window_id",
        "limit",
        "refused",
        "remaining",
    )

    def __init__(self, reserve: float) -> None:
        self._share = 1 - reserve
        self._closed_until = -math.inf
        self._sent_at = -math.inf
        self._queueing_since = -math.inf
        self._ends_at = -math.inf
        self._window = 0.0
        self._window_id: datetime | None = None
        self._credit = 0
        self.limit: int | None = None
        """Requests in a window, as the newest answer said."""
        self.remaining: int | None = None
        """Requests left in the window, as the newest answer said."""
        self.refused = 0
        """How many answers were a 429."""

    def queueing(self, now: float) -> None:
        """Remember when polls began to wait."""
        self._queueing_since = now

    def pause(self, now: float, queued: int) -> float:
        """How long until the next poll may be sent; 0 or less: now.

        Args:
            now: The moment.
            queued: How many polls wait.
        """
        if self.limit is None:
            return self._closed_until - now
        spacing = self._spacing(now, self.limit, queued)
        return max(self._closed_until, self._sent_at + spacing) - now

    def sent(self, now: float) -> None:
        """Count a poll."""
        self._sent_at = now
        self._credit -= 1

    def learn(self, now: float, said: RateLimitInfo, in_flight: int) -> None:
        """Take the rate limit from an answer.

        Args:
            now: The moment.
            said: The rate limit of the answer.
            in_flight: Polls that are under way, and may not be counted in it yet.
        """
        if said.limit <= 0:
            return
        remaining = said.remaining
        after = min(said.reset_after.total_seconds(), _LONGEST)
        if said.reset == self._window_id and self.remaining is not None:
            # Answers may overtake each other.
            remaining = min(remaining, self.remaining)
        else:
            self._window_id, self._window = said.reset, after
        self._ends_at = now + after
        self.limit, self.remaining = said.limit, remaining
        self._credit = remaining - in_flight

    def refuse(self, now: float, seconds: float, said: RateLimitInfo | None) -> None:
        """Take in a 429.

        Args:
            now: The moment.
            seconds: How long the server wants no polls; 0: it named no time.
            said: The rate limit of the answer.
        """
        self.refused += 1
        if seconds > 0:
            self._closed_until = max(self._closed_until, now + seconds)
        if said is not None and said.limit > 0:
            self.limit, self.remaining = said.limit, said.remaining
            self._window_id = said.reset
            self._window = max(self._window, min(said.reset_after.total_seconds(), _LONGEST))
            # The named pause ends the window, whatever its headers say.
            self._ends_at = self._closed_until
            self._credit = 0

    def close(self, now: float, seconds: float) -> None:
        """Let nobody poll for a while."""
        self._closed_until = max(self._closed_until, now + seconds)

    def shift(self, seconds: float) -> None:
        """Carry all moments over to another clock."""
        self._closed_until += seconds
        self._sent_at += seconds
        self._queueing_since += seconds
        self._ends_at += seconds

    def closed_for(self, now: float) -> float:
        """Seconds until a poll may go out; 0.0 if the limit allows one now."""
        end = self._closed_until
        if self.limit is not None and self._credit < 1:
            end = max(end, self._ends_at)
        return max(end - now, 0.0)

    def paced_for(self, now: float) -> float:
        """Seconds until the end of a window in which polls are being spread, else 0.0."""
        left = self._ends_at - now
        return left if self.limit is not None and left > 0 and self._is_low(left) else 0.0

    def reset_after(self, now: float) -> float | None:
        """Seconds until the window ends; None if no window is known."""
        left = self._ends_at - now
        return left if left > 0 else None

    def _is_low(self, left: float) -> bool:
        """Whether more requests were used early than `_AHEAD` allows."""
        limit = self.limit or 0
        return self._credit * self._window < (1 - _AHEAD) * limit * left

    def _spacing(self, now: float, limit: int, queued: int) -> float:
        left = self._ends_at - now
        till_end = self._ends_at - self._sent_at
        if left <= _TICK:
            # One poll at once asks for the new window; until its answer, the even pace of the old.
            return 0.0 if till_end > _TICK else self._window / (limit * self._share)
        if self._credit < 1:
            return till_end
        # Early requests are of no use to a large batch that has just begun.
        is_new = queued > _AHEAD * limit and now - self._queueing_since < self._window
        if not is_new and not self._is_low(left):
            hasty = self._window / (limit * self._share * _HASTE)
            return hasty if hasty > _GRAIN else 0.0
        return min(left / (self._credit * self._share), till_end)

"""How fast: what a rate limit allows, as arithmetic over moments of one clock.

A budget is to last until its window ends. A part of what is left is kept for other calls of the
same application at any moment, and what they did not use comes back towards the end::

    requests left
    limit ┤╲ quickly, as long as the budget is ahead of time
      3/4 ┤ ╲__
          │    ╲___ spread over the time that is left
          │        ╲___
      2 % ┼────────────╲── window's end

A level is polled evenly at the limit, and more slowly the less is left above it.

Others use the same limit: other calls, other processes. Polls go by the part of what is used that
is ours, so that several processes that know nothing of each other do not add up to several times
the pace.

A rate of the gate's own holds beside all that: polls are never closer than it says.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from .closing import Closing
from .statistics import GateStatistics
from .window import WINDOW, Window

if TYPE_CHECKING:
    from .._values import RateLimitInfo

__all__ = ["Pace"]

# Of the limit: never spent, since others of whom nothing is known yet poll at the same time.
_UNSPENT: Final = 0.02
# A part of that is for asking whether there is more, in so many seconds at least.
_ASKED: Final = 0.1
_ASKING: Final = 10.0
# So much of a window's budget may be spent ahead of time: a few waits need not be slowed down.
_AHEAD: Final = 0.25
# Ahead of time it goes so many times as fast as evenly, and not in step.
_HASTE: Final = 4
# A spacing below that would only be work for the clock.
_GRAIN: Final = 0.005
# Clocks round to the microsecond.
_TICK: Final = 1e-6
# Our part of what is used is taken for a tenth at least, and for a bit more than it is, so that
# what others leave is not wasted.
_LEAST_PART: Final = 0.1
_GROWTH: Final = 1.1
# A level with more left than it holds is polled a bit faster than evenly, till it is used again.
_CATCH_UP: Final = 1.1


class Pace:
    """When the next poll may be sent. Not thread-safe."""

    __slots__ = (
        "_closing",
        "_credit",
        "_own_spacing",
        "_per_minute",
        "_queueing_since",
        "_recent",
        "_sent_at",
        "_share",
        "longest_pause",
        "refused",
        "window",
    )

    def __init__(self, reserve: float, longest_pause: float, per_minute: int | None = None) -> None:
        self._share = 1 - reserve
        self._per_minute = per_minute
        # Each poll may go out a tick early, and a minute must not hold one more for it.
        self._own_spacing = 0.0 if per_minute is None else WINDOW / per_minute + 2 * _TICK
        self.longest_pause: Final = longest_pause
        self._closing = Closing(longest_pause)
        self._sent_at = -math.inf
        self._queueing_since = -math.inf
        self._credit = 0
        self._recent = 0.0
        self.window: Final = Window()
        self.refused = 0
        """How many answers were a 429."""

    def queueing(self, now: float) -> None:
        """Remember since when polls have had to wait."""
        self._queueing_since = now

    def pause(self, now: float, queued: int) -> float:
        """How long until the next poll may be sent; 0 or less: now.

        Args:
            now: The moment.
            queued: How many polls wait.
        """
        if not self.window.limit:
            spacing = 0.0
        elif self.window.is_level:
            spacing = self._level_spacing()
        else:
            spacing = self._budget_spacing(now, queued)
        spacing = max(spacing, self._own_spacing)
        return max(self._closing.until, self._sent_at + spacing) - now

    def sent(self, now: float) -> None:
        """Count a poll."""
        passed = max(now - self._sent_at, 0.0)
        self._recent = self._recent * math.exp(-passed / WINDOW) + 1
        self._sent_at = now
        self._credit -= 1

    def answered(self, now: float, said: RateLimitInfo | None, in_flight: int) -> None:
        """Take in an answer that was no 429.

        Args:
            now: The moment.
            said: What it said of the limit.
            in_flight: Polls that are under way, and may not be counted in it yet.
        """
        if not self._learn(now, said, in_flight) and self.window.is_level:
            # Meanwhile as much has come back, as far as anybody knows.
            self._credit += 1

    def succeeded(self) -> None:
        """Take in that an answer was a good one."""
        self._closing.succeeded()

    def refuse(
        self, now: float, seconds: float, said: RateLimitInfo | None, in_flight: int
    ) -> None:
        """Take in a 429.

        Args:
            now: The moment.
            seconds: How long the server wants no more polls; 0: it named no time.
            said: What it said of the limit.
            in_flight: Polls that are under way.
        """
        self.refused += 1
        learned = self._learn(now, said, in_flight)
        window = self.window
        if seconds <= 0 and learned and window.remaining <= 0 and not window.is_level:
            seconds = window.ends_at - now
        if seconds > 0:
            self._closing.close(now, seconds)
            # Whatever the window says, the pause that was named is the end of it.
            window.ends_at = self._closing.until
        else:
            self._closing.back_off(now)

    def _learn(self, now: float, said: RateLimitInfo | None, in_flight: int) -> bool:
        window = self.window
        is_first = not window.limit
        if said is None or not window.learn(now, said):
            return False
        self._credit = window.remaining - in_flight
        if is_first:
            # Whose it was that is used nobody knows yet.
            self._recent = max(self._recent, window.limit - window.remaining)
        return True

    def close(self, now: float, seconds: float) -> None:
        """Let nobody poll for a while."""
        self._closing.close(now, seconds)

    def shift(self, seconds: float) -> None:
        """Carry all moments over to another clock."""
        self._closing.shift(seconds)
        self._sent_at += seconds
        self._queueing_since += seconds
        self.window.shift(seconds)

    def statistics(self, now: float, in_flight: int, queued: int) -> GateStatistics:
        """What is known of the limit, and what it makes of polls."""
        window = self.window
        left = window.ends_at - now
        reset_after = left if left > 0 and not window.is_level else None
        closed_for = self._closing.until - now
        if window.limit and reset_after is not None and self._credit < 1:
            closed_for = max(closed_for, reset_after)
        is_paced = window.limit and reset_after is not None and self._is_low(reset_after)
        return GateStatistics(
            in_flight=in_flight,
            queued=queued,
            closed_for=max(closed_for, 0.0),
            paced_for=left if is_paced else 0.0,
            limit=window.limit or None,
            remaining=window.remaining if window.limit else None,
            reset_after=reset_after,
            rate_limited=self.refused,
            per_minute=self._per_minute,
        )

    def _is_low(self, left: float) -> bool:
        """Whether the budget is spent further than `_AHEAD` of the time."""
        return self._credit * WINDOW < (1 - _AHEAD) * self.window.limit * left

    def _part(self) -> float:
        """Which part of what is used is ours, from 0.0 to 1.0: others poll too.

        It is an estimate; whoever knows it better needs to say so only here.
        """
        used = self.window.limit - self.window.remaining
        return min(max(self._recent * _GROWTH / max(used, 1), _LEAST_PART), 1.0)

    def _budget_spacing(self, now: float, queued: int) -> float:
        window = self.window
        limit, left, till_end = window.limit, window.ends_at - now, window.ends_at - self._sent_at
        even = WINDOW / (limit * self._share)
        if left <= _TICK:
            # One poll at once asks for the new window; until its answer, the even pace of the old.
            return 0.0 if till_end > _TICK else even
        if self._credit < 1:
            return till_end
        spare = self._credit - int(_UNSPENT * limit)
        if spare < 1:
            return min(max(left, _ASKING) / (_ASKED * self._credit), till_end)
        hasty = even / self._part() / _HASTE
        # A large batch that has only begun would find next to nothing ahead of time.
        is_new = queued > _AHEAD * limit and now - self._queueing_since < WINDOW
        if not is_new and not self._is_low(left if window.saw_begin else WINDOW):
            return hasty if hasty > _GRAIN else 0.0
        evenly = left / (spare * self._share * self._part())
        # Of which kind the limit is shows at the first reset; till then no faster than the limit.
        return max(min(evenly, till_end), hasty if window.saw_begin else even)

    def _level_spacing(self) -> float:
        limit = self.window.limit
        even = WINDOW / limit / self._part()
        if self._credit > (1 - _AHEAD) * limit:
            return even / _HASTE
        spare = self._credit - int(_UNSPENT * limit)
        if spare < 1:
            return min(even * limit / max(self._credit, 1), _ASKING)
        # What is held at the limit's full pace is half the reserve: about what a budget keeps.
        level = max((1 - self._share) / 2, _UNSPENT) * limit
        return even * max(level / spare, 1 / _CATCH_UP)

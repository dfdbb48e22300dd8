"""What answers tell of the rate limit: how much is left, when it is renewed, and of which kind.

A limit is a budget or a level. A budget's reset stays where it is until the window ends, and then
moves on by a window. A level's reset moves all the time, because what was used comes back bit by
bit: a sliding window, a token bucket. So does a counter that weighs in the window before, whose
new windows begin with nothing left.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from .._values import RateLimitInfo

__all__ = ["WINDOW", "Window"]

WINDOW: Final = 60.0
"""Stream counts by the minute. What is left of it when it is first seen is not its length."""

# Resets are rounded to seconds, and servers' clocks differ: a reset that moves by less stands.
_ROUNDING: Final = 2.0
# A reset that moves by so much is that of a new window.
_NEW: Final = 30.0
# A new window with less than that left is a level's; one with more than the rest is a budget's.
_EMPTY: Final = 0.1
# What arithmetic with seconds may lose of a request.
_TINY: Final = 1e-6
# A limit beyond that is none.
_MOST: Final = 10**9


class Window:
    """The rate limit, as far as answers have told. Not thread-safe."""

    __slots__ = (
        "_heard_at",
        "_left",
        "_reset",
        "_seen_at",
        "ends_at",
        "is_level",
        "limit",
        "saw_begin",
    )

    def __init__(self) -> None:
        self._heard_at = self._seen_at = -math.inf
        self._reset: datetime | None = None
        self.ends_at = -math.inf
        """When the budget is renewed, by our clock."""
        self.is_level = False
        """What is used comes back bit by bit."""
        self.saw_begin = False
        """The window before was seen too, so that its end is known whatever the clocks say."""
        self.limit = 0
        """Requests in a window; 0 before any answer has told."""
        self._left: float = 0.0

    def learn(self, now: float, said: RateLimitInfo) -> bool:
        """Take in what an answer said; false: it makes no sense, and nothing was learned."""
        if not 0 < said.limit <= _MOST:
            return False
        left: float = max(min(said.remaining, said.limit), 0)
        after = min(max(said.reset_after.total_seconds(), 0.0), WINDOW)
        moved = math.inf if self._reset is None else (said.reset - self._reset).total_seconds()
        if abs(moved) <= _ROUNDING:
            # Answers may overtake each other: what is left rises no faster than the limit allows.
            risen = (now - self._heard_at) * said.limit / WINDOW
            left = min(left, self._left + risen)
            if self.ends_at <= now:
                # It was to be over and is not: a clock is wrong. A minute after its first answer it
                # is.
                self.ends_at = max(self._seen_at + WINDOW, now + after)
        else:
            self._renew(now, said.limit, left, after, moved)
            self._reset, self._seen_at = said.reset, now
        self._heard_at = now
        self.limit, self._left = said.limit, left
        return True

    @property
    def remaining(self) -> int:
        """Requests left in the window."""
        return int(self._left + _TINY)

    def _renew(self, now: float, limit: int, left: float, after: float, moved: float) -> None:
        self.ends_at = now + after
        if abs(moved) < _NEW:
            self.is_level = True
        elif 0 < moved < math.inf:
            # The old one ended between the last answer and this one.
            earliest, latest = self._heard_at + moved, now + moved
            self.ends_at = min(max(self.ends_at, earliest), latest)
            self.saw_begin = True
            if left <= _EMPTY * limit:
                self.is_level = True
            elif left >= (1 - _EMPTY) * limit:
                self.is_level = False

    def shift(self, seconds: float) -> None:
        """Carry all moments over to another clock."""
        self._heard_at += seconds
        self._seen_at += seconds
        self.ends_at += seconds

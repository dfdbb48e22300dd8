"""Rate limits of several kinds, with other traffic on the same count."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .draws import Draws

__all__ = ["FixedMinute", "Limiter", "limiter_of"]


class Limiter(Protocol):
    """Counts requests."""

    limit: int

    def take(self, now: float) -> bool:
        """Count one; whether it may pass."""
        ...

    def remaining(self, now: float) -> int:
        """How many may pass still."""
        ...

    def left(self, now: float) -> float:
        """How long until the reset that the headers tell."""
        ...


class FixedMinute:
    """Windows that begin with each minute."""

    def __init__(self, limit: int, length: float = 60.0) -> None:
        self.limit = limit
        self.length = length
        self.is_lifted = False
        """Whether nobody counts any more."""
        self.untold = 0
        """Requests that were cancelled, so that nobody heard of them."""
        self._window = -1
        self._used = 0

    def window(self, now: float) -> int:
        return int(now // self.length)

    def take(self, now: float) -> bool:
        self._turn(now)
        self._used += 1
        return self._used <= self.limit

    def remaining(self, now: float) -> int:
        self._turn(now)
        return max(self.limit - self._used, 0)

    def left(self, now: float) -> float:
        return (self.window(now) + 1) * self.length - now

    def _turn(self, now: float) -> None:
        if self.window(now) != self._window:
            self._window, self._used, self.untold = self.window(now), 0, 0


class FromFirst:
    """Windows that begin with the first request in them."""

    def __init__(self, limit: int, length: float) -> None:
        self.limit = limit
        self._length = length
        self._began, self._used = -math.inf, 0

    def take(self, now: float) -> bool:
        self._turn(now)
        self._used += 1
        return self._used <= self.limit

    def remaining(self, now: float) -> int:
        self._turn(now)
        return max(self.limit - self._used, 0)

    def left(self, now: float) -> float:
        self._turn(now)
        return self._began + self._length - now

    def _turn(self, now: float) -> None:
        if now - self._began >= self._length:
            self._began, self._used = now, 0


class SlidingLog:
    """So many within any minute; the reset is when the oldest leaves, or a minute from now."""

    def __init__(self, limit: int, *, tells_oldest: bool) -> None:
        self.limit = limit
        self._tells_oldest = tells_oldest
        self._log: deque[float] = deque()

    def take(self, now: float) -> bool:
        if not self.remaining(now):
            return False
        self._log.append(now)
        return True

    def remaining(self, now: float) -> int:
        while self._log and self._log[0] <= now - 60:
            self._log.popleft()
        return self.limit - len(self._log)

    def left(self, now: float) -> float:
        return self._log[0] + 60 - now if self._tells_oldest and self._log else 60.0


class Bucket:
    """Tokens that come back one by one; the reset is when the next comes, or when it is full."""

    def __init__(self, limit: int, *, tells_next: bool) -> None:
        self.limit = limit
        self._tells_next = tells_next
        self._tokens, self._at = float(limit), 0.0

    def take(self, now: float) -> bool:
        self._fill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def remaining(self, now: float) -> int:
        self._fill(now)
        return int(self._tokens)

    def left(self, now: float) -> float:
        self._fill(now)
        missing = 1 - self._tokens % 1 if self._tells_next else self.limit - self._tokens
        return missing * 60 / self.limit

    def _fill(self, now: float) -> None:
        self._tokens = min(self._tokens + (now - self._at) * self.limit / 60, self.limit)
        self._at = now


def limiter_of(draws: Draws) -> Limiter | None:
    """A limit of some kind, or none."""
    if not draws.hazard("limit", 0.8):
        return None
    if draws.is_crowded:
        return FixedMinute(draws.one(10, 12, 16, 60))
    limit, is_first = draws.one(5, 12, 30, 60, 200, 1000), draws.random() < 0.5
    kinds: list[Limiter] = [
        FixedMinute(limit),
        FixedMinute(limit, draws.one(10.0, 30.0)),
        FromFirst(limit, draws.one(10.0, 60.0)),
        SlidingLog(limit, tells_oldest=is_first),
        Bucket(limit, tells_next=is_first),
    ]
    return draws.choice(kinds)

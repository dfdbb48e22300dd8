"""Counters of every kind that a server may use for its rate limit."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["COUNTERS", "MINUTE", "ON_THE_MINUTE", "Counter", "Said"]

MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Said:
    """What a counter says to one request."""

    allowed: bool
    remaining: int
    reset: float
    """The moment that it names, by its own clock."""
    retry_after: float
    """How long until a request may be allowed again."""


class Counter(Protocol):
    """Counts requests, each at its moment in seconds."""

    def take(self, now: float) -> Said:
        """Count a request, or refuse it; what is refused does not count."""
        ...


class FixedMinute:
    """A fresh budget with each minute of the clock."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ends = -math.inf
        self._used = 0

    def take(self, now: float) -> Said:
        if now >= self._ends:
            self._ends, self._used = self._next_end(now), 0
        allowed = self._used < self._limit
        self._used += allowed
        return Said(allowed, self._limit - self._used, self._ends, self._ends - now)

    def _next_end(self, now: float) -> float:
        return (now // MINUTE + 1) * MINUTE


class FromFirstRequest(FixedMinute):
    """A fresh budget for the minute that begins with the first request."""

    def _next_end(self, now: float) -> float:
        return now + MINUTE


class SlidingLog:
    """Remembers each request for a minute; names the moment when the oldest leaves."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._log: deque[float] = deque()

    def take(self, now: float) -> Said:
        log = self._log
        while log and log[0] <= now - MINUTE:
            log.popleft()
        allowed = len(log) < self._limit
        if allowed:
            log.append(now)
        leaves = log[0] + MINUTE
        return Said(allowed, self._limit - len(log), self._reset(now, leaves), leaves - now)

    def _reset(self, now: float, leaves: float) -> float:
        return leaves


class SlidingLogNow(SlidingLog):
    """The same, but names the moment when all of the log will have left."""

    def _reset(self, now: float, leaves: float) -> float:
        return now + MINUTE


class Weighted:
    """Counts by the minute, and adds the last minute's count by the part of it that overlaps."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._minute = -1
        self._before = self._used = 0

    def take(self, now: float) -> Said:
        minute = int(now // MINUTE)
        if minute != self._minute:
            self._before = self._used if minute == self._minute + 1 else 0
            self._minute, self._used = minute, 0
        left = (minute + 1) * MINUTE - now
        counted = self._before * left / MINUTE + self._used
        allowed = counted + 1 <= self._limit
        self._used += allowed
        remaining = max(math.floor(self._limit - counted) - allowed, 0)
        # As much of the last minute has to leave as one request takes.
        over = counted + 1 - self._limit
        pause = min(left, over * MINUTE / self._before) if self._before else left
        return Said(allowed, remaining, (minute + 1) * MINUTE, max(pause, 0.0))


class Bucket:
    """Tokens that come back evenly; names the moment of the next one."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tokens = float(limit)
        self._at = 0.0

    def take(self, now: float) -> Said:
        each = MINUTE / self._limit
        self._tokens = min(self._limit, self._tokens + (now - self._at) / each)
        self._at = now
        allowed = self._tokens >= 1
        self._tokens -= allowed
        pause = each * (1 - self._tokens % 1)
        return Said(allowed, int(self._tokens), self._reset(now, each, pause), pause)

    def _reset(self, now: float, each: float, pause: float) -> float:
        return now + pause


class BucketFull(Bucket):
    """The same, but names the moment when it will be full."""

    def _reset(self, now: float, each: float, pause: float) -> float:
        return now + (self._limit - self._tokens) * each


COUNTERS: Final[dict[str, Callable[[int], Counter]]] = {
    "fixed minute": FixedMinute,
    "fixed, from the first request": FromFirstRequest,
    "sliding log, reset: the oldest leaves": SlidingLog,
    "sliding log, reset: now + 60 s": SlidingLogNow,
    "weighted counter": Weighted,
    "token bucket, reset: next token": Bucket,
    "token bucket, reset: full": BucketFull,
}
"""Every kind, by its title."""
ON_THE_MINUTE: Final = {"fixed minute", "weighted counter"}
"""Those whose windows begin with the minutes of the server's clock."""

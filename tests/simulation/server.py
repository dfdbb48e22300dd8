"""One application on Stream's side: its tasks, its rate limit, its weather."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rxstream import RateLimitInfo, TaskSnapshot
from rxstream.errors import (
    InvalidResponseException,
    StreamApiException,
    StreamRateLimitException,
    StreamTransportException,
)

from .answers import Answer
from .limits import FixedMinute, limiter_of

if TYPE_CHECKING:
    from .draws import Draws

__all__ = ["Poison", "Server"]

STATUSES = ("pending", "waiting", "running", "running", "running", "unheard-of", "RUNNING")


class Poison:
    """An answer that raises while it is read."""

    def __init__(self, fault: Exception) -> None:
        self.fault = fault

    def __repr__(self) -> str:
        return "Poison()"

    @property
    def data(self) -> object:
        """Official clients have it."""
        raise self.fault


class Server:
    """Answers polls at random."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self.limiter = limiter_of(draws)
        self.is_calm = False
        self.headers = 1.0 if draws.is_crowded else draws.one(0.0, 0.5, 1.0)
        """The share of answers that tell of the limit."""
        self.others = 0.0 if draws.is_crowded else draws.one(0.0, 0.0, 0.1, 1.0, 5.0)
        """Other requests a second that are counted too."""
        self._others_at = 0.0
        self._latency = draws.one(0.0, 0.0, 0.05, 0.3, 2.0)
        if draws.is_crowded:
            self._latency = draws.one(0.3, 2.0)
        if draws.is_slow:
            self._latency = max(self._latency, 0.125)
        self._fault = draws.one(0.0, 0.05, 0.05, 0.3)
        self._duration = 60.0 if draws.is_crowded else draws.one(1.0, 10.0, 60.0)
        self._tasks: dict[str, tuple[float, bool]] = {}

    def calm(self) -> None:
        """From here on nothing goes wrong, no limit holds, and each task is done."""
        self.is_calm = True
        if isinstance(self.limiter, FixedMinute):
            self.limiter.is_lifted = True

    @property
    def budget(self) -> FixedMinute | None:
        """The count, where all of it can be known from outside."""
        limiter = self.limiter
        is_plain = isinstance(limiter, FixedMinute) and limiter.length == 60.0
        is_known = self.headers == 1.0 and not self.others
        return limiter if is_plain and is_known and isinstance(limiter, FixedMinute) else None

    def answer(self, task_id: str, now: float) -> Answer:
        """Answer a poll that comes in now."""
        told = self._told(now)
        draws = self._draws
        latency = self._latency and self._latency * draws.uniform(0.5, 1.5)
        if told is not None and told[1] and not self.is_calm:
            return self._refusal(told[0], latency)
        info = told[0] if told is not None and draws.random() < self.headers else None
        if not self.is_calm:
            if told is not None and draws.hazard("limit", 0.01):
                return self._refusal(told[0], latency)  # another limit, which nobody told of
            if draws.hazard("hang", 0.01):
                return Answer("hang", None, math.inf)
            if draws.hazard("poison", 0.01):
                return Answer("final", Poison(ZeroDivisionError("poison")), latency)
            if draws.hazard("faults", self._fault):
                return self._faulty(info, latency)
        return self._task(task_id, now, info, latency)

    def _told(self, now: float) -> tuple[RateLimitInfo, bool] | None:
        if self.limiter is None:
            return None
        if self.is_calm:
            left, remaining, passes = 60.0, self.limiter.limit, True
        else:
            self._count_others(now)
            passes = self.limiter.take(now)
            left, remaining = self.limiter.left(now), self.limiter.remaining(now)
        # Whole seconds, as the headers have it.
        reset = math.ceil(now + left)
        after = timedelta(seconds=reset - math.floor(now))
        moment = datetime.fromtimestamp(reset, UTC)
        return RateLimitInfo(self.limiter.limit, remaining, moment, after), not passes

    def _count_others(self, now: float) -> None:
        while self.others and self.limiter is not None and self._others_at < now:
            self.limiter.take(self._others_at)
            self._others_at += self._draws.expovariate(self.others)

    def _refusal(self, info: RateLimitInfo, latency: float) -> Answer:
        draws = self._draws
        told = info if draws.random() < self.headers else None
        after = draws.one(None, None, 0, math.ceil(info.reset_after.total_seconds()), 1, 7)
        pause = None if after is None else timedelta(seconds=after)
        error = StreamRateLimitException(
            status_code=429, code=9, message="slower", rate_limit=told, retry_after=pause
        )
        named = 0.0
        if after is not None:
            named = float(after)
        elif told is not None and told.remaining <= 0:
            named = told.reset_after.total_seconds()
        return Answer("transient", error, latency, told, named)

    def _faulty(self, told: RateLimitInfo | None, latency: float) -> Answer:
        draws = self._draws
        kind = draws.randrange(8)
        if kind <= 2:
            error: Exception = StreamTransportException("connection_reset", "reset")
            return Answer("transient", error, latency)
        if kind <= 4:
            after = draws.one(None, None, 3)
            pause = None if after is None else timedelta(seconds=after)
            error = StreamApiException(
                status_code=draws.one(500, 502, 503, 408, 425), rate_limit=told, retry_after=pause
            )
            return Answer("transient", error, latency, told, float(after or 0))
        if kind == 5:
            status, gives_up = draws.one((400, False), (404, False), (503, True))
            error = StreamApiException(status_code=status, unrecoverable=gives_up, rate_limit=told)
            return Answer("final", error, latency, told)
        if kind == 6:
            return Answer("final", draws.one({"foreign": 1}, "<html>", None, 7), latency)
        wrong: Exception = draws.one(
            InvalidResponseException(status_code=200, message="garbage"), LookupError("foreign")
        )
        return Answer("final", wrong, latency)

    def _task(self, task_id: str, now: float, told: RateLimitInfo | None, latency: float) -> Answer:
        draws = self._draws
        ends = (now + draws.expovariate(1 / self._duration), draws.random() < 0.8)
        at, is_well = self._tasks.setdefault(task_id, ends)
        kind: Any = "progress"
        status = draws.one(*STATUSES)
        if now >= at or self.is_calm:
            kind, status = ("completed", "completed") if is_well else ("failed", "failed")
        raw = {"task_id": task_id, "status": status, "polled_at": now}
        if told is None and draws.random() < 0.3:
            return Answer(kind, raw, latency)
        return Answer(kind, TaskSnapshot(task_id, status, rate_limit=told, raw=raw), latency, told)

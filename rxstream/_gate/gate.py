"""How many polls at once, and how fast: the one place that every poll of a client passes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, Protocol

from .._checks import fraction, is_async, seconds, whole
from .._time.timer_thread import TIMER_THREAD
from .closing import LONGEST_PAUSE
from .pace import Pace
from .per_client import PerClient

if TYPE_CHECKING:
    from .._time.clock import Clock
    from .._values import RateLimitInfo
    from ..backoff import Duration
    from .statistics import GateStatistics

__all__ = ["Gate"]

# Clocks round to the microsecond, and a pause below that would be asked for again for ever.
_TICK: Final = 1e-6
_ASYNC_DEFAULT: Final = 100
_SYNC_DEFAULT: Final = 32
# How many polls go out before any answer has told of the rate limit.
_SLOW_START: Final = 8
# After a 429 where no limit is known: one poll asks, and another where that one hangs.
_ASKING: Final = 2


class Waiter(Protocol):
    """A wait that wants to poll."""

    def admitted(self) -> None:
        """It may poll now; it owes the gate one `leave`."""
        ...


class Gate:
    """Bounds the polls in flight and keeps them within the client's rate limit.

    First come, first served, without a thread or a coroutine for each poll that waits. After a 429
    nobody polls before the time that the server named. The budget of a rate-limit window lasts
    until its end: a quarter of it may be spent ahead of time, then polls are spread over what is
    left of the window, and a share of what is left is kept for your other calls. Before any answer
    has told of a limit, few polls go out at once, one more for each answer.

    Each client object has a gate of its own, which `Gate.of(client)` gives; pass one explicitly to
    share it between clients of one application (Stream counts by application, not by connection) or
    to change its width.
    """

    def __init__(
        self,
        max_in_flight: int = _ASYNC_DEFAULT,
        *,
        reserve: float = 0.1,
        longest_pause: Duration = LONGEST_PAUSE,
    ) -> None:
        """Make a gate.

        Args:
            max_in_flight: How many polls may be in flight at once, 1 or more. Each poll of a sync
                client takes a thread while it is in flight.
            reserve: The share of the rate limit that is left for other calls of your application,
                from 0.0 to less than 1.0.
            longest_pause: The longest pause that a server may ask for (`Retry-After`): seconds, or
                a timedelta. A longer one is cut. No header is read as more than a day.

        Raises:
            TypeError: `max_in_flight` is no whole number, `reserve` is no number, or
                `longest_pause` is no duration.
            ValueError: `max_in_flight` is less than 1, or one of the others is out of range.
        """
        self._max_in_flight = whole(max_in_flight, "max_in_flight")
        self.longest_pause: Final = seconds(longest_pause, "longest_pause")
        self._pace = Pace(fraction(reserve, "reserve"), self.longest_pause)
        self._width = min(self._max_in_flight, _SLOW_START)
        self._lock = threading.Lock()
        self._queue: OrderedDict[Waiter, Clock] = OrderedDict()
        self._in_flight = 0
        self._draining = False
        self._clock: Clock = TIMER_THREAD
        self._alarm: tuple[Waiter, Clock, Any] | None = None

    @classmethod
    def of(cls, client: object) -> Gate:
        """The gate that all polls of a client object pass, made when it is first asked for.

        It is as wide as the client's `max_connections` says, else 100; for a sync client never
        wider than 32, since each of its polls takes a thread.

        Args:
            client: As for `task_observable`.

        Raises:
            TypeError: The client has no `get_task`.
        """
        has_loop = is_async(client)

        def make() -> Gate:
            width = getattr(client, "max_connections", None)
            wide = width if isinstance(width, int) and width > 0 else _ASYNC_DEFAULT
            return cls(wide if has_loop else min(wide, _SYNC_DEFAULT))

        return _gates.get(client, make)

    def __repr__(self) -> str:
        """Show the width and how full it is."""
        return (
            f"Gate(max_in_flight={self._max_in_flight}, "
            f"in_flight={self._in_flight}, queued={len(self._queue)})"
        )

    def statistics(self) -> GateStatistics:
        """Look at what it is doing now, and at what it knows of the rate limit."""
        with self._lock:
            now = self._clock.now()
            return self._pace.statistics(now, self._in_flight, queued=len(self._queue))

    def enter(self, waiter: Waiter, clock: Clock) -> None:
        """Ask for a poll; `waiter.admitted()` is called now or when there is room."""
        with self._lock:
            now = self._adopt(clock)
            at_once = (
                not self._queue
                and self._in_flight < self._width
                and self._pace.pause(now, 0) <= _TICK
            )
            if at_once:
                self._admit(now)
            else:
                if not self._queue:
                    self._pace.queueing(now)
                self._queue[waiter] = clock
        if at_once:
            waiter.admitted()
        else:
            self._drain()

    def withdraw(self, waiter: Waiter) -> None:
        """Stop waiting for a poll; without effect on one that was admitted."""
        with self._lock:
            self._queue.pop(waiter, None)
            if not self._queue:
                self._disarm()
            elif self._alarm is not None and self._alarm[0] not in self._queue:
                # It may have been set on the loop of the one that goes, and end with it.
                self._arm(self._pace.pause(self._clock.now(), len(self._queue)))

    def leave(
        self,
        clock: Clock,
        rate_limit: RateLimitInfo | None = None,
        refused_for: float | None = None,
        is_good: bool = False,  # noqa: FBT001, FBT002 -- with the others from `rate_limit_of`
    ) -> None:
        """Give back the place of a poll that ended.

        Args:
            clock: The clock of the wait.
            rate_limit: What its answer said of the rate limit.
            refused_for: None, or for a 429 how many seconds the server wants no more polls, 0 where
                it named no time.
            is_good: Whether it was an answer, and no error.
        """
        with self._lock:
            self._in_flight -= 1
            if refused_for is not None:
                self._pace.refuse(self._adopt(clock), refused_for, rate_limit, self._in_flight)
            else:
                if is_good:
                    self._pace.succeeded()
                self._pace.answered(self._adopt(clock), rate_limit, self._in_flight)
            self._widen(refused=refused_for is not None)
            is_awaited = bool(self._queue)
        if is_awaited:
            self._drain()

    def _widen(self, *, refused: bool) -> None:
        """Let as many go as may, once it is known how fast; till then, one more for each answer."""
        if self._pace.window.limit:
            self._width = self._max_in_flight
        elif refused:
            self._width = min(self._max_in_flight, _ASKING)
        elif self._width < self._max_in_flight:
            self._width += 1

    def _admit(self, now: float) -> None:
        self._in_flight += 1
        self._pace.sent(now)

    def _adopt(self, clock: Clock) -> float:
        """Carry what is known over to the time that the newest wait lives in, and tell it."""
        now = clock.now()
        if clock is not self._clock:
            if clock.timeline is not self._clock.timeline:
                self._pace.shift(now - self._clock.now())
            self._clock = clock
        return now

    def _drain(self) -> None:
        # Only one caller at a time admits, in a loop: a poll that is answered in place leaves
        # while its admission is still on the stack, and must not admit the next one from there.
        with self._lock:
            if self._draining:
                return
            self._draining = True
        try:
            while (waiter := self._next()) is not None:
                waiter.admitted()
        except BaseException:
            with self._lock:
                self._draining = False
                if self._queue:
                    self._arm(0.0)
            raise

    def _next(self) -> Waiter | None:
        """The next wait that may poll now; None ends the draining."""
        with self._lock:
            if self._queue and self._in_flight < self._width:
                now = self._clock.now()
                pause = self._pace.pause(now, len(self._queue))
                if pause <= _TICK:
                    self._admit(now)
                    waiter, _ = self._queue.popitem(last=False)
                    if not self._queue:
                        self._disarm()
                    return waiter
                self._arm(pause)
            self._draining = False
            return None

    def _arm(self, pause: float) -> None:
        self._disarm()
        for waiter, clock in self._queue.items():
            # Not on a loop that was closed while somebody waited on it.
            if clock.run_engine(_nothing):
                self._alarm = waiter, clock, clock.call_later(max(pause, 0.0), self._drain)
                return

    def _disarm(self) -> None:
        if self._alarm is not None:
            _, clock, timer = self._alarm
            self._alarm = None
            clock.cancel(timer)


def _nothing() -> None:
    pass


# For clients that cannot be referred to weakly too, so that they stay bounded.
_gates: Final = PerClient(Gate(_SYNC_DEFAULT))

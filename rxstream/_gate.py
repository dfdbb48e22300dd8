"""How many polls at once, and how fast: the one place that every poll of a client passes."""

from __future__ import annotations

import math
import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from ._checks import whole
from ._clock import TIMER_THREAD
from ._fetch import is_async

if TYPE_CHECKING:
    from ._clock import Clock
    from ._snapshot import RateLimitInfo

__all__ = ["Gate", "GateStatistics", "gate_of"]

_NEVER: Final = -math.inf
# Pacing begins when less than this part of the window's requests is left.
_LOW: Final = 4
# Clocks round to the microsecond, and a pause below that would be asked for again for ever.
_TICK: Final = 1e-6
_ASYNC_DEFAULT: Final = 100
_SYNC_DEFAULT: Final = 32


@dataclass(frozen=True, slots=True)
class GateStatistics:
    """What a gate is doing at one moment."""

    in_flight: int
    queued: int
    closed_for: float
    paced_for: float
    limit: int | None
    remaining: int | None
    reset_after: float | None
    rate_limited: int


class Waiter(Protocol):
    """A wait that wants to poll."""

    def admitted(self) -> None:
        """It may poll now; it owes the gate one `leave`."""
        ...


class Gate:
    """Bounds the polls in flight and keeps them within the client's rate limit.

    First come, first served, without a thread or a coroutine for each poll that waits. After a 429
    nobody polls before the time that the server named. When less than a quarter of the window's
    requests are left, polls are spread evenly over the time until the window ends.

    Each client object has a gate of its own; pass one explicitly to share it between clients of
    one application (Stream counts by application, not by connection) or to change its width.
    """

    def __init__(self, max_in_flight: int = _ASYNC_DEFAULT) -> None:
        """Make a gate.

        Args:
            max_in_flight: How many polls may be in flight at once, 1 or more. Each poll of a sync
                client takes a thread while it is in flight.

        Raises:
            TypeError: `max_in_flight` is no whole number.
            ValueError: `max_in_flight` is less than 1.
        """
        self._max_in_flight = whole(max_in_flight, "max_in_flight")
        self._lock = threading.Lock()
        self._queue: OrderedDict[Waiter, Clock] = OrderedDict()
        self._in_flight = 0
        self._draining = False
        self._clock: Clock = TIMER_THREAD
        self._closed_until = _NEVER
        self._spacing = 0.0
        self._spaced_until = _NEVER
        self._alarm: tuple[Waiter, Clock, Any] | None = None
        self._newest: tuple[RateLimitInfo, Clock, float] | None = None
        self._rate_limited = 0

    def __repr__(self) -> str:
        """Show the width and how full it is."""
        return (
            f"Gate(max_in_flight={self._max_in_flight}, "
            f"in_flight={self._in_flight}, queued={len(self._queue)})"
        )

    @classmethod
    def of(cls, client: object) -> Gate:
        """The gate that polls of this client object pass, made when first asked for."""
        return gate_of(client, is_async=is_async(client))

    def statistics(self) -> GateStatistics:
        """What the gate is doing now."""
        with self._lock:
            now = self._clock.now()
            limit = remaining = reset_after = None
            if self._newest is not None:
                info, clock, ends = self._newest
                limit, remaining = info.limit, info.remaining
                reset_after = max(ends - clock.now(), 0.0)
            paced = self._spaced_until - now if self._spacing else 0.0
            closed = 0.0 if self._spacing else self._closed_until - now
            return GateStatistics(
                in_flight=self._in_flight,
                queued=len(self._queue),
                closed_for=max(closed, 0.0),
                paced_for=max(paced, 0.0),
                limit=limit,
                remaining=remaining,
                reset_after=reset_after,
                rate_limited=self._rate_limited,
            )

    def enter(self, waiter: Waiter, clock: Clock) -> None:
        """Ask for a poll; `waiter.admitted()` is called now or when there is room."""
        with self._lock:
            at_once = self._is_open and not self._queue and self._in_flight < self._max_in_flight
            if at_once:
                self._in_flight += 1
            else:
                self._adopt(clock)
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
                self._arm(self._closed_until - self._clock.now())

    def leave(
        self, clock: Clock, rate_limit: RateLimitInfo | None = None, closed_for: float = 0.0
    ) -> None:
        """Give back the place of a poll that ended.

        Args:
            clock: The clock of the wait.
            rate_limit: What its answer said of the rate limit.
            closed_for: For how many seconds the server wants no more polls; wins over `rate_limit`.
        """
        with self._lock:
            self._in_flight -= 1
            if rate_limit is not None:
                ends = clock.now() + rate_limit.reset_after.total_seconds()
                self._newest = rate_limit, clock, ends
            self._rate_limited += closed_for > 0
            if closed_for > 0:
                self._close(clock, closed_for)
            elif rate_limit is not None:
                self._pace(clock, rate_limit)
            is_awaited = bool(self._queue)
        if is_awaited:
            self._drain()

    @property
    def _is_open(self) -> bool:
        return self._closed_until == _NEVER and not self._spacing

    def _close(self, clock: Clock, seconds: float) -> None:
        self._adopt(clock)
        self._closed_until = max(self._closed_until, clock.now() + seconds)

    def _pace(self, clock: Clock, rate_limit: RateLimitInfo) -> None:
        self._spacing = 0.0
        if rate_limit.remaining * _LOW >= rate_limit.limit:
            return
        window = rate_limit.reset_after.total_seconds()
        left = rate_limit.remaining - self._in_flight
        if left <= 0:
            self._close(clock, window)
        elif window > 0:
            self._adopt(clock)
            self._spacing, self._spaced_until = window / left, clock.now() + window

    def _adopt(self, clock: Clock) -> None:
        """Carry what is known over to the time that the newest wait lives in."""
        if clock.timeline is not self._clock.timeline:
            shift = clock.now() - self._clock.now()
            self._closed_until += shift
            self._spaced_until += shift
        self._clock = clock

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
            if self._queue and self._in_flight < self._max_in_flight:
                now = self._clock.now()
                pause = self._closed_until - now
                if pause <= _TICK:
                    if now >= self._spaced_until:
                        self._spacing = 0.0
                    self._closed_until = now + self._spacing if self._spacing else _NEVER
                    self._in_flight += 1
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
            if clock.run(_nothing):
                self._alarm = waiter, clock, clock.call_later(max(pause, 0.0), self._drain)
                return

    def _disarm(self) -> None:
        if self._alarm is not None:
            _, clock, timer = self._alarm
            self._alarm = None
            clock.cancel(timer)


def _nothing() -> None:
    pass


_gates: dict[int, tuple[weakref.ref[object], Gate]] = {}
_gates_lock = threading.Lock()
# For clients that cannot be referred to weakly, so that they stay bounded too.
_shared: Final = Gate(_SYNC_DEFAULT)


def gate_of(client: object, *, is_async: bool) -> Gate:
    """The gate of a client object, made when it is first asked for.

    It is as wide as the client's `max_connections` says, else 100; for a sync client never wider
    than 32, since each of its polls takes a thread.
    """
    key = id(client)
    with _gates_lock:
        known = _gates.get(key)
        if known is not None and known[0]() is client:
            return known[1]
        try:
            alive = weakref.ref(client, lambda _: _gates.pop(key, None))
        except TypeError:
            return _shared
        width = getattr(client, "max_connections", None)
        wide = width if isinstance(width, int) and width > 0 else _ASYNC_DEFAULT
        gate = Gate(wide if is_async else min(wide, _SYNC_DEFAULT))
        _gates[key] = alive, gate
        return gate

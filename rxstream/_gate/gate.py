"""How many polls at once, and how fast: every poll of a client passes its gate."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from .._checks import fraction, is_async, whole
from .._shared.fork import on_fork
from .._shared.guard import interruption_of
from .._shared.per_client import PerClient
from .._time.timer_thread import TIMER_THREAD
from .alarm import Alarm
from .pace import Pace
from .places import Places
from .statistics import GateStatistics

if TYPE_CHECKING:
    from .._time.clock import Clock
    from .._values import RateLimitInfo
    from .places import Waiter

__all__ = ["Gate"]

# Clocks round to the microsecond; a shorter pause would be set again for ever.
_TICK: Final = 1e-6
_ASYNC_DEFAULT: Final = 100
_SYNC_DEFAULT: Final = 32
# How many polls go out before an answer has told the rate limit.
_SLOW_START: Final = 8
# How long nobody is admitted after a loop has cancelled a poll: until it is closed, if it ends.
_HOLD: Final = 0.05
# How often a full gate of several loops looks whether one of them is closed.
_LOOK_AGAIN: Final = 0.5


class Gate:
    """Bounds the polls in flight and keeps them within the client's rate limit.

    Polls pass in the order in which they come; a poll that waits takes no thread and no coroutine.
    After a 429 no poll goes out before the time that the server named.

    The requests of a rate-limit window last until its end. A quarter of them may be used early;
    then polls are spread over the rest of the window. A share of the requests that are left is kept
    for your other calls. Until an answer tells a limit, few polls go out at once, and each answer
    allows one more.

    `Gate.of(client)` returns the gate of a client object. Pass your own gate to change its width,
    or to share it between clients of one application: Stream counts by application.
    """

    def __init__(self, max_in_flight: int = _ASYNC_DEFAULT, *, reserve: float = 0.1) -> None:
        """Make a gate.

        Args:
            max_in_flight: How many polls may be in flight at once, 1 or more. Each poll of a sync
                client takes a thread while it is in flight.
            reserve: The share of the rate limit that is kept for other calls of your application,
                from 0.0 to less than 1.0.

        Raises:
            TypeError: `max_in_flight` is not a whole number, or `reserve` is not a number.
            ValueError: `max_in_flight` is less than 1, or `reserve` is out of range.
        """
        self._max_in_flight = whole(max_in_flight, "max_in_flight")
        self._reserve = fraction(reserve, "reserve")
        self._reset()
        on_fork(self._reset)

    def _reset(self) -> None:
        self._pace = Pace(self._reserve)
        self._width = min(self._max_in_flight, _SLOW_START)
        self._lock = threading.RLock()
        self._is_interrupted = interruption_of(self._lock)
        self._places = Places()
        self._draining = False
        self._drain_again = False
        self._clock: Clock = TIMER_THREAD
        self._alarm = Alarm(self._drain)

    @classmethod
    def of(cls, client: object) -> Gate:
        """Return the gate that all polls of a client object pass; the first call makes it.

        Its width is the client's `max_connections`, or 100 without one. For a sync client it is at
        most 32, because each of its polls takes a thread.

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
            f"in_flight={len(self._places.in_flight)}, queued={len(self._places.queue)})"
        )

    def statistics(self) -> GateStatistics:
        """Return what the gate is doing now, and what it knows of the rate limit."""
        with self._lock:
            now, pace = self._clock.now(), self._pace
            return GateStatistics(
                in_flight=len(self._places.in_flight),
                queued=len(self._places.queue),
                closed_for=pace.closed_for(now),
                paced_for=pace.paced_for(now),
                limit=pace.limit,
                remaining=pace.remaining,
                reset_after=pace.reset_after(now),
                rate_limited=pace.refused,
            )

    def enter(self, waiter: Waiter, clock: Clock) -> None:
        """Ask for a poll; `waiter.admitted()` is called now or when there is room."""
        if self._is_interrupted():
            clock.post(lambda: self.enter(waiter, clock))
            return
        places = self._places
        with self._lock:
            now = self._adopt(clock)
            at_once = (
                not places.queue
                and len(places.in_flight) < self._width
                and self._pace.pause(now, 0) <= _TICK
            )
            if at_once:
                places.in_flight[waiter] = clock
                self._pace.sent(now)
            else:
                if not places.queue:
                    self._pace.queueing(now)
                places.queue[waiter] = clock
        if at_once:
            waiter.admitted()
        else:
            self._drain()

    def withdraw(self, waiter: Waiter, clock: Clock) -> None:
        """Stop waiting for a poll; without effect on one that was admitted."""
        if self._is_interrupted():
            clock.post(lambda: self.withdraw(waiter, clock))
            return
        with self._lock:
            queue = self._places.queue
            queue.pop(waiter, None)
            pause = self._pace.pause(self._clock.now(), len(queue)) if queue else 0.0
        if not queue:
            self._alarm.cancel()
        elif self._alarm.ends_with(waiter):
            self._alarm.set(pause, self._places)

    def leave(
        self,
        waiter: Waiter,
        clock: Clock,
        rate_limit: RateLimitInfo | None = None,
        refused_for: float | None = None,
    ) -> None:
        """Give back the place of a poll that ended.

        Args:
            waiter: The wait.
            clock: Its clock.
            rate_limit: What its answer said of the rate limit.
            refused_for: None, or for a 429 how many seconds the server wants no polls; 0: it named
                no time.
        """
        if self._is_interrupted():
            clock.post(lambda: self.leave(waiter, clock, rate_limit, refused_for))
            return
        places = self._places
        try:
            with self._lock:
                places.in_flight.pop(waiter, None)
                if refused_for is not None:
                    self._pace.refuse(self._adopt(clock), refused_for, rate_limit)
                elif rate_limit is not None:
                    self._pace.learn(self._adopt(clock), rate_limit, len(places.in_flight))
                self._widen(refused=refused_for is not None)
        finally:
            if places.queue:
                self._drain()

    def hold(self, clock: Clock) -> None:
        """Admit nobody for a moment: a loop has cancelled a poll, and may be ending."""
        with self._lock:
            self._pace.close(self._adopt(clock), _HOLD)

    def _widen(self, *, refused: bool) -> None:
        """Use the full width once the limit is known; before that, one more for each answer."""
        if self._pace.limit is not None:
            self._width = self._max_in_flight
        elif refused:
            self._width = min(self._max_in_flight, _SLOW_START)
        elif self._width < self._max_in_flight:
            self._width += 1

    def _adopt(self, clock: Clock) -> float:
        """Move all moments to the clock of the newest wait, and return its time."""
        now = clock.now()
        if clock is not self._clock:
            if clock.timeline is not self._clock.timeline:
                self._pace.shift(now - self._clock.now())
                self._places.sweep(clock)
            self._clock = clock
        return now

    def _drain(self) -> None:
        # Only one caller at a time admits, in a loop: a poll that is answered in place leaves
        # while its admission is still on the stack, and must not admit the next one from there.
        with self._lock:
            self._drain_again = self._draining
            if self._draining:
                return
            self._draining = True
        try:
            self._admit_all()
        except BaseException:
            with self._lock:
                self._draining = False
            if self._places.queue:
                self._alarm.set(0.0, self._places)
            raise

    def _admit_all(self) -> None:
        while True:
            waiter, pause = self._next()
            if waiter is not None:
                waiter.admitted()
                continue
            if pause is not None:
                self._alarm.set(pause, self._places)
            with self._lock:
                self._draining = self._drain_again
                self._drain_again = False
                if not self._draining:
                    return

    def _next(self) -> tuple[Waiter | None, float | None]:
        """The next wait that may poll now, or how long until somebody may."""
        places = self._places
        with self._lock:
            if places.is_shared:
                places.forget_closed(self._width)
            if not places.queue:
                return None, None
            if len(places.in_flight) >= self._width:
                return None, _LOOK_AGAIN if places.is_shared else None
            now = self._clock.now()
            pause = self._pace.pause(now, len(places.queue))
            if pause > _TICK:
                return None, pause
            self._pace.sent(now)
            waiter = places.admit_first()
        if not places.queue:
            self._alarm.cancel()
        return waiter, None


# For clients that cannot be referred to weakly too, so that they stay bounded.
_gates: Final = PerClient(Gate(_SYNC_DEFAULT))

"""Who may poll next, and when: places, a queue, and the pace."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from .._shared.guard import interruption_of
from .._time.timer_thread import TIMER_THREAD
from .alarm import Alarm
from .places import Places

if TYPE_CHECKING:
    from .._time.clock import Clock
    from .._values import RateLimitInfo
    from .pace import Pace
    from .places import Waiter
    from .statistics import GateStatistics

__all__ = ["Admission"]

# Clocks round to the microsecond, and a pause below that would be asked for again for ever.
_TICK: Final = 1e-6
# How many polls go out before an answer has told the rate limit.
_SLOW_START: Final = 8
# After a 429 where no limit is known: one poll asks, and another where that one hangs.
_ASKING: Final = 2
# How long nobody is admitted after a loop has cancelled a poll: until it is closed, if it ends.
_HOLD: Final = 0.05
# How often a full gate of several loops looks whether one of them is closed.
_LOOK_AGAIN: Final = 0.5


class Admission:
    """Lets polls pass in the order in which they come, a number at once, at a pace."""

    def __init__(self, max_in_flight: int, pace: Pace) -> None:
        self._max_in_flight = max_in_flight
        self._pace = pace
        self._width = min(max_in_flight, _SLOW_START)
        self._lock = threading.RLock()
        self._is_interrupted = interruption_of(self._lock)
        self._places = Places()
        self._draining = False
        self._drain_again = False
        self._clock: Clock = TIMER_THREAD
        self._alarm = Alarm(self._drain)

    @property
    def longest_pause(self) -> float:
        """The longest pause that a server may ask for, in seconds."""
        return self._pace.longest_pause

    def statistics(self) -> GateStatistics:
        """What it is doing now, and what is known of the rate limit."""
        with self._lock:
            in_flight, queued = len(self._places.in_flight), len(self._places.queue)
            return self._pace.statistics(self._clock.now(), in_flight, queued=queued)

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
        *,
        is_good: bool = False,
    ) -> None:
        """Give back the place of a poll that ended.

        Args:
            waiter: The wait.
            clock: Its clock.
            rate_limit: What its answer said of the rate limit.
            refused_for: None, or for a 429 how many seconds the server wants no polls; 0: it named
                no time.
            is_good: Whether it was an answer, and no error.
        """
        if self._is_interrupted():
            clock.post(lambda: self.leave(waiter, clock, rate_limit, refused_for, is_good=is_good))
            return
        places = self._places
        try:
            with self._lock:
                places.in_flight.pop(waiter, None)
                in_flight = len(places.in_flight)
                if refused_for is not None:
                    self._pace.refuse(self._adopt(clock), refused_for, rate_limit, in_flight)
                else:
                    if is_good:
                        self._pace.succeeded()
                    self._pace.answered(self._adopt(clock), rate_limit, in_flight)
                # Only an answer widens it: no poll that was cancelled, or never sent.
                if is_good or rate_limit is not None or refused_for is not None:
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
        if self._pace.window.limit:
            self._width = self._max_in_flight
        elif refused:
            self._width = min(self._max_in_flight, _ASKING)
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
            admitted, pause = self._next()
            if admitted is not None:
                _tell(*admitted)
                continue
            if pause is not None:
                self._alarm.set(pause, self._places)
            with self._lock:
                self._draining = self._drain_again
                self._drain_again = False
                if not self._draining:
                    return

    def _next(self) -> tuple[tuple[Waiter, Clock] | None, float | None]:
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
            admitted = places.admit_first()
        if not places.queue:
            self._alarm.cancel()
        return admitted, None


def _tell(waiter: Waiter, clock: Clock) -> None:
    try:
        waiter.admitted()
    except Exception as error:  # noqa: BLE001 -- of its consumer, who is called in place in virtual time
        # Not here: the wait that has just left the gate has nothing to do with it.
        fault = error
        clock.post(lambda: _raise(fault))


def _raise(error: Exception) -> None:
    raise error

"""The engine: one wait on one task as a small state machine, for sync and async clients alike.

::

    IDLE → POLLING → EMITTING → PAUSING → POLLING → … → DONE

POLLING has a poll at the gate or under way. EMITTING is inside the consumer's `on_next`. PAUSING
waits for the next poll. Each of them can go to DONE, by the deadline or by disposal. The lock
guards only the change of state: no user code and no subscription runs under it.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, cast

from reactivex import abc
from typing_extensions import override

from .._wire.failures import task_exception
from ..errors import TaskTimeoutException
from .log import log_retry
from .pauses import Pauses
from .poll import Poll

if TYPE_CHECKING:
    from .._values import TaskSnapshot
    from .context import WaitContext

__all__ = ["Wait"]

# A timer may fire a moment early, since clocks round.
_EARLY: Final = 0.001


class _State(Enum):
    IDLE = "idle"
    POLLING = "polling"
    EMITTING = "emitting"
    PAUSING = "pausing"
    DONE = "done"


class Wait(abc.DisposableBase):
    """One subscription's wait for one task; disposing ends it."""

    __slots__ = (
        "_context",
        "_deadline",
        "_deadline_timer",
        "_expired",
        "_last",
        "_next_at",
        "_observer",
        "_pauses",
        "_poll",
        "_polls",
        "_state",
        "_timer",
        "_trouble",
        "_woken",
        "task_id",
    )

    def __init__(
        self, task_id: str, observer: abc.ObserverBase[TaskSnapshot], context: WaitContext
    ) -> None:
        self.task_id = task_id
        self._observer = observer
        self._context = context
        self._pauses = Pauses(context.cadence, context.retry)
        self._state = _State.IDLE
        self._deadline = math.inf
        self._deadline_timer: Any = None
        self._timer: Any = None
        self._next_at = 0.0
        self._poll: Poll | None = None
        self._polls = 0
        self._last: TaskSnapshot | None = None
        self._trouble: BaseException | None = None
        self._expired = False
        self._woken = False

    def start(self) -> None:
        """Set the deadline and poll for the first time."""
        self._context.clock.run_engine(self._start)

    def _start(self) -> None:
        if self._state is _State.DONE:
            return
        timeout, clock = self._context.timeout, self._context.clock
        try:
            if timeout is not None:
                self._deadline = clock.now() + timeout
                self._deadline_timer = clock.call_later(timeout, self._expire)
            self._poll_from(_State.IDLE)
        except BaseException:
            self.dispose()
            raise

    def poll_now(self) -> None:
        """Poll at once instead of after the cadence's pause; a back-off is waited out."""
        context = self._context
        if context.is_interrupted():
            context.clock.post(self.poll_now)
            return
        with context.lock:
            # The answer to a poll that is under way may be older than what this is about.
            is_under_way = self._poll is not None and self._poll.is_sent
            self._woken = is_under_way or self._state is _State.EMITTING
            is_pausing = self._state is _State.PAUSING and self._trouble is None
            timer = self._timer
        if is_pausing and self._poll_from(_State.PAUSING) and timer is not None:
            context.clock.cancel(timer)

    def _pause_over(self) -> None:
        clock = self._context.clock
        # A thread may fire a timer that was overtaken all the same, in the pause after its own.
        if clock.cancels_surely or clock.now() >= self._next_at - _EARLY:
            self._poll_from(_State.PAUSING)

    def _poll_from(self, before: _State) -> bool:
        context = self._context
        poll = Poll(self, context)
        with context.lock:
            if self._state is not before:
                return False
            self._state = _State.POLLING
            self._poll = poll
            self._timer = None
        context.gate.enter(poll, context.clock)
        return True

    def receive(
        self, poll: Poll, snapshot: TaskSnapshot | None, error: BaseException | None
    ) -> None:
        """Take an answer."""
        with self._context.lock:
            if self._poll is not poll or self._state is not _State.POLLING:
                return
            self._state = _State.EMITTING
            self._poll = None
            self._polls += 1
        round_trip = self._context.clock.now() - poll.sent_at
        if snapshot is not None:
            self._last = snapshot
            try:
                self._observer.on_next(snapshot)
            except BaseException:
                # The consumer's own; it goes to whoever runs this clock, and the wait is over.
                self.dispose()
                raise
        if self._state is _State.DONE:  # pyright: ignore[reportUnnecessaryComparison] -- the consumer may have disposed
            return
        try:
            delay, end = self._decide(snapshot, error, round_trip)
        except Exception as fault:  # noqa: BLE001 -- a user's schedule may raise anything
            delay, end = None, fault
        if delay is None:
            self._end(end)
        else:
            self._pause(delay, error)

    def _decide(
        self, snapshot: TaskSnapshot | None, error: BaseException | None, round_trip: float
    ) -> tuple[float | None, BaseException | None]:
        """The pause before the next poll; or None, and the error if one ends the wait."""
        if snapshot is not None and snapshot.is_done:
            if snapshot.is_completed:
                return None, None
            return None, task_exception(self.task_id, snapshot, self._context.cut)
        left = self._deadline - self._context.clock.now()
        delay = self._pauses.after(error, left, round_trip)
        if delay is not None and error is not None and delay < left:
            log_retry(self.task_id, self._polls, delay, error)
        return delay, error

    def _pause(self, delay: float, error: BaseException | None) -> None:
        clock = self._context.clock
        now = 0.0 if clock.cancels_surely else clock.now()
        with self._context.lock:
            if self._state is not _State.EMITTING:
                return
            if self._woken and error is None:
                delay = 0.0
            self._woken = False
            self._trouble = error
            self._next_at = now + delay
            self._state = _State.PAUSING
            expired = self._expired
        if expired:
            self._expire()
        elif delay < math.inf:
            self._set_timer(delay)

    def _set_timer(self, delay: float) -> None:
        # Not under the lock: it may be a scheduler of the user's.
        clock, polls = self._context.clock, self._polls
        try:
            timer = clock.call_later(delay, self._pause_over)
        except Exception as fault:  # noqa: BLE001 -- a disposed scheduler, or no thread is left
            self._end(fault)
            return
        with self._context.lock:
            is_wanted = self._state is _State.PAUSING and self._polls == polls
            if is_wanted:
                self._timer = timer
        if not is_wanted:
            clock.cancel(timer)

    def _end(self, error: BaseException | None, *, expiring: bool = False) -> None:
        if not self._stop(expiring=expiring):
            return
        if error is None:
            self._observer.on_completed()
        else:
            self._observer.on_error(cast("Exception", error))

    def _expire(self) -> None:
        timeout = cast("float", self._context.timeout)
        poll = self._poll
        polls = self._polls + (poll is not None and poll.is_sent)
        error = TaskTimeoutException(
            task_id=self.task_id, timeout=timeout, last=self._last, polls=polls
        )
        error.__cause__ = self._trouble
        self._end(error, expiring=True)

    @override
    def dispose(self) -> None:
        """End the wait: no emission, no timer and no request after this."""
        context = self._context
        if context.is_interrupted():
            context.clock.post(self.dispose)
        elif self._stop():
            # A signal handler may have disposed while the loop sleeps.
            context.clock.wake()

    def _stop(self, *, expiring: bool = False) -> bool:
        context = self._context
        with context.lock:
            before = self._state
            if expiring and before is _State.EMITTING:
                # A consumer that is being called is not interrupted but followed.
                self._expired = True
                return False
            self._state = _State.DONE
        if before is _State.DONE:
            return False
        context.clock.run_engine(self._clean_up)
        return True

    def _clean_up(self) -> None:
        for timer in (self._timer, self._deadline_timer):
            if timer is not None:
                self._context.clock.cancel(timer)
        if self._poll is not None:
            self._poll.cancel()
        self._timer = self._deadline_timer = self._poll = None

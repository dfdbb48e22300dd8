"""The engine: one wait on one task as a small state machine, for sync and async clients alike.

::

    IDLE → QUEUED → CALLING → EMITTING → PAUSING → QUEUED → … → DONE

QUEUED is before the gate. CALLING has a call under way. EMITTING is inside the consumer's
`on_next`. PAUSING waits for the next poll. Each of them can go to DONE, by the deadline or by
disposal. The lock guards only the change of state: no user code and no subscription runs under it.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from reactivex import abc
from typing_extensions import override

from .._wire.failures import rate_limit_of, task_exception
from ..errors import TaskTimeoutException
from .log import log_retry
from .pauses import LAST_POLL, WAKE_EVERY, Pauses

if TYPE_CHECKING:
    from .._call.call import Call
    from .._values import TaskSnapshot
    from .context import WaitContext

__all__ = ["Wait"]


class _State(Enum):
    IDLE = "idle"
    QUEUED = "queued"
    CALLING = "calling"
    EMITTING = "emitting"
    PAUSING = "pausing"
    DONE = "done"


class Wait(abc.DisposableBase):
    """One subscription's wait for one task; disposing ends it."""

    __slots__ = (
        "_call",
        "_context",
        "_deadline",
        "_deadline_timer",
        "_due_at",
        "_expired",
        "_last",
        "_observer",
        "_pauses",
        "_polls",
        "_sent_at",
        "_state",
        "_task_id",
        "_timer",
        "_trouble",
        "_woken",
    )

    def __init__(
        self, task_id: str, observer: abc.ObserverBase[TaskSnapshot], context: WaitContext
    ) -> None:
        self._task_id = task_id
        self._observer = observer
        self._context = context
        self._pauses = Pauses(context.cadence, context.retry, context.gate)
        self._state = _State.IDLE
        self._deadline = math.inf
        self._deadline_timer: Any = None
        self._timer: Any = None
        self._call: Call | None = None
        self._last: TaskSnapshot | None = None
        self._trouble: BaseException | None = None
        self._polls, self._sent_at, self._due_at = 0, 0.0, 0.0
        self._expired = self._woken = False

    def start(self) -> None:
        """Set the deadline and poll for the first time."""
        self._context.clock.run_engine(self._start)

    def _start(self) -> None:
        if self._state is _State.DONE:
            return
        timeout, clock = self._context.timeout, self._context.clock
        if timeout is not None:
            self._deadline = clock.now() + timeout
            self._deadline_timer = clock.call_later(timeout, self._expire)
        self._poll()

    def poll_now(self) -> None:
        """Poll now, or a second after the last poll; a back-off is waited out."""
        now = self._context.clock.now()
        with self._context.lock:
            # The answer to a poll that is under way may be older than what this is about.
            self._woken = self._state in (_State.CALLING, _State.EMITTING)
            at = max(min(self._sent_at + WAKE_EVERY, self._deadline - LAST_POLL), now)
            if self._state is not _State.PAUSING or self._trouble is not None or at >= self._due_at:
                return
            timer, self._due_at = self._timer, at
        if timer is not None:
            self._context.clock.cancel(timer)
        self._set_timer(at - now)

    def _poll(self) -> None:
        with self._context.lock:
            if self._state not in (_State.IDLE, _State.PAUSING):
                return
            self._state = _State.QUEUED
            self._timer = None
        self._context.gate.enter(self, self._context.clock)

    def admitted(self) -> None:
        """The gate has given this wait a place; from here on it owes one `leave`."""
        if not self._context.clock.run_engine(self._send):
            self._context.gate.leave(self._context.clock)

    def _send(self) -> None:
        context = self._context
        with context.lock:
            wanted = self._state is _State.QUEUED
            if wanted:
                self._state = _State.CALLING
                self._polls += 1
            number = self._polls
        if not wanted:
            context.gate.leave(context.clock)
            return
        self._sent_at = context.clock.now()
        call = context.caller.start(self._task_id, self._answered)
        if call is None:
            return
        with context.lock:
            disposed = self._state is _State.DONE
            if self._state is _State.CALLING and self._polls == number:
                self._call = call
        if disposed:
            call.cancel()

    def _answered(self, snapshot: TaskSnapshot | None, error: BaseException | None) -> None:
        """A call ended, on whatever thread; the gate hears of it even if nobody else does."""
        context = self._context
        context.gate.leave(context.clock, *rate_limit_of(snapshot, error))
        if self._state is not _State.DONE:
            context.clock.run_consumer(lambda: self._receive(snapshot, error))

    def _receive(self, snapshot: TaskSnapshot | None, error: BaseException | None) -> None:
        with self._context.lock:
            if self._state is not _State.CALLING:
                return
            self._state = _State.EMITTING
            self._call = None
        round_trip = self._context.clock.now() - self._sent_at
        if snapshot is None:
            self._pause(error, round_trip)
            return
        self._last = snapshot
        self._trouble = None
        try:
            self._observer.on_next(snapshot)
        except BaseException:
            # The consumer's own; it goes to whoever runs this clock, and the wait is over.
            self.dispose()
            raise
        if snapshot.is_completed:
            self._end(None)
        elif snapshot.is_failed:
            self._end(task_exception(self._task_id, snapshot))
        else:
            self._pause(None, round_trip)

    def _pause(self, error: BaseException | None, round_trip: float) -> None:
        """Wait for the next poll, or end where there is to be none."""
        if self._state is _State.DONE:
            return
        left = self._deadline - (now := self._context.clock.now())
        try:
            delay = self._pauses.after(error, left, round_trip)
        except Exception as fault:  # noqa: BLE001 -- a user's schedule may raise anything
            self._end(fault)
            return
        if delay is None:
            self._end(error)
            return
        if error is not None and delay < left:
            log_retry(self._task_id, self._polls, delay, error)
        self._trouble = error
        with self._context.lock:
            if self._state is not _State.EMITTING:
                return
            self._state = _State.PAUSING
            if self._woken and error is None:
                delay = min(delay, max(WAKE_EVERY - round_trip, 0.0))
            self._woken = False
            self._due_at = now + delay
            expired = self._expired
        if expired:
            self._expire()
        elif delay < math.inf:
            self._set_timer(delay)

    def _set_timer(self, delay: float) -> None:
        # Not under the lock: it may be a scheduler of the user's, and a finaliser may run in it.
        polls = self._polls
        timer = self._context.clock.call_later(delay, self._poll)
        with self._context.lock:
            is_wanted = self._state is _State.PAUSING and self._polls == polls
            if is_wanted:
                self._timer = timer
        if not is_wanted:
            self._context.clock.cancel(timer)

    def _end(self, error: BaseException | None, *, expiring: bool = False) -> None:
        if not self._stop(expiring=expiring):
            return
        if error is None:
            self._observer.on_completed()
        else:
            self._observer.on_error(cast("Exception", error))

    def _expire(self) -> None:
        timeout = cast("float", self._context.timeout)
        error = TaskTimeoutException(
            task_id=self._task_id, timeout=timeout, last=self._last, polls=self._polls
        )
        error.__cause__ = self._trouble
        self._end(error, expiring=True)

    @override
    def dispose(self) -> None:
        """End the wait: no emission, no timer and no request after this."""
        self._stop()

    def _stop(self, *, expiring: bool = False) -> bool:
        with self._context.lock:
            before = self._state
            if expiring and before is _State.EMITTING:
                # A consumer that is being called is not interrupted but followed.
                self._expired = True
                return False
            self._state = _State.DONE
        if before is _State.DONE:
            return False
        self._context.clock.run_engine(lambda: self._clean_up(before))
        return True

    def _clean_up(self, before: _State) -> None:
        clock = self._context.clock
        for timer in (self._timer, self._deadline_timer):
            if timer is not None:
                clock.cancel(timer)
        if before is _State.QUEUED:
            self._context.gate.withdraw(self)
        elif before is _State.CALLING and self._call is not None:
            self._call.cancel()
        self._timer = self._deadline_timer = self._call = None

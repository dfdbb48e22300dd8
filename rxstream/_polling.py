"""The engine: one wait on one task as a small state machine, whatever the client's colour.

::

    IDLE → QUEUED → FETCHING → EMITTING → WAITING → QUEUED → … → DONE

QUEUED is before the gate, FETCHING has a request in flight, EMITTING is inside the consumer's
`on_next`, WAITING has a timer for the next poll. Any of them can go to DONE, by the deadline or by
disposal. The lock guards only the change of state: no user code and no subscription under it.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from reactivex import abc
from typing_extensions import override

from ._failures import is_transient, task_exception
from ._log import log_retry
from ._pauses import Pauses, named_delay
from .errors import StreamApiException, StreamRateLimitException, TaskTimeoutException

if TYPE_CHECKING:
    import threading

    from ._attempt import Attempt, Fetch
    from ._clock import Clock
    from ._gate import Gate
    from ._pauses import Plan
    from ._snapshot import TaskSnapshot

__all__ = ["Polling"]


class _State(Enum):
    IDLE = "idle"
    QUEUED = "queued"
    FETCHING = "fetching"
    EMITTING = "emitting"
    WAITING = "waiting"
    DONE = "done"


class Polling(Pauses, abc.DisposableBase):
    """One subscription's wait; disposing ends it. It is its pauses: one object less each."""

    __slots__ = (
        "_attempt",
        "_clock",
        "_deadline",
        "_deadline_timer",
        "_expired",
        "_fetch",
        "_gate",
        "_last",
        "_lock",
        "_observer",
        "_plan",
        "_polls",
        "_sent_at",
        "_state",
        "_task_id",
        "_timer",
        "_trouble",
        "_woken",
    )

    def __init__(
        self,
        task_id: str,
        plan: Plan,
        observer: abc.ObserverBase[TaskSnapshot],
        clock: Clock,
        fetch: Fetch,
        gate: Gate,
        lock: threading.Lock,
    ) -> None:
        self._task_id = task_id
        self._plan = plan
        self._observer = observer
        self._clock = clock
        self._fetch = fetch
        self._gate = gate
        self._lock = lock
        self._state = _State.IDLE
        super().__init__(plan)
        self._deadline = math.inf
        self._deadline_timer: Any = None
        self._timer: Any = None
        self._attempt: Attempt | None = None
        self._last: TaskSnapshot | None = None
        self._trouble: BaseException | None = None
        self._polls, self._sent_at = 0, 0.0
        self._expired = False
        self._woken = False

    def begin(self) -> None:
        """Start the deadline and poll for the first time."""
        if self._state is _State.DONE:
            return
        timeout = self._plan.timeout
        if timeout is not None:
            self._deadline = self._clock.now() + timeout
            self._deadline_timer = self._clock.call_later(timeout, self._expire)
        self._poll()

    def poll_now(self) -> None:
        """Do not wait for the next poll of the cadence; a back-off is waited out."""
        with self._lock:
            # The answer to a poll that is under way may be older than what this is about.
            self._woken = self._state in (_State.FETCHING, _State.EMITTING)
            if self._state is not _State.WAITING or self._trouble is not None:
                return
            timer = self._timer
        if timer is not None:
            self._clock.cancel(timer)
        self._poll()

    def _poll(self) -> None:
        with self._lock:
            if self._state not in (_State.IDLE, _State.WAITING):
                return
            self._state = _State.QUEUED
            self._timer = None
        self._gate.enter(self, self._clock)

    def admitted(self) -> None:
        """The gate has given this wait a place; from here on it owes one `leave`."""
        if not self._clock.run(self._send):
            self._gate.leave(self._clock)

    def _send(self) -> None:
        with self._lock:
            wanted = self._state is _State.QUEUED
            if wanted:
                self._state = _State.FETCHING
                self._polls += 1
            number = self._polls
        if not wanted:
            self._gate.leave(self._clock)
            return
        self._sent_at = self._clock.now()
        attempt = self._fetch.start(self._task_id, self._answered)
        if attempt is None:
            return
        with self._lock:
            disposed = self._state is _State.DONE
            if self._state is _State.FETCHING and self._polls == number:
                self._attempt = attempt
        if disposed:
            attempt.cancel()

    def _answered(self, snapshot: TaskSnapshot | None, error: BaseException | None) -> None:
        """A request ended, on whatever thread; the gate hears of it even if nobody else does."""
        refused_for = None
        if snapshot is not None:
            rate_limit = snapshot.rate_limit
        else:
            rate_limit = error.rate_limit if isinstance(error, StreamApiException) else None
            if isinstance(error, StreamRateLimitException):
                refused_for = named_delay(error)
        self._gate.leave(self._clock, rate_limit, refused_for)
        if self._state is not _State.DONE:
            self._clock.deliver(lambda: self._receive(snapshot, error))

    def _receive(self, snapshot: TaskSnapshot | None, error: BaseException | None) -> None:
        with self._lock:
            if self._state is not _State.FETCHING:
                return
            self._state = _State.EMITTING
            self._attempt = None
        round_trip = self._clock.now() - self._sent_at
        if snapshot is None:
            self._failed(cast("BaseException", error), round_trip)
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

    def _failed(self, error: BaseException, round_trip: float) -> None:
        if self._plan.retry is None or not is_transient(error):
            self._end(error)
            return
        self._trouble = error
        self._pause(error, round_trip)

    def _pause(self, error: BaseException | None, round_trip: float) -> None:
        """Wait for the next poll: by the cadence, or after an error by the back-off."""
        if self._state is _State.DONE:
            return
        try:
            delay = self._delay_after(error, round_trip)
        except Exception as fault:  # noqa: BLE001 -- a user's schedule may raise anything
            self._end(fault)
            return
        if delay is None:
            self._end(error)
            return
        with self._lock:
            if self._state is not _State.EMITTING:
                return
            self._state = _State.WAITING
            if self._woken and error is None:
                delay = 0.0
            self._woken = False
            expired = self._expired
        if expired:
            self._expire()
        elif delay < math.inf:
            self._set_timer(delay)

    def _set_timer(self, delay: float) -> None:
        # Not under the lock: it may be a scheduler of the user's, and a finaliser may run in it.
        polls = self._polls
        timer = self._clock.call_later(delay, self._poll)
        with self._lock:
            is_wanted = self._state is _State.WAITING and self._polls == polls
            if is_wanted:
                self._timer = timer
        if not is_wanted:
            self._clock.cancel(timer)

    def _delay_after(self, error: BaseException | None, round_trip: float) -> float | None:
        left = self._deadline - self._clock.now()
        if error is None:
            return self.after_answer(left, round_trip)
        delay = self.after_error(error, left, round_trip)
        if delay is not None and delay < left:
            log_retry(self._task_id, self._polls, delay, error)
        return delay

    def _end(self, error: BaseException | None, *, expiring: bool = False) -> None:
        if not self._stop(expiring=expiring):
            return
        if error is None:
            self._observer.on_completed()
        else:
            self._observer.on_error(cast("Exception", error))

    def _expire(self) -> None:
        """The deadline."""
        timeout = cast("float", self._plan.timeout)
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
        with self._lock:
            before = self._state
            if expiring and before is _State.EMITTING:
                # A consumer that is being called is not interrupted but followed.
                self._expired = True
                return False
            self._state = _State.DONE
        if before is _State.DONE:
            return False
        self._clock.run(lambda: self._clean_up(before))
        return True

    def _clean_up(self, before: _State) -> None:
        for timer in (self._timer, self._deadline_timer):
            if timer is not None:
                self._clock.cancel(timer)
        if before is _State.QUEUED:
            self._gate.withdraw(self)
        elif before is _State.FETCHING and self._attempt is not None:
            self._attempt.cancel()
        self._timer = self._deadline_timer = self._attempt = None

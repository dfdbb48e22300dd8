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
from typing import TYPE_CHECKING, Any, cast

from reactivex import abc
from typing_extensions import override

from .._wire.failures import task_exception
from ..errors import TaskTimeoutException
from .log import log_retry
from .pause import Pause
from .pauses import LAST_POLL, WAKE_EVERY, Pauses
from .poll import Poll

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._values import TaskSnapshot
    from .context import WaitContext

__all__ = ["Wait"]


class _State(Enum):
    IDLE = "idle"
    POLLING = "polling"
    EMITTING = "emitting"
    PAUSING = "pausing"
    DONE = "done"


class Wait(abc.DisposableBase):
    """One subscription's wait for one task; disposing ends it."""

    __slots__ = (
        "_began",
        "_deadline_timer",
        "_late",
        "_observer",
        "_pause",
        "_pauses",
        "_poll",
        "_sent_at",
        "_state",
        "_trouble",
        "_woken",
        "context",
        "last",
        "polls",
        "task_id",
    )

    def __init__(
        self, task_id: str, observer: abc.ObserverBase[TaskSnapshot], context: WaitContext
    ) -> None:
        self.task_id = task_id
        self._observer = observer
        self.context = context
        self._pauses = Pauses(context.cadence, context.retry, context.gate)
        self._state = _State.IDLE
        self._began = 0.0
        self._deadline_timer: Any = None
        self._pause: Pause | None = None
        self._poll: Poll[TaskSnapshot] | None = None
        self.polls = 0
        self._sent_at = 0.0
        self.last: TaskSnapshot | None = None
        self._trouble: BaseException | None = None
        self._late: Callable[[], None] | None = None
        self._woken = False

    def start(self) -> None:
        """Set the deadline and poll for the first time."""
        self.context.clock.run_engine(self._start)

    def _start(self) -> None:
        context = self.context
        with context.lock:
            if self._state is _State.DONE:
                return
            context.open_waits.add(self)
        try:
            self._began = context.clock.now()
            if (timeout := context.timeout) is not None:
                self._deadline_timer = context.clock.call_later(timeout, self._expire)
            self._poll_from(_State.IDLE, None)
        except BaseException:
            self.dispose()
            raise

    def poll_now(self) -> None:
        """Poll now, or a second after the last poll; a back-off is waited out."""
        context = self.context
        if context.is_interrupted():
            context.clock.post(self.poll_now)
            return
        now = context.clock.now()
        with context.lock:
            # The answer to a poll that is under way may be older than what this is about.
            is_under_way = self._poll is not None and self._poll.is_sent
            self._woken = is_under_way or self._state is _State.EMITTING
            latest = context.deadline(self._began) - LAST_POLL
            at = max(min(self._sent_at + WAKE_EVERY, latest), now)
            pause = self._pause
            if pause is None or self._trouble is not None or at >= pause.ends_at:
                return
            sooner = self._pause = Pause(self, context.clock, at)
        pause.cancel()
        self._sleep(sooner, at - now)

    def pause_over(self, pause: Pause) -> None:
        """Poll, if this is still the pause of this wait."""
        self._poll_from(_State.PAUSING, pause)

    def _poll_from(self, before: _State, pause: Pause | None) -> None:
        context = self.context
        poll: Poll[TaskSnapshot] = Poll(self, self.task_id, context)
        with context.lock:
            if self._state is not before or self._pause is not pause:
                return
            self._state = _State.POLLING
            self._poll, self._pause = poll, None
        context.gate.enter(poll, context.clock)

    def receive(
        self, poll: Poll[TaskSnapshot], snapshot: TaskSnapshot | None, error: BaseException | None
    ) -> None:
        """Take an answer."""
        with self.context.lock:
            if self._poll is not poll or self._state is not _State.POLLING:
                return
            self._state = _State.EMITTING
            self._poll = None
            self.polls += 1
            self._sent_at = poll.sent_at
        round_trip = self.context.clock.now() - poll.sent_at
        if snapshot is not None:
            self.last = snapshot
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
        except BaseException:  # an interrupt in code of a user
            self.dispose()
            raise
        if delay is None:
            self.end(end)
        else:
            self._rest(delay, error)

    def _decide(
        self, snapshot: TaskSnapshot | None, error: BaseException | None, round_trip: float
    ) -> tuple[float | None, BaseException | None]:
        """The pause before the next poll; or None, and the error if one ends the wait."""
        if snapshot is not None and snapshot.is_done:
            if snapshot.is_completed:
                return None, None
            return None, task_exception(self.task_id, snapshot, self.context.cut)
        now = self.context.clock.now()
        left = self.context.deadline(self._began) - now
        delay = self._pauses.after(snapshot, error, left, round_trip)
        if delay is not None and error is not None and delay < left:
            log_retry(self, now - self._began, delay, error)
        return delay, error

    def _rest(self, delay: float, error: BaseException | None) -> None:
        clock = self.context.clock
        now = clock.now()
        with self.context.lock:
            if self._state is not _State.EMITTING:
                return
            if self._woken and error is None:
                delay = min(delay, max(self._sent_at + WAKE_EVERY - now, 0.0))
            self._woken = False
            self._trouble = error
            self._state = _State.PAUSING
            pause = self._pause = Pause(self, clock, now + delay)
            late = self._late
        if late is not None:
            late()
        elif delay < math.inf:
            self._sleep(pause, delay)

    def _sleep(self, pause: Pause, delay: float) -> None:
        try:
            pause.start(delay)
        except Exception as fault:  # noqa: BLE001 -- a disposed scheduler, or no thread is left
            self.end(fault)

    def end(self, error: BaseException | None, late: Callable[[], None] | None = None) -> None:
        """End; `late` is called after a consumer that is being called, if there is one."""
        if not self._stop(late):
            return
        if error is None:
            self._observer.on_completed()
        else:
            self._observer.on_error(cast("Exception", error))

    def _expire(self) -> None:
        timeout, poll = cast("float", self.context.timeout), self._poll
        polls = self.polls + (poll is not None and poll.is_sent)
        error = TaskTimeoutException(
            task_id=self.task_id, timeout=timeout, last=self.last, polls=polls
        )
        error.__cause__ = self._trouble
        self.end(error, self._expire)

    @override
    def dispose(self) -> None:
        """End the wait: no emission, no timer and no request after this."""
        context = self.context
        if context.is_interrupted():
            context.clock.post(self.dispose)
        elif self._stop():
            # A signal handler may have disposed while the loop sleeps.
            context.clock.wake()

    def _stop(self, late: Callable[[], None] | None = None) -> bool:
        context = self.context
        with context.lock:
            before = self._state
            if late is not None and before is _State.EMITTING:
                # A consumer that is being called is not interrupted but followed.
                self._late = late
                return False
            self._state = _State.DONE
            context.open_waits.discard(self)
        if before is _State.DONE:
            return False
        context.clock.run_engine(self._clean_up)
        return True

    def _clean_up(self) -> None:
        if self._deadline_timer is not None:
            self.context.clock.cancel(self._deadline_timer)
        for part in (self._pause, self._poll):
            if part is not None:
                part.cancel()
        self._deadline_timer = self._pause = self._poll = None

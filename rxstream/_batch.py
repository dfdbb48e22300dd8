"""Many tasks at once: `tasks_observable`."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any, TypeAlias

from reactivex import Observable, abc
from typing_extensions import override

from ._checks import optional, text, whole
from ._fan_in import FanIn
from ._items import check_items, items_of
from ._log import log_deaf
from ._poller import NOTHING_TO_WAIT_FOR, Poller, begun
from ._snapshot import TaskOutcome, named_by
from .backoff import DEFAULT_RETRY
from .errors import TaskTimeoutException

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable

    from ._clock import Clock
    from ._gate import Gate
    from ._polling import Polling
    from ._snapshot import TaskSnapshot
    from .backoff import Delays, Duration

__all__ = ["TaskIds", "tasks_observable"]

TaskIds: TypeAlias = (
    "Iterable[str | None] | AsyncIterable[str | None] | Observable[str] | Observable[str | None]"
)
"""Where the ids come from."""


def tasks_observable(
    client: Any,
    task_ids: TaskIds,
    *,
    max_concurrent: int | None = None,
    poll_interval: Duration | Delays = 1.0,
    timeout: Duration | None = 60.0,
    retry: Delays | None = DEFAULT_RETRY,
    gate: Gate | None = None,
    wake: Observable[Any] | None = None,
    scheduler: abc.SchedulerBase | None = None,
) -> Observable[TaskOutcome]:
    """Wait on many tasks, and emit how each ended, in the order in which they end.

    ::

        task_ids          a b c|
        wait on a         ─p──r──r──C|
        wait on b         ─p──×
        wait on c         ─p──r──C|
        tasks_observable  ────b──c──a|

    A task that fails, times out or cannot be polled is an outcome, never an error of the whole; so
    is an id that is None, empty or no string. An id that comes again while it is being waited on is
    not polled twice: it is answered with the same outcome, once for each time it came. An error of
    `task_ids` itself ends the stream at once.

    For an error at the first failure: `.pipe(ops.map(TaskOutcome.unwrap))`.

    Args:
        client: As for `task_observable`.
        task_ids: An iterable, an async iterable or an Observable of ids. The first two are asked
            for the next id only when there is room for it, so they may be endless; what an
            Observable emits too early waits in a queue.
        max_concurrent: How many waits at once, 1 or more; None: as many as there are ids.
        poll_interval: As for `task_observable`, for each task.
        timeout: As for `task_observable`, for each task, counted from when its wait begins.
        retry: As for `task_observable`, for each task.
        gate: As for `task_observable`; all the waits pass it.
        wake: As for `task_observable`; an event that names a task wakes that one.
        scheduler: As for `task_observable`.

    Raises:
        TypeError: As for `task_observable`, or `task_ids` is none of the three.
        ValueError: As for `task_observable`, or `max_concurrent` is less than 1.
    """
    poller = Poller(client, poll_interval, timeout, retry, gate)
    check_items(task_ids, "task_ids")
    limit = math.inf if max_concurrent is None else whole(max_concurrent, "max_concurrent")
    optional(wake, Observable, "wake")
    optional(scheduler, abc.SchedulerBase, "scheduler")

    def subscribe(
        observer: abc.ObserverBase[TaskOutcome], subscribed_on: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        chosen = scheduler if scheduler is not None else subscribed_on
        clock = poller.crowd_clock(chosen)
        batch = _Batch(poller.on(clock), clock)
        merged = FanIn(observer, items_of(task_ids, chosen), batch.start, limit, clock)
        if wake is None:
            merged.begin()
            return merged

        def on_error(error: Exception) -> None:
            log_deaf(None, error)

        events = wake.subscribe(batch.wake, on_error, scheduler=subscribed_on)
        return begun(merged.begin, merged, events)

    return Observable(subscribe)


class _Batch:
    """Waits on each id once at a time, and answers everybody who asked for it meanwhile."""

    __slots__ = ("_also", "_lock", "_make", "_waits", "clock")

    def __init__(
        self, make: Callable[[str, abc.ObserverBase[TaskSnapshot]], Polling], clock: Clock
    ) -> None:
        self._make = make
        self.clock = clock
        self._lock = threading.Lock()
        self._waits: dict[str, Polling] = {}
        self._also: dict[str, list[int]] = {}

    def start(
        self, task_id: str | None, number: int, merged: FanIn[Any, TaskOutcome]
    ) -> abc.DisposableBase | None:
        try:
            checked = text(task_id, "task_id", NOTHING_TO_WAIT_FOR)
        except (TypeError, ValueError) as error:
            merged.emit(TaskOutcome(str(task_id or ""), error=error))
            merged.ended(number)
            return None
        with self._lock:
            if checked in self._waits:
                self._also.setdefault(checked, []).append(number)
                return None
            wait = self._make(checked, _Wait(checked, number, self, merged))
            self._waits[checked] = wait
        self.clock.run(wait.begin)
        return wait

    def end(self, task_id: str, number: int) -> list[int]:
        """A wait has ended; give the numbers of those who asked for it."""
        with self._lock:
            self._waits.pop(task_id, None)
            return [number, *self._also.pop(task_id, ())]

    def wake(self, event: object) -> None:
        """Poll at once the task that an event names, or all if it names none."""
        named = named_by(event)
        with self._lock:
            waits = list(self._waits.values()) if named is None else [self._named(named)]
        for wait in waits:
            if wait is not None:
                wait.poll_now()

    def _named(self, named: object) -> Polling | None:
        return self._waits.get(named) if isinstance(named, str) else None


class _Wait(abc.ObserverBase["TaskSnapshot"]):
    """Makes the outcome of one wait; what `settle` does, without a pipeline."""

    __slots__ = ("_answers", "_batch", "_last", "_merged", "_number", "_started", "_task_id")

    def __init__(
        self, task_id: str, number: int, batch: _Batch, merged: FanIn[Any, TaskOutcome]
    ) -> None:
        self._task_id = task_id
        self._number = number
        self._batch = batch
        self._merged = merged
        self._started = batch.clock.now()
        self._last: TaskSnapshot | None = None
        self._answers = 0

    @override
    def on_next(self, value: TaskSnapshot) -> None:
        self._last = value
        self._answers += 1

    @override
    def on_error(self, error: Exception) -> None:
        polls = error.polls if isinstance(error, TaskTimeoutException) else self._answers
        self._end(error, polls)

    @override
    def on_completed(self) -> None:
        self._end(None, self._answers)

    def _end(self, error: Exception | None, polls: int) -> None:
        elapsed = self._batch.clock.now() - self._started
        outcome = TaskOutcome(self._task_id, self._last, error, polls, elapsed)
        for number in self._batch.end(self._task_id, self._number):
            self._merged.emit(outcome)
            self._merged.ended(number)

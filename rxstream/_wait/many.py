"""Many tasks at once: `tasks_observable`."""

from __future__ import annotations

import math
import threading
from collections.abc import AsyncIterable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from reactivex import Observable, abc
from reactivex.disposable import SingleAssignmentDisposable
from typing_extensions import override

from .._checks import optional, whole
from .._merge.merge import Merge
from .._merge.sources import check_items, items_of
from .._values import BaseTaskHandle, T, TaskOutcome
from .._wire.fields import task_id_of
from ..backoff import DEFAULT_RETRY
from .arguments import WaitArguments, start_or_dispose
from .closing import ClientClosedError
from .handles import AsyncTaskHandle, TaskHandle
from .log import log_wake_of_all_failed
from .outcome import OutcomeObserver
from .tasks import id_to_poll, outcome_at_once

if TYPE_CHECKING:
    from .._gate.gate import Gate
    from .._merge.sources import Items
    from ..backoff import Delays, Duration, PollInterval
    from .arguments import Waits
    from .engine import Wait

__all__ = ["Handles", "Tasks", "tasks_observable"]

Handles: TypeAlias = (
    Observable[TaskHandle[T]] | Observable[AsyncTaskHandle[T]] | Observable[BaseTaskHandle[T]]
)
"""What `start_tasks` gives."""
Tasks: TypeAlias = (
    Iterable[str | BaseTaskHandle[T] | None]
    | AsyncIterable[str | BaseTaskHandle[T] | None]
    | Handles[T]
    | Observable[str]
    | Observable[str | None]
    | Observable[str | BaseTaskHandle[T]]
    | Observable[str | BaseTaskHandle[T] | None]
)
"""Where the ids and handles come from."""


def tasks_observable(
    client: Any,
    tasks: Tasks[T],
    *,
    max_concurrent: int | None = None,
    poll_interval: PollInterval = 1.0,
    timeout: Duration | None = 60.0,
    retry: Delays | None = DEFAULT_RETRY,
    gate: Gate | None = None,
    wake: Observable[Any] | None = None,
    scheduler: abc.SchedulerBase | None = None,
) -> Observable[TaskOutcome[T]]:
    """Wait on many tasks, and emit how each ended, in the order in which they end.

    ::

        tasks             a b c|
        wait on a         ─p──r──r──C|
        wait on b         ─p──×
        wait on c         ─p──r──C|
        tasks_observable  ────b──c──a|

    `await` and `run` give only the last outcome. For a list of all use `.pipe(ops.to_list())`, and
    for a loop over them `wait_for_tasks`.

    A task that fails, times out or cannot be polled gives an outcome, and never ends the others. So
    does an id that is None, empty or not a string, and a handle that could not be started. If an id
    comes again while its wait runs, by itself or in a handle, it is not polled twice: you get its
    outcome once for each time it came. The outcome of a handle has its `items`. An error of `tasks`
    itself ends the stream at once.

    To end with an error at the first failure: `.pipe(ops.map(TaskOutcome.unwrap))`.

    Args:
        client: As for `task_observable`.
        tasks: An iterable, an async iterable or an Observable of handles and ids, mixed at will.
            The first two give one only when there is room for it, so they may be endless. Those
            that an Observable emits too early wait in a queue.
        max_concurrent: How many waits at once, 1 or more; None: as many as there are ids.
        poll_interval: As for `task_observable`, for each task.
        timeout: As for `task_observable`, for each task, counted from when its wait begins.
        retry: As for `task_observable`, for each task.
        gate: As for `task_observable`; all the waits pass it.
        wake: As for `task_observable`; an event that names a task wakes only that one.
        scheduler: As for `task_observable`.

    Raises:
        TypeError: As for `task_observable`, or `tasks` is none of the three.
        ValueError: As for `task_observable`, or `max_concurrent` is less than 1.
    """
    arguments = WaitArguments(client, poll_interval, timeout, retry, gate)
    check_items(tasks, "tasks")
    limit = math.inf if max_concurrent is None else whole(max_concurrent, "max_concurrent")
    optional(wake, Observable, "wake")
    optional(scheduler, abc.SchedulerBase, "scheduler")

    def subscribe(
        observer: abc.ObserverBase[TaskOutcome[T]],
        subscribed_on: abc.SchedulerBase | None = None,
    ) -> abc.DisposableBase:
        chosen = scheduler if scheduler is not None else subscribed_on
        clock = arguments.crowd_clock(chosen)
        batch = _Batch(arguments.waits(clock), observer, items_of(tasks, chosen), limit)
        if wake is None:
            return start_or_dispose(batch.start, batch)

        def on_error(error: Exception) -> None:
            log_wake_of_all_failed(error)

        batch.events.disposable = wake.subscribe(batch.wake, on_error, scheduler=subscribed_on)
        return start_or_dispose(batch.start, batch)

    return arguments.observable(subscribe)


class _Batch(abc.DisposableBase):
    """Runs one wait for each id, and gives its outcome once for each time the id came."""

    __slots__ = ("_also", "_give", "_items", "_lock", "_merge", "_running", "_waits", "events")

    def __init__(
        self,
        waits: Waits,
        observer: abc.ObserverBase[TaskOutcome],
        items: Items[str | BaseTaskHandle[Any] | None],
        limit: float,
    ) -> None:
        self._waits = waits
        self.events = SingleAssignmentDisposable()
        """The subscription to `wake`."""
        self._merge = Merge(observer, items, self._start, limit, waits.clock, self._close)
        self._lock = threading.RLock()
        self._running: dict[str, Wait] = {}
        self._also: dict[str, list[int]] = {}
        self._items: dict[int, tuple[Any, ...]] = {}
        # Bound once: each access makes a new object, and each wait would keep one.
        self._give = self._ended

    def start(self) -> None:
        """Ask for the first ids."""
        self._merge.start()

    @override
    def dispose(self) -> None:
        self._merge.dispose()

    def _start(
        self, task: str | BaseTaskHandle[Any] | None, number: int
    ) -> abc.DisposableBase | None:
        try:
            task_id = id_to_poll(task)
        except (TypeError, ValueError) as error:
            self._end_at_once(
                TaskOutcome(_shown(task), error=_placed(error, number), items=_items_of(task)),
                number,
            )
            return None
        if task_id is None:
            self._end_at_once(outcome_at_once(cast("BaseTaskHandle[Any]", task)), number)
            return None
        with self._lock:
            # Not kept in the wait: most are for ids, and have none.
            if items := _items_of(task):
                self._items[number] = items
            if task_id in self._running:
                self._also.setdefault(task_id, []).append(number)
                return None
            observer = OutcomeObserver(task_id, self._waits.clock, self._give, number)
            wait = self._running[task_id] = self._waits.prepare(task_id, observer)
        wait.start()
        return wait

    def _end_at_once(self, outcome: TaskOutcome, number: int) -> None:
        self._merge.emit(outcome, number)
        self._merge.ended(number)

    def _ended(self, outcome: TaskOutcome, number: int) -> None:
        if isinstance(outcome.error, ClientClosedError):
            self._merge.fail(outcome.error)  # says nothing about the task
            return
        with self._lock:
            self._running.pop(outcome.task_id, None)
            also = self._also.pop(outcome.task_id, ())
            items = [(asked, self._items.pop(asked, ())) for asked in (number, *also)]
        for asked, own in items:
            self._end_at_once(_with_items(outcome, own) if own else outcome, asked)

    def _close(self) -> None:
        self._waits.close()
        self.events.dispose()

    def wake(self, event: object) -> None:
        """Poll at once the task that an event names, or all if it names none."""
        named = task_id_of(event)
        with self._lock:
            waits = list(self._running.values()) if named is None else [self._named(named)]
        for wait in waits:
            if wait is not None:
                wait.poll_now()

    def _named(self, named: object) -> Wait | None:
        return self._running.get(named) if isinstance(named, str) else None


def _placed(error: Exception, number: int) -> Exception:
    """An error that says which of the ids it is about."""
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(f"id number {number}, counted from 0: {error}")


def _with_items(outcome: TaskOutcome, items: tuple[Any, ...]) -> TaskOutcome:
    # `replace` of dataclasses takes four times as long.
    known = (outcome.task_id, outcome.snapshot, outcome.error, outcome.polls, outcome.elapsed)
    return TaskOutcome(*known, items)


def _items_of(task: object) -> tuple[Any, ...]:
    return task.items if isinstance(task, BaseTaskHandle) else ()


def _shown(task: object) -> str:
    """An id that is none; its truth value may raise, and its text too."""
    try:
        return "" if task is None else str(task)
    except Exception:  # noqa: BLE001 -- an object of the user's may raise anything
        return ""

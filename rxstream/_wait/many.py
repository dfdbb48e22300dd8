"""Many tasks at once: `tasks_observable`."""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from reactivex import Observable, abc

from .._checks import optional, whole
from .._merge.sources import check_items, items_of
from .._values import BaseTaskHandle, T, TaskOutcome
from ..backoff import DEFAULT_RETRY
from .again import AGAIN, checked_again, checked_journal
from .arguments import WaitArguments, start_or_dispose
from .batch import Batch
from .handles import AsyncTaskHandle, TaskHandle
from .log import log_wake_of_all_failed

if TYPE_CHECKING:
    from .._gate.gate import Gate
    from .._store import Store
    from ..backoff import Delays, Duration, PollInterval
    from .again import Again

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
    journal: Store | None = None,
    again: Again = AGAIN,
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

    With a journal, each outcome is emitted once it is recorded there, and an id whose outcome is
    recorded is not polled: you get that outcome at once, with `replayed` set.

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
        journal: A `Journal` of `rxstream.journal`, open for as long as the waits run. If it fails,
            the stream ends with `JournalException`.
        again: Exception classes, one or a tuple. An id whose recorded outcome has such an error is
            waited on once more. By default: errors that say nothing about the task itself.
        scheduler: As for `task_observable`.

    Raises:
        TypeError: As for `task_observable`, or `tasks` is none of the three.
        ValueError: As for `task_observable`, or `max_concurrent` is less than 1.
    """
    arguments = WaitArguments(client, poll_interval, timeout, retry, gate)
    check_items(tasks, "tasks")
    limit = math.inf if max_concurrent is None else whole(max_concurrent, "max_concurrent")
    optional(wake, Observable, "wake")
    store = checked_journal(journal)
    checked_again(again)
    optional(scheduler, abc.SchedulerBase, "scheduler")

    def subscribe(
        observer: abc.ObserverBase[TaskOutcome[T]],
        subscribed_on: abc.SchedulerBase | None = None,
    ) -> abc.DisposableBase:
        chosen = scheduler if scheduler is not None else subscribed_on
        clock = arguments.crowd_clock(chosen)
        waits, items = arguments.waits(clock), items_of(tasks, chosen)
        batch = Batch(waits, observer, items, limit, store, again)
        if wake is None:
            return start_or_dispose(batch.start, batch)

        def on_error(error: Exception) -> None:
            log_wake_of_all_failed(error)

        batch.events.disposable = wake.subscribe(batch.wake, on_error, scheduler=subscribed_on)
        return start_or_dispose(batch.start, batch)

    return arguments.observable(subscribe)

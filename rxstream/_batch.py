"""Many tasks at once: `tasks_observable`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import reactivex
from reactivex import Observable, abc
from reactivex.disposable import Disposable

from ._checks import text, whole
from ._fan_in import FanIn
from ._fetch import is_async
from ._items import check_items, items_of
from ._schedulers import clock_of
from ._snapshot import TaskOutcome
from ._tasks import NOTHING_TO_WAIT_FOR, task_observable
from .backoff import DEFAULT_RETRY
from .operators import settle

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable

    from ._gate import Gate
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
    check_items(task_ids, "task_ids")
    limit = math.inf if max_concurrent is None else whole(max_concurrent, "max_concurrent")

    def wait_on(task_id: str) -> Observable[TaskOutcome]:
        return task_observable(
            client,
            task_id,
            poll_interval=poll_interval,
            timeout=timeout,
            retry=retry,
            gate=gate,
            wake=wake,
            scheduler=scheduler,
        ).pipe(settle(task_id))

    wait_on("checked")  # the arguments, now and not at the first id
    colour = is_async(client)

    def subscribe(
        observer: abc.ObserverBase[TaskOutcome], subscribed_on: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        chosen = scheduler if scheduler is not None else subscribed_on
        merged = FanIn(
            observer,
            items_of(task_ids, chosen),
            _Once(wait_on).project,
            limit,
            clock_of(chosen, is_async=colour),
            chosen,
        )
        merged.fill()
        return merged

    return Observable(subscribe)


class _Once:
    """Waits on each id once at a time, and answers everybody who asked for it meanwhile."""

    def __init__(self, wait_on: Callable[[str], Observable[TaskOutcome]]) -> None:
        self._wait_on = wait_on
        self._also: dict[str, list[abc.ObserverBase[TaskOutcome]]] = {}

    def project(self, task_id: str | None) -> Observable[TaskOutcome]:
        try:
            checked = text(task_id, "task_id", NOTHING_TO_WAIT_FOR)
        except (TypeError, ValueError) as error:
            return reactivex.just(TaskOutcome(str(task_id or ""), error=error))

        def subscribe(
            observer: abc.ObserverBase[TaskOutcome], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            also = self._also.get(checked)
            if also is not None:
                also.append(observer)
                return Disposable()
            self._also[checked] = [observer]

            def answer(outcome: TaskOutcome) -> None:
                for asked in self._also.pop(checked):
                    asked.on_next(outcome)
                    asked.on_completed()

            return self._wait_on(checked).subscribe(answer, observer.on_error, scheduler=scheduler)

        return Observable(subscribe)

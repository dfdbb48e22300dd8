"""`settle`: the outcome of a wait as a value."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reactivex import Observable

from .._merge.downstream import Downstream
from .._time.schedulers import operator_clock
from .._values import BaseTaskHandle
from .._wait.closing import ClientClosedError
from .._wait.outcome import OutcomeObserver
from .._wait.tasks import id_to_poll
from ._items import snapshots_only

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

    from .._values import T, TaskOutcome, TaskSnapshot

__all__ = ["settle"]


def settle(
    task: str | BaseTaskHandle[Any],
) -> Callable[[Observable[TaskSnapshot[T]]], Observable[TaskOutcome[T]]]:
    """Emit the end of the wait as one `TaskOutcome`, and no error.

    ::

        source    ─p──r──r──C|
        settle()  ──────────(o|)

        source    ─p──r──×
        settle()  ───────(o|)

    Args:
        task: The id for the outcome, or the handle of the task; the outcome has its `items` then.

    Returns:
        An operator whose observable emits one outcome and completes. If the source ends before the
        task is done, the outcome's `error` is a `TaskCancelledException`. Only where a client is
        closed under the wait there is no outcome but that error, because it says nothing about
        the task. An item that is not a `TaskSnapshot` is a `TypeError`.

    Raises:
        TypeError: `task` is neither an id nor a handle.
        ValueError: The id is empty.
    """
    task_id = id_to_poll(task)
    items = task.items if isinstance(task, BaseTaskHandle) else ()

    def operator(source: Observable[TaskSnapshot[T]]) -> Observable[TaskOutcome[T]]:
        def subscribe(
            observer: abc.ObserverBase[TaskOutcome[T]],
            scheduler: abc.SchedulerBase | None = None,
        ) -> abc.DisposableBase:
            downstream = Downstream(observer)

            def give(outcome: TaskOutcome, _: int) -> None:
                if isinstance(outcome.error, ClientClosedError):
                    downstream.on_error(outcome.error)
                    return
                polls = 0 if task_id is None else outcome.polls
                downstream.on_next(replace(outcome, polls=polls, items=items))
                downstream.on_completed()

            outcomes = OutcomeObserver(task_id or str(task), operator_clock(scheduler), give)

            return downstream.subscribe_to(
                source,
                scheduler,
                on_next=snapshots_only("settle", outcomes.on_next, downstream.on_error),
                on_error=outcomes.on_error,
                on_completed=outcomes.on_completed,
            )

        return Observable(subscribe)

    return operator

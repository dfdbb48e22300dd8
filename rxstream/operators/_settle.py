"""`settle`: the end as a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactivex import Observable

from .._checks import text
from .._schedulers import operator_clock
from .._snapshot import TaskOutcome
from ..errors import TaskCancelledException, TaskTimeoutException
from ._downstream import Downstream

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

    from .._snapshot import TaskSnapshot

__all__ = ["settle"]


def settle(task_id: str) -> Callable[[Observable[TaskSnapshot]], Observable[TaskOutcome]]:
    """Emit how the wait ended as one `TaskOutcome`, and never an error.

    ::

        source    ─p──r──r──C|
        settle()  ──────────(o|)

        source    ─p──r──×
        settle()  ───────(o|)

    Args:
        task_id: The id that the outcome is to carry.

    Returns:
        An operator whose observable emits one outcome and completes. A source that ends before the
        task is done gives one whose `error` is `TaskCancelledException`: silence is no success.

    Raises:
        TypeError: `task_id` is no string.
        ValueError: `task_id` is empty.
    """
    text(task_id, "task_id")

    def operator(source: Observable[TaskSnapshot]) -> Observable[TaskOutcome]:
        def subscribe(
            observer: abc.ObserverBase[TaskOutcome], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            clock = operator_clock(scheduler)
            started = clock.now()
            downstream = Downstream(observer)
            last: TaskSnapshot | None = None
            answers = 0

            def on_next(snapshot: TaskSnapshot) -> None:
                nonlocal last, answers
                last = snapshot
                answers += 1

            def on_error(error: Exception) -> None:
                downstream.raise_its_own()
                polls = error.polls if isinstance(error, TaskTimeoutException) else answers
                downstream.on_next(TaskOutcome(task_id, last, error, polls, clock.now() - started))
                downstream.on_completed()

            def on_completed() -> None:
                error = None
                if last is None or not last.is_completed:
                    error = TaskCancelledException(task_id=task_id, last=last)
                downstream.on_next(
                    TaskOutcome(task_id, last, error, answers, clock.now() - started)
                )
                downstream.on_completed()

            return source.subscribe(on_next, on_error, on_completed, scheduler=scheduler)

        return Observable(subscribe)

    return operator

"""`settle`: the outcome of a wait as a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactivex import Observable

from .._checks import text
from .._merge.downstream import Downstream
from .._time.schedulers import operator_clock
from .._wait.closing import ClientClosedError
from .._wait.outcome import OutcomeObserver

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

    from .._values import TaskOutcome, TaskSnapshot

__all__ = ["settle"]


def settle(task_id: str) -> Callable[[Observable[TaskSnapshot]], Observable[TaskOutcome]]:
    """Emit the end of the wait as one `TaskOutcome`, and no error.

    ::

        source    ─p──r──r──C|
        settle()  ──────────(o|)

        source    ─p──r──×
        settle()  ───────(o|)

    Args:
        task_id: The id for the outcome.

    Returns:
        An operator whose observable emits one outcome and completes. If the source ends before the
        task is done, the outcome's `error` is a `TaskCancelledException`. Only where a client is
        closed under the wait there is no outcome but that error, because it says nothing about
        the task.

    Raises:
        TypeError: `task_id` is not a string.
        ValueError: `task_id` is empty.
    """
    text(task_id, "task_id")

    def operator(source: Observable[TaskSnapshot]) -> Observable[TaskOutcome]:
        def subscribe(
            observer: abc.ObserverBase[TaskOutcome], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            downstream = Downstream(observer)

            def give(outcome: TaskOutcome, _: int) -> None:
                if isinstance(outcome.error, ClientClosedError):
                    downstream.on_error(outcome.error)
                    return
                downstream.on_next(outcome)
                downstream.on_completed()

            outcomes = OutcomeObserver(task_id, operator_clock(scheduler), give)

            return downstream.subscribe_to(
                source,
                scheduler,
                on_next=outcomes.on_next,
                on_error=outcomes.on_error,
                on_completed=outcomes.on_completed,
            )

        return Observable(subscribe)

    return operator

"""`stalled`: an error where a task does not move any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactivex import Observable

from .. import _checks
from .._merge.downstream import Downstream
from .._time.schedulers import operator_clock
from ..errors import TaskStalledException
from ._items import snapshots_only

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

    from .._values import T, TaskSnapshot
    from ..backoff import Duration

__all__ = ["stalled"]


def stalled(
    seconds: Duration,
) -> Callable[[Observable[TaskSnapshot[T]]], Observable[TaskSnapshot[T]]]:
    """End the wait with an error when the answers have been alike for this long.

    ::

        source        ─p──r──r──r──r──r──C|
        stalled(8 s)  ─p──r──r──r──r×

    Answers are alike if `status`, `updated_at`, `error` and `result` are the same. Only an answer
    can show that nothing has changed, so the error comes right after one, and never while none
    comes: a queue at the gate and a server that is away are no fault of the task. The task itself
    goes on: Stream has no call to cancel it. Put `distinct_status` behind it, not before:
    that one drops the answers that show that nothing has changed.

    Args:
        seconds: How long nothing may change: seconds, or a timedelta. Make it longer than the pause
            between two polls.

    Returns:
        An operator whose observable passes every answer on, and errors with `TaskStalledException`
        behind the first one that is `seconds` or more younger than the last change. The exception
        is a `TaskTimeoutException` and a `TimeoutError`; it has `task_id` and `last`. An item
        that is not a `TaskSnapshot` is a `TypeError`.

    Raises:
        TypeError: `seconds` is neither a number nor a timedelta.
        ValueError: `seconds` is NaN, infinite or negative.
    """
    limit = _checks.seconds(seconds, "seconds")

    def operator(source: Observable[TaskSnapshot[T]]) -> Observable[TaskSnapshot[T]]:
        def subscribe(
            observer: abc.ObserverBase[TaskSnapshot[T]], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            clock = operator_clock(scheduler)
            downstream = Downstream(observer)
            before: TaskSnapshot | None = None
            changed_at = 0.0

            def on_next(snapshot: TaskSnapshot[T]) -> None:
                nonlocal before, changed_at
                now = clock.now()
                if before is None or not _alike(before, snapshot):
                    changed_at = now
                before = snapshot
                downstream.on_next(snapshot)
                if now - changed_at >= limit and not snapshot.is_done and downstream.count > 1:
                    end(snapshot)

            def end(snapshot: TaskSnapshot[T]) -> None:
                downstream.dispose()
                downstream.on_error(
                    TaskStalledException(
                        task_id=snapshot.task_id,
                        timeout=limit,
                        last=snapshot,
                        polls=downstream.count,
                        message=f"Task {snapshot.task_id} has not changed for {limit:g} s "
                        f"(status {snapshot.status!r})",
                    )
                )

            return downstream.subscribe_to(
                source, scheduler, on_next=snapshots_only("stalled", on_next, downstream.on_error)
            )

        return Observable(subscribe)

    return operator


def _alike(one: TaskSnapshot, other: TaskSnapshot) -> bool:
    try:
        return (one.status, one.updated_at, one.error, one.result) == (
            other.status,
            other.updated_at,
            other.error,
            other.result,
        )
    except Exception:  # noqa: BLE001 -- a payload that cannot be compared: of an object, or too deep
        return False

"""`deadline`: an overall deadline for any observable."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from reactivex import Observable
from reactivex.disposable import Disposable

from .. import _checks
from .._merge.downstream import Downstream
from .._time.schedulers import operator_clock
from .._values import is_snapshot
from ..errors import TaskTimeoutException

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

    from ..backoff import Duration

__all__ = ["deadline"]

T = TypeVar("T")


def deadline(seconds: Duration) -> Callable[[Observable[T]], Observable[T]]:
    """End a stream with an error when it takes longer than this in all.

    ::

        source          ─a──b──c──d──e──f|
        deadline(10 s)  ─a──b──c──×

    reactivex's `timeout` counts from item to item; this counts from subscribing. It disposes the
    source first and then sends the error. The wait before it has a deadline of its own, of 60 s
    unless told otherwise: pass `timeout=None` there if this one is to be the only one.

    Args:
        seconds: The deadline, counted from subscribing: seconds, or a timedelta.

    Returns:
        An operator whose observable errors with `TaskTimeoutException` when the deadline passes.
        The exception is a `TimeoutError`. If the last item was a snapshot,
        the exception has its `task_id` and it as `last`.

    Raises:
        TypeError: `seconds` is neither a number nor a timedelta.
        ValueError: `seconds` is NaN, infinite or negative.
    """
    limit = _checks.seconds(seconds, "seconds")

    def operator(source: Observable[T]) -> Observable[T]:
        def subscribe(
            observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            clock = operator_clock(scheduler)
            downstream = Downstream(observer)

            def expire() -> None:
                downstream.dispose()
                last, count = downstream.last, downstream.count
                snapshot = last if is_snapshot(last) else None
                downstream.on_error(
                    TaskTimeoutException(
                        task_id="" if snapshot is None else snapshot.task_id,
                        timeout=limit,
                        last=snapshot,
                        polls=count,
                        message=f"The deadline of {limit:g} s passed after {count} items",
                    )
                )

            timer = clock.call_later(limit, expire)
            downstream.resources.add(Disposable(lambda: clock.cancel(timer)))
            return downstream.subscribe_to(source, scheduler)

        return Observable(subscribe)

    return operator

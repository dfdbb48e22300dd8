"""`cancel_on`: end a wait by a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from reactivex import Observable
from reactivex.disposable import CompositeDisposable, SingleAssignmentDisposable

from .._merge.downstream import Downstream
from .._time.schedulers import operator_clock
from .._values import TaskSnapshot
from ..errors import TaskCancelledException
from ._signals import check_signal, has_fired, listen

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

    from ._signals import Signal

__all__ = ["cancel_on"]

T = TypeVar("T")


def cancel_on(signal: Signal) -> Callable[[Observable[T]], Observable[T]]:
    """End the wait with `TaskCancelledException` when a signal fires.

    ::

        source             ─p──r──r──r──C|
        signal             ────────s
        cancel_on(signal)  ─p──r───×

    It disposes the source first and then sends the error: an end without one would look like
    success. The task itself goes on: Stream has no call to cancel it. If the signal fired before
    you subscribe, no request is sent. An Observable that completes without an item has not fired.
    One that errors ends the wait with its error.

    Args:
        signal: An Observable, a Future (of asyncio or concurrent.futures), an `asyncio.Event` or a
            `threading.Event`. Nothing polls it.

    Returns:
        An operator whose observable errors with `TaskCancelledException` when the signal fires. The
        exception has `task_id` and `last` if the last item was a snapshot.

    Raises:
        TypeError: `signal` is none of these.
    """
    check_signal(signal)

    def operator(source: Observable[T]) -> Observable[T]:
        def subscribe(
            observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            clock = operator_clock(scheduler)
            downstream = Downstream(observer)
            subscription = SingleAssignmentDisposable()
            listening = SingleAssignmentDisposable()
            everything = CompositeDisposable(subscription, listening)

            def cancel() -> None:
                everything.dispose()
                last = downstream.last
                snapshot = last if isinstance(last, TaskSnapshot) else None
                task_id = None if snapshot is None else snapshot.task_id
                downstream.on_error(TaskCancelledException(task_id=task_id, last=snapshot))

            def fail(error: Exception) -> None:
                everything.dispose()
                downstream.on_error(error)

            def fire() -> None:
                if subscribing:
                    cancel()
                else:
                    # Not in place: the code that sets an event must not run the consumer's code.
                    clock.call_later(0.0, cancel)

            if has_fired(signal):
                cancel()
                return everything
            subscribing = True
            listening.disposable = listen(signal, fire, fail, scheduler)
            subscribing = False
            if not everything.is_disposed:
                subscription.disposable = source.subscribe(
                    downstream.on_next,
                    downstream.on_error,
                    downstream.on_completed,
                    scheduler=scheduler,
                )
            return everything

        return Observable(subscribe)

    return operator

"""`cancel_on`: end a wait by a signal."""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

from reactivex import Observable
from reactivex.disposable import SingleAssignmentDisposable

from .._merge.downstream import Downstream
from .._time.schedulers import operator_clock
from .._values import is_snapshot
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

    Any number of waits may share a signal. You may fire it from any thread, and a `threading.Event`
    from a signal handler. Your consumer runs in the next turn of the subscription's clock.

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
            context = copy_context()
            downstream = Downstream(observer)
            fired: list[Exception | None] = []

            def cancel() -> None:
                downstream.dispose()
                downstream.on_error(fired[0] or _cancelled(downstream.last))

            def fire(error: Exception | None = None) -> None:
                # Not in place: whoever sets an event must not run the consumer's code.
                if not fired:
                    fired.append(error)
                    clock.post(lambda: context.run(cancel))

            if has_fired(signal):
                fired.append(None)
            else:
                listening = SingleAssignmentDisposable()
                downstream.resources.add(listening)
                listening.disposable = listen(signal, fire, fire, scheduler)
            if fired:
                cancel()
                return downstream
            return downstream.subscribe_to(source, scheduler)

        return Observable(subscribe)

    return operator


def _cancelled(last: object) -> TaskCancelledException:
    snapshot = last if is_snapshot(last) else None
    return TaskCancelledException(
        task_id=None if snapshot is None else snapshot.task_id, last=snapshot
    )

"""`result`: the payload instead of the snapshots."""

from __future__ import annotations

from inspect import isclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from reactivex import Observable
from reactivex.internal import SequenceContainsNoElementsError

from .._merge.downstream import Downstream
from ..errors import InvalidResponseException
from ._items import refuse_observable, snapshots_only

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

    from .._values import T, TaskSnapshot

__all__ = ["result"]

R = TypeVar("R")


@overload
def result() -> Callable[[Observable[TaskSnapshot[T]]], Observable[T]]: ...
@overload
def result(type: type[R]) -> Callable[[Observable[TaskSnapshot]], Observable[R]]: ...
def result(type: type[Any] | None = None) -> Callable[[Observable[TaskSnapshot]], Observable[Any]]:  # noqa: A002 -- what it is
    """Emit the payload of the completed task, once, and nothing before it.

    ::

        source    ─p──r──r──C|
        result()  ──────────({…}|)

    Args:
        type: The class that the payload must have, for example `dict`; None: any.

    Returns:
        An operator whose observable passes errors on. It errors itself with
        `InvalidResponseException` if the payload has another type, and with
        `SequenceContainsNoElementsError` if the source ends before the task has completed, and with
        `TypeError` if an item is not a `TaskSnapshot`.

    Raises:
        TypeError: `type` is not a class, or `result` was not called.
    """
    refuse_observable(type, "result")
    if type is not None and not isclass(type):
        msg = f"type must be a class such as dict, not {type!r}"
        raise TypeError(msg)

    def operator(source: Observable[TaskSnapshot]) -> Observable[Any]:
        def subscribe(
            observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            downstream = Downstream(observer)
            last: TaskSnapshot | None = None

            def on_next(snapshot: TaskSnapshot) -> None:
                nonlocal last
                last = snapshot

            def on_completed() -> None:
                if last is None or not last.is_completed:
                    downstream.on_error(SequenceContainsNoElementsError())
                elif type is not None and not isinstance(last.result, type):
                    msg = f"The result of task {last.task_id} is not a {type.__name__}"
                    shown = repr(last.result)
                    downstream.on_error(
                        InvalidResponseException(
                            status_code=None, raw_response_body=shown, message=msg
                        )
                    )
                else:
                    downstream.on_next(last.result)
                    downstream.on_completed()

            return downstream.subscribe_to(
                source,
                scheduler,
                on_next=snapshots_only("result", on_next, downstream.on_error),
                on_completed=on_completed,
            )

        return Observable(subscribe)

    return operator

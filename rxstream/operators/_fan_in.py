"""`fan_in`: many observables as one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

from reactivex import Observable

from .._checks import function, whole
from .._merge.merge import Merge
from .._merge.pushed import Pushed
from .._time.schedulers import operator_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc


__all__ = ["fan_in"]

T = TypeVar("T")
R = TypeVar("R")


def fan_in(
    project: Callable[[T], Observable[R]], max_concurrent: int | None = None
) -> Callable[[Observable[T]], Observable[R]]:
    """Map each item to an observable and merge them, `max_concurrent` at once.

    ::

        source                ─1──2──3──────|
        project               ─a──────a|  for each
        fan_in(project, 2)    ─a──a───a─a─a────a|

    An item waits until there is room. Only then are `project` called and its observable
    subscribed to. The cost of an item does not depend on the number of items. An error of the
    source, or of an inner observable, ends everything at once. If one failure must not end the
    others, use `settle`, which turns ends into values. After 256 items in a row it continues in
    the next turn of the loop or of the timer thread, so that a long source does not block them.

    Args:
        project: Returns the observable of an item.
        max_concurrent: How many inner observables at once, 1 or more; None: no limit.

    Raises:
        TypeError: `project` cannot be called, or `max_concurrent` is not a whole number.
        ValueError: `max_concurrent` is less than 1.
    """
    function(project, "project")
    limit = math.inf if max_concurrent is None else whole(max_concurrent, "max_concurrent")

    def operator(source: Observable[T]) -> Observable[R]:
        def subscribe(
            observer: abc.ObserverBase[R], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            def start(item: T, number: int) -> abc.DisposableBase | None:
                try:
                    inner = project(item)
                    _check_given(inner)
                except Exception as error:  # noqa: BLE001 -- a user's function may raise anything
                    merge.fail(error)
                    return None
                return inner.subscribe(
                    lambda value: merge.emit(value, number),
                    merge.fail,
                    lambda: merge.ended(number),
                    scheduler=scheduler,
                )

            items = Pushed(source, scheduler)
            merge = Merge(observer, items, start, limit, operator_clock(scheduler))
            merge.start()
            return merge

        return Observable(subscribe)

    return operator


def _check_given(inner: object) -> None:
    if not isinstance(inner, Observable):
        msg = f"project must give an Observable, not {type(inner).__name__}"
        raise TypeError(msg)

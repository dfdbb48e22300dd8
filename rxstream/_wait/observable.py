"""The Observable that waits are: it says what to use where reactivex's own way never ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, TypeVar

from reactivex import Observable, abc

from .._time.schedulers import is_of_run

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["WaitObservable"]

_T = TypeVar("_T")

_NOT_ITERABLE = (
    "an Observable is not iterable: use `for outcome in wait_for_tasks(client, tasks)`, or "
    "`async for item in to_async_iterable(observable)`"
)
_BLOCKS_ITS_LOOP = (
    "run() would block the event loop that the wait needs: use `await observable` instead"
)


class WaitObservable(Observable[_T]):
    """An Observable that refuses to be iterated and to be run in place on a loop."""

    def __init__(
        self,
        subscribe: Callable[[abc.ObserverBase[_T], abc.SchedulerBase | None], abc.DisposableBase],
        *,
        is_async: bool,
    ) -> None:
        """Prepare.

        Args:
            subscribe: As for any Observable.
            is_async: Whether the client is.
        """

        def checked(
            observer: abc.ObserverBase[_T], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            if is_async and is_of_run(scheduler):
                raise RuntimeError(_BLOCKS_ITS_LOOP)
            return subscribe(observer, scheduler)

        super().__init__(checked)

    # reactivex's Observable has `__getitem__`, so that Python would ask it for items for ever.
    def __iter__(self) -> NoReturn:
        """Refuse.

        Raises:
            TypeError: Always.
        """
        raise TypeError(_NOT_ITERABLE)

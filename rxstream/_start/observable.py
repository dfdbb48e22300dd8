"""The Observable of handles, which goes no further ahead of the waits than it may."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from reactivex import Observable, abc
from typing_extensions import override

from .._merge.room import Room, Roomy
from .._wait.observable import WaitObservable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["StartedTasks"]

T = TypeVar("T")


class StartedTasks(WaitObservable[T], Roomy[T]):
    """What `start_tasks` returns."""

    def __init__(
        self,
        subscribe: Callable[
            [abc.ObserverBase[T], abc.SchedulerBase | None, Room | None], abc.DisposableBase
        ],
        *,
        is_async: bool,
    ) -> None:
        """Prepare.

        Args:
            subscribe: As for any Observable, and with the room of a reader that has one.
            is_async: Whether the operation is.
        """
        super().__init__(
            lambda observer, scheduler: subscribe(observer, scheduler, None), is_async=is_async
        )
        self._subscribe_in = subscribe

    @override
    def within(self, room: Room) -> Observable[T]:
        def subscribe(
            observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            return self._subscribe_in(observer, scheduler, room)

        return Observable(subscribe)

"""An observable that goes no further ahead of its reader than there is room."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from reactivex import Observable, abc

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Room", "Roomy"]

T = TypeVar("T")


class Room:
    """Between one reader and its source."""

    __slots__ = ("taken",)

    def __init__(self) -> None:
        self.taken: Callable[[], object] = _nothing
        """What the reader calls for each item that it has taken; the source sets it."""


class Roomy(Observable[T]):
    """An observable that waits for a reader of ours until it has taken what was emitted.

    For any other reader it is an observable like any other, and so is whatever is piped from it.
    """

    def __init__(
        self,
        subscribe: Callable[
            [abc.ObserverBase[T], abc.SchedulerBase | None, Room | None], abc.DisposableBase
        ],
    ) -> None:
        """Prepare.

        Args:
            subscribe: As for any Observable, and with the room of a reader that has one.
        """

        def without(
            observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            return subscribe(observer, scheduler, None)

        super().__init__(without)
        self._subscribe_in = subscribe

    def within(self, room: Room) -> Observable[T]:
        """The same for a reader that tells what it has taken."""

        def subscribe(
            observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            return self._subscribe_in(observer, scheduler, room)

        return Observable(subscribe)


def _nothing() -> None:
    pass

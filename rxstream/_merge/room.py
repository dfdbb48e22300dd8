"""Room between an observable and its reader, beyond which it does not go ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import Observable

__all__ = ["Room", "Roomy", "within"]

T = TypeVar("T")


class Room:
    """Between one reader and its source."""

    __slots__ = ("taken",)

    def __init__(self) -> None:
        self.taken: Callable[[], object] = _nothing
        """What the reader calls for each item that it has taken; the source sets it."""


class Roomy(Generic[T]):
    """An observable that waits for a reader of ours until it has taken what was emitted.

    For any other reader it is an observable like any other, and so is whatever is piped from it.
    """

    def within(self, room: Room) -> Observable[T]:
        """The same for a reader that tells what it has taken."""
        raise NotImplementedError


def within(room: Room, observable: Observable[T]) -> Observable[T]:
    """An observable for a reader that tells what it has taken."""
    source: object = observable
    return cast("Roomy[T]", source).within(room) if isinstance(source, Roomy) else observable


def _nothing() -> None:
    pass

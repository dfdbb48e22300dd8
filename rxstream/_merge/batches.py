"""The items of a source in batches."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from .sources import Items, Sink

__all__ = ["Batches"]

T = TypeVar("T")


class Batches(Generic[T]):
    """Asks for items until a batch is full; the last one may be smaller.

    What is left of a batch when the source fails, or is closed, is dropped.
    """

    def __init__(self, items: Items[T], size: int) -> None:
        self._items = items
        self._size = size
        self._lock = threading.Lock()
        self._sink: Sink[tuple[T, ...]] | None = None
        self._batch: list[T] = []
        self._is_wanted = False
        self._is_asking = False
        self._has_ended = False
        self._is_closed = False

    def start(self, sink: Sink[tuple[T, ...]]) -> None:
        self._sink = sink
        self._items.start(self)

    def ask(self, sink: Sink[tuple[T, ...]]) -> None:
        self._sink = sink
        if self._has_ended:
            sink.end(None)
        else:
            self._ask()

    def _ask(self) -> None:
        # In a loop: an item that comes in place asks for the next one, and must not do so from
        # within itself.
        with self._lock:
            self._is_wanted = True
            if self._is_asking:
                return
            self._is_asking = True
        while self._goes_on():
            self._items.ask(self)

    def _goes_on(self) -> bool:
        with self._lock:
            self._is_asking = self._is_wanted and not self._is_closed
            self._is_wanted = False
            return self._is_asking

    def item(self, item: T) -> None:
        """Take one item."""
        self._batch.append(item)
        if len(self._batch) < self._size:
            self._ask()
        else:
            self._give()

    def end(self, error: Exception | None) -> None:
        """Take the end: at once if it is an error, else after the last batch."""
        self._has_ended = True
        if error is None and self._batch:
            self._give()
        elif self._sink is not None:
            self._sink.end(error)

    def _give(self) -> None:
        batch, self._batch = tuple(self._batch), []
        if self._sink is not None:
            self._sink.item(batch)

    def leave(self) -> None:
        self._is_closed = True
        self._items.leave()

    def dispose(self) -> None:
        self._is_closed = True
        self._items.dispose()

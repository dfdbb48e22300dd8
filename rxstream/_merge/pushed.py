"""An observable as the source of a merge's items."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from reactivex.disposable import SingleAssignmentDisposable

from .room import Room, within

if TYPE_CHECKING:
    from reactivex import Observable, abc

    from .sources import Sink

__all__ = ["Pushed"]

T = TypeVar("T")


class Pushed(Generic[T]):
    """An observable cannot be asked; what comes too early waits in a queue."""

    def __init__(self, observable: Observable[T], scheduler: abc.SchedulerBase | None) -> None:
        self._room = Room()
        self._observable = within(self._room, observable)
        self._scheduler = scheduler
        self._subscription = SingleAssignmentDisposable()
        self._lock = threading.Lock()
        self._queue: deque[T] = deque()
        self._sink: Sink[T] | None = None
        self._has_ended = False
        self._calling: set[int] = set()
        self._is_left = False

    def start(self, sink: Sink[T]) -> None:
        # Its error does not wait for room, and need not be asked for.
        self._subscription.disposable = self._observable.subscribe(
            self._next, sink.end, self._ended, scheduler=self._scheduler
        )

    def ask(self, sink: Sink[T]) -> None:
        with self._lock:
            self._sink = sink
        self._answer()

    def _next(self, item: T) -> None:
        if self._is_left:
            self.dispose()
            return
        thread = threading.get_ident()
        is_within = thread in self._calling
        with self._lock:
            self._calling.add(thread)
            self._queue.append(item)
        try:
            self._answer()
        finally:
            if not is_within:
                self._calling.discard(thread)

    def _ended(self) -> None:
        with self._lock:
            self._has_ended = True
        self._answer()

    def _answer(self) -> None:
        with self._lock:
            sink = self._sink
            if sink is None or not (self._queue or self._has_ended):
                return
            self._sink = None
            item = [self._queue.popleft()] if self._queue else None
        if item is not None:
            sink.item(item[0])
            self._room.taken()
        else:
            sink.end(None)

    def leave(self) -> None:
        if threading.get_ident() in self._calling:
            self._is_left = True
        else:
            self.dispose()

    def dispose(self) -> None:
        self._subscription.dispose()

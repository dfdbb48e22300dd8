"""An observer that can be ended from outside, and whose own faults are told from the source's."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

__all__ = ["Downstream"]

T = TypeVar("T")


class Downstream(Generic[T]):
    """An observer that may be ended from any thread, and remembers its own faults.

    The grammar holds all the same: an end that comes while the consumer is being called waits until
    that call has returned, and nothing is emitted after it. No lock is held during a call.
    """

    __slots__ = ("_busy", "_end", "_ended", "_fault", "_lock", "_observer", "count", "last")

    def __init__(self, observer: abc.ObserverBase[T]) -> None:
        self._observer = observer
        self._lock = threading.Lock()
        self._busy = False
        self._ended = False
        self._end: Callable[[], None] | None = None
        self.last: T | None = None
        """The last item."""
        self.count = 0
        """How many items there were."""
        self._fault: BaseException | None = None

    def on_next(self, item: T) -> None:
        with self._lock:
            if self._ended:
                return
            self._busy = True
        self.last = item
        self.count += 1
        try:
            self._observer.on_next(item)
        except BaseException as fault:
            self._fault = fault
            with self._lock:
                self._ended = True
            raise
        with self._lock:
            self._busy = False
            end = self._end
        if end is not None:
            end()

    def raise_its_own(self) -> None:
        """Raise what the consumer raised; reactivex reports it as the source's error.

        It does so where the source emits while it is being subscribed to.
        """
        if self._fault is not None:
            raise self._fault

    def on_error(self, error: Exception) -> None:
        self._finish(lambda: self._observer.on_error(error))

    def on_completed(self) -> None:
        self._finish(self._observer.on_completed)

    def _finish(self, end: Callable[[], None]) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = True
            if self._busy:
                self._end = end
                return
        end()

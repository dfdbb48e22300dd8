"""One observer, called by several threads, one call at a time."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

__all__ = ["Downstream"]

T = TypeVar("T")


class Downstream(Generic[T]):
    """Calls an observer, one call at a time, and its end after that.

    Any thread may hand over an item or the end. What comes while the observer is being called is
    passed on afterwards, by the thread that is calling it. Nothing is passed on after the end. No
    lock is held during a call. What the observer raises closes it, and is remembered.
    """

    __slots__ = ("_busy", "_end", "_fault", "_lock", "_observer", "_queue", "count", "last")

    def __init__(self, observer: abc.ObserverBase[T]) -> None:
        self._observer = observer
        self._lock = threading.Lock()
        self._busy = False
        self._queue: deque[T] | None = None
        self._end: Callable[[], object] | None = None
        self._fault: BaseException | None = None
        self.last: T | None = None
        """The last item that was passed on."""
        self.count = 0
        """How many items were passed on."""

    def on_next(self, item: T) -> None:
        """Pass an item on, after those that came before it."""
        with self._lock:
            if self._end is not None:
                return
            if self._busy:
                if self._queue is None:
                    self._queue = deque()
                self._queue.append(item)
                return
            self._busy = True
        while True:
            self._pass_on(item)
            with self._lock:
                if not self._queue:
                    self._busy = False
                    # Another thread may have set it meanwhile.
                    end = cast("Callable[[], object] | None", self._end)
                    break
                item = self._queue.popleft()
        if end is not None:
            end()

    def on_error(self, error: Exception) -> None:
        """End with an error. It overtakes items that wait."""
        self.end(lambda: self._observer.on_error(error), at_once=True)

    def on_completed(self) -> None:
        """End without an error, after the items that wait."""
        self.end(self._observer.on_completed)

    def end(self, end: Callable[[], object], *, at_once: bool = False) -> None:
        """Call `end` last, once no other call is under way; only the first end counts.

        Args:
            end: What ends the observer.
            at_once: Forget the items that wait.
        """
        with self._lock:
            if self._end is not None:
                return
            self._end = end
            if at_once:
                self._queue = None
            if self._busy:
                return
        end()

    def close(self) -> None:
        """Pass nothing on any more, not even an end."""
        with self._lock:
            self._end = _nothing
            self._queue = None

    def raise_its_own(self) -> None:
        """Raise what the observer raised, before it is passed on as the source's error.

        reactivex mistakes it for one if the source emits during `subscribe`.
        """
        if self._fault is not None:
            raise self._fault

    def _pass_on(self, item: T) -> None:
        self.last = item
        self.count += 1
        try:
            self._observer.on_next(item)
        except BaseException as fault:
            self._fault = fault
            self.close()
            raise


def _nothing() -> None:
    pass

"""One of many who watch the same wait."""

from __future__ import annotations

from collections import deque
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeAlias

from reactivex import abc
from typing_extensions import override

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    from .._time.clock import Clock
    from .._values import TaskSnapshot

__all__ = ["Tell", "Watcher", "tell_completed", "tell_error", "tell_next"]

Tell: TypeAlias = "Callable[[abc.ObserverBase[TaskSnapshot]], object]"
"""Tells an observer one thing."""


def tell_next(snapshot: TaskSnapshot) -> Tell:
    """Tell of a snapshot."""
    return lambda observer: observer.on_next(snapshot)


def tell_error(error: Exception) -> Tell:
    """Tell of an end by an error."""
    return lambda observer: observer.on_error(error)


def tell_completed(observer: abc.ObserverBase[TaskSnapshot]) -> None:
    """Tell of the end."""
    observer.on_completed()


class Watcher(abc.DisposableBase):
    """Tells its observer everything in order, one call at a time, in a context of its own.

    What the observer raises ends this watcher alone. It goes where the exceptions of callbacks go:
    the loop's exception handler, `threading.excepthook`, or the virtual scheduler's `start`.
    """

    __slots__ = (
        "_clock",
        "_context",
        "_is_busy",
        "_is_over",
        "_leave",
        "_lock",
        "_observer",
        "_to_tell",
    )

    def __init__(
        self,
        observer: abc.ObserverBase[TaskSnapshot],
        clock: Clock,
        lock: threading.RLock,
        leave: Callable[[Watcher], object],
        to_tell: Iterable[Tell] = (),
    ) -> None:
        """Make a watcher; it begins with `begin`.

        Args:
            observer: Who is told.
            clock: Its `run_consumer` leads to where the observer is called.
            lock: Held for moments, never while the observer is called.
            leave: Called once it is disposed, perhaps more than once.
            to_tell: What it is told first.
        """
        self._observer = observer
        self._clock = clock
        self._lock = lock
        self._leave = leave
        self._to_tell: deque[Tell] = deque(to_tell)
        self._context = copy_context()
        self._is_busy = False
        self._is_over = False

    def add(self, tell: Tell) -> None:
        """Keep something to tell. The lock is held, so that all hear everything in one order."""
        self._to_tell.append(tell)

    def begin(self) -> None:
        """Tell what there is, where the observer is to be called."""
        if self._to_tell:
            self._clock.run_consumer(self.tell)

    def tell(self) -> None:
        """Tell what there is, here. While it is being told on another thread, that one goes on."""
        with self._lock:
            if self._is_busy:
                return
            self._is_busy = True
        while (tell := self._next()) is not None:
            try:
                self._context.run(tell, self._observer)
            except BaseException as fault:  # noqa: BLE001 -- the others are to be told too
                self.dispose()
                self._surface(fault)

    def _next(self) -> Tell | None:
        with self._lock:
            if self._to_tell and not self._is_over:
                return self._to_tell.popleft()
            self._is_busy = False
            return None

    def _surface(self, fault: BaseException) -> None:
        def surface() -> None:
            raise fault

        if not self._clock.post(surface):
            raise fault

    @override
    def dispose(self) -> None:
        """Tell nothing any more; safe in a signal handler and in a finaliser."""
        self._is_over = True
        self._leave(self)

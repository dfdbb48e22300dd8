"""Many observables as one: the next is asked for when there is room, at a flat cost for each."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from reactivex import abc
from reactivex.disposable import SingleAssignmentDisposable
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import Observable

    from ._clock import Clock

__all__ = ["FanIn", "Items", "Sink"]

T = TypeVar("T")
R = TypeVar("R")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)

# After so many in a row the thread, or the loop, gets to do something else.
_BREATH: Final = 256


class Sink(Protocol[T_contra]):
    """Where items go that were asked for."""

    def item(self, item: T_contra) -> None:
        """One item; there is one for each time that `ask` was called."""
        ...

    def end(self, error: Exception | None) -> None:
        """There are no more."""
        ...


class Items(Protocol[T_co]):
    """Where items come from, one at a time."""

    def ask(self, sink: Sink[T_co]) -> None:
        """Ask for one item; the answer may come at once or later, on any thread."""
        ...

    def dispose(self) -> None:
        """Give up."""
        ...


class FanIn(abc.DisposableBase, Generic[T, R]):
    """One subscription that merges the observables of many items.

    Inner subscriptions are kept by number, so that each comes and goes at the same cost however
    many there are. Items that arrive from several threads are sent on one after another; no lock is
    held while anybody else's code runs.
    """

    __slots__ = (
        "_asking",
        "_clock",
        "_count",
        "_emitting",
        "_error",
        "_exhausted",
        "_filling",
        "_inners",
        "_items",
        "_limit",
        "_lock",
        "_observer",
        "_pause",
        "_project",
        "_queue",
        "_scheduler",
        "_stopped",
    )

    def __init__(
        self,
        observer: abc.ObserverBase[R],
        items: Items[T],
        project: Callable[[T], Observable[R]],
        limit: float,
        clock: Clock,
        scheduler: abc.SchedulerBase | None,
    ) -> None:
        self._observer = observer
        self._items = items
        self._project = project
        self._limit = limit
        self._clock = clock
        self._scheduler = scheduler
        self._lock = threading.Lock()
        self._inners: dict[int, SingleAssignmentDisposable] = {}
        self._count = 0
        self._queue: deque[R] = deque()
        self._filling = False
        self._asking = False
        self._emitting = False
        self._exhausted = False
        self._stopped = False
        self._error: Exception | None = None
        self._pause: Any = None

    def fill(self) -> None:
        """Ask for items while there is room."""
        with self._lock:
            if self._filling:
                return
            self._filling = True
        breath = self._count + _BREATH
        while True:
            with self._lock:
                is_full = self._asking or len(self._inners) >= self._limit
                if is_full or self._exhausted or self._stopped:
                    self._filling = False
                    return
                if self._count >= breath:
                    self._filling = False
                    self._pause = self._clock.call_later(0.0, self.fill)
                    return
                self._asking = True
            self._items.ask(self)

    def item(self, item: T) -> None:
        """An item that was asked for."""
        with self._lock:
            self._asking = False
            if self._stopped:
                return
            number = self._count
            self._count += 1
            inner = self._inners[number] = SingleAssignmentDisposable()
        try:
            observable = self._project(item)
        except Exception as error:  # noqa: BLE001 -- a user's function may raise anything
            self._fail(error)
            return
        inner.disposable = observable.subscribe(
            self._next, self._fail, lambda: self._completed(number), scheduler=self._scheduler
        )
        self.fill()

    def end(self, error: Exception | None) -> None:
        """There are no more items."""
        with self._lock:
            self._asking = False
            self._exhausted = True
        if error is not None:
            self._fail(error)
        else:
            self._finish()

    def _completed(self, number: int) -> None:
        with self._lock:
            self._inners.pop(number, None)
        self.fill()
        self._finish()

    def _next(self, value: R) -> None:
        with self._lock:
            if self._stopped:
                return
            self._queue.append(value)
            if self._emitting:
                return
            self._emitting = True
        self._drain()

    def _fail(self, error: Exception) -> None:
        with self._lock:
            if self._stopped:
                return
            self._error = error
            self._queue.clear()
        self._finish()

    def _finish(self) -> None:
        """End, unless somebody is emitting, who will."""
        with self._lock:
            if self._emitting:
                return
            self._emitting = True
        self._drain()

    def _drain(self) -> None:
        while True:
            with self._lock:
                if self._stopped:
                    self._emitting = False
                    return
                if not self._queue:
                    over = self._error is not None or (self._exhausted and not self._inners)
                    self._emitting = over
                    if not over:
                        return
                    break
                value = self._queue.popleft()
            try:
                self._observer.on_next(value)
            except BaseException:
                self.dispose()
                raise
        self.dispose()
        if self._error is None:
            self._observer.on_completed()
        else:
            self._observer.on_error(self._error)

    @override
    def dispose(self) -> None:
        """End everything at once."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            inners, self._inners = self._inners, {}
            pause, self._pause = self._pause, None
            self._queue.clear()
        self._items.dispose()
        if pause is not None:
            self._clock.cancel(pause)
        for inner in inners.values():
            inner.dispose()

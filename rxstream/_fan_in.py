"""Many observables as one: the next is asked for when there is room, at a flat cost for each."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from reactivex import abc
from typing_extensions import override

if TYPE_CHECKING:
    from ._clock import Clock

__all__ = ["FanIn", "Items", "Sink", "Start"]

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

    def begin(self, sink: Sink[T_co]) -> None:
        """Start what comes unasked; called once, after the first `ask`."""
        ...

    def ask(self, sink: Sink[T_co]) -> None:
        """Ask for one item; the answer may come at once or later, on any thread."""
        ...

    def dispose(self) -> None:
        """Give up."""
        ...


class Start(Protocol[T_contra, R]):
    """What is done with an item."""

    def __call__(
        self, item: T_contra, number: int, merged: FanIn[Any, R], /
    ) -> abc.DisposableBase | None:
        """Start; give what stops it, or None where it has ended already.

        Whatever was started sends its values to `merged.emit`, and in the end calls `merged.ended`
        with its number once, or `merged.fail`.
        """
        ...


class FanIn(abc.DisposableBase, Generic[T, R]):
    """One subscription that merges what many items give.

    What was started is kept by number, so that each comes and goes at the same cost however many
    there are. Values that arrive from several threads are sent on one after another; no lock is
    held while anybody else's code runs.
    """

    __slots__ = (
        "_asking",
        "_breath",
        "_breathing",
        "_clock",
        "_count",
        "_emitting",
        "_error",
        "_exhausted",
        "_filling",
        "_items",
        "_limit",
        "_lock",
        "_observer",
        "_pause",
        "_queue",
        "_running",
        "_start",
        "_stopped",
    )

    def __init__(
        self,
        observer: abc.ObserverBase[R],
        items: Items[T],
        start: Start[T, R],
        limit: float,
        clock: Clock,
    ) -> None:
        self._observer = observer
        self._items = items
        self._start = start
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[int, abc.DisposableBase | None] = {}
        self._count = 0
        self._queue: deque[R] = deque()
        self._breath = _BREATH
        self._breathing = False
        self._filling = False
        self._asking = False
        self._emitting = False
        self._exhausted = False
        self._stopped = False
        self._error: Exception | None = None
        self._pause: Any = None

    def begin(self) -> None:
        """Ask for the first items."""
        self.fill()
        self._items.begin(self)

    def fill(self) -> None:
        """Ask for items while there is room."""
        with self._lock:
            if self._filling:
                return
            self._filling = True
        while True:
            with self._lock:
                is_full = self._asking or self._breathing or len(self._running) >= self._limit
                if is_full or self._exhausted or self._stopped:
                    self._filling = False
                    return
                self._breathing = self._count >= self._breath
                if self._breathing:
                    self._filling = False
                    break
                self._asking = True
            self._items.ask(self)
        self._keep(self._clock.call_later(0.0, self._go_on))

    def _keep(self, pause: Any) -> None:
        with self._lock:
            stopped = self._stopped
            if not stopped:
                self._pause = pause
        if stopped:
            self._clock.cancel(pause)

    def _go_on(self) -> None:
        with self._lock:
            self._breathing = False
            self._breath = self._count + _BREATH
        self.fill()

    def item(self, item: T) -> None:
        """An item that was asked for."""
        with self._lock:
            self._asking = False
            if self._stopped or self._error is not None:
                return
            number = self._count
            self._count += 1
            self._running[number] = None
        started = self._start(item, number, self)
        with self._lock:
            is_running = number in self._running
            if is_running:
                self._running[number] = started
        if not is_running and started is not None:
            started.dispose()
        self.fill()

    def end(self, error: Exception | None) -> None:
        """There are no more items."""
        with self._lock:
            self._exhausted = True
        if error is not None:
            self.fail(error)
        else:
            self._finish()

    def emit(self, value: R) -> None:
        """Send a value on, after those that came before it."""
        with self._lock:
            if self._stopped or self._error is not None:
                return
            self._queue.append(value)
            if self._emitting:
                return
            self._emitting = True
        self._drain()

    def ended(self, number: int) -> None:
        """What was started for an item has ended, and there is room for another one."""
        with self._lock:
            self._running.pop(number, None)
        self.fill()
        self._finish()

    def fail(self, error: Exception) -> None:
        """End everything with an error."""
        with self._lock:
            if self._stopped or self._error is not None:
                return
            self._error = error
            self._exhausted = True
            self._queue.clear()
        self._finish()

    def _finish(self) -> None:
        """End, if it is time to; who is emitting does so afterwards."""
        with self._lock:
            if self._emitting or not self._is_over:
                return
            self._emitting = True
        self._drain()

    @property
    def _is_over(self) -> bool:
        return self._error is not None or (self._exhausted and not self._running)

    def _drain(self) -> None:
        while True:
            with self._lock:
                if self._stopped:
                    self._emitting = False
                    return
                if not self._queue:
                    self._emitting = self._is_over
                    if not self._emitting:
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
            running, self._running = self._running, {}
            pause, self._pause = self._pause, None
            self._queue.clear()
        if pause is not None:
            self._clock.cancel(pause)
        try:
            for started in running.values():
                if started is not None:
                    started.dispose()
        finally:
            # Last: closing a user's generator may raise.
            self._items.dispose()

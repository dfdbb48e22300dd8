"""The asking half of a merge: items are asked for while there is room."""

from __future__ import annotations

import threading
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from reactivex import abc
from reactivex.disposable import Disposable
from typing_extensions import override

from .._shared.guard import interruption_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._time.clock import Clock
    from .sources import Items

__all__ = ["Intake"]

T = TypeVar("T")

# After so many items in a row the thread, or the loop, gets to do something else.
_IN_A_ROW: Final = 256


class _State(Enum):
    OPEN = "open"
    """The next item may be asked for."""
    ASKED = "asked"
    """An item was asked for, and has not come yet."""
    RESTING = "resting"
    """A timer is set, so that others get their turn."""
    EXHAUSTED = "exhausted"
    """There are no more items."""
    DISPOSED = "disposed"


class Intake(abc.DisposableBase, Generic[T]):
    """Asks for items, starts something for each, and knows what is still running.

    What was started is kept by number, so that each comes and goes at the same cost however many
    there are.
    """

    __slots__ = (
        "_clock",
        "_count",
        "_filling",
        "_is_interrupted",
        "_items",
        "_limit",
        "_lock",
        "_on_close",
        "_on_end",
        "_rest_at",
        "_running",
        "_start",
        "_state",
        "_timer",
    )

    def __init__(
        self,
        items: Items[T],
        start: Callable[[T, int], abc.DisposableBase | None],
        on_end: Callable[[Exception | None], object],
        limit: float,
        clock: Clock,
        on_close: Callable[[], object],
    ) -> None:
        """Prepare; nothing is asked for.

        Args:
            items: Where the items come from.
            start: Takes an item and its number, and gives what stops what it started.
            on_end: Called when there are no more items.
            limit: How many may run at once.
            clock: Where the pauses between many items are taken.
            on_close: Called once, before what runs is stopped one by one.
        """
        self._on_close = on_close
        self._items = items
        self._start = start
        self._on_end = on_end
        self._limit = limit
        self._clock = clock
        self._lock = threading.RLock()
        self._is_interrupted = interruption_of(self._lock)
        self._running: dict[int, abc.DisposableBase | None] = {}
        self._state = _State.OPEN
        self._filling = False
        self._count = 0
        self._rest_at = _IN_A_ROW
        self._timer: Any = None

    @property
    def is_over(self) -> bool:
        """Whether no items are left, and nothing runs."""
        with self._lock:
            return self._state in (_State.EXHAUSTED, _State.DISPOSED) and not self._running

    def start(self) -> None:
        """Ask for the first items."""
        self.fill()
        self._items.start(self)

    def fill(self) -> None:
        """Ask for items while there is room. One caller at a time does."""
        with self._lock:
            if self._filling:
                return
            self._filling = True
        while self._may_ask():
            self._items.ask(self)

    def _may_ask(self) -> bool:
        with self._lock:
            has_room = self._state is _State.OPEN and len(self._running) < self._limit
            if has_room and self._count < self._rest_at:
                self._state = _State.ASKED
                return True
            self._filling = False
            if has_room:
                self._state = _State.RESTING
        if has_room:
            self._keep(self._clock.call_later(0.0, self._go_on))
        return False

    def _keep(self, timer: Any) -> None:
        with self._lock:
            is_disposed = self._state is _State.DISPOSED
            if not is_disposed:
                self._timer = timer
        if is_disposed:
            self._clock.cancel(timer)

    def _go_on(self) -> None:
        with self._lock:
            if self._state is _State.RESTING:
                self._state = _State.OPEN
            self._rest_at = self._count + _IN_A_ROW
        self.fill()

    def item(self, item: T) -> None:
        """Take an item that was asked for."""
        with self._lock:
            if self._state is not _State.ASKED:
                return
            self._state = _State.OPEN
            number = self._count
            self._count += 1
            self._running[number] = None
        started = self._start(item, number)
        with self._lock:
            is_running = number in self._running
            if is_running:
                self._running[number] = started
        if not is_running and started is not None:
            started.dispose()
        self.fill()

    def end(self, error: Exception | None) -> None:
        """Take the end of the items."""
        self.stop_asking()
        self._on_end(error)

    def stop_asking(self) -> None:
        """Ask for nothing more; what runs goes on."""
        with self._lock:
            if self._state is not _State.DISPOSED:
                self._state = _State.EXHAUSTED

    def ended(self, number: int) -> None:
        """What was started for an item has ended, and there is room for another one."""
        with self._lock:
            self._running.pop(number, None)
        self.fill()

    @override
    def dispose(self) -> None:
        """Ask for nothing more, and stop what runs."""
        if self._is_interrupted():
            self._clock.post(self.dispose)
            return
        if (running := self._close()) is None:
            return
        try:
            _dispose(running)
        finally:
            # Last: closing a user's generator may raise.
            self._items.dispose()

    def dispose_around(self, number: int) -> abc.DisposableBase:
        """Stop all but what was started for one item, which is calling; give what stops that too.

        It, or the source of the items, could not hand back any more what its observer has raised.
        """
        running = self._close() or {}
        calling = running.pop(number, None)
        try:
            _dispose(running)
        finally:
            self._items.leave()
        return Disposable() if calling is None else calling

    def _close(self) -> dict[int, abc.DisposableBase | None] | None:
        """Ask for nothing more, and give what ran; None if that was done before."""
        with self._lock:
            if self._state is _State.DISPOSED:
                return None
            self._state = _State.DISPOSED
            running, self._running = self._running, {}
            timer, self._timer = self._timer, None
        if timer is not None:
            self._clock.cancel(timer)
        self._on_close()
        return running


def _dispose(running: dict[int, abc.DisposableBase | None]) -> None:
    for started in running.values():
        if started is not None:
            started.dispose()

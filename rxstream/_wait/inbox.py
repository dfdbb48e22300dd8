"""Answers of a store, on their way to one subscription."""

from __future__ import annotations

import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

from .._call.on_thread import workers_of
from .._time.timer_thread import TIMER_THREAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._merge.sources import Items, Sink
    from .._store import Then
    from .arguments import Waits

    Deal: TypeAlias = Callable[[Any, Any], object]

__all__ = ["Bounded", "Inbox"]

T = TypeVar("T")

# More answers than this to come, and no id is asked for.
_MOST_AWAITED: Final = 4096
# After so many in a row the thread, or the loop, gets to do something else.
_IN_A_ROW: Final = 256


class Inbox:
    """Takes answers on any thread, and deals with them where a consumer may be called."""

    def __init__(
        self, waits: Waits, fail: Callable[[Exception], None], after: Callable[[], None]
    ) -> None:
        """Begin empty.

        Args:
            waits: The waits of the subscription.
            fail: Takes the error that comes in place of an answer; nothing is dealt with after it.
            after: Called after each row of answers.
        """
        self._run = _run_of(waits)
        self._fail = fail
        self._after = after
        # Held for moments, and never by `close`, which a signal handler may call.
        self._lock = threading.Lock()
        self._answers: deque[tuple[Deal, Any, Any, Exception | None]] = deque()
        self._is_called = False
        self.is_closed = False
        """Whether nothing more is dealt with."""
        self._awaited = 0
        self._stalled: Callable[[], None] | None = None

    def answer(self, deal: Deal, about: Any) -> Then:
        """Await an answer, and give what takes it.

        Args:
            deal: Takes `about` and the answer.
            about: What was asked about.
        """
        with self._lock:
            self._awaited += 1
        return partial(self._take, deal, about)

    def when_there_is_room(self, ask: Callable[[], None]) -> None:
        """Call, as soon as not too many answers are still to come."""
        with self._lock:
            is_behind = self._awaited >= _MOST_AWAITED
            if is_behind:
                self._stalled = ask
        if not is_behind:
            ask()

    def close(self) -> None:
        """Deal with nothing more."""
        self.is_closed = True

    def _take(self, deal: Deal, about: Any, answer: Any, error: Exception | None) -> None:
        self._answers.append((deal, about, answer, error))
        self._call()

    def _call(self) -> None:
        if self._is_called:  # whoever deals next sees what is there now
            return
        with self._lock:
            is_called, self._is_called = self._is_called, True
        if not is_called:
            self._run(self._deal)

    def _deal(self) -> None:
        with self._lock:
            self._is_called = False
        dealt = 0
        while dealt < _IN_A_ROW and self._answers and not self.is_closed:
            deal, about, answer, error = self._answers.popleft()
            dealt += 1
            if error is not None:
                self.close()
                self._fail(error)
            else:
                deal(about, answer)
        if self.is_closed:
            return
        self._after()
        if self._answers:
            self._call()
        with self._lock:
            self._awaited -= dealt
            ask = None
            if self._awaited < _MOST_AWAITED:
                ask, self._stalled = self._stalled, None
        if ask is not None:
            ask()


class Bounded(Generic[T]):
    """Items that are asked for only while a store keeps up."""

    def __init__(self, items: Items[T], inbox: Inbox) -> None:
        """Ask `items`, when there is room in `inbox`."""
        self._items = items
        self._inbox = inbox
        self.start = items.start
        self.leave = items.leave
        self.dispose = items.dispose

    def ask(self, sink: Sink[T]) -> None:
        """Ask for one item."""
        self._inbox.when_there_is_room(partial(self._items.ask, sink))


def _run_of(waits: Waits) -> Callable[[Callable[[], object]], object]:
    """Choose what runs something soon, where a consumer may be called and may take its time."""
    clock = waits.clock
    if clock is not TIMER_THREAD:
        return clock.post
    workers = workers_of(waits.client)

    def run(callback: Callable[[], object]) -> None:
        try:
            workers.submit(callback)
        except RuntimeError:  # no thread can be started
            clock.post(callback)

    return run

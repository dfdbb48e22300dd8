"""One thread for every timer of every sync client."""

from __future__ import annotations

import heapq
import sys
import threading
from collections import deque
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Final

from .._shared.fork import on_fork
from .._shared.thread import start_thread
from .clock import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TIMER_THREAD", "TimerThread", "guarded"]


class _Timer:
    __slots__ = ("_callback", "due", "number")

    def __init__(self, due: float, number: int, callback: Callable[[], object]) -> None:
        self.due = due
        self.number = number
        # A list of one: of a call and a cancellation at the same moment, one gets it.
        self._callback = [callback]

    def __lt__(self, other: _Timer) -> bool:
        return (self.due, self.number) < (other.due, other.number)

    def __repr__(self) -> str:
        return f"{self._callback!r} at {self.due:.3f}"

    @property
    def is_pending(self) -> bool:
        return bool(self._callback)

    def take(self) -> Callable[[], object] | None:
        try:
            return self._callback.pop()
        except IndexError:
            return None


class TimerThread:
    """One thread for every timer of every sync client; it lives only while there are timers.

    Monotonic. It forgets what is cancelled. An exception in a callback is reported to
    `threading.excepthook`, and the timers after it fire.

    Timers are set and cancelled from anywhere, also from signal handlers and finalisers: no lock is
    taken for it. New timers go into an inbox that only the thread empties.
    """

    timeline: object = monotonic

    def __init__(self) -> None:
        self._reset()
        on_fork(self._reset)

    def _reset(self) -> None:
        self._numbers = count()
        self._inbox: deque[_Timer] = deque()
        self._cancelled: deque[None] = deque()
        self._heap: list[_Timer] = []
        # Held while nobody has called. A lock, because the `get` of a `queue.SimpleQueue` was seen
        # to wait far beyond its time-out (CPython 3.11, several threads).
        self._alarm = threading.Lock()
        self._alarm.acquire()
        # When the thread looks into its inbox by itself; -inf: before it sleeps.
        self._awake_at = float("-inf")
        # Whoever takes the seat starts the thread; the thread puts it back.
        self._seat: list[None] = [None]

    def now(self) -> float:
        return monotonic()

    @property
    def home(self) -> object:
        return self

    @property
    def is_closed(self) -> bool:
        return False

    @property
    def pending(self) -> list[_Timer]:
        """The timers that are set."""
        return [timer for timer in [*self._heap, *self._inbox] if timer.is_pending]

    def call_later(self, delay: float, callback: Callable[[], object]) -> _Timer:
        timer = _Timer(monotonic() + delay, next(self._numbers), callback)
        self._inbox.append(timer)
        try:
            self._ensure_thread()
        except BaseException:
            timer.take()
            raise
        if timer.due < self._awake_at:
            self._wake()
        return timer

    def cancel(self, timer: _Timer) -> None:
        if timer.take() is None:
            return
        self._cancelled.append(None)
        if len(self._cancelled) * 2 > len(self._heap) + len(self._inbox):
            self._wake()

    def post(self, callback: Callable[[], object]) -> bool:
        self.call_later(0.0, callback)
        return True

    def wake(self) -> None:
        pass

    def run_engine(self, callback: Callable[[], object]) -> bool:
        callback()
        return True

    run_consumer = run_engine

    def _wake(self) -> None:
        with suppress(RuntimeError):  # somebody has called already
            self._alarm.release()

    def _ensure_thread(self) -> None:
        try:
            self._seat.pop()
        except IndexError:
            return
        start_thread("rxstream-timer", self._run, lambda: self._seat.append(None))

    def _run(self) -> None:
        while True:
            try:
                self._work()
            finally:
                self._seat.append(None)
            # A timer that came after the last look into the inbox found no seat.
            if not self._inbox:
                return
            try:
                self._seat.pop()
            except IndexError:
                return

    def _work(self) -> None:
        """Fire timers until there are none."""
        while True:
            self._awake_at = float("-inf")
            self._tidy()
            if not self._heap:
                return
            due = self._heap[0].due
            pause = due - monotonic()
            if pause > 0:
                self._sleep(due, pause)
                continue
            callback = heapq.heappop(self._heap).take()
            if callback is None:
                self._uncount()
            else:
                guarded(callback)
            del callback

    def _sleep(self, due: float, pause: float) -> None:
        self._awake_at = due
        if self._inbox:
            return
        self._alarm.acquire(timeout=min(pause, threading.TIMEOUT_MAX))

    def _tidy(self) -> None:
        """Take in what is new, and forget what was cancelled, at a flat cost for each."""
        while self._inbox:
            heapq.heappush(self._heap, self._inbox.popleft())
        if len(self._cancelled) * 2 > len(self._heap):
            # Those that are cancelled from here on are counted again.
            self._cancelled.clear()
            self._heap = [timer for timer in self._heap if timer.is_pending]
            heapq.heapify(self._heap)

    def _uncount(self) -> None:
        with suppress(IndexError):
            self._cancelled.pop()


def guarded(callback: Callable[[], object]) -> None:
    """Call on one of our threads; report what a consumer raises, so that the thread goes on."""
    try:
        callback()
    except BaseException:  # noqa: BLE001 -- a shared thread must outlive any consumer
        kind, error, trace = sys.exc_info()
        # The hook is the user's, and may raise as well; so does a standard error that is closed.
        with suppress(BaseException):
            threading.excepthook(
                threading.ExceptHookArgs((kind, error, trace, threading.current_thread()))
            )


TIMER_THREAD: Final = TimerThread()

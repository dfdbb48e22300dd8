"""One thread for every timer of every sync client."""

from __future__ import annotations

import heapq
import os
import sys
import threading
from typing import TYPE_CHECKING, Final

from .clock import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TIMER_THREAD", "TimerThread", "guarded"]


class _Timer:
    __slots__ = ("callback", "due", "number")

    def __init__(self, due: float, number: int, callback: Callable[[], object]) -> None:
        self.due = due
        self.number = number
        self.callback: Callable[[], object] | None = callback

    def __lt__(self, other: _Timer) -> bool:
        return (self.due, self.number) < (other.due, other.number)


class TimerThread:
    """One thread for every timer of every sync client; it lives only while there are timers.

    Monotonic; forgets what is cancelled; an exception in a callback is reported to
    `threading.excepthook`, and the timers after it fire.
    """

    timeline: object = monotonic

    def __init__(self) -> None:
        self._reset()
        # The thread is not there in a forked child, and the lock may have been held.
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._heap: list[_Timer] = []
        self._cancelled = 0
        self._count = 0
        self._thread: threading.Thread | None = None

    def now(self) -> float:
        return monotonic()

    def call_later(self, delay: float, callback: Callable[[], object]) -> _Timer:
        with self._changed:
            self._count += 1
            timer = _Timer(monotonic() + delay, self._count, callback)
            heapq.heappush(self._heap, timer)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="rxstream-timer", daemon=True
                )
                self._thread.start()
            elif self._heap[0] is timer:
                self._changed.notify()
        return timer

    def cancel(self, timer: _Timer) -> None:
        with self._changed:
            if timer.callback is None:
                return
            timer.callback = None
            self._cancelled += 1
            if self._cancelled * 2 > len(self._heap):
                self._heap = [t for t in self._heap if t.callback is not None]
                heapq.heapify(self._heap)
                self._cancelled = 0
                if not self._heap:
                    self._changed.notify()

    def run_engine(self, callback: Callable[[], object]) -> bool:
        callback()
        return True

    run_consumer = run_engine

    def _run(self) -> None:
        while (callback := self._next()) is not None:
            guarded(callback)
            del callback

    def _next(self) -> Callable[[], object] | None:
        """Wait for the next callback that is due; None: no timer is left."""
        with self._changed:
            while self._heap:
                timer = self._heap[0]
                pause = timer.due - monotonic()
                if timer.callback is not None and pause > 0:
                    self._changed.wait(min(pause, threading.TIMEOUT_MAX))
                    continue
                heapq.heappop(self._heap)
                callback, timer.callback = timer.callback, None
                if callback is not None:
                    return callback
                self._cancelled -= 1
            self._thread = None
            return None


def guarded(callback: Callable[[], object]) -> None:
    """Call on one of our threads; report what a consumer raises, so that the thread goes on."""
    try:
        callback()
    except BaseException:  # noqa: BLE001 -- a shared thread must outlive any consumer
        kind, error, trace = sys.exc_info()
        if kind is not None:
            threading.excepthook(
                threading.ExceptHookArgs((kind, error, trace, threading.current_thread()))
            )


TIMER_THREAD: Final = TimerThread()

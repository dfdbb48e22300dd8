"""Where time comes from: a running loop, or our one timer thread.

Everything else asks a `Clock`. Its `now` is monotonic (or virtual), never the wall clock, which can
be set back while a wait is under way.
"""

from __future__ import annotations

import asyncio
import heapq
import os
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "TIMER_THREAD",
    "Clock",
    "LoopClock",
    "TimerThread",
    "guarded",
    "monotonic",
    "running_loop",
    "utc_now",
]

monotonic: Final = time.monotonic


def utc_now() -> datetime:
    """The wall clock, for headers that name a date; never for waiting."""
    return datetime.fromtimestamp(time.time(), UTC)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs in this thread, or None."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Clock(Protocol):
    """What the engine and the gate ask of time."""

    @property
    def timeline(self) -> object:
        """The same object for clocks whose `now` can be compared."""
        ...

    def now(self) -> float:
        """Seconds since some fixed moment."""
        ...

    def call_later(self, delay: float, callback: Callable[[], object]) -> Any:
        """Call back after `delay` seconds; what is returned can be given to `cancel`."""
        ...

    def cancel(self, timer: Any) -> None:
        """Forget a timer."""
        ...

    def run(self, callback: Callable[[], object]) -> bool:
        """Call where this clock's timers may be touched: in place, or posted there.

        False: there is no such place any more (a closed loop), and nothing will be called.
        """
        ...

    def deliver(self, callback: Callable[[], object]) -> bool:
        """Call where this clock's timers fire, from whatever thread; false as for `run`."""
        ...


class LoopClock:
    """The time of an asyncio loop. Every method may be called from any thread."""

    __slots__ = ("loop", "timeline")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.timeline: object = loop

    def now(self) -> float:
        return self.loop.time()

    def call_later(self, delay: float, callback: Callable[[], object]) -> Any:
        if running_loop() is self.loop:
            return self.loop.call_later(delay, callback)
        return _PostedTimer(self, delay, callback)

    def cancel(self, timer: Any) -> None:
        self.run(timer.cancel)

    def run(self, callback: Callable[[], object]) -> bool:
        if running_loop() is self.loop:
            callback()
            return True
        return self.post(callback)

    def post(self, callback: Callable[[], object]) -> bool:
        """Call in the loop's next turn, never in place; false as for `run`."""
        try:
            self.loop.call_soon_threadsafe(callback)
        except RuntimeError:
            if not self.loop.is_closed():
                raise
            return False
        return True

    deliver = run


class _PostedTimer:
    """A loop's timer that was asked for from another thread."""

    __slots__ = ("_callback", "_handle")

    def __init__(self, clock: LoopClock, delay: float, callback: Callable[[], object]) -> None:
        self._callback: Callable[[], object] | None = callback
        self._handle: asyncio.TimerHandle | None = None
        due = clock.now() + delay
        clock.run(lambda: self._set(clock, due))

    def _set(self, clock: LoopClock, due: float) -> None:
        if self._callback is not None:
            self._handle = clock.loop.call_at(due, self._callback)

    def cancel(self) -> None:
        self._callback = None
        if self._handle is not None:
            self._handle.cancel()


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

    def run(self, callback: Callable[[], object]) -> bool:
        callback()
        return True

    deliver = run

    def _run(self) -> None:
        while (callback := self._next()) is not None:
            guarded(callback)
            del callback

    def _next(self) -> Callable[[], object] | None:
        """The next callback that is due, or None when there is nothing left to wait for."""
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
    """Call on a thread of ours; what a consumer raises is reported, and the thread goes on."""
    try:
        callback()
    except BaseException:  # noqa: BLE001 -- a shared thread must outlive any consumer
        kind, error, trace = sys.exc_info()
        if kind is not None:
            threading.excepthook(
                threading.ExceptHookArgs((kind, error, trace, threading.current_thread()))
            )


TIMER_THREAD: Final = TimerThread()

"""What a clock is, and the clock of an event loop.

Everything else asks a `Clock`. Its `now` is monotonic (or virtual), never the wall clock, which can
be set back while a wait is under way.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Clock",
    "LoopClock",
    "is_real",
    "loop_or_raise",
    "monotonic",
    "running_loop",
    "utc_now",
]

monotonic: Final = time.monotonic


def utc_now() -> datetime:
    """The time of the wall clock, for dates in headers; never for waiting."""
    return datetime.fromtimestamp(time.time(), UTC)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs in this thread, or None."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def is_real(clock: Clock) -> bool:
    """Whether a clock goes as real time does; a virtual one does not."""
    return abs(clock.now() - monotonic()) < 1.0


def loop_or_raise(message: str) -> asyncio.AbstractEventLoop:
    """The loop that runs in this thread.

    Raises:
        RuntimeError: There is none; `message` says what needs one.
    """
    loop = running_loop()
    if loop is None:
        raise RuntimeError(message)
    return loop


class Clock(Protocol):
    """What the engine and the gate ask of time.

    There are two ways to run code, because a scheduler may have its own thread: a window
    toolkit takes timers from any thread, but wants its widgets touched on one. `run_engine` is for
    our own code and runs in place there; `run_consumer` goes to that thread. In every other clock
    the two are the same.
    """

    @property
    def timeline(self) -> object:
        """The same object for clocks whose `now` can be compared."""
        ...

    @property
    def home(self) -> object:
        """The same object for clocks whose `run_consumer` leads to the same place."""
        ...

    @property
    def is_closed(self) -> bool:
        """Whether time has ended here for good: the loop is closed."""
        ...

    def now(self) -> float:
        """Seconds since some fixed moment."""
        ...

    def call_later(self, delay: float, callback: Callable[[], object]) -> Any:
        """Call back after `delay` seconds; returns a timer for `cancel`."""
        ...

    def cancel(self, timer: Any) -> None:
        """Prevent the call of a timer; without effect once it was called."""
        ...

    def post(self, callback: Callable[[], object]) -> bool:
        """Run soon, and never in place; may be called from a signal handler or a finaliser.

        False: the loop is closed.
        """
        ...

    def wake(self) -> None:
        """Let a loop that sleeps look at what was changed in a signal handler."""
        ...

    def run_engine(self, callback: Callable[[], object]) -> bool:
        """Run where this clock's timers may be set and cancelled: in place, or posted there.

        False: that loop is closed, and nothing is called.
        """
        ...

    def run_consumer(self, callback: Callable[[], object]) -> bool:
        """Run where this clock's timers fire, from any thread; false as for `run_engine`."""
        ...


class LoopClock:
    """The time of an asyncio loop. Every method may be called from any thread."""

    __slots__ = ("loop", "timeline")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.timeline: object = loop

    @property
    def home(self) -> object:
        return self.loop

    @property
    def is_closed(self) -> bool:
        return self.loop.is_closed()

    def now(self) -> float:
        return self.loop.time()

    def call_later(self, delay: float, callback: Callable[[], object]) -> Any:
        if running_loop() is self.loop:
            return self.loop.call_later(delay, callback)
        return _PostedTimer(self, delay, callback)

    def cancel(self, timer: Any) -> None:
        self.run(timer.cancel)

    def run(self, callback: Callable[[], object]) -> bool:
        """Run on the loop: in place, or in its next turn. False: the loop is closed."""
        if running_loop() is self.loop:
            callback()
            return True
        return self.post(callback)

    def post(self, callback: Callable[[], object]) -> bool:
        """Run in the loop's next turn, never in place. False: the loop is closed."""
        try:
            self.loop.call_soon_threadsafe(callback)
        except RuntimeError:
            if not self.loop.is_closed():
                raise
            return False
        return True

    def wake(self) -> None:
        self.post(_nothing)

    run_engine = run
    run_consumer = run


def _nothing() -> None:
    pass


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

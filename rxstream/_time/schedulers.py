"""Which clock a reactivex scheduler stands for."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from reactivex.scheduler import (
    ImmediateScheduler,
    NewThreadScheduler,
    TimeoutScheduler,
    TrampolineScheduler,
    VirtualTimeScheduler,
)
from reactivex.scheduler.eventloop import AsyncIOScheduler

from .clock import LoopClock, loop_or_raise, monotonic, running_loop
from .timer_thread import TIMER_THREAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

    from .clock import Clock

__all__ = ["VirtualClock", "clock_of", "is_of_run", "is_virtual", "open_clock_of", "operator_clock"]


class VirtualClock:
    """The time of a virtual-time scheduler."""

    __slots__ = ("_scheduler",)

    def __init__(self, scheduler: VirtualTimeScheduler) -> None:
        self._scheduler = scheduler

    @property
    def timeline(self) -> object:
        return self._scheduler

    home = timeline

    @property
    def is_closed(self) -> bool:
        return False

    def now(self) -> float:
        return self._scheduler.now.timestamp()

    def call_later(self, delay: float, callback: Callable[[], object]) -> Any:
        return _schedule(self._scheduler, delay, callback)

    def cancel(self, timer: Any) -> None:
        timer.dispose()

    def post(self, callback: Callable[[], object]) -> bool:
        self.call_later(0.0, callback)
        return True

    def wake(self) -> None:
        pass

    def run_engine(self, callback: Callable[[], object]) -> bool:
        callback()
        return True

    run_consumer = run_engine


class _SchedulerClock:
    """A scheduler with its own thread (of an event loop, of a window toolkit)."""

    __slots__ = ("_scheduler",)

    timeline: object = monotonic

    def __init__(self, scheduler: abc.SchedulerBase) -> None:
        self._scheduler = scheduler

    @property
    def home(self) -> object:
        return self._scheduler

    @property
    def is_closed(self) -> bool:
        return False

    def now(self) -> float:
        return monotonic()  # not `scheduler.now`, which is the wall clock

    def call_later(self, delay: float, callback: Callable[[], object]) -> Any:
        return _schedule(self._scheduler, delay, callback)

    def cancel(self, timer: Any) -> None:
        timer.dispose()

    def post(self, callback: Callable[[], object]) -> bool:
        self.call_later(0.0, callback)
        return True

    def wake(self) -> None:
        pass

    def run_engine(self, callback: Callable[[], object]) -> bool:
        callback()
        return True

    def run_consumer(self, callback: Callable[[], object]) -> bool:
        self._scheduler.schedule(_action(callback))
        return True


def _schedule(
    scheduler: abc.SchedulerBase, delay: float, callback: Callable[[], object]
) -> abc.DisposableBase:
    return scheduler.schedule_relative(delay, _action(callback))


def _action(callback: Callable[[], object]) -> abc.ScheduledAction[Any]:
    def action(_: abc.SchedulerBase, __: Any = None) -> None:
        callback()

    return action


# The package's own name `run` is the function.
_run_module: Final = import_module("reactivex.run")

# These hold a thread for each pending timer, or block the caller until it is due. Emissions need
# not come from a certain thread there, so our one timer thread can replace them.
_HOMELESS: Final = (ImmediateScheduler, NewThreadScheduler, TimeoutScheduler, TrampolineScheduler)


def clock_of(scheduler: abc.SchedulerBase | None, *, is_async: bool) -> Clock:
    """Choose the clock of one subscription.

    Args:
        scheduler: The scheduler asked for, or None.
        is_async: Whether the client needs a running loop.

    Raises:
        RuntimeError: The client is async, and no loop runs in this thread.
    """
    if isinstance(scheduler, VirtualTimeScheduler):
        return VirtualClock(scheduler)
    if isinstance(scheduler, AsyncIOScheduler):
        # Its own timers cost three times those of the loop beneath, and its `now` is the wall
        # clock. The loop has no public name: docs/decisions.md, "Private names of others".
        loop = getattr(scheduler, "_loop", None)
        if isinstance(loop, asyncio.AbstractEventLoop):
            return LoopClock(loop)
    if scheduler is not None and not isinstance(scheduler, _HOMELESS):
        return _SchedulerClock(scheduler)
    if not is_async:
        return TIMER_THREAD
    msg = (
        "an async client needs a running event loop: subscribe inside a coroutine "
        "(for example under asyncio.run), pass scheduler=AsyncIOScheduler(loop), "
        "or use the sync StreamClient"
    )
    return LoopClock(loop_or_raise(msg))


def open_clock_of(scheduler: abc.SchedulerBase | None, *, is_async: bool) -> Clock:
    """Choose as `clock_of` does, and check that its loop is not closed.

    Raises:
        RuntimeError: There is no loop, or it is closed.
    """
    clock = clock_of(scheduler, is_async=is_async)
    if clock.is_closed:
        msg = "the scheduler's event loop is closed, and nothing can run there any more"
        raise RuntimeError(msg)
    return clock


def is_virtual(scheduler: abc.SchedulerBase | None) -> bool:
    """Whether time passes there only when somebody drives it."""
    return isinstance(scheduler, VirtualTimeScheduler)


def is_of_run(scheduler: abc.SchedulerBase | None) -> bool:
    """Whether reactivex's `.run()` subscribes, and blocks the loop that runs in this thread."""
    # It has no public name: docs/decisions.md, "Private names of others".
    return (
        scheduler is not None
        and scheduler is getattr(_run_module, "_default_scheduler", None)
        and running_loop() is not None
    )


def operator_clock(scheduler: abc.SchedulerBase | None) -> Clock:
    """Choose the clock of an operator: the subscription's, else the running loop's, else ours."""
    return clock_of(scheduler, is_async=running_loop() is not None)

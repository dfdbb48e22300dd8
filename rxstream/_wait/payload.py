"""The payload at the end of an observable of snapshots, awaited or waited for."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Generic, cast

from reactivex.scheduler.eventloop import AsyncIOScheduler

from .._time.clock import LoopClock
from .._time.schedulers import is_virtual
from .._values import T

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from reactivex import Observable, abc

    from .._values import TaskSnapshot

__all__ = ["check_can_block", "payload_of", "payload_of_async"]


def check_can_block(scheduler: abc.SchedulerBase | None) -> None:
    """Check that time passes while a thread blocks.

    Raises:
        RuntimeError: It does not: the time is virtual.
    """
    if is_virtual(scheduler):
        msg = "virtual time does not pass for code that blocks: observe the task in that time"
        raise RuntimeError(msg)


def payload_of(observable: Observable[TaskSnapshot[T]]) -> T:
    """Block until it ends, and return the payload of its last snapshot."""
    done = threading.Event()
    end: _End[T] = _End(done.set)
    with observable.subscribe(end.on_next, end.on_error, end.on_completed):
        done.wait()
    return end.payload()


async def payload_of_async(observable: Observable[TaskSnapshot[T]]) -> T:
    """Wait until it ends, and return the payload of its last snapshot."""
    loop = asyncio.get_running_loop()
    # An event and not a future: one that was cancelled in this turn takes no answer any more.
    done = asyncio.Event()
    end: _End[T] = _End(lambda: LoopClock(loop).run(done.set))
    scheduler = AsyncIOScheduler(loop)
    with observable.subscribe(end.on_next, end.on_error, end.on_completed, scheduler=scheduler):
        await done.wait()
    return end.payload()


class _End(Generic[T]):
    """Keeps the last snapshot, and the error."""

    def __init__(self, over: Callable[[], object]) -> None:
        self._over = over
        self._last: TaskSnapshot[T] | None = None
        self._failures: list[tuple[Exception, TracebackType | None]] = []

    def on_next(self, snapshot: TaskSnapshot[T]) -> None:
        self._last = snapshot

    def on_error(self, error: Exception) -> None:
        self._failures.append((error, error.__traceback__))
        self._over()

    def on_completed(self) -> None:
        self._over()

    def payload(self) -> T:
        if self._failures:
            # Many may raise the same exception; none of them shows the frames of the others.
            error, traceback = self._failures.pop()
            raise error.with_traceback(traceback)
        # A wait that completes has emitted a snapshot, and one without a payload is of no type.
        return cast("T", None if self._last is None else self._last.result)

"""Signals of every kind, without polling them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from reactivex import Observable
from reactivex.disposable import Disposable

from .._time.clock import LoopClock, loop_or_raise

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import abc

__all__ = ["Signal", "check_signal", "has_fired", "listen"]

Signal: TypeAlias = (
    Observable[Any]
    | asyncio.Future[Any]
    | concurrent.futures.Future[Any]
    | asyncio.Event
    | threading.Event
)
"""An Observable, or a Future or an Event of asyncio or of threads."""

_KINDS: Final = (
    Observable,
    asyncio.Future,
    concurrent.futures.Future,
    asyncio.Event,
    threading.Event,
)


def check_signal(signal: object) -> None:
    """Check that a value is a signal.

    Raises:
        TypeError: It is not.
    """
    if not isinstance(signal, _KINDS):
        msg = (
            "signal must be an Observable, an asyncio or concurrent Future, an asyncio.Event or a "
            f"threading.Event, not {type(signal).__name__}"
        )
        raise TypeError(msg)


def has_fired(signal: Signal) -> bool:
    """Whether it has fired; for an Observable this is always false."""
    if isinstance(signal, asyncio.Event | threading.Event):
        return signal.is_set()
    return not isinstance(signal, Observable) and signal.done()


def listen(
    signal: Any,
    fire: Callable[[], None],
    fail: Callable[[Exception], None],
    scheduler: abc.SchedulerBase | None,
) -> abc.DisposableBase:
    """Call `fire` when a signal fires, on any thread.

    Args:
        signal: An Observable, or a signal that has not fired yet.
        fire: Must be quick, and may be called more than once.
        fail: Called with the error of an Observable.
        scheduler: For an Observable.

    Raises:
        RuntimeError: `signal` is an `asyncio.Event`, and no loop runs in this thread.
    """
    if isinstance(signal, Observable):
        observable = cast("Observable[object]", signal)
        return observable.subscribe(lambda _: fire(), fail, scheduler=scheduler)
    if isinstance(signal, asyncio.Event):
        return _asyncio_event(signal, fire)
    if isinstance(signal, threading.Event):
        return _Waiter(signal, fire)
    if isinstance(signal, asyncio.Future):
        return _asyncio_future(cast("asyncio.Future[object]", signal), fire)
    return _future(cast("concurrent.futures.Future[object]", signal), fire)


def _asyncio_future(future: asyncio.Future[object], fire: Callable[[], None]) -> abc.DisposableBase:
    def fired(_: asyncio.Future[object]) -> None:
        fire()

    def dispose() -> None:
        clock.run(lambda: future.remove_done_callback(fired))

    clock = LoopClock(future.get_loop())
    clock.run(lambda: future.add_done_callback(fired))
    return Disposable(dispose)


def _asyncio_event(event: asyncio.Event, fire: Callable[[], None]) -> abc.DisposableBase:
    msg = "an asyncio.Event can only be listened to on its loop: subscribe inside a coroutine"
    loop = loop_or_raise(msg)

    def fired(task: asyncio.Task[object]) -> None:
        if not task.cancelled():
            fire()

    def dispose() -> None:
        LoopClock(loop).run(waiting.cancel)

    waiting = loop.create_task(event.wait())
    waiting.add_done_callback(fired)
    return Disposable(dispose)


def _future(
    future: concurrent.futures.Future[object], fire: Callable[[], None]
) -> abc.DisposableBase:
    # Nobody can take a callback back from such a future: it is left behind, empty.
    callbacks = [fire]

    def fired(_: concurrent.futures.Future[object]) -> None:
        for callback in callbacks:
            callback()

    future.add_done_callback(fired)
    return Disposable(callbacks.clear)


class _Waiter(Disposable):
    """Stands among the waiters of a `threading.Event`, without a thread that waits.

    An event wakes its waiters by releasing a lock for each; this is one whose release calls back.
    The alternatives are a thread for each event that can never be ended, or polling.
    """

    def __init__(self, event: threading.Event, fire: Callable[[], None]) -> None:
        super().__init__()
        self.release = fire
        # Neither has a public name: docs/decisions.md, "Private names of others".
        self._condition: Any = getattr(event, "_cond")  # noqa: B009 -- as said
        self._waiters: Any = getattr(self._condition, "_waiters")  # noqa: B009 -- as said
        with self._condition:
            fired = event.is_set()
            if not fired:
                self._waiters.append(self)
        if fired:
            fire()

    def dispose(self) -> None:
        with self._condition:
            if self in self._waiters:
                self._waiters.remove(self)

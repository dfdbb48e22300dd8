"""Signals of every kind, heard without polling them.

However many waits listen to one signal, the signal itself knows a single listener of ours. So a
wait comes and goes at the same cost whoever else listens, and leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import itertools
import threading
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast
from weakref import WeakKeyDictionary

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
    """Call `fire` once a signal fires, on whatever thread it does so, perhaps at once.

    Args:
        signal: What to listen to.
        fire: May be called more than once, from a signal handler too, and under a lock of the
            signal. It must be quick, and must take no lock that its caller may hold.
        fail: Called if the signal itself fails (an Observable that errors).
        scheduler: For an Observable.

    Raises:
        RuntimeError: `signal` is an `asyncio.Event`, and no loop runs in this thread.
    """
    if isinstance(signal, Observable):
        observable = cast("Observable[object]", signal)
        return observable.subscribe(lambda _: fire(), fail, scheduler=scheduler)
    if isinstance(signal, asyncio.Event):
        msg = "an asyncio.Event can only be listened to on its loop: subscribe inside a coroutine"
        loop_or_raise(msg)
    listeners = _known.get(signal)
    if listeners is None:
        listeners = _known[signal] = _Listeners()
    listening = listeners.add(fire)
    listeners.wait_for(signal)
    if has_fired(signal):
        # All of them: another thread may have joined before the signal knew of any.
        listeners.fire()
    return listening


class _Listeners:
    """Those who listen to one signal.

    There is no lock: whoever fires may be a signal handler that interrupted any line of this.
    """

    def __init__(self) -> None:
        self._by_number: dict[int, Callable[[], None]] = {}
        self._numbers = itertools.count()
        self._is_known = False

    def add(self, fire: Callable[[], None]) -> Disposable:
        """Call `fire` when the signal fires, until what is given is disposed."""
        number = next(self._numbers)
        self._by_number[number] = fire

        def remove() -> None:
            self._by_number.pop(number, None)

        return Disposable(remove)

    def wait_for(self, signal: Any) -> None:
        """See to it that the signal knows these listeners. They stay known when all have left."""
        if self._is_known:
            return
        self._is_known = True
        if isinstance(signal, asyncio.Future):
            future = cast("asyncio.Future[object]", signal)
            # The context of the first to listen would be kept as long as the future.
            nobodys = contextvars.Context()
            clock = LoopClock(future.get_loop())
            clock.run(lambda: future.add_done_callback(self.fire, context=nobodys))
        elif isinstance(signal, concurrent.futures.Future):
            cast("concurrent.futures.Future[object]", signal).add_done_callback(self.fire)
        else:
            # An event wakes its waiters by a call to each, so that one of them may be ours. The
            # names are not public: docs/decisions.md, "Private names of others".
            owner = getattr(signal, "_cond", signal)
            getattr(owner, "_waiters").append(self)  # noqa: B009 -- as said

    def fire(self, _: object = None) -> None:
        """Tell everybody who listens now."""
        failures: list[Exception] = []
        for fire in self._by_number.copy().values():
            try:
                fire()
            except Exception as failure:  # noqa: BLE001 -- the others are to be told too
                failures.append(failure)
        if failures:
            raise failures[0]

    def release(self) -> None:
        """What a `threading.Event` does to its waiters; it forgets them then."""
        self._is_known = False
        self.fire()

    def done(self) -> bool:
        """What an `asyncio.Event` asks its waiters first."""
        return False

    def set_result(self, _: object) -> None:
        """What an `asyncio.Event` does to its waiters."""
        self.fire()


# Races are harmless here: two of one signal both hear it.
_known: WeakKeyDictionary[Any, _Listeners] = WeakKeyDictionary()

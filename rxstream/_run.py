"""Block until an Observable has ended: `run`."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from reactivex.internal.exceptions import SequenceContainsNoElementsError
from reactivex.scheduler import NewThreadScheduler

from ._async_iterable import check_observable
from ._time.clock import running_loop

if TYPE_CHECKING:
    from reactivex import abc

__all__ = ["run"]

_T = TypeVar("_T")
_D = TypeVar("_D")

_NOTHING: Final[Any] = object()


@overload
def run(observable: abc.ObservableBase[_T]) -> _T: ...
@overload
def run(observable: abc.ObservableBase[_T], *, default: _D) -> _T | _D: ...
def run(observable: abc.ObservableBase[Any], *, default: Any = _NOTHING) -> Any:
    """Block until an Observable has ended, and return its last item.

    ::

        source  ─a──b──c──|     returns c
        source  ─a──b──×        raises the error
        Ctrl-C  ─a──^           disposes the subscription, then KeyboardInterrupt is raised

    Unlike reactivex's own `.run()` it leaves nothing behind, however it ends.

    Args:
        observable: What to run. Its items may come on any thread.
        default: What to return if there was no item.

    Returns:
        The last item. Only that one is kept.

    Raises:
        TypeError: `observable` is not one.
        RuntimeError: An event loop runs in this thread, and would be blocked.
        SequenceContainsNoElementsError: There was no item and no `default`, as for `await`.
        Exception: The error of the observable.
    """
    check_observable(observable)
    if running_loop() is not None:
        msg = "run() would block the event loop of this thread: use `await observable` instead"
        raise RuntimeError(msg)
    last: deque[Any] = deque(maxlen=1)
    failures: list[Exception] = []
    done = threading.Event()

    def on_error(error: Exception) -> None:
        failures.append(error)
        done.set()

    # A source that would emit in place leaves this thread free, so that Ctrl-C disposes it.
    with observable.subscribe(last.append, on_error, done.set, scheduler=NewThreadScheduler()):
        done.wait()
    if failures:
        raise failures.pop()
    if last:
        return last.pop()
    if default is _NOTHING:
        raise SequenceContainsNoElementsError
    return default

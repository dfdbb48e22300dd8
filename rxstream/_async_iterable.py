"""`async for` over an Observable: `to_async_iterable`."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator
from typing import TYPE_CHECKING, Final, Generic, Literal, Self, TypeVar, get_args

from reactivex import abc
from reactivex.disposable import SingleAssignmentDisposable
from reactivex.scheduler.eventloop import AsyncIOScheduler
from typing_extensions import override

from ._checks import whole
from ._time.clock import LoopClock

if TYPE_CHECKING:
    from types import TracebackType

_T = TypeVar("_T")

Overflow = Literal["error", "drop_oldest"]

_OVERFLOWS: Final = get_args(Overflow)

__all__ = ["AsyncItems", "AsyncItemsIterator", "Overflow", "check_observable", "to_async_iterable"]


def to_async_iterable(
    observable: abc.ObservableBase[_T], *, buffer: int = 1024, overflow: Overflow = "error"
) -> AsyncItems[_T]:
    """Read any Observable with `async for`.

    ::

        source     ─a──b──c──d──|
        async for    a    b  c  d  end    each item once, in order, when the body is ready
        break        a    b·              the subscription is disposed

    Cold: each `async for` subscribes for itself when it asks for its first item. The running loop
    is the scheduler; the source may emit on any thread. An error is raised after the items before
    it. When you leave the loop (by break, return, an exception or cancellation), the subscription
    is disposed within one turn of the event loop.

    That works only if nothing else holds the iterator. If you keep it, close it::

        async with aiter(to_async_iterable(observable)) as items:
            async for item in items:
                ...

    Cancelling one `anext` (`asyncio.timeout` around it, too) ends the iterator, as it ends an
    async generator.

    Args:
        observable: What to read.
        buffer: How many items may wait to be read. An Observable cannot be told to wait.
        overflow: What happens to an item when the buffer is full. `"error"`: the subscription is
            disposed, and after the items in the buffer `BufferError` is raised.
            `"drop_oldest"`: the item that has waited longest is dropped.

    Returns:
        The iterable. Its iterators have `aclose()` and are async context managers.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: `buffer` is less than 1, or `overflow` is neither of the two.
    """
    check_observable(observable)
    if overflow not in _OVERFLOWS:
        msg = f"overflow must be {' or '.join(map(repr, _OVERFLOWS))}, not {overflow!r}"
        raise ValueError(msg)
    return AsyncItems(observable, whole(buffer, "buffer"), overflow)


class AsyncItems(AsyncIterable[_T]):
    """The items of an Observable, for `async for`; each loop subscribes for itself."""

    __slots__ = ("_observable", "_overflow", "_size")

    def __init__(self, observable: abc.ObservableBase[_T], size: int, overflow: Overflow) -> None:
        self._observable = observable
        self._size = size
        self._overflow: Overflow = overflow

    @override
    def __aiter__(self) -> AsyncItemsIterator[_T]:
        return AsyncItemsIterator(_Feed(self._observable, self._size, self._overflow))


class AsyncItemsIterator(AsyncIterator[_T]):
    """One subscription, read item by item. Dropping it, closing it or cancelling it disposes."""

    # The source holds the feed, never this object, so that it can be collected when you drop it.
    __slots__ = ("_feed", "_reading")

    def __init__(self, feed: _Feed[_T]) -> None:
        self._feed = feed
        self._reading = False

    @override
    async def __anext__(self) -> _T:
        if self._reading:
            msg = "anext(): the asynchronous iterator is already running"
            raise RuntimeError(msg)
        self._reading = True
        try:
            return await self._feed.read()
        except BaseException:
            self._feed.close()
            raise
        finally:
            self._reading = False

    async def aclose(self) -> None:
        """Dispose the subscription and drop unread items. You may call it twice."""
        self._feed.close()

    async def __aenter__(self) -> Self:
        """Return the iterator; leaving the block closes it."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the iterator, as `aclose` does."""
        self._feed.close()

    def __del__(self) -> None:
        self._feed.abandon()


class _Feed(Generic[_T]):
    """The items of one subscription that have not been read yet."""

    __slots__ = (
        "_changed",
        "_clock",
        "_ended",
        "_error",
        "_items",
        "_lock",
        "_observable",
        "_size",
        "_stops_when_full",
        "_subscription",
        "_waking",
    )

    def __init__(self, observable: abc.ObservableBase[_T], size: int, overflow: Overflow) -> None:
        self._observable = observable
        self._size = size
        self._stops_when_full = overflow == "error"
        self._items: deque[_T] = deque(maxlen=None if self._stops_when_full else size)
        self._ended = False
        self._error: Exception | None = None
        self._clock: LoopClock | None = None
        self._changed = asyncio.Event()
        self._waking = False
        self._subscription = SingleAssignmentDisposable()
        # Re-entrant: dropping an item under it may run a finaliser, which may do anything.
        self._lock = threading.RLock()

    async def read(self) -> _T:
        """Wait for the oldest item, or the end; the first call subscribes."""
        if self._clock is None and not self._ended:
            self._open(asyncio.get_running_loop())
        while True:
            with self._lock:
                if self._items:
                    return self._items.popleft()
                if self._ended:
                    raise StopAsyncIteration if self._error is None else self._error
                self._changed.clear()
            await self._changed.wait()

    def close(self) -> None:
        """End without an error and dispose; any thread may call it, and call it twice."""
        with self._lock:
            self._ended = True
            self._error = None
            self._items.clear()
        self._wake()
        self._dispose()

    def abandon(self) -> None:
        """Do the same from a finaliser, which may interrupt any code: never in place."""
        with self._lock:
            self._ended = True
            self._items.clear()
        if self._clock is not None and not self._clock.post(self._subscription.dispose):
            self._subscription.dispose()

    def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        self._clock = LoopClock(loop)
        self._subscription.disposable = self._observable.subscribe(
            self._on_next, self._end, self._end, scheduler=AsyncIOScheduler(loop)
        )

    def _on_next(self, item: _T) -> None:
        with self._lock:
            if self._ended:
                return
            full = self._stops_when_full and len(self._items) == self._size
            if not full:
                self._items.append(item)
        if full:
            self._end(_overflowed(self._size))
            self._dispose()
        else:
            self._wake()

    def _end(self, error: Exception | None = None) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = True
            self._error = error
        self._wake()

    def _wake(self) -> None:
        # One call at a time waits in the loop, however fast another thread emits.
        if self._clock is not None and not self._waking:
            self._waking = True
            self._clock.run(self._woken)

    def _woken(self) -> None:
        self._waking = False
        self._changed.set()

    def _dispose(self) -> None:
        if self._clock is None or not self._clock.run(self._subscription.dispose):
            # The loop is closed, but the source may live elsewhere.
            self._subscription.dispose()


def check_observable(value: object) -> None:
    """Check that a value is an Observable.

    Raises:
        TypeError: It is not.
    """
    if not isinstance(value, abc.ObservableBase):
        msg = f"observable must be an Observable, not {type(value).__name__}"
        raise TypeError(msg)


def _overflowed(size: int) -> BufferError:
    msg = (
        f"{size} items waited to be read when another came: read faster, raise buffer=, or pass "
        'overflow="drop_oldest"'
    )
    return BufferError(msg)

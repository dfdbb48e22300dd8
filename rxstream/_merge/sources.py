"""Where the items of a merge come from: an iterable, an async iterable, or an observable."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from reactivex import Observable

from .._time.clock import LoopClock, loop_or_raise
from .pushed import Pushed

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterator

    from reactivex import abc


__all__ = ["Items", "Sink", "check_items", "items_of"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


class Sink(Protocol[T_contra]):
    """Where items go that were asked for."""

    def item(self, item: T_contra) -> None:
        """Take one item; there is one for each time that `ask` was called."""
        ...

    def end(self, error: Exception | None) -> None:
        """Take the end: there are no more items."""
        ...


class Items(Protocol[T_co]):
    """Where items come from, one at a time."""

    def start(self, sink: Sink[T_co]) -> None:
        """Subscribe to a source that emits by itself; called once, after the first `ask`."""
        ...

    def ask(self, sink: Sink[T_co]) -> None:
        """Ask for one item; the answer may come at once or later, on any thread."""
        ...

    def leave(self) -> None:
        """Close the source; if it is calling in this thread, then when it calls next."""
        ...

    def dispose(self) -> None:
        """Close the source; no item is needed any more."""
        ...


def check_items(source: object, name: str) -> None:
    """Check that a value is a source of items.

    Raises:
        TypeError: It is not, or it is a single string.
    """
    if isinstance(source, str | bytes) or not isinstance(
        source, Observable | Iterable | AsyncIterable
    ):
        msg = (
            f"{name} must be an iterable such as a list, an async iterable or an Observable, "
            f"not {type(source).__name__}"
        )
        raise TypeError(msg)


def items_of(
    source: Observable[Any] | AsyncIterable[Any] | Iterable[Any],
    scheduler: abc.SchedulerBase | None,
) -> Items[Any]:
    """Choose how to ask a source; each subscription asks for itself.

    Raises:
        RuntimeError: `source` is an async iterable, and no loop runs in this thread.
    """
    if isinstance(source, Observable):
        return Pushed(source, scheduler)
    if isinstance(source, AsyncIterable):
        msg = "an async iterable needs a running event loop: subscribe inside a coroutine"
        loop = loop_or_raise(msg)
        return _Awaited(aiter(source), loop)
    return _Pulled(iter(source))


class _Pulled(Generic[T]):
    """An iterator, asked where there is room."""

    def __init__(self, iterator: Iterator[T]) -> None:
        self._iterator = iterator
        self._is_disposed = False

    def start(self, sink: Sink[T]) -> None:
        """Nothing comes unasked."""

    def ask(self, sink: Sink[T]) -> None:
        try:
            item = next(self._iterator)
        except StopIteration:
            end: Exception | None = None
        except Exception as error:  # noqa: BLE001 -- a user's iterator may raise anything
            end = error
        else:
            if self._is_disposed:
                self._close()
            sink.item(item)
            return
        sink.end(end)

    def leave(self) -> None:
        self.dispose()

    def dispose(self) -> None:
        # First: a generator that is running cannot be closed, and `ask` does it afterwards.
        self._is_disposed = True
        if not getattr(self._iterator, "gi_running", False):
            self._close()

    def _close(self) -> None:
        close = getattr(self._iterator, "close", None)
        if close is not None:
            close()


class _Awaited(Generic[T]):
    """An async iterator, awaited in a task of the loop."""

    def __init__(self, iterator: AsyncIterator[T], loop: asyncio.AbstractEventLoop) -> None:
        self._iterator = iterator
        self._clock = LoopClock(loop)
        self._task: asyncio.Task[Any] | None = None
        self._disposed = False

    def start(self, sink: Sink[T]) -> None:
        """Nothing comes unasked."""

    def ask(self, sink: Sink[T]) -> None:
        if not self._clock.run(lambda: self._ask(sink)):
            sink.end(RuntimeError("the event loop of the async iterable is closed"))

    def _ask(self, sink: Sink[T]) -> None:
        def answered(task: asyncio.Task[T]) -> None:
            self._task = None
            if self._disposed:
                if not task.cancelled():
                    task.exception()  # or the loop reports that nobody asked for it
                self._close()
                return
            try:
                item = task.result()
            except StopAsyncIteration:
                end: Exception | None = None
            except Exception as error:  # noqa: BLE001 -- a user's iterator may raise anything
                end = error
            except BaseException as error:  # noqa: BLE001 -- cancelled, though not from here
                end = _interrupted(error)
            else:
                sink.item(item)
                return
            sink.end(end)

        if self._disposed:
            # The loop disposed it while another thread asked.
            return
        self._task = self._clock.loop.create_task(self._next())
        self._task.add_done_callback(answered)

    async def _next(self) -> T:
        return await anext(self._iterator)

    def leave(self) -> None:
        self.dispose()

    def dispose(self) -> None:
        self._clock.run(self._dispose)

    def _dispose(self) -> None:
        self._disposed = True
        if self._task is not None:
            # Its own cancellation closes an async generator that is waiting.
            self._task.cancel()
        else:
            self._close()

    def _close(self) -> None:
        """Close the iterator, unless it is a generator that has ended."""
        close = getattr(self._iterator, "aclose", None)
        if close is not None and getattr(self._iterator, "ag_frame", close) is not None:
            self._task = self._clock.loop.create_task(close())


def _interrupted(cause: BaseException) -> RuntimeError:
    """What is no `Exception` cannot be sent to an observer."""
    error = RuntimeError("the async iterable was cancelled while its next item was awaited")
    error.__cause__ = cause
    return error

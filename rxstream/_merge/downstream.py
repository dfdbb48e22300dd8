"""One observer, called by several threads, one call at a time."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from reactivex import abc
from reactivex.disposable import (
    CompositeDisposable,
    SerialDisposable,
    SingleAssignmentDisposable,
)
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import Observable

__all__ = ["Downstream"]

T = TypeVar("T")


class Downstream(abc.DisposableBase, Generic[T]):
    """Calls an observer, one call at a time, and its end after that.

    Any thread may hand over an item or the end. What comes while the observer is being called is
    passed on afterwards, by the thread that is calling it. Nothing is passed on after the end. No
    lock is held during a call.

    What the observer raises is its own. It goes to whoever made the call, and nothing is passed on
    after it. Where reactivex hands it back as an error of the source, it is raised again. To be
    able to do so, the source is not disposed at once but when it calls next.
    """

    __slots__ = (
        "_busy",
        "_end",
        "_fault",
        "_lock",
        "_observer",
        "_queue",
        "count",
        "current",
        "last",
        "resources",
    )

    def __init__(self, observer: abc.ObserverBase[T]) -> None:
        self._observer = observer
        # Re-entrant: a signal handler or a finaliser may close it in the middle of anything.
        self._lock = threading.RLock()
        self._busy = False
        self._queue: deque[T] | None = None
        self._end: Callable[[], object] | None = None
        self._fault: BaseException | None = None
        self.last: T | None = None
        """The last item that was passed on."""
        self.count = 0
        """How many items were passed on."""
        self.current = SerialDisposable()
        """The subscription to the source, or what is under way in its place."""
        self.resources = CompositeDisposable()
        """What goes with it: timers, other subscriptions."""

    def subscribe_to(
        self,
        source: Observable[Any],
        scheduler: abc.SchedulerBase | None,
        *,
        on_next: Callable[[Any], None] | None = None,
        on_error: Callable[[Exception], None] | None = None,
        on_completed: Callable[[], None] | None = None,
    ) -> abc.DisposableBase:
        """Subscribe to a source, in place of what was current; give what disposes everything.

        Args:
            source: What to subscribe to.
            scheduler: The scheduler of the subscription.
            on_next: What to do with an item; None: pass it on.
            on_error: What to do with an error of the source; None: pass it on.
            on_completed: What to do at the end; None: pass it on.
        """

        def failed(error: Exception) -> None:
            self.raise_if_own(error)
            if self._fault is None:
                handle(error)

        handle = self.on_error if on_error is None else on_error
        # The place is taken first. The source may fail, and another thread subscribe again,
        # before this subscription has been given back.
        place = SingleAssignmentDisposable()
        self.current.disposable = place
        try:
            place.disposable = source.subscribe(
                self.on_next if on_next is None else on_next,
                failed,
                self.on_completed if on_completed is None else on_completed,
                scheduler=scheduler,
            )
        except BaseException:
            self.dispose()
            raise
        return self

    @override
    def dispose(self) -> None:
        """Dispose the source and the resources. An end can still be passed on."""
        self.current.dispose()
        self.resources.dispose()

    def on_next(self, item: T) -> None:
        """Pass an item on, after those that came before it."""
        if self._fault is not None:
            self.current.dispose()
        with self._lock:
            if self._end is not None:
                return
            if self._busy:
                queue = self._queue
                if queue is None:
                    queue = self._queue = deque()
                queue.append(item)
                return
            self._busy = True
        while True:
            self.last = item
            self.count += 1
            self._call(self._observer.on_next, item)
            with self._lock:
                if not self._queue:
                    self._busy = False
                    # Another thread may have set it meanwhile.
                    end = cast("Callable[[], object] | None", self._end)
                    break
                item = self._queue.popleft()
        if end is not None:
            self._call(end)

    def on_error(self, error: Exception) -> None:
        """End with an error. It overtakes items that wait."""
        self.end(lambda: self._observer.on_error(error), at_once=True)

    def on_completed(self) -> None:
        """End without an error, after the items that wait."""
        self.end(self._observer.on_completed)

    def end(self, end: Callable[[], object], *, at_once: bool = False) -> None:
        """Call `end` last, once no other call is under way; only the first end counts.

        Args:
            end: What ends the observer.
            at_once: Forget the items that wait.
        """
        with self._lock:
            if self._end is not None:
                return
            self._end = end
            if at_once:
                self._queue = None
            if self._busy:
                return
        self._call(end)

    def close(self) -> None:
        """Pass nothing on any more, not even an end."""
        with self._lock:
            self._end = _nothing
            self._queue = None

    def raise_if_own(self, error: Exception) -> None:
        """Raise an error that the observer raised; it is none of the source's.

        reactivex reports it as one where the source emits while it is being subscribed to, and so
        do sources that catch what their observer raises.
        """
        if error is self._fault:
            raise error

    def _call(self, call: Callable[..., object], *arguments: object) -> None:
        try:
            call(*arguments)
        except BaseException as fault:
            self._fault = fault
            self.close()
            self.resources.dispose()
            raise


def _nothing() -> None:
    pass

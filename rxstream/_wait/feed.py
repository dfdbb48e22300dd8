"""What stands behind a `for` loop over outcomes: ids go in, outcomes come out."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic

from reactivex.disposable import SingleAssignmentDisposable

from .._values import T

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reactivex import Observable
    from reactivex.subject import Subject

    from .._values import TaskOutcome
    from .tasks import Task

__all__ = ["Feed"]


class _End:
    """The last that comes: there are no more outcomes."""

    __slots__ = ("error",)

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error


class Feed(Generic[T]):
    """Takes ids while there is room, and keeps the outcomes that have not been read yet."""

    __slots__ = (
        "_has_subscribed",
        "_ids",
        "_is_closed",
        "_observable",
        "_outcomes",
        "_reading",
        "_room",
        "_source",
        "_subscription",
    )

    def __init__(
        self,
        observable: Observable[TaskOutcome[T]],
        ids: Subject[Task[T]],
        source: Iterator[Task[T]],
        room: int,
    ) -> None:
        self._observable = observable
        self._ids = ids
        self._source: Iterator[Task[T]] | None = source
        self._room = room
        self._outcomes: SimpleQueue[TaskOutcome[T] | _End] = SimpleQueue()
        self._subscription = SingleAssignmentDisposable()
        self._has_subscribed = False
        self._is_closed = False
        self._reading = threading.Lock()

    def read(self) -> TaskOutcome[T]:
        """Wait for the next outcome, or the end; the first call subscribes."""
        if not self._reading.acquire(blocking=False):
            msg = "this iterator is being read already"
            raise ValueError(msg)
        try:
            return self._read()
        except BaseException:
            self.close()
            raise
        finally:
            self._reading.release()

    def close(self) -> None:
        """End all waits; a finaliser and any thread may call it."""
        self._is_closed = True
        self._subscription.dispose()
        source, self._source = self._source, None
        self._outcomes.put(_End())  # for another thread that waits for an outcome
        # One that is running cannot be closed, and `_take_one` does it afterwards.
        if not getattr(source, "gi_running", False):
            _close(source)

    def _read(self) -> TaskOutcome[T]:
        if self._is_closed:
            raise StopIteration
        if not self._has_subscribed:
            self._has_subscribed = True
            self._subscription.disposable = self._observable.subscribe(
                self._outcomes.put, self._failed, self._completed
            )
        # One in any case: a body that is always behind must not let the waits run dry.
        self._take_one()
        while self._source is not None and self._room and self._outcomes.empty():
            self._take_one()
        outcome = self._outcomes.get()
        if isinstance(outcome, _End):
            raise StopIteration if outcome.error is None else outcome.error
        self._room += 1
        return outcome

    def _take_one(self) -> None:
        source = self._source
        if source is None or not self._room:
            return
        try:
            task = next(source)
        except StopIteration:
            self._source = None
            self._ids.on_completed()
        except Exception as error:  # noqa: BLE001 -- a user's iterator may raise anything
            self._source = None
            self._ids.on_error(error)
        else:
            if self._is_closed:
                _close(source)
                return
            self._room -= 1
            self._ids.on_next(task)

    def _failed(self, error: Exception) -> None:
        self._outcomes.put(_End(error))

    def _completed(self) -> None:
        self._outcomes.put(_End())


def _close(source: object) -> None:
    close = getattr(source, "close", None)
    if close is not None:
        close()

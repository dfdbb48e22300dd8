"""Many tasks in a plain `for` loop: `wait_for_tasks`."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterable, Iterable, Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Generic, Self, cast

from reactivex import Observable
from reactivex.disposable import SingleAssignmentDisposable
from reactivex.subject import Subject
from typing_extensions import override

from .._checks import is_async, whole
from .._merge.room import Roomy
from .._values import T, TaskOutcome
from ..backoff import DEFAULT_RETRY
from .again import AGAIN
from .many import tasks_observable

if TYPE_CHECKING:
    from types import TracebackType

    from .._store import Store
    from ..backoff import Delays, Duration, PollInterval
    from .again import Again
    from .many import Handles, Tasks
    from .tasks import Task

__all__ = ["MAX_CONCURRENT", "TaskOutcomes", "check_tasks", "wait_for_tasks"]

# At 1,000 polls a minute each of 100 waits is polled every 6 s. More would end no sooner.
MAX_CONCURRENT: Final = 100


def wait_for_tasks(
    client: Any,
    tasks: Iterable[Task[T]] | Handles[T],
    *,
    max_concurrent: int = MAX_CONCURRENT,
    poll_interval: PollInterval = 1.0,
    timeout: Duration | None = 60.0,
    retry: Delays | None = DEFAULT_RETRY,
    journal: Store | None = None,
    again: Again = AGAIN,
) -> TaskOutcomes[T]:
    """Wait on many tasks in a `for` loop: one `TaskOutcome` for each, as they end.

    ::

        for outcome in wait_for_tasks(client, task_ids):
            print(outcome.task_id, outcome.error or outcome.result)

    A task that fails, times out or cannot be polled gives an outcome, and never ends the others.
    Nothing is polled before you ask for the first outcome. When you leave the loop, in whatever
    way, all waits end at once.

    The next id is taken from `tasks` in your own thread, when you ask for the next outcome and
    there is room. A slow loop body takes fewer ids; a source that blocks holds up the outcomes.

    Args:
        client: A client with a plain `get_task(task_id)`.
        tasks: Handles and ids, in any iterable; it may be endless. Or the Observable of handles
            that `start_tasks` gives: from that the next is taken when a wait ends.
        max_concurrent: How many ids may be taken whose outcomes you have not got yet, 1 or more.
        poll_interval: As for `task_observable`, for each task.
        timeout: As for `task_observable`, for each task, counted from when its wait begins.
        retry: As for `task_observable`, for each task.
        journal: As for `tasks_observable`.
        again: As for `tasks_observable`.

    Returns:
        An iterator, for one loop. It has `close()`, and closes itself as a context manager.
        `next` raises `RuntimeError` when the client is closed meanwhile, and what `tasks` raises.

    Raises:
        TypeError: As for `tasks_observable`, or the client is async.
        ValueError: As for `tasks_observable`.
    """
    if is_async(client):
        msg = "client is async: use `async for outcome in wait_for_tasks_async(client, tasks)`"
        raise TypeError(msg)
    if isinstance(cast("object", tasks), AsyncIterable):
        msg = "tasks is an async iterable: use wait_for_tasks_async in a coroutine"
        raise TypeError(msg)
    check_tasks(tasks)
    room = whole(max_concurrent, "max_concurrent")
    ids: Subject[Task[T]] = Subject()
    pushed: Tasks[T] = ids
    pulled: Iterator[Task[T]] = iter(())
    if isinstance(tasks, Observable):
        pushed = tasks
    else:
        pulled = iter(tasks)
    outcomes = tasks_observable(
        client,
        pushed,
        max_concurrent=None if pushed is ids else room,
        poll_interval=poll_interval,
        timeout=timeout,
        retry=retry,
        journal=journal,
        again=again,
    )
    return TaskOutcomes(_Feed(outcomes, ids, pulled, room))


def check_tasks(tasks: object) -> None:
    """Check that a value can be asked for ids.

    Raises:
        TypeError: It cannot.
    """
    if isinstance(tasks, Observable) and not isinstance(tasks, Roomy):
        msg = "tasks is an Observable, which cannot be asked for its next id: use tasks_observable"
        raise TypeError(msg)
    if isinstance(tasks, str | bytes) or not isinstance(tasks, Iterable | AsyncIterable):
        msg = f"tasks must be an iterable of ids, such as a list, not {type(tasks).__name__}"
        raise TypeError(msg)


class TaskOutcomes(Iterator[TaskOutcome[T]]):
    """The outcomes of many tasks, as they end. Dropping it or closing it ends all waits."""

    # The waits hold the feed, never this object, so that it can be collected when you drop it.
    __slots__ = ("_feed",)

    def __init__(self, feed: _Feed[T]) -> None:
        self._feed = feed

    @override
    def __next__(self) -> TaskOutcome[T]:
        return self._feed.read()

    def close(self) -> None:
        """End all waits. You may call it twice, and from any thread."""
        self._feed.close()

    def __enter__(self) -> Self:
        """Return the iterator; leaving the block closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the iterator, as `close` does."""
        self._feed.close()

    def __del__(self) -> None:
        self._feed.close()


class _End:
    """The last that comes: there are no more outcomes."""

    __slots__ = ("error",)

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error


class _Feed(Generic[T]):
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

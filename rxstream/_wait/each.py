"""Many tasks in a plain `for` loop: `wait_for_tasks`."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, Self, cast

from reactivex import Observable
from reactivex.subject import Subject
from typing_extensions import override

from .._checks import is_async, whole
from .._merge.room import Roomy
from .._values import T, TaskOutcome
from ..backoff import DEFAULT_RETRY
from .again import AGAIN
from .feed import Feed
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
    return TaskOutcomes(Feed(outcomes, ids, pulled, room))


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

    def __init__(self, feed: Feed[T]) -> None:
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

"""Many tasks in an `async for` loop: `wait_for_tasks_async`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, Self

from reactivex import Observable
from typing_extensions import override

from .._async_iterable import to_async_iterable
from .._checks import whole
from .._values import T, TaskOutcome
from ..backoff import DEFAULT_RETRY
from .again import AGAIN
from .each import MAX_CONCURRENT, check_tasks
from .many import tasks_observable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from types import TracebackType

    from .._async_iterable import AsyncItemsIterator
    from .._store import Store
    from ..backoff import Delays, Duration, PollInterval
    from .again import Again
    from .many import Handles, Tasks
    from .tasks import Task

__all__ = ["AsyncTaskOutcomes", "wait_for_tasks_async"]


def wait_for_tasks_async(
    client: Any,
    tasks: Iterable[Task[T]] | AsyncIterable[Task[T]] | Handles[T],
    *,
    max_concurrent: int = MAX_CONCURRENT,
    poll_interval: PollInterval = 1.0,
    timeout: Duration | None = 60.0,
    retry: Delays | None = DEFAULT_RETRY,
    journal: Store | None = None,
    again: Again = AGAIN,
) -> AsyncTaskOutcomes[T]:
    """Wait on many tasks in an `async for` loop: one `TaskOutcome` for each, as they end.

    ::

        async for outcome in wait_for_tasks_async(client, task_ids):
            print(outcome.task_id, outcome.error or outcome.result)

    A task that fails, times out or cannot be polled gives an outcome, and never ends the others.
    Nothing is polled before you ask for the first outcome. When you leave the loop, in whatever
    way, all waits end within one turn of the event loop. If you keep the iterator, close it:
    `async with wait_for_tasks_async(…) as outcomes`.

    A slow loop body takes fewer ids from `tasks`.

    Args:
        client: A client with a `get_task(task_id)`, async or plain; a plain one is called on a
            worker thread.
        tasks: Handles and ids, in any iterable or async iterable; it may be endless. Or the
            Observable of handles that `start_tasks` gives: from that the next is taken when a wait
            ends.
        max_concurrent: How many ids may be taken whose outcomes you have not got yet, 1 or more.
        poll_interval: As for `task_observable`, for each task.
        timeout: As for `task_observable`, for each task, counted from when its wait begins.
        retry: As for `task_observable`, for each task.
        journal: As for `tasks_observable`. If it fails, the loop ends with `JournalException`.
        again: As for `tasks_observable`.

    Returns:
        An async iterator, for one loop. It has `aclose()`, and closes itself as an async context
        manager. Its `anext` raises `RuntimeError` when the client is closed meanwhile, and what
        `tasks` raises. Cancelling one `anext` ends the iterator.

    Raises:
        TypeError: As for `tasks_observable`.
        ValueError: As for `tasks_observable`.
    """
    check_tasks(tasks)
    room = whole(max_concurrent, "max_concurrent")
    supply: _Supply[T]
    pushed: Tasks[T]
    none: tuple[Task[T], ...] = ()
    if isinstance(tasks, Observable):
        pushed, supply = tasks, _Supply(none, room)
        buffer, limit = sys.maxsize, room
    else:
        pushed = supply = _Supply(tasks, room)
        buffer, limit = room, None
    outcomes = tasks_observable(
        client,
        pushed,
        max_concurrent=limit,
        poll_interval=poll_interval,
        timeout=timeout,
        retry=retry,
        journal=journal,
        again=again,
    )
    return AsyncTaskOutcomes(aiter(to_async_iterable(outcomes, buffer=buffer)), supply)


class AsyncTaskOutcomes(AsyncIterator[TaskOutcome[T]]):
    """The outcomes of many tasks, as they end. Dropping it or closing it ends all waits."""

    __slots__ = ("_items", "_supply")

    def __init__(self, items: AsyncItemsIterator[TaskOutcome[T]], supply: _Supply[T]) -> None:
        self._items = items
        self._supply = supply

    @override
    async def __anext__(self) -> TaskOutcome[T]:
        outcome = await anext(self._items)
        self._supply.add_room()
        return outcome

    async def aclose(self) -> None:
        """End all waits. You may call it twice."""
        await self._items.aclose()

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
        await self._items.aclose()


class _Supply(AsyncIterable["Task[T]"]):
    """Gives ids while there is room for their outcomes."""

    __slots__ = ("_places", "_tasks")

    def __init__(
        self,
        tasks: Iterable[Task[T]] | AsyncIterable[Task[T]],
        room: int,
    ) -> None:
        self._tasks = tasks
        self._places = asyncio.Semaphore(room)

    def add_room(self) -> None:
        """An outcome has been read."""
        self._places.release()

    @override
    async def __aiter__(self) -> AsyncGenerator[Task[T]]:
        tasks = self._tasks if isinstance(self._tasks, AsyncIterable) else _each(self._tasks)
        iterator = aiter(tasks)
        try:
            while True:
                await self._places.acquire()
                try:
                    task = await anext(iterator)
                except StopAsyncIteration:
                    return
                yield task
        finally:
            if (close := getattr(iterator, "aclose", None)) is not None:
                await close()


async def _each(
    tasks: Iterable[Task[T]],
) -> AsyncGenerator[Task[T]]:
    iterator = iter(tasks)
    try:
        for task in iterator:
            yield task
    finally:
        if (close := getattr(iterator, "close", None)) is not None:
            close()

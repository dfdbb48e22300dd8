"""Waiting as methods of a client, for ours and for what stands in for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._wait.again import AGAIN
from .._wait.each import MAX_CONCURRENT, wait_for_tasks
from .._wait.each_async import wait_for_tasks_async
from .._wait.one import wait_for_task, wait_for_task_async
from ..backoff import DEFAULT_RETRY

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable

    from .._store import Store
    from .._values import BaseTaskHandle, T
    from .._wait.again import Again
    from .._wait.each import TaskOutcomes
    from .._wait.each_async import AsyncTaskOutcomes
    from .._wait.many import Handles
    from .._wait.tasks import Task
    from ..backoff import Delays, Duration, PollInterval

__all__ = ["AsyncWaits", "Waits"]


class Waits:
    """The waits of a sync client; whoever has them has `get_task` too."""

    def wait_for_task(
        self,
        task: str | BaseTaskHandle[T],
        *,
        poll_interval: PollInterval = 1.0,
        timeout: Duration | None = 60.0,
        retry: Delays | None = DEFAULT_RETRY,
    ) -> T:
        """Block until a task is done, and return its result payload.

        Arguments and exceptions are those of `rxstream.wait_for_task`.
        """
        return wait_for_task(self, task, poll_interval=poll_interval, timeout=timeout, retry=retry)

    def wait_for_tasks(
        self,
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

        Arguments and exceptions are those of `rxstream.wait_for_tasks`.
        """
        return wait_for_tasks(
            self,
            tasks,
            max_concurrent=max_concurrent,
            poll_interval=poll_interval,
            timeout=timeout,
            retry=retry,
            journal=journal,
            again=again,
        )


class AsyncWaits:
    """The waits of an async client; whoever has them has `get_task` too."""

    async def wait_for_task(
        self,
        task: str | BaseTaskHandle[T],
        *,
        poll_interval: PollInterval = 1.0,
        timeout: Duration | None = 60.0,  # noqa: ASYNC109 -- the deadline is a promise of the wait itself
        retry: Delays | None = DEFAULT_RETRY,
    ) -> T:
        """Wait until a task is done, and return its result payload.

        Arguments and exceptions are those of `rxstream.wait_for_task_async`.
        """
        return await wait_for_task_async(
            self, task, poll_interval=poll_interval, timeout=timeout, retry=retry
        )

    def wait_for_tasks(
        self,
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

        Arguments and exceptions are those of `rxstream.wait_for_tasks_async`.
        """
        return wait_for_tasks_async(
            self,
            tasks,
            max_concurrent=max_concurrent,
            poll_interval=poll_interval,
            timeout=timeout,
            retry=retry,
            journal=journal,
            again=again,
        )

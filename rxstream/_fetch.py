"""One attempt at a poll; the difference between sync and async ends here."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from ._attempt import cancelled, read
from ._clock import LoopClock, running_loop
from ._failures import translated
from ._in_place import InPlace
from ._schedulers import VirtualClock
from ._workers import WORKERS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ._attempt import Attempt, Done, Fetch, GetTask
    from ._clock import Clock

__all__ = ["fetch_of", "is_async"]


def is_async(client: object) -> bool:
    """Tell the colour of a client by its `get_task`.

    Raises:
        TypeError: There is none.
    """
    get_task = getattr(client, "get_task", None)
    if not callable(get_task):
        msg = (
            "client must have a get_task(task_id) method, plain or async; "
            f"{type(client).__name__} has none"
        )
        raise TypeError(msg)
    return inspect.iscoroutinefunction(get_task) or inspect.iscoroutinefunction(
        getattr(get_task, "__call__", None)  # noqa: B004 -- an object with an async __call__
    )


def fetch_of(client: Any, clock: Clock, *, is_async: bool) -> Fetch:
    """Choose how one subscription calls its client."""
    if isinstance(clock, VirtualClock):
        return InPlace(client.get_task, clock)
    if not is_async:
        return _Threaded(client.get_task)
    cancels = getattr(client, "cancel_safe", False) is True
    if isinstance(clock, LoopClock):
        return _Async(client.get_task, clock.loop, cancels=cancels)
    loop = running_loop()
    if loop is None:
        msg = (
            "an async client needs an event loop, and this scheduler has none: "
            "subscribe inside a coroutine, or pass scheduler=AsyncIOScheduler(loop)"
        )
        raise RuntimeError(msg)
    return _Elsewhere(client.get_task, loop, cancels=cancels)


# Requests that nobody waits for and that must not be cancelled; a loop holds its tasks weakly.
_left_to_finish: set[asyncio.Task[Any]] = set()


class _Async:
    """`await client.get_task(id)` as a task of the loop."""

    __slots__ = ("_cancels", "_get_task", "_loop")

    def __init__(
        self, get_task: GetTask, loop: asyncio.AbstractEventLoop, *, cancels: bool
    ) -> None:
        self._get_task = get_task
        self._loop = loop
        self._cancels = cancels

    def start(self, task_id: str, done: Done) -> Attempt | None:
        task = self._loop.create_task(self._get_task(task_id))

        def ended(task: asyncio.Task[Any]) -> None:
            if task.cancelled():
                done(None, cancelled())
            elif (failure := task.exception()) is not None:
                done(None, translated(failure))
            else:
                read(task.result(), task_id, done)

        task.add_done_callback(ended)
        return task if self._cancels else _LeftToFinish(task)


class _Elsewhere(_Async):
    """The same for a wait whose time comes from somewhere other than the loop."""

    __slots__ = ()

    @override
    def start(self, task_id: str, done: Done) -> Attempt | None:
        return _Posted(LoopClock(self._loop), lambda: super(_Elsewhere, self).start(task_id, done))


class _LeftToFinish:
    """Cancelling would damage the client's connection pool, so the request runs to its end."""

    __slots__ = ("_task",)

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task

    def cancel(self) -> None:
        _left_to_finish.add(self._task)
        self._task.add_done_callback(_left_to_finish.discard)


class _Posted:
    """An attempt that the loop was asked to start from another thread."""

    __slots__ = ("_attempt", "_cancelled", "_clock")

    def __init__(self, clock: LoopClock, start: Callable[[], Attempt | None]) -> None:
        self._clock = clock
        self._attempt: Attempt | None = None
        self._cancelled = False
        clock.run(lambda: self._start(start))

    def _start(self, start: Callable[[], Attempt | None]) -> None:
        self._attempt = start()
        if self._cancelled:
            self._cancel()

    def _cancel(self) -> None:
        self._cancelled = True
        if self._attempt is not None:
            self._attempt.cancel()

    def cancel(self) -> None:
        self._clock.run(self._cancel)


class _Threaded:
    """`client.get_task(id)` on a worker thread. A thread cannot be cancelled."""

    __slots__ = ("_get_task",)

    def __init__(self, get_task: GetTask) -> None:
        self._get_task = get_task

    def start(self, task_id: str, done: Done) -> Attempt | None:
        WORKERS.submit(lambda: self._call(task_id, done))
        return None

    def _call(self, task_id: str, done: Done) -> None:
        try:
            answer = self._get_task(task_id)
        except BaseException as error:  # noqa: BLE001 -- every end is reported to the waiter
            failure = translated(error)
        else:
            read(answer, task_id, done)
            return
        done(None, failure)

"""One attempt at a poll; the difference between sync, async and virtual time ends here."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from typing_extensions import override

from ._clock import LoopClock, running_loop
from ._failures import translated
from ._schedulers import VirtualClock
from ._wire import read_answer
from ._workers import WORKERS
from .errors import InvalidResponseException, StreamTransportException

if TYPE_CHECKING:
    from ._clock import Clock
    from ._snapshot import TaskSnapshot

__all__ = ["Attempt", "Done", "Fetch", "fetch_of", "is_async"]

Done: TypeAlias = "Callable[[TaskSnapshot | None, BaseException | None], object]"
GetTask: TypeAlias = Callable[[str], Any]


class Attempt(Protocol):
    """A request under way."""

    def cancel(self) -> object:
        """End it; `done` is still called once it has ended."""
        ...


class Fetch(Protocol):
    """A client's `get_task`, made to call back."""

    def start(self, task_id: str, done: Done) -> Attempt | None:
        """Send one request; `done` is called exactly once, with an answer or an error.

        None: it cannot be cancelled, or has already ended.
        """
        ...


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
        return _InPlace(client.get_task, clock)
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
                done(None, _cancelled())
            elif (failure := task.exception()) is not None:
                done(None, translated(failure))
            else:
                _read(task.result(), task_id, done)

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
            _read(answer, task_id, done)
            return
        done(None, failure)


class _InPlace:
    """`client.get_task(id)` called on the spot, for virtual time.

    Under virtual time nothing may block and no loop turns. What the client returns may be awaitable
    all the same: what it yields are numbers, the seconds of virtual time that it wants to pass
    (`math.inf`: it hangs). The fakes of `rxstream.testing` do so in both colours.
    """

    __slots__ = ("_clock", "_get_task")

    def __init__(self, get_task: GetTask, clock: VirtualClock) -> None:
        self._get_task = get_task
        self._clock = clock

    def start(self, task_id: str, done: Done) -> Attempt | None:
        try:
            answer = self._get_task(task_id)
        except Exception as error:  # noqa: BLE001 -- every end is reported to the waiter
            failure = translated(error)
        else:
            if inspect.isawaitable(answer):
                attempt = _Stepped(answer, self._clock, task_id, done)
                attempt.step()
                return None if attempt.ended else attempt
            _read(answer, task_id, done)
            return None
        done(None, failure)
        return None


class _Stepped:
    """A coroutine whose pauses are virtual."""

    __slots__ = ("_clock", "_done", "_steps", "_task_id", "_timer", "ended")

    def __init__(
        self, answer: Awaitable[Any], clock: VirtualClock, task_id: str, done: Done
    ) -> None:
        self._steps = cast("Generator[object, None, Any]", answer.__await__())
        self._clock = clock
        self._task_id = task_id
        self._done = done
        self._timer: Any = None
        self.ended = False

    def step(self) -> None:
        self._timer = None
        answer: object = None
        failure: BaseException | None = None
        try:
            pause = next(self._steps)
        except StopIteration as end:
            answer = end.value
        except Exception as error:  # noqa: BLE001 -- every end is reported to the waiter
            failure = translated(error)
        else:
            if isinstance(pause, int | float):
                if pause < math.inf:
                    self._timer = self._clock.call_later(pause, self.step)
                return
            self._steps.close()
            msg = (
                "under a virtual-time scheduler get_task must not await I/O or asyncio; "
                "use the fakes of rxstream.testing, or a virtual event loop"
            )
            failure = RuntimeError(msg)
        self.ended = True
        if failure is not None:
            self._done(None, failure)
        else:
            _read(answer, self._task_id, self._done)

    def cancel(self) -> None:
        if self.ended:
            return
        self.ended = True
        if self._timer is not None:
            self._clock.cancel(self._timer)
        self._steps.close()
        self._done(None, _cancelled())


def _cancelled() -> StreamTransportException:
    error = StreamTransportException("unknown", "The request was cancelled")
    # Marks it as not transient: whoever cancels a request does not want another one.
    error.__cause__ = asyncio.CancelledError()
    return error


def _read(answer: object, task_id: str, done: Done) -> None:
    if inspect.iscoroutine(answer):
        answer.close()
        msg = (
            "get_task returned a coroutine but is not declared async, so its colour could not be "
            "seen; declare it with `async def`"
        )
        done(None, TypeError(msg))
        return
    try:
        snapshot = read_answer(answer, task_id)
    except InvalidResponseException as error:
        failure = error
    else:
        done(snapshot, None)
        return
    done(None, failure)

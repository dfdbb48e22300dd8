"""A call on an event loop: awaited as a task of the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._time.clock import LoopClock
from .._wire.failures import translated
from .call import cancelled, never_sent, read, read_poll

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from .call import Call, Done, Function, Reader

__all__ = ["LoopCaller", "PostingCaller"]

# Requests whose wait has ended, but which must not be cancelled. A loop holds its tasks weakly.
_unawaited: set[asyncio.Task[Any]] = set()


class LoopCaller:
    """Calls on the loop that the wait lives on."""

    __slots__ = ("_by", "_cancels", "_function", "_loop")

    def __init__(
        self,
        function: Function,
        loop: asyncio.AbstractEventLoop,
        *,
        cancels: bool,
        by: Reader = read_poll,
    ) -> None:
        self._function = function
        self._loop = loop
        self._cancels = cancels
        self._by = by

    def start(self, argument: Any, done: Done) -> Call | None:
        try:
            answer = self._function(argument)
        except Exception as error:  # noqa: BLE001 -- every end is reported to the wait
            failure = translated(error)
        else:
            return self._await(answer, argument, done)
        done(None, failure)
        return None

    def _await(self, answer: Coroutine[Any, Any, Any], argument: Any, done: Done) -> Call:
        task = self._loop.create_task(answer)

        def ended(task: asyncio.Task[Any]) -> None:
            if task.cancelled():
                done(None, cancelled())
            elif (failure := task.exception()) is not None:
                done(None, translated(failure))
            else:
                read(task.result(), argument, done, self._by)

        task.add_done_callback(ended)
        return task if self._cancels else Uncancellable(task)


class Uncancellable:
    """A call that runs to its end: cancelling it could damage the client's connection pool."""

    __slots__ = ("_task",)

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task

    def cancel(self) -> None:
        _unawaited.add(self._task)
        self._task.add_done_callback(_unawaited.discard)


class PostingCaller:
    """Calls on a loop from another thread: the wait takes its time from somewhere else."""

    __slots__ = ("_caller", "_clock")

    def __init__(
        self,
        function: Function,
        loop: asyncio.AbstractEventLoop,
        *,
        cancels: bool,
        by: Reader = read_poll,
    ) -> None:
        self._caller = LoopCaller(function, loop, cancels=cancels, by=by)
        self._clock = LoopClock(loop)

    def start(self, argument: Any, done: Done) -> Call | None:
        call = _PostedCall(self._clock)
        if not self._clock.run(lambda: call.start(self._caller, argument, done)):
            done(None, never_sent("The event loop of the client is closed"))
        return call


class _PostedCall:
    """A call that the loop was asked to start. All but `cancel` runs on the loop."""

    __slots__ = ("_call", "_cancelled", "_clock")

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self._call: Call | None = None
        self._cancelled = False

    def start(self, caller: LoopCaller, argument: Any, done: Done) -> None:
        self._call = caller.start(argument, done)
        if self._cancelled:
            self._cancel()

    def cancel(self) -> None:
        self._clock.run(self._cancel)

    def _cancel(self) -> None:
        self._cancelled = True
        if self._call is not None:
            self._call.cancel()

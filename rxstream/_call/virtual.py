"""A call in virtual time, where nothing may block and no loop runs."""

from __future__ import annotations

import inspect
import math
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from .._wire.failures import translated
from .call import cancelled, read

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from .._time.clock import Clock
    from .call import Call, Done, GetTask

__all__ = ["VirtualCaller", "in_virtual_time"]

_T = TypeVar("_T")


class _Now(threading.local):
    is_virtual = False


_now: Final = _Now()


def in_virtual_time() -> bool:
    """Whether a wait in virtual time is making this call; a client that blocks must not wait then.

    A client that is bound to virtual time sees here that nobody drives its clock.
    """
    return _now.is_virtual


def _virtually(function: Callable[[Any], _T], argument: Any) -> _T:
    before = _now.is_virtual
    _now.is_virtual = True
    try:
        return function(argument)
    finally:
        _now.is_virtual = before


class VirtualCaller:
    """Calls `client.get_task(id)` in place.

    The client may return an awaitable that yields numbers: the virtual seconds that it wants to
    wait (`math.inf`: it hangs). Both fakes of `rxstream.testing` do so.
    """

    __slots__ = ("_clock", "_get_task")

    def __init__(self, get_task: GetTask, clock: Clock) -> None:
        self._get_task = get_task
        self._clock = clock

    def start(self, task_id: str, done: Done) -> Call | None:
        try:
            answer = _virtually(self._get_task, task_id)
        except Exception as error:  # noqa: BLE001 -- every end is reported to the waiter
            failure = translated(error)
        else:
            if inspect.isawaitable(answer):
                call = _SteppedCall(answer, self._clock, task_id, done)
                call.step()
                return None if call.ended else call
            read(answer, task_id, done)
            return None
        done(None, failure)
        return None


class _SteppedCall:
    """A coroutine whose pauses are virtual."""

    __slots__ = ("_clock", "_done", "_steps", "_task_id", "_timer", "ended")

    def __init__(self, answer: Awaitable[Any], clock: Clock, task_id: str, done: Done) -> None:
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
            pause = _virtually(next, self._steps)
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
            read(answer, self._task_id, self._done)

    def cancel(self) -> None:
        if self.ended:
            return
        self.ended = True
        if self._timer is not None:
            self._clock.cancel(self._timer)
        self._steps.close()
        self._done(None, cancelled())

"""A call in virtual time, where nothing may block and no loop runs."""

from __future__ import annotations

import inspect
import math
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from .._wire.failures import translated
from .call import cancelled, read, read_poll

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from .._time.clock import Clock
    from .call import Call, Done, Function, Reader

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
    """Calls a client in place.

    The client may return an awaitable that yields numbers: the virtual seconds that it wants to
    wait (`math.inf`: it hangs). Both fakes of `rxstream.testing` do so.
    """

    __slots__ = ("_by", "_clock", "_function")

    def __init__(self, function: Function, clock: Clock, by: Reader = read_poll) -> None:
        self._function = function
        self._clock = clock
        self._by = by

    def start(self, argument: Any, done: Done) -> Call | None:
        try:
            answer = _virtually(self._function, argument)
        except Exception as error:  # noqa: BLE001 -- every end is reported to the waiter
            failure = translated(error)
        else:
            if inspect.isawaitable(answer):
                call = _SteppedCall(
                    answer, self._clock, done, lambda value: read(value, argument, done, self._by)
                )
                call.step()
                return None if call.ended else call
            read(answer, argument, done, self._by)
            return None
        done(None, failure)
        return None


class _SteppedCall:
    """A coroutine whose pauses are virtual."""

    __slots__ = ("_clock", "_done", "_read", "_steps", "_timer", "ended")

    def __init__(
        self,
        answer: Awaitable[Any],
        clock: Clock,
        done: Done,
        read: Callable[[object], object],
    ) -> None:
        self._steps = cast("Generator[object, None, Any]", answer.__await__())
        self._clock = clock
        self._done = done
        self._read = read
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
                "under a virtual-time scheduler a client must not await I/O or asyncio; "
                "use the fakes of rxstream.testing, or a virtual event loop"
            )
            failure = RuntimeError(msg)
        self.ended = True
        if failure is not None:
            self._done(None, failure)
        else:
            self._read(answer)

    def cancel(self) -> None:
        if self.ended:
            return
        self.ended = True
        if self._timer is not None:
            self._clock.cancel(self._timer)
        self._steps.close()
        self._done(None, cancelled())

"""One batch to start, as a small state machine for sync and async operations alike.

::

    WAITING → TRYING → (PAUSING → TRYING →) … → OVER

It is sent once, and again only after it has certainly not happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, cast

from reactivex import abc
from typing_extensions import override

from .._wait.closing import ClientClosedError
from .._wait.context import CallContext
from .._wait.log import log_start_retry
from .._wait.poll import Poll
from ..errors import StreamRateLimitException
from .failure import Retries, failure_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._values import BaseTaskHandle
    from .operation import Operation

__all__ = ["Start", "StartContext"]


@dataclass(slots=True, kw_only=True)
class StartContext(CallContext):
    """What all starts of one subscription share."""

    operation: Operation


class _State(Enum):
    WAITING = "waiting"
    TRYING = "trying"
    PAUSING = "pausing"
    OVER = "over"


class Starter(Protocol):
    """Who starts batches."""

    def started(self, handle: BaseTaskHandle, number: int) -> object:
        """Take the handle of a batch, which may be one of a start that failed."""
        ...

    def fail(self, error: Exception) -> object:
        """End everything with an error."""
        ...


class Start(abc.DisposableBase):
    """The start of one batch; disposing ends it."""

    __slots__ = ("_batch", "_number", "_owner", "_retries", "_state", "_timer", "_try", "context")

    def __init__(
        self,
        batch: tuple[Any, ...],
        number: int,
        owner: Starter,
        context: StartContext,
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            batch: The items.
            number: Which of many batches it is.
            owner: Takes the handle, and the number.
            context: What the starts of one subscription share.
        """
        self._batch = batch
        self._number = number
        self._owner = owner
        self.context = context
        self._retries = Retries(context.retry)
        self._state = _State.WAITING
        self._try: Poll[BaseTaskHandle] | None = None
        self._timer: Any = None

    def start(self) -> None:
        """Try for the first time."""
        self.context.clock.run_engine(lambda: self._try_from(_State.WAITING))

    def _try_from(self, before: _State) -> None:
        context = self.context
        attempt: Poll[BaseTaskHandle] = Poll(self, self._batch, context)
        with context.lock:
            if self._state is not before:
                return
            context.open_waits.add(self)
            self._state = _State.TRYING
            self._try, self._timer = attempt, None
        context.gate.enter(attempt, context.clock)

    def receive(
        self,
        poll: Poll[BaseTaskHandle],
        answer: BaseTaskHandle | None,
        error: BaseException | None,
    ) -> None:
        """Take the end of a try."""
        with self.context.lock:
            if self._try is not poll or self._state is not _State.TRYING:
                return
            self._state, self._try = _State.PAUSING, None
        if answer is not None:
            self._end(answer)
            return
        if isinstance(error, ClientClosedError):
            self.end(error)
            return
        assert error is not None  # noqa: S101 -- a call ends with one or the other
        operation = self.context.operation
        try:
            pause = self._retries.pause_after(error)
        except Exception as fault:  # noqa: BLE001 -- a user's schedule may raise anything
            self._end(operation.failed(self._batch, fault))
            return
        if pause is None:
            failure = failure_of(error, operation.name, self._batch)
            self._end(operation.failed(self._batch, failure))
        else:
            if not isinstance(error, StreamRateLimitException):  # the gate's business
                log_start_retry(operation.name, len(self._batch), pause, error)
            self._rest(pause)

    def _rest(self, pause: float) -> None:
        clock = self.context.clock
        try:
            timer = clock.call_later(pause, lambda: self._try_from(_State.PAUSING))
        except Exception as fault:  # noqa: BLE001 -- a disposed scheduler, or no thread is left
            self._end(self.context.operation.failed(self._batch, fault))
            return
        with self.context.lock:
            is_over = self._state is _State.OVER
            if self._state is _State.PAUSING:
                self._timer = timer
        if is_over:
            clock.cancel(timer)

    def _end(self, handle: BaseTaskHandle) -> None:
        if self._stop():
            self._owner.started(handle, self._number)

    def end(self, error: BaseException | None, _: Callable[[], None] | None = None, /) -> None:
        """End everything: the client was closed. A consumer is never inside a start."""
        if self._stop():
            self._owner.fail(cast("Exception", error))

    @override
    def dispose(self) -> None:
        """End it: no start and no timer after this; a request in flight is ended."""
        context = self.context
        if context.is_interrupted():
            context.clock.post(self.dispose)
        elif self._stop():
            context.clock.wake()

    def _stop(self) -> bool:
        context = self.context
        with context.lock:
            before, self._state = self._state, _State.OVER
        if before is _State.OVER:
            return False
        context.clock.run_engine(self._clean_up)
        return True

    def _clean_up(self) -> None:
        self.context.open_waits.discard(self)
        if self._timer is not None:
            self.context.clock.cancel(self._timer)
        if self._try is not None:
            self._try.cancel()
        self._timer = self._try = None

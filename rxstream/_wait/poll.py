"""One poll, or one try to start a batch: its turn at the gate, its call, and its answer.

::

    QUEUED → CALLING → OVER
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, Protocol

from typing_extensions import TypeVar

from .._wire.failures import is_cancelled, rate_limit_of

if TYPE_CHECKING:
    from .._call.call import Call
    from .._wire.failures import Answered
    from .context import CallContext

__all__ = ["Poll", "Poller"]

A = TypeVar("A", bound="Answered")
A_contra = TypeVar("A_contra", bound="Answered", contravariant=True)


class _State(Enum):
    QUEUED = "queued"
    CALLING = "calling"
    OVER = "over"


class Poller(Protocol[A_contra]):
    """Who polls."""

    def receive(self, poll: Any, answer: A_contra | None, error: BaseException | None, /) -> None:
        """Take the answer, where the consumer may be called."""
        ...


class Poll(Generic[A]):
    """One poll. Whatever happens to it, it gives its place at the gate back."""

    __slots__ = ("_argument", "_call", "_context", "_owner", "_state", "sent_at")

    def __init__(self, owner: Poller[A], argument: object, context: CallContext) -> None:
        self._owner = owner
        self._argument = argument
        self._context = context
        self._state = _State.QUEUED
        self._call: Call | None = None
        self.sent_at = 0.0
        """When the request went out, by the clock of the wait."""

    @property
    def is_sent(self) -> bool:
        """Whether its request has gone out."""
        return self._state is not _State.QUEUED

    def cancel(self) -> None:
        """Give up the turn, or end the request. Its answer is delivered to nobody."""
        context = self._context
        with context.lock:
            before, self._state = self._state, _State.OVER
            call = self._call
        if before is _State.QUEUED:
            context.gate.withdraw(self, context.clock)
        elif call is not None:
            call.cancel()

    def admitted(self) -> None:
        """The gate has given this poll a place; from here on it owes one `leave`."""
        context = self._context
        if not context.clock.run_engine(self._send):
            context.gate.leave(self, context.clock)

    def _send(self) -> None:
        context = self._context
        with context.lock:
            is_wanted = self._state is _State.QUEUED and not context.is_closed
            if is_wanted:
                self._state = _State.CALLING
        if not is_wanted:
            context.gate.leave(self, context.clock)
            return
        self.sent_at = context.clock.now()
        try:
            call = context.caller.start(self._argument, self._answered)
        except Exception as fault:
            if self._state is not _State.CALLING:
                raise  # the consumer's, who is called in place in virtual time
            self._answered(None, fault)
            return
        except BaseException:  # an interrupt
            context.gate.leave(self, context.clock)
            raise
        if call is not None:
            self._keep(call)

    def _keep(self, call: Call) -> None:
        with self._context.lock:
            is_over = self._state is _State.OVER
            if not is_over:
                self._call = call
        if is_over:
            call.cancel()

    def _answered(self, answer: A | None, error: BaseException | None) -> None:
        """The call ended, on whatever thread; the gate hears of it even if nobody else does."""
        context = self._context
        try:
            if error is not None and is_cancelled(error) and self._state is not _State.OVER:
                context.gate.hold(context.clock)
            limit, refused_for, is_good = rate_limit_of(answer, error)
            context.gate.leave(self, context.clock, limit, refused_for, is_good=is_good)
        finally:
            # Also if another wait's consumer raised in its turn at the gate.
            if self._state is not _State.OVER:
                self._deliver(answer, error)

    def _deliver(self, answer: A | None, error: BaseException | None) -> None:
        try:
            self._context.clock.run_consumer(lambda: self._receive(answer, error))
        except Exception as fault:
            if self._state is _State.OVER:
                raise  # the consumer's
            self._receive(None, fault)

    def _receive(self, answer: A | None, error: BaseException | None) -> None:
        self._state = _State.OVER
        self._owner.receive(self, answer, error)

"""`WebhookEvents`: verified events as an Observable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactivex import Observable
from reactivex.disposable import Disposable

from .._merge.downstream import Downstream
from .._text import hidden
from ._event import WebhookEvent
from ._verifier import MAX_AGE, MAX_BYTES, Verifier

if TYPE_CHECKING:
    from datetime import timedelta

    from reactivex import abc

    from ._verifier import Headers

__all__ = ["WebhookEvents"]


class WebhookEvents(Observable[WebhookEvent]):
    """The webhooks about tasks, verified, for `wake=` and for whoever else subscribes.

    ::

        receive         a  x  b  m  b
        WebhookEvents  ─a─────b─────b─     x: refused; m: verified, and about no task

    Any thread and any loop may call `receive`, and subscribers are called on that thread, one call
    at a time each. It never ends. An event that comes twice or out of order does no harm to a wait:
    it polls, once a second at most, and only the poll decides.
    """

    def __init__(
        self,
        api_secret: str,
        *,
        max_bytes: int = MAX_BYTES,
        max_age: float | timedelta | None = MAX_AGE,
    ) -> None:
        """Make an Observable that emits nothing until something is received.

        Args:
            api_secret: As for `parse`.
            max_bytes: As for `parse`.
            max_age: As for `parse`.

        Raises:
            TypeError: As for `parse`.
            ValueError: As for `parse`.
        """
        api_secret = hidden(api_secret)
        self._verifier = Verifier(api_secret, max_bytes, max_age)
        # No lock: each step on it is one of Python's own, which nothing interrupts.
        self._receivers: dict[Downstream[WebhookEvent], None] = {}
        super().__init__(self._add)

    @property
    def max_bytes(self) -> int:
        """How large a body may be; read no more of a request than this and one byte."""
        return self._verifier.max_bytes

    def receive(self, body: bytes, headers: Headers) -> WebhookEvent:
        """Verify and read a webhook, and emit its event if it is about a task.

        Args:
            body: As for `parse`.
            headers: As for `parse`.

        Returns:
            The event, also where it is about no task.

        Raises:
            InvalidWebhookException: As for `parse`.
            TypeError: As for `parse`.
            Exception: What a subscriber raised, after all have been called. That one is called no
                more.
        """
        event = self._verifier.read(body, headers)
        # One without a task would wake every wait, and most of Stream's events have none.
        if event.task_id is not None:
            self._emit(event)
        return event

    def _emit(self, event: WebhookEvent) -> None:
        faults: list[Exception] = []
        for receiver in self._receivers.copy():
            try:
                receiver.on_next(event)
            except BaseException as fault:  # the others are to be told too
                self._receivers.pop(receiver, None)
                if not isinstance(fault, Exception):
                    raise
                faults.append(fault)
        if faults:
            raise faults[0]

    def _add(
        self,
        observer: abc.ObserverBase[WebhookEvent],
        scheduler: abc.SchedulerBase | None = None,  # noqa: ARG002 -- it needs no time
    ) -> abc.DisposableBase:
        receiver = Downstream(observer)
        self._receivers[receiver] = None

        def remove() -> None:
            self._receivers.pop(receiver, None)
            receiver.close()

        return Disposable(remove)

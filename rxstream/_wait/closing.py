"""A client that is closed ends the waits that run on it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from .._shared.fork import on_fork
from ..errors import StreamTransportException

if TYPE_CHECKING:
    from collections.abc import Callable

    from .context import CallContext

__all__ = ["ClientClosedError", "KnownWaits", "OpenWaits", "WaitsKeeper", "open_waits_of"]

_FEW: Final = 64


class ClientClosedError(StreamTransportException, RuntimeError):
    """The client was closed, perhaps under a request: that says nothing about a task.

    So it ends whatever waits, is not tried again, and never becomes an outcome.
    """

    def __init__(self) -> None:
        """Say so."""
        super().__init__("connection_reset", "this client is closed")
        # Whoever ends a request does not want another one: `is_transient` looks for this cause.
        self.__cause__ = asyncio.CancelledError()


class OpenWait(Protocol):
    """A wait, or a start, that runs on a client."""

    @property
    def context(self) -> CallContext:
        """What those of one subscription share."""
        ...

    def end(self, error: BaseException | None, late: Callable[[], None] | None = None, /) -> None:
        """End; `late` is called after a consumer that is being called, if there is one."""
        ...


class KnownWaits(Protocol):
    """Where a wait says that it begins and that it is over."""

    def add(self, wait: OpenWait) -> None:
        """A wait begins."""
        ...

    def discard(self, wait: OpenWait) -> None:
        """A wait is over."""
        ...


class OpenWaits:
    """The waits that run on one client.

    It takes no lock: each operation is a single one of a dict, so that a wait may leave in a signal
    handler or a finaliser.
    """

    __slots__ = ("__weakref__", "_purge_at", "_waits")

    def __init__(self) -> None:
        self._forget()
        on_fork(self._forget)

    def __len__(self) -> int:
        return len(self._waits)

    def add(self, wait: OpenWait) -> None:
        """A wait begins."""
        self._waits[wait] = None
        if len(self._waits) >= self._purge_at:
            self._purge()

    def discard(self, wait: OpenWait) -> None:
        """A wait is over."""
        self._waits.pop(wait, None)

    def end(self) -> None:
        """End all of them with one error for each subscription, each where its clock runs."""
        subscriptions: dict[int, list[OpenWait]] = {}
        for wait in list(self._waits):
            subscriptions.setdefault(id(wait.context), []).append(wait)
        for waits in subscriptions.values():
            # Never in place: whoever closes the client must not run the consumers' code.
            waits[0].context.clock.post(partial(_end, waits))

    def _purge(self) -> None:
        # A loop that was closed under its waits lets none of them leave.
        for wait in list(self._waits):
            if wait.context.clock.is_closed:
                self.discard(wait)
        self._purge_at = max(_FEW, 2 * len(self._waits))

    def _forget(self) -> None:
        """A forked child does not continue the waits of its parent."""
        self._waits: dict[OpenWait, None] = {}
        self._purge_at = _FEW


class WaitsKeeper:
    """A client that ends the waits that run on it when it is closed."""

    def __init__(self) -> None:
        self._open_waits = OpenWaits()


class _NoWaits:
    """Those of a client that does not end them: nobody asks for them."""

    __slots__ = ()

    def add(self, wait: OpenWait) -> None:
        pass

    discard = add


_NO_WAITS: Final = _NoWaits()


def open_waits_of(client: object) -> KnownWaits:
    """The waits that run on a client."""
    # Asked for carefully: a stand-in of a test may claim to be a client of ours.
    known = getattr(client, "_open_waits", None) if isinstance(client, WaitsKeeper) else None
    return known if isinstance(known, OpenWaits) else _NO_WAITS


def _end(waits: list[OpenWait]) -> None:
    for wait in waits:
        _end_one(wait)


def _end_one(wait: OpenWait) -> None:
    wait.end(ClientClosedError(), partial(_end_one, wait))

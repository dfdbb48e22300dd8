"""What all connections of an async client have in common, and those of httpx."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import httpx
from typing_extensions import override

from ._connections import CLOSED, LIMITS, is_stream, transport_of

if TYPE_CHECKING:
    import ssl

__all__ = ["AsyncConnections", "HttpxConnections"]


class AsyncConnections(ABC):
    """Up to `maximum` connections for the tasks of one event loop."""

    def __init__(self, base: httpx.URL, maximum: int) -> None:
        self._base = base
        self._places = asyncio.BoundedSemaphore(maximum)
        self._in_flight: set[asyncio.Timeout] = set()
        self._closed = False

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request; cancelling closes its connection."""
        async with self._places:
            if self._closed:
                raise RuntimeError(CLOSED)
            # Without a deadline: closing the client uses it to end requests in flight. Closing a
            # pool would not end those that are still connecting.
            scope = asyncio.timeout(None)
            try:
                async with scope:
                    self._in_flight.add(scope)
                    try:
                        return await self._send(request)
                    finally:
                        self._in_flight.discard(scope)
            except TimeoutError:
                if not scope.expired():
                    raise
            raise httpx.CloseError(CLOSED)

    async def aclose(self) -> None:
        """Close all connections; requests in flight end with an error."""
        self._closed = True
        while self._in_flight:
            self._in_flight.pop().reschedule(0)
        await self._close()

    @abstractmethod
    async def _send(self, request: httpx.Request) -> httpx.Response: ...

    @abstractmethod
    async def _close(self) -> None: ...


class HttpxConnections(AsyncConnections):
    """Each connection is an httpx client with a pool of one, as in `Connections`."""

    def __init__(self, base: httpx.URL, maximum: int) -> None:
        super().__init__(base, maximum)
        self._tls: ssl.SSLContext | None = None
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()

    @override
    async def _send(self, request: httpx.Request) -> httpx.Response:
        connection = self._take()
        try:
            response = await connection.send(request)
        except BaseException:
            self._open.discard(connection)
            await connection.aclose()
            raise
        if not self._closed:
            self._idle.append(connection)
        return response

    @override
    async def _close(self) -> None:
        connections = list(self._open)
        self._open.clear()
        self._idle.clear()
        for connection in connections:
            await connection.aclose()

    def _take(self) -> _Connection:
        if self._idle:
            return self._idle.pop()
        if self._tls is None:
            self._tls = httpx.create_ssl_context()
        client = httpx.AsyncClient(verify=self._tls, limits=LIMITS)
        connection = _Connection(client, self._base)
        self._open.add(connection)
        return connection


class _Connection:
    __slots__ = ("_client", "_closed", "_handle", "_stream")

    def __init__(self, client: httpx.AsyncClient, base: httpx.URL) -> None:
        self._client = client
        transport: httpx.AsyncBaseTransport = transport_of(client, base)
        self._handle = transport.handle_async_request
        self._stream: Any = None
        self._closed = False

    async def send(self, request: httpx.Request) -> httpx.Response:
        if self._stream is None:
            request.extensions["trace"] = self._trace
        response = await self._handle(request)
        await response.aread()
        return response

    async def _trace(self, event: str, info: dict[str, Any]) -> None:
        if is_stream(event, info):
            self._stream = info["return_value"]
            if self._closed:
                await self._stream.aclose()

    async def aclose(self) -> None:
        self._closed = True
        # The pool does not know a connection whose TLS handshake was cancelled.
        if self._stream is not None:
            await self._stream.aclose()
        await self._client.aclose()

"""What all connections of an async client have in common, and those of httpcore."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from types import coroutine
from typing import TYPE_CHECKING, Any, Final

import httpx
from typing_extensions import override

from .._shared.fork import on_fork
from .._wait.closing import ClientClosedError
from ._async_line import AsyncLine
from ._connections import core_request
from ._pools import async_pool, needs_tls, proxy_of
from ._reading import Answer, Reader

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterable, Generator

__all__ = ["AsyncConnections", "HttpxConnections", "read_into"]

_TIMED_OUT: Final = "the request was not over within the timeout"
_ANOTHER_LOOP: Final = (
    "this client belongs to another event loop, which is not closed: use a client for each loop"
)


# What forked children have from their parents.
_inherited: Final[list[object]] = []


class AsyncConnections(ABC):
    """Up to `maximum` connections, handed out to tasks of one event loop.

    When that loop is closed, another may take over, with connections of its own.
    """

    def __init__(self, base: httpx.URL, maximum: int, *, timeout: float, most: int) -> None:
        self._base = base
        self._maximum = maximum
        self._timeout = timeout
        self._most = most
        self._loop: asyncio.AbstractEventLoop | None = None
        self._places = asyncio.BoundedSemaphore(maximum)
        self._in_flight: set[asyncio.Timeout] = set()
        self._tls: ssl.SSLContext | None = None
        self._tls_to_come: asyncio.Future[ssl.SSLContext] | None = None
        self.is_closed = False
        on_fork(self._after_fork)

    async def send(self, request: httpx.Request) -> Answer:
        """Send a request and read the answer; cancelling closes its connection.

        Raises:
            InvalidResponseException: The answer is too large.
            RuntimeError: The client is closed, or belongs to another loop.
        """
        await self._adopt(asyncio.get_running_loop())
        async with self._places:
            if self.is_closed:
                raise ClientClosedError
            # Closing the client ends it too, be it still connecting, which closing a pool does not.
            scope = asyncio.timeout(self._timeout)
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
            raise httpx.ReadTimeout(_TIMED_OUT)

    async def aclose(self) -> None:
        """Close all connections; requests in flight end with an error."""
        self.is_closed = True
        await self._adopt(asyncio.get_running_loop())
        while self._in_flight:
            self._in_flight.pop().reschedule(0)
        await self._close()

    async def _adopt(self, loop: asyncio.AbstractEventLoop) -> None:
        """Belong to this loop; connections and places of one that is closed are gone with it."""
        if loop is self._loop:
            return
        before, self._loop = self._loop, loop
        if before is None:
            return
        if not before.is_closed():
            self._loop = before
            raise RuntimeError(_ANOTHER_LOOP)
        await self._abandon(self._start_afresh())

    def _after_fork(self) -> None:
        self._loop = None
        # For good: a finaliser would take them off the loop of the process that forked.
        _inherited.append(self._start_afresh())

    def _start_afresh(self) -> Any:
        self._places = asyncio.BoundedSemaphore(self._maximum)
        self._in_flight = set()
        self._tls_to_come = None
        return self._forget()

    async def _tls_context(self, proxy: httpx.Proxy | None) -> ssl.SSLContext | None:
        """The certificates that are trusted; reading them takes too long to do on a loop."""
        if self._tls is None and needs_tls(self._base, proxy):
            if self._tls_to_come is None:
                self._tls_to_come = asyncio.get_running_loop().run_in_executor(
                    None, httpx.create_ssl_context
                )
            try:
                self._tls = await asyncio.shield(self._tls_to_come)
            finally:
                self._tls_to_come = None
        return self._tls

    @abstractmethod
    async def _send(self, request: httpx.Request) -> Answer: ...

    @abstractmethod
    async def _close(self) -> None: ...

    @abstractmethod
    def _forget(self) -> Any:
        """Give up all connections as they are, without closing them."""

    @abstractmethod
    async def _abandon(self, forgotten: Any) -> None:
        """Let connections go whose loop is closed."""


class HttpxConnections(AsyncConnections):
    """Each a pool of a single connection, as in `Connections`."""

    def __init__(self, base: httpx.URL, maximum: int, *, timeout: float, most: int) -> None:
        super().__init__(base, maximum, timeout=timeout, most=most)
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()

    @override
    async def _send(self, request: httpx.Request) -> Answer:
        connection = self._idle.pop() if self._idle else await self._connect()
        try:
            answer = await connection.send(request, self._most)
        except BaseException:
            self._open.discard(connection)
            await connection.aclose()
            raise
        if not self.is_closed:
            self._idle.append(connection)
        return answer

    @override
    async def _close(self) -> None:
        for connection in self._forget():
            await connection.aclose()

    @override
    def _forget(self) -> set[_Connection]:
        connections, self._open = self._open, set()
        self._idle = []
        return connections

    @override
    async def _abandon(self, forgotten: set[_Connection]) -> None:
        forgotten.clear()

    async def _connect(self) -> _Connection:
        proxy = proxy_of(self._base)
        connection = _Connection(proxy, await self._tls_context(proxy))
        self._open.add(connection)
        return connection


class _Connection:
    __slots__ = ("_line", "_pool")

    def __init__(self, proxy: httpx.Proxy | None, tls: ssl.SSLContext | None) -> None:
        self._line = AsyncLine()
        self._pool = async_pool(proxy, tls, self._line)

    async def send(self, request: httpx.Request, most: int) -> Answer:
        self._line.portions.begin()
        response = await self._pool.handle_async_request(core_request(request))
        try:
            reader = Reader(response.status, response.headers, most)
            self._line.portions.begin_body(reader.length)
            await read_into(reader, response.aiter_stream())
        finally:
            await response.aclose()
        return reader.answer()

    async def aclose(self) -> None:
        await self._line.aclose()
        await self._pool.aclose()


async def read_into(reader: Reader, chunks: AsyncIterable[bytes]) -> None:
    """Read a body, or as much of it as is wanted."""
    async for chunk in chunks:
        for _ in reader.steps(chunk):
            await _turn()
        if reader.is_full:
            return


@coroutine
def _turn() -> Generator[None, None, None]:
    """Let the loop do something else."""
    yield

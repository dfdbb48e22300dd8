"""Connections of one's own, each a pool of a single connection.

httpcore's pool does work in proportion to its connections for every request, and a request that is
cancelled while its connection is being set up can leave a dead place in it for good. A pool of one
has no such work to do, and is thrown away whole when its request is cancelled.
"""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import httpcore
import httpx

from .._shared.fork import on_fork
from .._time.clock import monotonic
from .._wait.closing import ClientClosedError
from ._line import Line
from ._pools import needs_tls, proxy_of, sync_pool
from ._reading import Answer, Reader

if TYPE_CHECKING:
    import ssl

__all__ = ["Connections", "Ending", "core_request"]


class Ending:
    """Ends one request from another thread, a finaliser or a signal handler: it takes no lock."""

    __slots__ = ("_claim", "is_asked_for")

    def __init__(self) -> None:
        self.is_asked_for = False
        # Whoever takes the connection out has it: to shut it down, or to use it again.
        self._claim: list[_Connection] = []

    def ask(self) -> None:
        """End the request, now or before it is sent."""
        self.is_asked_for = True
        if (connection := self._taken()) is not None:
            connection.reset()

    def begin(self, connection: _Connection) -> None:
        """The request goes over this connection."""
        self._claim.append(connection)
        if self.is_asked_for:
            msg = "the request was ended before it was sent"
            raise httpx.ReadError(msg)

    def finish(self) -> bool:
        """The request is over. False: it was ended, and the connection with it."""
        return self._taken() is not None

    def _taken(self) -> _Connection | None:
        try:
            return self._claim.pop()
        except IndexError:
            return None


class Connections:
    """Up to `maximum` connections for any number of threads."""

    def __init__(self, base: httpx.URL, maximum: int, *, timeout: float, most: int) -> None:
        self._base = base
        self._maximum = maximum
        self._timeout = timeout
        self._most = most
        self._tls: ssl.SSLContext | None = None
        self.is_closed = False
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()
        self._make_locks()
        on_fork(self._forget)

    def _make_locks(self) -> None:
        self._places = threading.BoundedSemaphore(self._maximum)
        self._lock = threading.Lock()

    def send(self, request: httpx.Request, ending: Ending) -> Answer:
        """Send a request on a connection of its own, and read the answer.

        Raises:
            InvalidResponseException: The answer is too large.
        """
        with self._places:
            connection = self._take()
            try:
                ending.begin(connection)
                answer = connection.send(request, monotonic() + self._timeout, self._most)
            except BaseException:
                self._discard(connection)
                raise
            if not ending.finish():
                self._discard(connection)
            else:
                self._give_back(connection)
            return answer

    def close(self) -> None:
        """Close all connections; requests in flight end with an error."""
        with self._lock:
            self.is_closed = True
            connections = list(self._open)
            self._open.clear()
            self._idle.clear()
        for connection in connections:
            connection.close()

    def _forget(self) -> None:
        """Leave the connections to the process that forked; its threads hold places and locks."""
        self._make_locks()
        connections, self._open = self._open, set()
        self._idle = []
        for connection in connections:
            connection.drop()

    def _take(self) -> _Connection:
        with self._lock:
            if self.is_closed:
                raise ClientClosedError
            if self._idle:
                return self._idle.pop()
            proxy = proxy_of(self._base)
            if self._tls is None and needs_tls(self._base, proxy):
                self._tls = httpx.create_ssl_context()
            connection = _Connection(proxy, self._tls)
            self._open.add(connection)
            return connection

    def _give_back(self, connection: _Connection) -> None:
        with self._lock:
            if not self.is_closed:
                self._idle.append(connection)

    def _discard(self, connection: _Connection) -> None:
        with self._lock:
            self._open.discard(connection)
        connection.close()


class _Connection:
    __slots__ = ("_line", "_pool", "drop", "reset")

    def __init__(self, proxy: httpx.Proxy | None, tls: ssl.SSLContext | None) -> None:
        self._line = Line()
        self._pool = sync_pool(proxy, tls, self._line)
        self.drop = self._line.drop
        self.reset = self._line.reset

    def send(self, request: httpx.Request, deadline: float, most: int) -> Answer:
        line = self._line
        line.begin(deadline)
        response = self._pool.handle_request(core_request(request))
        with closing(response):
            reader = Reader(response.status, response.headers, most)
            line.portions.begin_body(reader.length)
            for chunk in response.iter_stream():
                for _ in reader.steps(chunk):
                    line.left()
                if reader.is_full:
                    break
        return reader.answer()

    def close(self) -> None:
        self._line.shut_down()
        self._pool.close()


def core_request(request: httpx.Request) -> httpcore.Request:
    """Give a request to httpcore as httpx's own transport does."""
    url = request.url
    return httpcore.Request(
        request.method,
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )

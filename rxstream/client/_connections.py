"""Connections without httpx's shared pool: each is an httpx client with a pool of one.

The stock pool looks at all its connections for every request. A request that is cancelled while it
connects can block a place in that pool for ever. A pool of one has neither problem: when its
request is cancelled, the whole pool is thrown away.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:
    import ssl

__all__ = ["CLOSED", "LIMITS", "Connections", "is_stream", "transport_of"]

LIMITS: Final = httpx.Limits(
    max_connections=1,
    max_keepalive_connections=1,
    # Below the 60 s after which load balancers commonly close an idle connection.
    keepalive_expiry=55.0,
)


class Connections:
    """Up to `maximum` connections for any number of threads."""

    def __init__(self, base: httpx.URL, maximum: int) -> None:
        self._base = base
        self._tls: ssl.SSLContext | None = None
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()
        self._places = threading.BoundedSemaphore(maximum)
        self._lock = threading.Lock()
        self._closed = False

    def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request on a connection that nothing else uses meanwhile."""
        with self._places:
            connection = self._take()
            try:
                response = connection.send(request)
            except BaseException:
                self._discard(connection)
                raise
            with self._lock:
                if not self._closed:
                    self._idle.append(connection)
            return response

    def close(self) -> None:
        """Close all connections; requests in flight end with an error."""
        with self._lock:
            self._closed = True
            connections = list(self._open)
            self._open.clear()
            self._idle.clear()
        for connection in connections:
            connection.close()

    def _take(self) -> _Connection:
        with self._lock:
            if self._closed:
                raise RuntimeError(CLOSED)
            if self._idle:
                return self._idle.pop()
            if self._tls is None:
                self._tls = httpx.create_ssl_context()
            client = httpx.Client(verify=self._tls, limits=LIMITS)
            connection = _Connection(client, self._base)
            self._open.add(connection)
            return connection

    def _discard(self, connection: _Connection) -> None:
        with self._lock:
            self._open.discard(connection)
        connection.close()


class _Connection:
    __slots__ = ("_client", "_closed", "_handle", "_stream")

    def __init__(self, client: httpx.Client, base: httpx.URL) -> None:
        self._client = client
        transport: httpx.BaseTransport = transport_of(client, base)
        self._handle = transport.handle_request
        self._stream: Any = None
        self._closed = False

    def send(self, request: httpx.Request) -> httpx.Response:
        if self._stream is None:
            request.extensions["trace"] = self._trace
        response = self._handle(request)
        response.read()
        return response

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        if is_stream(event, info):
            self._stream = info["return_value"]
            if self._closed:
                self._shut_down()

    def close(self) -> None:
        self._closed = True
        self._shut_down()
        self._client.close()

    def _shut_down(self) -> None:
        """Wake a thread that waits for the answer; closing the socket would not wake it."""
        if self._stream is not None:
            with suppress(OSError):
                self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


def transport_of(client: Any, url: httpx.URL) -> Any:
    """Return the transport that an httpx client uses for an address, perhaps through a proxy.

    A whole client does more for each request than a poll needs: cookies, redirects, a line in the
    log. Which proxy the environment names is httpx's business all the same.
    """
    return client._transport_for_url(url)  # noqa: SLF001 -- docs/decisions.md, "Private names of others"


CLOSED: Final = "this client is closed"


def is_stream(event: str, info: dict[str, Any]) -> bool:
    """Whether a trace event of httpcore brings the network stream of a new connection."""
    return event.endswith(".complete") and hasattr(info.get("return_value"), "start_tls")

"""The connections of `transport="aiohttp"`: one session of aiohttp behind httpx-aiohttp.

Imported only on request, because it needs the extra `rxstream[aiohttp]`.
"""

from __future__ import annotations

import ssl
from base64 import b64encode
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from typing_extensions import override
from yarl import URL

from .._wire.failures import transport_error
from ._async_connections import AsyncConnections, read_into
from ._pools import KEEP_ALIVE, proxy_of
from ._reading import Answer, Reader

if TYPE_CHECKING:
    from aiohttp import ClientHandlerType, ClientResponse
    from aiohttp.connector import Connection

__all__ = ["AiohttpConnections"]

_PROXY_AUTHORIZATION: Final = "Proxy-Authorization"
_address: Final[ContextVar[str]] = ContextVar("_address")


class AiohttpConnections(AsyncConnections):
    """The connections of one aiohttp session."""

    def __init__(self, base: httpx.URL, maximum: int, *, timeout: float, most: int) -> None:
        super().__init__(base, maximum, timeout=timeout, most=most)
        self._transport: AiohttpTransport | None = None
        self._proxy_authorization = ""

    @override
    async def _send(self, request: httpx.Request) -> Answer:
        transport = self._transport or await self._opened()
        if self._proxy_authorization:
            request.headers[_PROXY_AUTHORIZATION] = self._proxy_authorization
        return await _sent(transport, request, self._most)

    @override
    async def _close(self) -> None:
        if self._transport is not None:
            await self._transport.aclose()

    @override
    def _forget(self) -> AiohttpTransport | None:
        transport, self._transport = self._transport, None
        return transport

    @override
    async def _abandon(self, forgotten: AiohttpTransport | None) -> None:
        session = forgotten and forgotten.client
        if isinstance(session, aiohttp.ClientSession) and session.connector is not None:
            connector = session.connector
            session.detach()
            await connector.close()

    async def _opened(self) -> AiohttpTransport:
        proxy = proxy_of(self._base)
        # aiohttp would make a context of its own where it is given none, on the loop.
        tls = await self._tls_context(proxy) or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self._transport is not None:  # another request was faster
            return self._transport
        if proxy is not None and proxy.url.scheme.startswith("socks"):
            msg = (
                "transport='aiohttp' cannot use the SOCKS proxy that the environment names; "
                "use transport='httpx' with the extra httpx[socks]"
            )
            raise RuntimeError(msg)
        if proxy is not None and proxy.raw_auth is not None:
            # As a header, because aiohttp has deprecated the argument that httpx-aiohttp uses. With
            # a tunnel it goes to the proxy; without one it goes with each request.
            said = f"Basic {b64encode(b':'.join(proxy.raw_auth)).decode()}"
            proxy = httpx.Proxy(proxy.url, headers={_PROXY_AUTHORIZATION: said})
            if self._base.scheme == "http":
                self._proxy_authorization = said
        self._transport = AiohttpTransport(verify=tls, proxy=proxy, client=_session(tls))
        return self._transport


def _session(tls: ssl.SSLContext) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # No limit: `_places` is one, and whoever waits there can be cancelled without harm.
        connector=aiohttp.TCPConnector(
            ssl=tls,
            limit=0,
            keepalive_timeout=KEEP_ALIVE,
            # The system's own, as httpx has it. Where aiodns is installed aiohttp would take that,
            # which knows other names and keeps a thread for good.
            resolver=aiohttp.ThreadedResolver(),
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent",),
        request_class=_CarefulRequest,
        middlewares=(_as_it_is,),
    )


class _UnreadError(Exception):
    """Something came on an idle connection, and would be taken for the next answer."""


class _CarefulRequest(aiohttp.ClientRequest):
    @override
    async def send(self, conn: Connection) -> ClientResponse:
        if conn.protocol is None or conn.protocol.should_close:
            raise _UnreadError  # aiohttp closes the connection; nothing was sent
        return await super().send(conn)


async def _sent(transport: AiohttpTransport, request: httpx.Request, most: int) -> Answer:
    _address.set(str(request.url))
    try:
        response = await transport.handle_async_request(request)
        try:
            reader = Reader(response.status_code, response.headers.raw, most)
            await read_into(reader, response.aiter_raw())
        finally:
            with suppress(httpx.TransportError):
                await response.aclose()
    except (aiohttp.ClientError, httpx.TransportError) as error:
        # httpx-aiohttp reports a lost connection as a time-out; aiohttp's own error is right.
        cause = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
        failure = _failure(cause)
    else:
        return reader.answer()
    # Out here, so that it does not hold on to what it was made of.
    raise failure


def _failure(cause: Exception) -> Exception:
    # These errors hold the headers of the request, and so the token.
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        return httpx.ProxyError(f"{cause.status} {cause.message}")
    if isinstance(cause, aiohttp.ClientResponseError):
        return httpx.RemoteProtocolError(cause.message)
    if isinstance(cause, aiohttp.ClientPayloadError):
        return httpx.RemoteProtocolError(str(cause))
    failure = transport_error(cause)
    failure.__cause__ = cause
    return failure


async def _as_it_is(request: aiohttp.ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Send a request to the address that it names, and once."""
    address = _address.get()
    if str(request.url) != address:
        # aiohttp decodes what it can, and then an id of dots would leave its path segment.
        request.url = URL(address, encoded=True)
    try:
        while True:
            with suppress(_UnreadError):
                return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        # aiohttp would send the request again by itself, even a PUT that starts a task.
        said = str(error)
        raise httpx.ReadError(said) from error

"""The connections of `transport="aiohttp"`: one session of aiohttp behind httpx-aiohttp.

Imported only where it is asked for, because it needs the extra `rxstream[aiohttp]`.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport, HttpxAiohttpClient

from .._failures import transport_error
from ._connections import CLOSED, LIMITS, transport_of

if TYPE_CHECKING:
    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

__all__ = ["AiohttpConnections"]

_PROXY_AUTHORIZATION: Final = "Proxy-Authorization"
# An answer that was cut off, or that is no HTTP.
_CUT: Final = (aiohttp.ClientPayloadError, aiohttp.ClientResponseError)


class AiohttpConnections:
    """Up to `maximum` connections, handed out to tasks of one event loop."""

    def __init__(self, base: httpx.URL, maximum: int) -> None:
        self._base = base
        self._transport: AiohttpTransport | None = None
        self._proxy_authorization = ""
        self._places = asyncio.BoundedSemaphore(maximum)
        self._in_flight: set[asyncio.Timeout] = set()
        self._closed = False

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request; cancelling closes its connection."""
        async with self._places:
            if self._closed:
                raise RuntimeError(CLOSED)
            transport = self._transport or self._opened()
            if self._proxy_authorization:
                request.headers[_PROXY_AUTHORIZATION] = self._proxy_authorization
            # Not for a deadline: it is how closing the client ends what is in flight, be it still
            # connecting, which aiohttp leaves to run.
            scope = asyncio.timeout(None)
            try:
                async with scope:
                    self._in_flight.add(scope)
                    try:
                        return await _sent(transport, request)
                    finally:
                        self._in_flight.discard(scope)
            except TimeoutError:
                if scope.expired():
                    raise httpx.CloseError(CLOSED) from None
                raise

    async def aclose(self) -> None:
        """Close all connections; requests in flight end with an error."""
        self._closed = True
        while self._in_flight:
            self._in_flight.pop().reschedule(0)
        if self._transport is not None:
            await self._transport.aclose()

    def _opened(self) -> AiohttpTransport:
        tls = httpx.create_ssl_context()
        # Never sends anything: it reads the environment, and knows which proxy an address needs.
        chooser = HttpxAiohttpClient(verify=tls)
        transport: AiohttpTransport = transport_of(chooser, self._base)
        proxy = transport.proxy
        if proxy is not None and proxy.url.scheme.startswith("socks"):
            msg = (
                "transport='aiohttp' cannot use the SOCKS proxy that the environment names; "
                "use transport='httpx' with the extra httpx[socks]"
            )
            raise RuntimeError(msg)
        if proxy is not None and proxy.raw_auth is not None:
            # As a header, because aiohttp has deprecated the argument that httpx-aiohttp uses. It
            # goes to the proxy where there is a tunnel, and with each request where there is none.
            said = f"Basic {b64encode(b':'.join(proxy.raw_auth)).decode()}"
            transport.proxy = httpx.Proxy(proxy.url, headers={_PROXY_AUTHORIZATION: said})
            if self._base.scheme == "http":
                self._proxy_authorization = said
        transport.client = aiohttp.ClientSession(
            # No limit: `_places` is one, and whoever waits there can be cancelled without harm.
            connector=aiohttp.TCPConnector(
                ssl=tls, limit=0, keepalive_timeout=LIMITS.keepalive_expiry
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent",),
            middlewares=(_once,),
        )
        self._transport = transport
        return transport


async def _sent(transport: AiohttpTransport, request: httpx.Request) -> httpx.Response:
    try:
        response = await transport.handle_async_request(request)
        try:
            await response.aread()
        except BaseException:
            with suppress(httpx.TransportError):
                await response.aclose()
            raise
    except (aiohttp.ClientError, httpx.TransportError) as error:
        # httpx-aiohttp takes a lost connection for a time-out; aiohttp's own error is right.
        cause = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
        if isinstance(cause, _CUT) and not isinstance(cause, aiohttp.ClientHttpProxyError):
            raise httpx.RemoteProtocolError(str(cause)) from cause
        raise transport_error(cause) from cause
    return response


async def _once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Keep aiohttp from sending a request again on its own, a PUT that starts a task included."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        said = str(error)
        raise httpx.ReadError(said) from error

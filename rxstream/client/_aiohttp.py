"""The connections of `transport="aiohttp"`: one session of aiohttp behind httpx-aiohttp.

Imported only on request, because it needs the extra `rxstream[aiohttp]`.
"""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport, HttpxAiohttpClient
from typing_extensions import override
from yarl import URL

from .._wire.failures import transport_error
from ._async_connections import AsyncConnections
from ._connections import LIMITS, transport_of

if TYPE_CHECKING:
    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

__all__ = ["AiohttpConnections"]

_PROXY_AUTHORIZATION: Final = "Proxy-Authorization"
_address: Final[ContextVar[str]] = ContextVar("_address")


class AiohttpConnections(AsyncConnections):
    """The connections of one aiohttp session."""

    def __init__(self, base: httpx.URL, maximum: int) -> None:
        super().__init__(base, maximum)
        self._transport: AiohttpTransport | None = None
        self._proxy_authorization = ""

    @override
    async def _send(self, request: httpx.Request) -> httpx.Response:
        transport = self._transport or self._opened()
        if self._proxy_authorization:
            request.headers[_PROXY_AUTHORIZATION] = self._proxy_authorization
        return await _sent(transport, request)

    @override
    async def _close(self) -> None:
        if self._transport is not None:
            await self._transport.aclose()

    def _opened(self) -> AiohttpTransport:
        tls = httpx.create_ssl_context()
        # Sends nothing: it reads the environment, and chooses the proxy for the address.
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
            # As a header, because aiohttp has deprecated the argument that httpx-aiohttp uses. With
            # a tunnel it goes to the proxy; without one it goes with each request.
            said = f"Basic {b64encode(b':'.join(proxy.raw_auth)).decode()}"
            transport.proxy = httpx.Proxy(proxy.url, headers={_PROXY_AUTHORIZATION: said})
            if self._base.scheme == "http":
                self._proxy_authorization = said
        transport.client = aiohttp.ClientSession(
            # No limit: `_places` is one, and a task that waits there can be cancelled safely.
            connector=aiohttp.TCPConnector(
                ssl=tls,
                limit=0,
                keepalive_timeout=LIMITS.keepalive_expiry,
                # The system's resolver, as in httpx. If aiodns is installed, aiohttp would use it:
                # it resolves other names, and keeps a thread for ever.
                resolver=aiohttp.ThreadedResolver(),
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent",),
            middlewares=(_as_it_is,),
        )
        self._transport = transport
        return transport


async def _sent(transport: AiohttpTransport, request: httpx.Request) -> httpx.Response:
    _address.set(str(request.url))
    try:
        response = await transport.handle_async_request(request)
        try:
            await response.aread()
        except BaseException:
            with suppress(httpx.TransportError):
                await response.aclose()
            raise
    except (aiohttp.ClientError, httpx.TransportError) as error:
        # httpx-aiohttp reports a lost connection as a time-out; aiohttp's own error is right.
        cause = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
        failure = _failure(cause)
    else:
        return response
    # Outside of `except`, so that the failure does not keep the error as its context.
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


async def _as_it_is(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Send a request once, and to exactly the address that it names."""
    address = _address.get()
    if str(request.url) != address:
        # aiohttp decodes what it can, and then an id of dots would leave its path segment.
        request.url = URL(address, encoded=True)
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        # aiohttp would send the request again by itself, even a PUT that starts a task.
        said = str(error)
        raise httpx.ReadError(said) from error

"""The connections of `transport="aiohttp"`: one session of aiohttp behind httpx-aiohttp.

Imported only where it is asked for, because it needs the extra `rxstream[aiohttp]`.
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
    """Those of one aiohttp session."""

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
                ssl=tls,
                limit=0,
                keepalive_timeout=LIMITS.keepalive_expiry,
                # The system's own, as httpx has it. Where aiodns is installed aiohttp would take
                # that, which knows other names and keeps a thread for good.
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
        # httpx-aiohttp takes a lost connection for a time-out; aiohttp's own error is right.
        cause = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
        failure = _failure(cause)
    else:
        return response
    # Out here, so that it does not hold on to what it was made of.
    raise failure


def _failure(cause: Exception) -> Exception:
    # These hold the headers of the request, and with them the token.
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
    """Send a request to the address that it names, and once."""
    address = _address.get()
    if str(request.url) != address:
        # aiohttp decodes what need not be encoded, and an id of dots would leave its path segment.
        request.url = URL(address, encoded=True)
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        # aiohttp would send it again on its own, a PUT that starts a task included.
        said = str(error)
        raise httpx.ReadError(said) from error

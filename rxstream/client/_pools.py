"""A pool of one connection, straight to where the API is or through the environment's proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from ._settings import is_loopback

if TYPE_CHECKING:
    import ssl

    from ._async_line import AsyncLine
    from ._line import Line

__all__ = ["KEEP_ALIVE", "async_pool", "needs_tls", "proxy_of", "sync_pool"]

# Below the 60 s after which load balancers commonly close an idle connection.
KEEP_ALIVE: Final = 55.0


def proxy_of(base: httpx.URL) -> httpx.Proxy | None:
    """The proxy that the environment names for an address; a loopback address never has one."""
    proxies = getproxies()
    named = proxies.get(base.scheme) or proxies.get("all")
    exceptions = proxies.get("no", "").replace(" ", "").split(",")
    if not named or is_loopback(base.host) or "*" in exceptions or proxy_bypass(base.host):
        return None
    return httpx.Proxy(named if "://" in named else f"http://{named}")


def needs_tls(base: httpx.URL, proxy: httpx.Proxy | None) -> bool:
    """Whether anything on the way is encrypted."""
    return "https" in (base.scheme, proxy and proxy.url.scheme)


def sync_pool(
    proxy: httpx.Proxy | None, tls: ssl.SSLContext | None, line: Line
) -> httpcore.ConnectionPool:
    """Make a pool; nothing is sent."""
    kinds = httpcore.ConnectionPool, httpcore.HTTPProxy, httpcore.SOCKSProxy
    pool: httpcore.ConnectionPool = _pool(kinds, proxy, tls, line)
    return pool


def async_pool(
    proxy: httpx.Proxy | None, tls: ssl.SSLContext | None, line: AsyncLine
) -> httpcore.AsyncConnectionPool:
    """Make a pool; nothing is sent."""
    kinds = httpcore.AsyncConnectionPool, httpcore.AsyncHTTPProxy, httpcore.AsyncSOCKSProxy
    pool: httpcore.AsyncConnectionPool = _pool(kinds, proxy, tls, line)
    return pool


def _pool(
    kinds: tuple[Any, Any, Any],
    proxy: httpx.Proxy | None,
    tls: ssl.SSLContext | None,
    line: Line | AsyncLine,
) -> Any:
    direct, http, socks = kinds
    keywords: dict[str, Any] = {
        "ssl_context": tls,
        "max_connections": 1,
        "keepalive_expiry": KEEP_ALIVE,
        "network_backend": line,
    }
    if proxy is None:
        return direct(**keywords)
    url = proxy.url
    keywords["proxy_url"] = httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )
    keywords["proxy_auth"] = proxy.raw_auth
    if url.scheme.startswith("socks"):
        return socks(**keywords)
    if url.scheme == "https":
        keywords["proxy_ssl_context"] = tls
    return http(**keywords, proxy_headers=proxy.headers.raw)

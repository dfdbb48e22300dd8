"""The network beneath an async connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import httpcore
from typing_extensions import override

from ._portions import Portions, has_unread

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

__all__ = ["AsyncLine"]

# As much as a loop gives at once. anyio would keep the rest, and nothing tells that it does.
_AT_ONCE: Final = 256 * 1024
# Beneath TLS anyio takes so much at once, and does keep the rest.
_AT_ONCE_BENEATH_TLS: Final = 64 * 1024


class AsyncLine(httpcore.AsyncNetworkBackend):
    """Makes the network streams of one connection; the newest of them carries the requests."""

    def __init__(self) -> None:
        self.portions = Portions()
        # A stand-in without anyio, which httpx brings.
        self._backend = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())
        self._stream: httpcore.AsyncNetworkStream | None = None
        self._is_closed = False

    async def aclose(self) -> None:
        """Close the newest stream: one whose handshake was cancelled is known to nobody else."""
        self._is_closed = True
        if self._stream is not None:
            await self._stream.aclose()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        made = await self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return await self.carry(made, is_secure=False)

    async def carry(
        self, stream: httpcore.AsyncNetworkStream, *, is_secure: bool
    ) -> httpcore.AsyncNetworkStream:
        """Take a new stream into use."""
        self._stream = stream
        self.portions = Portions()
        if self._is_closed:
            await stream.aclose()
        return _Stream(stream, self, is_secure=is_secure)


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(
        self, inner: httpcore.AsyncNetworkStream, line: AsyncLine, *, is_secure: bool
    ) -> None:
        self._inner = inner
        self._line = line
        self._portions = line.portions
        self._is_secure = is_secure

    @override
    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._portions.held
        if not data:
            data = await self._inner.read(_AT_ONCE, timeout)
        return self._portions.portion(data)

    @override
    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()

    @override
    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        secured = await self._inner.start_tls(ssl_context, server_hostname, timeout)
        return await self._line.carry(secured, is_secure=True)

    @override
    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # httpcore asks after an answer and before the next request
            return self._has_unread()
        return self._inner.get_extra_info(info)

    def _has_unread(self) -> bool:
        # After so large an answer nobody can tell.
        may_hide = self._is_secure and self._portions.passed > _AT_ONCE_BENEATH_TLS // 2
        return may_hide or has_unread(self._portions, self._inner)

"""The network beneath a sync connection: each step ends in time, and can be ended from outside."""

from __future__ import annotations

import math
import socket
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import httpcore
from typing_extensions import override

from .._time.clock import monotonic
from ._portions import Portions, has_unread

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

__all__ = ["Line"]

# On, and for no time; Windows has shorter numbers there.
_NO_LINGER: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Line(httpcore.NetworkBackend):
    """Makes the network streams of one connection; the newest of them carries the requests."""

    def __init__(self) -> None:
        self.portions = Portions()
        self._backend = httpcore.SyncBackend()
        self._deadline = math.inf
        self._stream: httpcore.NetworkStream | None = None
        self._spare: socket.socket | None = None
        self._is_shut_down = False

    def begin(self, deadline: float) -> None:
        """A request comes next, and must be over by then."""
        self._deadline = deadline
        self.portions.begin()

    def left(self, timeout: float | None = None) -> float | None:
        """How long the next step may take.

        Raises:
            httpcore.ReadTimeout: The request has had its time.
        """
        left = self._deadline - monotonic()
        if left <= 0:
            msg = "the request was not over within the timeout"
            raise httpcore.ReadTimeout(msg)
        return left if timeout is None else min(timeout, left)

    def shut_down(self) -> None:
        """Wake a thread that reads or writes; closing the socket alone would not."""
        self._is_shut_down = True
        stream, spare = self._stream, self._spare
        for end in (None if stream is None else stream.get_extra_info("socket"), spare):
            if end is not None:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Shut down, and let the peer know when the connection is closed.

        Who sends a long answer would otherwise wait for a minute for room to send the rest.
        """
        if self._stream is not None:
            with suppress(OSError):
                end = self._stream.get_extra_info("socket")
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.shut_down()

    def drop(self) -> None:
        """Close this process's descriptor; the connection stays open in the one that forked."""
        if self._stream is not None:
            self._stream.close()

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = self.left(timeout)
        return self.carry(
            self._backend.connect_tcp(host, port, left, local_address, socket_options)
        )

    def carry(self, stream: httpcore.NetworkStream) -> httpcore.NetworkStream:
        """Take a new stream into use."""
        self._stream = stream
        self.portions = Portions()
        if self._is_shut_down:
            self.shut_down()
        return _Stream(stream, self)

    def secure(
        self,
        plain: httpcore.NetworkStream,
        tls: ssl.SSLContext,
        name: str | None,
        left: float | None,
    ) -> httpcore.NetworkStream:
        """Put TLS on a stream."""
        # The handshake takes the socket out of the stream, where `shut_down` looks for it.
        self._spare = socket.socket(fileno=socket.dup(plain.get_extra_info("socket").fileno()))
        try:
            if self._is_shut_down:
                self.shut_down()
            return self.carry(plain.start_tls(tls, name, left))
        finally:
            self._spare.close()
            self._spare = None


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, line: Line) -> None:
        self._inner = inner
        self._line = line
        self._portions = line.portions

    @override
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._portions.held or self._inner.read(max_bytes, self._line.left(timeout))
        return self._portions.portion(data)

    @override
    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._line.left(timeout))

    @override
    def close(self) -> None:
        self._inner.close()

    @override
    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._line.left(timeout)
        return self._line.secure(self._inner, ssl_context, server_hostname, left)

    @override
    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # httpcore asks after an answer and before the next request
            return has_unread(self._portions, self._inner)
        return self._inner.get_extra_info(info)

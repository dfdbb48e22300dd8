"""A bare server over a real socket, for what no well-behaved server does; a proxy too."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

__all__ = ["DONE", "BareServer", "head_of", "http_answer"]

DONE = b'{"task_id": "t1", "status": "completed", "result": 1}'


def http_answer(body: bytes = DONE, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def head_of(request: bytes) -> dict[str, str]:
    """The headers of a request by name in lower case."""
    lines = request.decode().splitlines()[1:]
    pairs = (line.partition(":") for line in lines if line)
    return {name.lower(): value.strip() for name, _, value in pairs}


class BareServer:
    """Answers each request of each connection with the same bytes, and remembers the requests.

    Where the answer is a function, it talks to the connection itself, and returns whether to go on.
    With `tls` it asks for a handshake: at once, or after a CONNECT with `tunnel`, which makes it a
    proxy that is its own destination. Without an answer it closes the connection.
    """

    def __init__(
        self,
        answer: bytes | Callable[[socket.socket, bytes], bool] = b"",
        *,
        tls: ssl.SSLContext | None = None,
        tunnel: bytes = b"",
    ) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._answer = answer
        self._tls = tls
        self._tunnel = tunnel
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join()

    def _start(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        # A client that ends the conversation is part of what is tested.
        with suppress(OSError):
            if self._tls is not None and not self._tunnel:
                connection = self._wrapped(connection, self._tls)
            while request := self._read(connection):
                self.requests.append(request)
                if request.startswith(b"CONNECT") and self._tunnel:
                    connection.sendall(self._tunnel)
                    if self._tls is not None:
                        connection = self._wrapped(connection, self._tls)
                    continue
                if not self._answer:
                    break
                if not isinstance(self._answer, bytes):
                    if self._answer(connection, request):
                        continue
                    break
                connection.sendall(self._answer)
                if b"Connection: close" in self._answer:
                    break
        self._open.discard(connection)
        connection.close()

    def _wrapped(self, connection: socket.socket, tls: ssl.SSLContext) -> socket.socket:
        self._open.discard(connection)
        try:
            wrapped = tls.wrap_socket(connection, server_side=True)
        except OSError:
            connection.close()
            raise
        self._open.add(wrapped)
        return wrapped

    def _read(self, connection: socket.socket) -> bytes:
        """Read the head of a request, and drop its body."""
        request = b""
        while b"\r\n\r\n" not in request:
            part = connection.recv(65536)
            if not part:
                return b""
            request += part
        head, _, body = request.partition(b"\r\n\r\n")
        missing = int(head_of(head).get("content-length", "0")) - len(body)
        while missing > 0:
            missing -= len(connection.recv(65536))
        return head

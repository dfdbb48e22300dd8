"""A server over a raw socket: good answers until the moment, then the fault, then good answers."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from .fault import TASK, answer, task_body

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from .fault import Fault

__all__ = ["FAULT", "FaultServer", "Peer"]

FAULT: Final = "fault"
_PATH: Final = re.compile(rb"/tasks/([^?\s]+)")
_TOKEN: Final = re.compile(rb"(?im)^authorization:[ \t]*(\S+)")
_CLOSED_FOR: Final = 0.2
_RESET: Final = struct.pack("ii", 1, 0)


class Peer:
    """One connection, as a fault sees it."""

    def __init__(self, connection: socket.socket, request: bytes = b"") -> None:
        self.connection = connection
        self.request = request
        self.is_open = True

    @property
    def token(self) -> bytes:
        """The token that the client sent."""
        found = _TOKEN.search(self.request)
        return found[1] if found else b""

    def send(self, *parts: bytes, pause: float = 0.0) -> None:
        """Send one part after the other."""
        for number, part in enumerate(parts):
            if number and pause:
                time.sleep(pause)
            self.connection.sendall(part)

    def drip(self, data: bytes, pause: float) -> None:
        """Send a byte at a time."""
        self.send(*(data[at : at + 1] for at in range(len(data))), pause=pause)

    def endlessly(self, part: bytes, pause: float = 0.001) -> None:
        """Send the same until the other side has had enough."""
        while True:
            self.connection.sendall(part)
            time.sleep(pause)

    def hang(self) -> None:
        """Say nothing until the other side closes."""
        while self.connection.recv(65536):
            pass
        self.close()

    def close(self) -> None:
        """End the connection in good order, so far as the client is concerned."""
        self.is_open = False
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
        self.connection.close()

    def half_close(self) -> None:
        """End what is said, and go on listening."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
        self.hang()

    def reset(self) -> None:
        """Tear the connection down."""
        self.is_open = False
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.connection.close()


class FaultServer:
    """Plays `roles` to the polls of `TASK`, then completes it; any other task is done at once."""

    def __init__(
        self,
        fault: Fault,
        roles: Sequence[str],
        *,
        ever: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._fault = fault
        self._roles = deque(roles)
        self._ever = ever
        self._tls = tls
        self._bad_tls = fault.context(tls) if tls and fault.context else None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._fillers: list[socket.socket] = []
        self._reopening: threading.Timer | None = None
        self._ended = False
        self.tokens: set[str] = set()
        self.polls = 0
        self.stuck = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept, self._listener)
        self._close_port_if_it_is_time()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self.heal()
        self._shut(self._listener)
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(5)

    def heal(self) -> None:
        """Let go of whoever hangs, and answer well from now on."""
        with self._lock:
            self._roles.clear()
            self._ever = False
            stuck = list(self._open) if self.stuck else []
        self._reopen()
        for connection in stuck:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True, name="fault-server")
        self._threads.append(thread)
        thread.start()

    @staticmethod
    def _shut(listener: socket.socket) -> None:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()

    # What the task's polls are answered.

    def _is_next(self, *levels: str) -> bool:
        with self._lock:
            return bool(self._roles) and self._roles[0] == FAULT and self._fault.level in levels

    def _take(self) -> str:
        with self._lock:
            if not self._roles:
                return "completed"
            if self._roles[0] == FAULT and self._ever:
                return FAULT
            return self._roles.popleft()

    # The port.

    def _close_port_if_it_is_time(self) -> None:
        if not self._is_next("port"):
            return
        self._shut(self._listener)
        if self._fault.fills_backlog:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=0)
            for _ in range(4):
                filler = socket.socket()
                filler.settimeout(0)
                with suppress(BlockingIOError):
                    filler.connect(("127.0.0.1", self.port))
                self._fillers.append(filler)
        if not self._ever:
            self._take()
            self._reopening = threading.Timer(_CLOSED_FOR, self._reopen)
            self._reopening.start()

    def _reopen(self) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
        with self._lock:
            for filler in self._fillers:
                filler.close()
            if self._fault.level != "port" or self._ended or not self._is_shut():
                return
            self._fillers.clear()
            self._shut(self._listener)
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._start(self._accept, self._listener)

    def _is_shut(self) -> bool:
        return bool(self._fillers) or self._listener.fileno() < 0

    # Connections.

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.add(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        # A client that ends the conversation is part of what is tested.
        opened = connection
        try:
            with suppress(OSError):
                if self._is_next("connect") and self._take() == FAULT:
                    self._play(Peer(connection))
                    return
                if self._tls is not None:
                    connection = self._shaken(connection, self._tls)
                    self._open.add(connection)
                self._converse(connection)
        finally:
            self._open -= {opened, connection}
            connection.close()

    def _shaken(self, connection: socket.socket, tls: ssl.SSLContext) -> socket.socket:
        context = tls
        if self._is_next("tls") and self._take() == FAULT:
            context = self._bad_tls or tls
        return context.wrap_socket(connection, server_side=True)

    def _play(self, peer: Peer) -> None:
        with self._lock:
            self.stuck += 1
        try:
            self._fault.play(peer)
        finally:
            with self._lock:
                self.stuck -= 1

    def _converse(self, connection: socket.socket) -> None:
        rest = b""
        while True:
            while b"\r\n\r\n" not in rest:
                part = connection.recv(65536)
                if not part:
                    return
                rest += part
            request, _, rest = rest.partition(b"\r\n\r\n")
            peer = Peer(connection, request)
            self.tokens.add(peer.token.decode("latin-1"))
            found = _PATH.search(request)
            task_id = found[1].decode("latin-1") if found else ""
            self.polls += task_id == TASK
            role = self._take() if task_id == TASK else "completed"
            if role == FAULT and self._fault.level == "answer":
                self._play(peer)
                if not peer.is_open:
                    return
                continue
            # The fault comes with the next connection: this one has to go.
            ends = self._is_next("connect", "port", "tls")
            body = task_body("completed" if role == FAULT else role, task_id)
            peer.send(answer(body, *([b"Connection: close"] if ends else [])))
            if ends:
                self._close_port_if_it_is_time()
                peer.close()
                return

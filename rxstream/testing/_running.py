"""A uvicorn server in its own thread, which starts and stops without delay."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import uvicorn

if TYPE_CHECKING:
    from starlette.types import ASGIApp

__all__ = ["RunningServer", "listening_socket"]


def listening_socket(host: str, port: int) -> socket.socket:
    """Open a socket that listens, so that its address is known before the server runs.

    Args:
        host: A name or an address of this machine.
        port: The port; 0: any free one.

    Raises:
        OSError: The address cannot be used; the text names it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Not `create_server`: asyncio switches Nagle's algorithm off only where the protocol is named,
    # and with it each answer waits some 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        msg = f"cannot listen on {host}:{port}: {error.strerror or error}"
        raise OSError(error.errno, msg) from error
    return listener


class RunningServer:
    """Serves an application on a socket from construction until `stop`."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        """Start the thread.

        Args:
            app: The application that answers.
            listener: The socket; the server closes it at its end.
        """
        self.ready: Future[None] = _uncancellable()
        """Done when requests are accepted, or with the error that prevents it."""
        self.done: Future[None] = _uncancellable()
        """Done when everything is closed."""
        config = uvicorn.Config(
            app,
            interface="asgi3",
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            workers=1,
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=3600,
        )
        self._server = _Server(config, self.ready)
        self._thread = threading.Thread(
            target=self._run, args=(listener,), name="rxstream-task-server", daemon=True
        )
        self._thread.start()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._server.server_state.connections)

    def stop(self) -> None:
        """Ask the server to end; `done` tells when it has."""
        self._server.leave()

    def join(self) -> None:
        """Wait for the thread, once `done`."""
        self._thread.join()

    def _run(self, listener: socket.socket) -> None:
        try:
            with listener:
                self._server.run(sockets=[listener])
        except BaseException as error:  # noqa: BLE001 -- passed to the caller that waits for the start
            if not self.ready.done():
                self.ready.set_exception(error)
        finally:
            self.done.set_result(None)


class _Server(uvicorn.Server):
    """uvicorn's own loop looks ten times a second for the end; this one is told.

    Nothing promises that uvicorn calls these: docs/decisions.md, "Private names of others".
    """

    def __init__(self, config: uvicorn.Config, ready: Future[None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._leave = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready.set_result(None)
        if not self.should_exit:
            await self._leave.wait()

    def leave(self) -> None:
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._leave.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        # A client that still waits for an answer does not get it.
        for connection in list(self.server_state.connections):
            cast("Any", connection).transport.abort()
        while self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks)
        for server in self.servers:
            await server.wait_closed()


def _uncancellable() -> Future[None]:
    """A future that stays when one of its waiters is cancelled."""
    future: Future[None] = Future()
    future.set_running_or_notify_cancel()
    return future

"""Sending a rendered answer, faults included: the only place where a server waits."""

from __future__ import annotations

import asyncio
import math
import socket
import struct
from typing import TYPE_CHECKING, Final, cast

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from ._render import Rendered

__all__ = ["Held", "PlayedResponse", "transport_of"]

# Discard unsent data, and send a RST.
_LINGER_NOT: Final = struct.pack("ii", 1, 0)


class Held:
    """The answers that wait in process, without a connection; they end when the server stops."""

    def __init__(self) -> None:
        self._futures: dict[asyncio.Future[None], asyncio.AbstractEventLoop] = {}

    async def wait(self) -> None:
        """Wait until `release` is called."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._futures[future] = loop
        try:
            await future
        finally:
            del self._futures[future]

    def release(self) -> None:
        """End every wait; any thread may call this."""
        for future, loop in list(self._futures.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(_set, future)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def transport_of(send: Send) -> asyncio.Transport | None:
    """The connection beneath an ASGI `send` of uvicorn's, or None in process."""
    # No part of ASGI: docs/decisions.md, "Private names of others".
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    return transport if isinstance(transport, asyncio.Transport) else None


class PlayedResponse(Response):
    """An answer with its delay, drip, silence or reset."""

    def __init__(
        self,
        rendered: Rendered,
        transport: asyncio.Transport | None,
        held: Held,
        on_cut: Callable[[], object],
    ) -> None:
        """Make a response.

        Args:
            rendered: The answer to send.
            transport: The connection; None in process.
            held: Where an answer waits in process.
            on_cut: Called when the client leaves before the end.
        """
        super().__init__(rendered.body, status_code=rendered.status_code)
        self.raw_headers = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in rendered.headers.items()
        ]
        self._rendered = rendered
        self._transport = transport
        self._held = held
        self._on_cut = on_cut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 -- ASGI's
        """Send, unless the client leaves first."""
        rendered = self._rendered
        pause = math.inf if rendered.hangs else rendered.delay
        if pause and await self._cut_within(pause, receive):
            return
        if rendered.resets:
            await self._reset(receive)
            return
        await send(
            {
                "type": "http.response.start",
                "status": rendered.status_code,
                "headers": self.raw_headers,
            }
        )
        body = rendered.body
        if rendered.seconds_per_byte:
            for index in range(len(body)):
                if await self._cut_within(rendered.seconds_per_byte, receive):
                    return
                await send(
                    {
                        "type": "http.response.body",
                        "body": body[index : index + 1],
                        "more_body": True,
                    }
                )
            body = b""
        await send({"type": "http.response.body", "body": body})

    async def _cut_within(self, seconds: float, receive: Receive) -> bool:
        """Wait; return whether the client left meanwhile."""
        try:
            async with asyncio.timeout(None if seconds == math.inf else seconds):
                if self._transport is None:
                    await self._held.wait()
                else:
                    while (await receive())["type"] != "http.disconnect":
                        pass
        except TimeoutError:
            return False
        self._on_cut()
        if self._transport is None:
            msg = "the server stopped"
            raise ConnectionResetError(msg)
        return True

    async def _reset(self, receive: Receive) -> None:
        if self._transport is None:
            msg = "the script reset it"
            raise ConnectionResetError(msg)
        peer = cast("socket.socket", self._transport.get_extra_info("socket"))
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass

"""A sync or an async client over a transport that records what it is sent."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx

from rxstream import AsyncStreamClient, StreamClient

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT_KINDS = ("sync", "async")
SECRET = "0123456789abcdef" * 4
STARTED = {"task_id": "t1", "duration": "1ms"}


class Wire:
    """A sync or an async client over a transport that records what it is sent."""

    def __init__(self, kind: str, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.kind = kind
        self.requests: list[httpx.Request] = []
        self._answer = answer

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)

    def call(self, operation: str, *args: Any, **keywords: Any) -> Any:
        transport = httpx.MockTransport(self._handle)
        if self.kind == "sync":
            with httpx.Client(transport=transport) as http:
                client = StreamClient("key", SECRET, http_client=http)
                return getattr(client, operation)(*args, **keywords)

        async def called() -> Any:
            async with httpx.AsyncClient(transport=transport) as http:
                client = AsyncStreamClient("key", SECRET, http_client=http)
                return await getattr(client, operation)(*args, **keywords)

        return asyncio.run(called())

    @property
    def only(self) -> httpx.Request:
        assert len(self.requests) == 1
        return self.requests[0]


def answering(body: Any = STARTED, status: int = 200, **headers: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda request: httpx.Response(status, content=content, headers=headers)

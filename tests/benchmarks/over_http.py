"""The contenders that poll over HTTP: each gives a function that waits for one task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeAlias

import httpx

from rxstream import AsyncStreamClient, wait_for_task_async

from .processes import KEY, SECRET

__all__ = ["CONTENDERS", "Wait"]

Wait: TypeAlias = Callable[[str, float], Awaitable[Any]]
"""Takes an id and the poll interval; gives the task's result."""

_CONNECTIONS: Final = 100
_LIMITS: Final = httpx.Limits(
    max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS, keepalive_expiry=55
)
# Never reached; but a thousand waits on the official client would run into their own time-outs.
_PATIENCE: Final = 600.0


@asynccontextmanager
async def _rxstream(url: str) -> AsyncIterator[Wait]:
    async with AsyncStreamClient(KEY, SECRET, base_url=url, timeout=_PATIENCE) as client:
        yield _waiting_on(client)


@asynccontextmanager
async def _rxstream_aiohttp(url: str) -> AsyncIterator[Wait]:
    async with (
        _aiohttp() as http,
        AsyncStreamClient(KEY, SECRET, base_url=url, http_client=http) as client,
    ):
        yield _waiting_on(client)


def _waiting_on(client: AsyncStreamClient) -> Wait:
    def wait(task_id: str, interval: float) -> Awaitable[Any]:
        return wait_for_task_async(client, task_id, poll_interval=interval, timeout=_PATIENCE)

    return wait


@asynccontextmanager
async def _client_loop(url: str) -> AsyncIterator[Wait]:
    async with AsyncStreamClient(KEY, SECRET, base_url=url, timeout=_PATIENCE) as client:

        async def wait(task_id: str, interval: float) -> Any:
            while not (last := await client.get_task(task_id)).is_done:  # noqa: ASYNC110 -- polls
                await asyncio.sleep(interval)
            return last.result

        yield wait


@asynccontextmanager
async def _official(url: str) -> AsyncIterator[Wait]:
    from getstream import AsyncStream  # type: ignore[import-untyped]  # noqa: PLC0415 -- may be missing

    async with AsyncStream(KEY, SECRET, base_url=url, request_timeout=_PATIENCE) as client:

        async def wait(task_id: str, interval: float) -> Any:
            done = await client.wait_for_task(task_id, poll_interval=interval, timeout=_PATIENCE)
            return done.data.result

        yield wait


@asynccontextmanager
async def _httpx_loop(url: str) -> AsyncIterator[Wait]:
    async with httpx.AsyncClient(limits=_LIMITS, timeout=_PATIENCE) as http:
        yield _bare_loop(http, url)


@asynccontextmanager
async def _aiohttp_loop(url: str) -> AsyncIterator[Wait]:
    async with _aiohttp() as http:
        yield _bare_loop(http, url)


def _aiohttp() -> httpx.AsyncClient:
    from httpx_aiohttp import HttpxAiohttpClient  # noqa: PLC0415 -- as above

    return HttpxAiohttpClient(limits=_LIMITS, timeout=_PATIENCE)


def _bare_loop(http: httpx.AsyncClient, url: str) -> Wait:
    async def wait(task_id: str, interval: float) -> Any:
        while True:
            answer = await http.get(f"{url}/api/v2/tasks/{task_id}")
            task = answer.raise_for_status().json()
            if task["status"] == "completed":
                return task["result"]
            await asyncio.sleep(interval)

    return wait


CONTENDERS: Final[dict[str, Callable[[str], AbstractAsyncContextManager[Wait]]]] = {
    "rxstream": _rxstream,
    "client-loop": _client_loop,
    "httpx-loop": _httpx_loop,
    "official": _official,
    "rxstream-aiohttp": _rxstream_aiohttp,
    "aiohttp-loop": _aiohttp_loop,
}

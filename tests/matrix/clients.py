"""The clients of the matrix, each opened and waited with in its own way."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import getstream
import httpx
import stream_chat

from rxstream import AsyncStreamClient, StreamClient, backoff, wait_for_task, wait_for_task_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

__all__ = ["COLUMNS", "KEY", "SECRET", "Column"]

KEY: Final = "matrix-key"
SECRET: Final = "matrix-secret-of-at-least-thirty-two-bytes"
_LONG: Final = 20.0
_AGAIN: Final = backoff.constant(0.02)


@dataclass(frozen=True, slots=True)
class Column:
    """One client."""

    name: str
    open: Callable[[str, float], Any]
    """Given a URL and how long a request may take: a context manager, async if `is_async`."""
    is_async: bool
    owner: str
    """Whose code reads the bytes: `rxstream`, `httpx`, `getstream` or `stream_chat`."""
    is_helper: bool = False
    """The official helper itself, which is measured and not held to anything."""

    @property
    def is_own(self) -> bool:
        """Whether connections are rxstream's own."""
        return self.owner == "rxstream"

    def wait(self, client: Any, task_id: str, *, poll_interval: float, timeout: float) -> Any:
        """Wait, or give what has to be awaited."""
        if self.is_helper:
            return self._help(client, task_id, poll_interval=poll_interval, timeout=timeout)
        waiting: Any = wait_for_task_async if self.is_async else wait_for_task
        return waiting(client, task_id, poll_interval=poll_interval, timeout=timeout, retry=_AGAIN)

    def _help(self, client: Any, task_id: str, **keywords: float) -> Any:
        if not self.is_async:
            return client.wait_for_task(task_id, **keywords).data.result

        async def awaited() -> Any:
            return (await client.wait_for_task(task_id, **keywords)).data.result

        return awaited()


def _own(url: str, seconds: float) -> StreamClient:
    return StreamClient(KEY, SECRET, base_url=url, timeout=seconds)


def _own_async(transport: Any, url: str, seconds: float) -> AsyncStreamClient:
    return AsyncStreamClient(KEY, SECRET, base_url=url, timeout=seconds, transport=transport)


@contextmanager
def _over_httpx(url: str, seconds: float) -> Iterator[StreamClient]:
    with (
        httpx.Client(timeout=seconds) as http,
        StreamClient(KEY, SECRET, base_url=url, timeout=seconds, http_client=http) as client,
    ):
        yield client


@asynccontextmanager
async def _over_async_httpx(url: str, seconds: float) -> AsyncIterator[AsyncStreamClient]:
    async with (
        httpx.AsyncClient(timeout=seconds) as http,
        AsyncStreamClient(KEY, SECRET, base_url=url, timeout=seconds, http_client=http) as client,
    ):
        yield client


def _getstream(url: str, seconds: float) -> getstream.Stream:
    return getstream.Stream(KEY, SECRET, base_url=url, request_timeout=seconds)


def _getstream_async(url: str, seconds: float) -> getstream.AsyncStream:
    return getstream.AsyncStream(KEY, SECRET, base_url=url, request_timeout=seconds)


@contextmanager
def _chat(url: str, seconds: float) -> Iterator[stream_chat.StreamChat]:
    client = stream_chat.StreamChat(KEY, SECRET, base_url=url, timeout=seconds)
    with client.session:
        yield client


@asynccontextmanager
async def _chat_async(url: str, seconds: float) -> AsyncIterator[stream_chat.StreamChatAsync]:
    async with stream_chat.StreamChatAsync(KEY, SECRET, base_url=url, timeout=seconds) as client:
        yield client


COLUMNS: Final = {
    column.name: column
    for column in (
        Column("sync", _own, is_async=False, owner="rxstream"),
        Column("httpx", partial(_own_async, "httpx"), is_async=True, owner="rxstream"),
        Column("aiohttp", partial(_own_async, "aiohttp"), is_async=True, owner="rxstream"),
        Column("http_client sync", _over_httpx, is_async=False, owner="httpx"),
        Column("http_client async", _over_async_httpx, is_async=True, owner="httpx"),
        Column("Stream", _getstream, is_async=False, owner="getstream"),
        Column("AsyncStream", _getstream_async, is_async=True, owner="getstream"),
        Column("StreamChat", _chat, is_async=False, owner="stream_chat"),
        Column("StreamChatAsync", _chat_async, is_async=True, owner="stream_chat"),
        Column("helper sync", _getstream, is_async=False, owner="getstream", is_helper=True),
        Column("helper async", _getstream_async, is_async=True, owner="getstream", is_helper=True),
    )
}

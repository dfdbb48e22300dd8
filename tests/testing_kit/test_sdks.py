from __future__ import annotations

import asyncio
from typing import Any

import pytest
from getstream import AsyncStream, Stream
from getstream.exceptions import StreamRateLimitException, StreamTaskException
from stream_chat import StreamChat, StreamChatAsync

from rxstream import wait_for_task, wait_for_task_async
from rxstream.testing import TaskServer, completed, failed, http_error

DELETED = {"messaging:c1": {"status": "ok"}}


@pytest.fixture(scope="module")
def server() -> Any:
    with TaskServer(pending=0, running=0.02) as running:
        yield running


def test_getstream(server: Any) -> None:
    client = Stream(server.api_key, server.api_secret, base_url=server.url)
    try:
        started = client.chat.delete_channels(cids=["messaging:c1"], hard_delete=True)
        done = client.wait_for_task(started.data.task_id, poll_interval=0.01)
        assert done.data.result == DELETED
        assert done.rate_limit().limit == 6000
        assert wait_for_task(client, started.data.task_id) == DELETED
        broken = server.add_task(["running", failed("no", error_type="kind")])
        with pytest.raises(StreamTaskException) as caught:
            client.wait_for_task(broken, poll_interval=0.01)
        assert (caught.value.error_type, caught.value.description) == ("kind", "no")
        with pytest.raises(StreamRateLimitException) as refused:
            client.get_task(server.add_task(http_error(429, retry_after=3)))
        assert refused.value.retry_after.total_seconds() == 3
    finally:
        client.close()


def test_getstream_async(server: Any) -> None:
    async def main() -> None:
        async with AsyncStream(server.api_key, server.api_secret, base_url=server.url) as client:
            started = await client.delete_users(["u"])
            done = await client.wait_for_task(started.data.task_id, poll_interval=0.01)
            assert done.data.result == {"u": {"status": "ok"}}
            assert await wait_for_task_async(client, started.data.task_id)

    asyncio.run(main())


def test_stream_chat(server: Any) -> None:
    client = StreamChat(server.api_key, server.api_secret, base_url=server.url)
    try:
        started = client.delete_channels(["messaging:c1"], hard_delete=True)
        assert client.get_task(started["task_id"])["status"] == "running"
        assert wait_for_task(client, started["task_id"], poll_interval=0.02) == DELETED
        assert client.delete_channels(["messaging:c1"])["task_id"] is None
    finally:
        client.session.close()


def test_stream_chat_async(server: Any) -> None:
    async def main() -> None:
        async with StreamChatAsync(
            server.api_key, server.api_secret, base_url=server.url
        ) as client:
            started = await client.export_users(["u"])
            assert "url" in await wait_for_task_async(
                client, started["task_id"], poll_interval=0.02
            )
            task_id = server.add_task(completed(3))
            assert (await client.get_task(task_id))["result"] == 3

    asyncio.run(main())

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from getstream import AsyncStream, Stream
from getstream.exceptions import StreamRateLimitException, StreamTaskException
from stream_chat import StreamChat, StreamChatAsync

from rxstream import wait_for_task, wait_for_task_async
from rxstream.testing import TaskServer, completed, failed, http_error

if TYPE_CHECKING:
    from pathlib import Path

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
        soft = client.delete_channels(["messaging:c1"])
        assert wait_for_task(client, soft["task_id"], poll_interval=0.02) == DELETED
        export = client.export_channel("messaging", "c1")["task_id"]
        while (told := client.get_export_channel_status(export))["status"] != "completed":
            threading.Event().wait(0.01)
        assert told["result"]["url"].startswith("https://")
    finally:
        client.session.close()


def test_clients_of_the_sdks_are_made_for_the_server(server: Any) -> None:
    planted = server.add_task(completed({"n": 3}))

    async def main() -> list[Any]:
        async with server.getstream_async() as stream, server.stream_chat_async() as chat:
            return [(await stream.get_task(planted)).data.result, await chat.get_task(planted)]

    chat = server.stream_chat()
    with server.getstream() as stream, chat.session:
        assert wait_for_task(stream, planted) == wait_for_task(chat, planted) == {"n": 3}
    result, told = asyncio.run(main())
    assert result == told["result"] == {"n": 3}
    with Stream(**server.getstream_arguments) as stream:
        assert stream.base_url == server.url


def test_clients_of_the_sdks_want_their_packages_and_a_server(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RuntimeError, match="not running"):
        TaskServer().getstream()
    monkeypatch.setitem(sys.modules, "getstream", None)
    with pytest.raises(ImportError, match=r"^Stream's SDK is not installed: pip install getstream"):
        server.getstream()
    monkeypatch.setitem(sys.modules, "stream_chat", None)
    with pytest.raises(ImportError, match=r"pip install stream-chat"):
        server.stream_chat_async()


def test_an_sdk_that_cannot_be_imported_says_itself_why(
    server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "getstream.py").write_text("import what_it_stands_upon")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "getstream")
    with pytest.raises(ModuleNotFoundError, match="what_it_stands_upon"):
        server.getstream()


def test_getstream_reads_a_deleted_call_and_a_verdict(server: Any) -> None:
    with server.getstream() as client:
        hard = client.video.call("default", "c1").delete(hard=True).data
        assert (hard.call.cid, hard.call.settings.video.enabled) == ("default:c1", True)
        assert wait_for_task(client, hard.task_id, poll_interval=0.01) == {
            "default:c1": {"status": "ok"}
        }
        assert client.video.call("default", "c1").delete().data.task_id is None
        verdict = client.moderation.check("u", "m1", "stream:chat:v1:message").data
        assert (verdict.status, verdict.task_id) == ("completed", None)


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

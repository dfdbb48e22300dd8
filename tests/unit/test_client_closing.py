"""How clients are opened and closed, over a real connection."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from rxstream import AsyncStreamClient, StreamClient
from tests.wire import SECRET, answering

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b'{"task_id": "t1", "status": "running"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


def test_a_sync_client_closes_at_the_end_of_its_block_and_again(address: str) -> None:
    with StreamClient("key", SECRET, base_url=address) as client:
        assert client.get_task("t1").status == "running"
        assert client.get_task("t1").status == "running"
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.get_task("t1")
    with pytest.raises(RuntimeError, match="closed"):
        client.delete_channels(["m:c"])


def test_an_async_client_closes_at_the_end_of_its_block_and_again(address: str) -> None:
    async def main() -> None:
        async with AsyncStreamClient("key", SECRET, base_url=address) as client:
            assert (await client.get_task("t1")).status == "running"
            assert (await client.get_task("t1")).status == "running"
        await client.aclose()
        await client.aclose()
        with pytest.raises(RuntimeError, match="closed"):
            await client.get_task("t1")
        with pytest.raises(RuntimeError, match="closed"):
            await client.delete_channels(["m:c"])

    asyncio.run(main())


def test_a_block_that_raises_closes_all_the_same(address: str) -> None:
    client = StreamClient("key", SECRET, base_url=address)

    def fail() -> None:
        with client:
            client.get_task("t1")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with pytest.raises(RuntimeError, match="closed"):
        client.get_task("t1")


def test_an_unused_client_closes_without_a_sound() -> None:
    client = StreamClient("key", SECRET)
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.get_task("t1")
    asyncio.run(AsyncStreamClient("key", SECRET).aclose())


def dropped(make: Any) -> list[str]:
    """The warnings about a client that goes out of use without being closed."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        make()
        gc.collect()
        seen = [f"{one.category.__name__}: {one.message}" for one in caught]
        # A warning holds on to its client; its sockets must not outlive this block.
        caught.clear()
        gc.collect()
    return [text for text in seen if "StreamClient" in text]


def test_an_opened_sync_client_that_is_never_closed_warns(address: str) -> None:
    def leave_open() -> None:
        StreamClient("key", SECRET, base_url=address).get_task("t1")

    (warning,) = dropped(leave_open)
    assert warning.startswith("ResourceWarning: unclosed StreamClient(")
    assert SECRET not in warning


def test_an_opened_async_client_that_is_never_closed_warns(address: str) -> None:
    async def leave_open() -> None:
        client = AsyncStreamClient("key", SECRET, base_url=address)
        await client.get_task("t1")
        for connection in client._connections._open:
            await connection.aclose()  # only so that the transport's own warning stays away

    (warning,) = dropped(lambda: asyncio.run(leave_open()))
    assert warning.startswith("ResourceWarning: unclosed AsyncStreamClient(")


def test_a_client_that_is_closed_as_an_answer_comes_in_does_not_warn(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close_meanwhile() -> None:
        client = StreamClient("key", SECRET, base_url=address)
        answered = client._connections.send

        def answer_then_close(*arguments: Any) -> Any:
            answer = answered(*arguments)
            client.close()
            return answer

        monkeypatch.setattr(client._connections, "send", answer_then_close)
        client.get_task("t1")
        monkeypatch.undo()

    assert dropped(close_meanwhile) == []


def test_clients_that_never_sent_or_were_closed_do_not_warn(address: str) -> None:
    def use_well() -> None:
        StreamClient("key", SECRET)
        AsyncStreamClient("key", SECRET)
        with StreamClient("key", SECRET, base_url=address) as client:
            client.get_task("t1")

    assert dropped(use_well) == []


def test_a_client_that_could_not_be_made_does_not_warn() -> None:
    def fail() -> None:
        with pytest.raises(ValueError):
            StreamClient("key", SECRET, timeout=0)

    assert dropped(fail) == []


def test_a_sync_http_client_that_was_handed_in_stays_open_and_warns_of_nothing() -> None:
    with httpx.Client(transport=httpx.MockTransport(answering())) as http:
        with StreamClient("key", SECRET, http_client=http) as client:
            client.get_task("t1")
        assert not http.is_closed

        def leave_open() -> None:
            StreamClient("key", SECRET, http_client=http).get_task("t1")

        assert dropped(leave_open) == []
        assert not http.is_closed


def test_an_async_http_client_that_was_handed_in_stays_open() -> None:
    async def main() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answering())) as http:
            async with AsyncStreamClient("key", SECRET, http_client=http) as client:
                await client.get_task("t1")
            assert not http.is_closed

    asyncio.run(main())


@pytest.mark.parametrize(("http", "safe"), [(httpx.AsyncClient(), False), (None, True)])
def test_only_requests_on_connections_of_ours_can_be_cancelled_safely(
    http: httpx.AsyncClient | None, safe: object
) -> None:
    assert AsyncStreamClient("key", SECRET, http_client=http).cancel_safe is safe

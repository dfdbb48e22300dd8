"""Waits over a real socket, sync and async, through the same cases."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme

from rxstream import (
    AsyncStreamClient,
    StreamClient,
    TaskSnapshot,
    backoff,
    task_observable,
    wait_for_task,
    wait_for_task_async,
)
from rxstream.errors import (
    InvalidResponseException,
    StreamApiException,
    StreamTaskException,
    StreamTransportException,
    TaskTimeoutException,
)
from rxstream.testing import (
    TaskServer,
    completed,
    drip,
    failed,
    garbage,
    hang,
    http_error,
    redirect,
    reset,
    status,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OFTEN = backoff.constant(0.01)


def sync_wait(url: str, start: Callable[[Any], Any], keys: dict[str, Any], **keywords: Any) -> Any:
    with StreamClient(base_url=url, **keys) as client:
        return wait_for_task(client, start(client), **keywords)


def async_wait(url: str, start: Callable[[Any], Any], keys: dict[str, Any], **keywords: Any) -> Any:
    async def main() -> Any:
        async with AsyncStreamClient(base_url=url, **keys) as client:
            started = start(client)
            task_id = started if isinstance(started, str) else await started
            return await wait_for_task_async(client, task_id, **keywords)

    return asyncio.run(main())


@pytest.fixture(params=[sync_wait, async_wait], ids=["sync", "async"])
def wait(request: pytest.FixtureRequest, server: TaskServer) -> Callable[..., Any]:
    keys = {"api_key": server.api_key, "api_secret": server.api_secret}

    def waiting(start: Callable[[Any], Any] | str, **keywords: Any) -> Any:
        begin = (lambda _: start) if isinstance(start, str) else start
        return request.param(
            keywords.pop("url", server.url),
            begin,
            keys | keywords.pop("keys", {}),
            **{"poll_interval": 0.01, "timeout": 20} | keywords,
        )

    return waiting


@pytest.mark.parametrize(
    ("start", "result"),
    [
        (
            lambda client: client.delete_channels(["messaging:c1"], hard_delete=True),
            {"messaging:c1": {"status": "ok"}},
        ),
        (lambda client: client.delete_users(["u1"], user="hard"), {"u1": {"status": "ok"}}),
    ],
)
def test_a_task_is_started_and_waited_on(
    wait: Callable[..., Any], start: Callable[[Any], Any], result: Any
) -> None:
    assert wait(start) == result


def test_exports_give_a_link(wait: Callable[..., Any]) -> None:
    assert wait(lambda client: client.export_users(["u1"]))["url"].startswith("http")
    assert wait(lambda client: client.export_channels(["messaging:c1"]))["url"].startswith("http")


def test_a_soft_delete_leaves_nothing_to_wait_for(server: TaskServer) -> None:
    with StreamClient(server.api_key, server.api_secret, base_url=server.url) as client:
        handle = client.delete_call("default", "c1")
        assert (handle.task_id, handle.items) == (None, ("default:c1",))
        assert handle.wait() is None
        assert server.polls() == 0


def test_a_failed_task_raises(wait: Callable[..., Any], server: TaskServer) -> None:
    task = server.add_task(["running", failed("boom", error_type="internal", stack_trace="at x")])
    with pytest.raises(StreamTaskException, match="boom") as caught:
        wait(task)
    assert caught.value.stack_trace == "at x"


FAULTS = [reset(), http_error(503), http_error(502, body=b"<html>"), http_error(429)]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_wait_survives_a_fault(wait: Callable[..., Any], server: TaskServer, fault: Any) -> None:
    task = server.add_task(["running", fault, "running", fault, completed(1)])
    assert wait(task, retry=OFTEN) == 1
    assert server.polls(task) == 5


@pytest.mark.parametrize("answer", [garbage(), garbage(b""), garbage(b"[]"), redirect("/")])
def test_what_is_no_task_ends_the_wait(
    wait: Callable[..., Any], server: TaskServer, answer: Any
) -> None:
    with pytest.raises(InvalidResponseException):
        wait(server.add_task(answer))


def test_an_unknown_id_is_a_404(wait: Callable[..., Any]) -> None:
    with pytest.raises(StreamApiException, match="Can't find task") as caught:
        wait("no-such-task")
    assert (caught.value.status_code, caught.value.code) == (404, 16)


def test_a_bad_secret_is_a_401_and_stays_a_secret(wait: Callable[..., Any]) -> None:
    secret = "not-the-secret-but-long-enough-for-hs256"
    with pytest.raises(StreamApiException) as caught:
        wait("x", keys={"api_secret": secret})
    assert (caught.value.status_code, caught.value.code) == (401, 43)
    assert secret not in repr(vars(caught.value)) + str(caught.value)


def test_an_id_stays_in_its_path_segment(wait: Callable[..., Any], server: TaskServer) -> None:
    odd = "../a b/?c=d#e%2F"
    server.add_task(completed("odd"), odd)
    assert wait(odd) == "odd"


@pytest.mark.parametrize("answer", [hang(), drip(status("running"), 0.2)], ids=["hang", "drip"])
def test_the_deadline_holds_against_a_server_that_does_not_answer(
    wait: Callable[..., Any], server: TaskServer, answer: Any
) -> None:
    task = server.add_task(["running", answer])
    with pytest.raises(TaskTimeoutException) as caught:
        wait(task, timeout=0.3)
    assert caught.value.last is not None
    assert caught.value.polls == 2


def test_the_deadline_holds_against_a_server_that_is_not_there(wait: Callable[..., Any]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(TaskTimeoutException) as caught:
            wait("x", url=url, timeout=0.3, retry=backoff.constant(0.05))
    assert isinstance(caught.value.__cause__, StreamTransportException)
    assert caught.value.__cause__.error_type == "connection_reset"


def test_the_deadline_holds_against_a_429_that_asks_for_more(
    wait: Callable[..., Any], server: TaskServer
) -> None:
    task = server.add_task(["running", http_error(429, retry_after=60)])
    with pytest.raises(TaskTimeoutException) as caught:
        wait(task, timeout=0.3)
    assert isinstance(caught.value.__cause__, StreamApiException)
    assert caught.value.__cause__.status_code == 429
    assert server.polls(task) == 2


@contextmanager
def tls_server(issuer: trustme.CA) -> Iterator[str]:
    """Answers each request with a completed task."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issuer.issue_cert("localhost").configure_cert(context)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"task_id": "x", "status": "completed", "result": 1}'
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        writer.write(head + body)
        await writer.drain()
        writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        stop = asyncio.Event()
        port = server.sockets[0].getsockname()[1]
        started.append((port, lambda: loop.call_soon_threadsafe(stop.set)))
        ready.set()
        await stop.wait()
        server.close()

    started: list[Any] = []
    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait(5)
    port, stop = started[0]
    try:
        yield f"https://localhost:{port}"
    finally:
        stop()
        thread.join()


def test_a_good_certificate_is_accepted_and_a_bad_one_never_retried(
    wait: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    issuer = trustme.CA()
    with tls_server(issuer) as url:
        with pytest.raises(StreamTransportException) as caught:
            wait("x", url=url, retry=backoff.constant(0.01))
        assert not isinstance(caught.value, TaskTimeoutException)
        assert caught.value.error_type == "tls_handshake_failed"
        known = tmp_path / "ca.pem"
        issuer.cert_pem.write_to_path(known)
        monkeypatch.setenv("SSL_CERT_FILE", str(known))
        assert wait("x", url=url) == 1


def test_thousands_of_subscribers_share_few_threads(server: TaskServer) -> None:
    with StreamClient(server.api_key, server.api_secret, base_url=server.url) as client:
        task = server.add_task(completed(1))
        done: list[TaskSnapshot] = []
        errors: list[Exception] = []
        event = threading.Event()
        most = 0

        def on_next(snapshot: TaskSnapshot) -> None:
            nonlocal most
            names = [thread.name for thread in threading.enumerate()]
            most = max(most, sum("rxstream-w" in name or "rxstream-ti" in name for name in names))
            done.append(snapshot)
            if len(done) + len(errors) == 500:
                event.set()

        for _ in range(500):
            task_observable(client, task).subscribe(on_next, errors.append)
        assert event.wait(20)
        assert not errors
        assert 1 < most <= 37


def test_closing_a_sync_client_ends_its_requests_in_flight(server: TaskServer) -> None:
    client = StreamClient(server.api_key, server.api_secret, base_url=server.url)
    task = server.add_task(["running", hang()])
    errors: list[Exception] = []
    seen, ended = threading.Event(), threading.Event()
    task_observable(client, task, poll_interval=0.01, retry=None).subscribe(
        lambda _: seen.set(), lambda error: (errors.append(error), ended.set())
    )
    assert seen.wait(5)
    while server.polls(task) < 2:
        threading.Event().wait(0.01)
    client.close()
    assert ended.wait(5)
    assert isinstance(errors[0], StreamTransportException)


def test_an_in_process_application_serves_as_well() -> None:
    async def main() -> Any:
        server = TaskServer(pending=0.01, running=0.01)
        async with (
            httpx.AsyncClient(transport=httpx.ASGITransport(app=server.app)) as http,
            AsyncStreamClient(
                server.api_key, server.api_secret, base_url="http://localhost", http_client=http
            ) as client,
        ):
            handle = await client.export_users(["u1"])
            return await client.wait_for_task(handle, poll_interval=0.01)

    assert "url" in asyncio.run(main())


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_client_that_was_never_closed_warns(kind: str, server: TaskServer) -> None:
    task = server.add_task(completed())

    async def leave_open() -> None:
        client = AsyncStreamClient(server.api_key, server.api_secret, base_url=server.url)
        await client.get_task(task)
        connections = client._connections
        itself = client.__dict__
        itself["cycle"] = client  # so that the collector is what finds it
        del client, itself
        with pytest.warns(ResourceWarning, match="unclosed AsyncStreamClient"):
            gc.collect()
        await connections.aclose()

    if kind == "async":
        asyncio.run(leave_open())
        return
    client = StreamClient(server.api_key, server.api_secret, base_url=server.url)
    client.get_task(task)
    connections = client._connections
    itself = client.__dict__
    itself["cycle"] = client  # so that the collector is what finds it
    del client, itself
    with pytest.warns(ResourceWarning, match="unclosed StreamClient"):
        gc.collect()
    connections.close()

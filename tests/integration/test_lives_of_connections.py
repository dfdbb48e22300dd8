"""Connections that end before their time: disposed of, closed, forked, or left by their loop."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import socket
import ssl
import subprocess
import sys
import threading
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme

from rxstream import AsyncStreamClient, Gate, StreamClient, task_observable, wait_for_task
from rxstream.errors import StreamTransportException, TaskTimeoutException
from rxstream.testing import assert_nothing_left
from tests.sockets import BareServer, http_answer
from tests.wire import SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNNING = b'{"task_id": "t1", "status": "running"}'
SECONDS = 5.0

both_async = pytest.mark.parametrize("transport", ["httpx", "aiohttp"])


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NO_PROXY", "*")
    with assert_nothing_left():
        yield


class Hanging:
    """Begins an answer or does not, never ends it, and hears when the client goes."""

    def __init__(self, begin: bytes = b"") -> None:
        self._begin = begin
        self.asked = threading.Event()
        self.left = threading.Event()

    def __call__(self, connection: socket.socket, _: bytes) -> bool:
        connection.sendall(self._begin)
        self.asked.set()
        with suppress(OSError):
            while connection.recv(1):
                pass
        self.left.set()
        return False


BEGINNINGS = {"head": b"", "body": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{"}
each_moment = pytest.mark.parametrize("begin", BEGINNINGS.values(), ids=BEGINNINGS)


@each_moment
def test_disposing_of_a_sync_wait_ends_its_request(begin: bytes) -> None:
    hanging = Hanging(begin)
    with BareServer(hanging) as server, StreamClient("k", SECRET, base_url=server.url) as client:
        gate = Gate(1)
        for _ in range(2):  # the second only gets the place that the first gave back
            wait = task_observable(client, "t1", gate=gate).subscribe()
            assert hanging.asked.wait(SECONDS)
            hanging.asked.clear()
            wait.dispose()
            assert hanging.left.wait(SECONDS)
            hanging.left.clear()


@each_moment
def test_the_deadline_of_a_sync_wait_ends_its_request(begin: bytes) -> None:
    hanging = Hanging(begin)
    with BareServer(hanging) as server, StreamClient("k", SECRET, base_url=server.url) as client:
        with pytest.raises(TaskTimeoutException):
            wait_for_task(client, "t1", timeout=0.1)
        assert hanging.left.wait(SECONDS)


def test_a_sync_request_that_is_ended_resets_its_connection() -> None:
    """Or a server with a long answer would have a half closed connection, which is full."""
    begun, reset = threading.Event(), threading.Event()

    def begin(connection: socket.socket, _: bytes) -> bool:
        begun.set()
        try:
            while connection.recv(1):
                pass
        except ConnectionError:
            reset.set()
        # Or the end has come first, and a reset comes after it.
        for _ in range(int(SECONDS / 0.005)):
            if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                reset.set()
                break
            threading.Event().wait(0.005)
        return False

    with BareServer(begin) as server, StreamClient("k", SECRET, base_url=server.url) as client:
        wait = task_observable(client, "t1", gate=Gate(1)).subscribe()
        assert begun.wait(SECONDS)
        wait.dispose()
        assert reset.wait(SECONDS)


def test_disposing_of_a_sync_wait_ends_its_handshake() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        with StreamClient("k", SECRET, base_url=url) as client:
            wait = task_observable(client, "t1", retry=None).subscribe()
            connection, _ = silent.accept()
            with connection:
                assert connection.recv(1)  # the handshake has begun
                wait.dispose()
                connection.settimeout(SECONDS)
                while connection.recv(4096):
                    pass


def test_a_wait_that_is_disposed_of_leaves_the_others_of_its_client_alone() -> None:
    hanging = Hanging()

    def talk(connection: socket.socket, request: bytes) -> bool:
        if b"hangs" in request:
            return hanging(connection, request)
        connection.sendall(http_answer(RUNNING))
        return True

    with (
        BareServer(talk) as server,
        StreamClient("k", SECRET, base_url=server.url, max_connections=2) as client,
    ):
        assert client.get_task("t1").status == "running"
        wait = task_observable(client, "hangs").subscribe()
        assert hanging.asked.wait(SECONDS)
        assert client.get_task("t1").status == "running"
        wait.dispose()
        assert hanging.left.wait(SECONDS)
        assert client.get_task("t1").status == "running"


def test_a_call_can_be_cancelled_before_it_begins_and_after_it_ended() -> None:
    with (
        BareServer(http_answer(RUNNING)) as server,
        StreamClient("k", SECRET, base_url=server.url) as client,
    ):
        call = client.new_call()
        assert call.get_task("t1").status == "running"
        call.cancel()
        assert client.get_task("t1").status == "running"
        assert server.connections == 1
        with pytest.raises(StreamTransportException, match="cancelled"):
            call.get_task("t1")
        assert len(server.requests) == 2
        assert client.get_task("t1").status == "running"


def test_an_overridden_get_task_is_called_and_its_request_can_be_ended() -> None:
    class Mine(StreamClient):
        polled = 0

        def get_task(self, task_id: str) -> Any:
            self.polled += 1
            return super().get_task(task_id)

    hanging = Hanging()
    with BareServer(hanging) as server, Mine("k", SECRET, base_url=server.url) as client:
        wait = task_observable(client, "t1").subscribe()
        assert hanging.asked.wait(SECONDS)
        wait.dispose()
        assert hanging.left.wait(SECONDS)
        assert client.polled == 1


def test_a_request_on_a_brought_sync_client_ends_at_its_next_chunk() -> None:
    gone = threading.Event()

    def talk(connection: socket.socket, _: bytes) -> bool:
        with suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not gone.wait(0.005):
                asked.set()
                connection.sendall(b" ")
        gone.set()
        return False

    asked = threading.Event()
    with BareServer(talk) as server, httpx.Client() as http:
        client = StreamClient("k", SECRET, base_url=server.url, http_client=http)
        wait = task_observable(client, "t1").subscribe()
        assert asked.wait(SECONDS)
        wait.dispose()
        assert gone.wait(SECONDS)


def test_a_sync_client_that_closes_does_not_try_again(caplog: pytest.LogCaptureFixture) -> None:
    hanging, errors, ended = Hanging(), [], threading.Event()

    def on_error(error: Exception) -> None:
        errors.append(error)
        ended.set()

    with BareServer(hanging) as server, caplog.at_level(logging.WARNING, "rxstream"):
        client = StreamClient("k", SECRET, base_url=server.url)
        task_observable(client, "t1").subscribe(on_error=on_error)
        assert hanging.asked.wait(SECONDS)
        client.close()
        assert ended.wait(SECONDS)
    assert "closed" in str(errors[0])
    assert not caplog.records


@both_async
def test_an_async_client_that_closes_does_not_try_again(
    transport: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hanging = Hanging()

    async def main() -> None:
        client = AsyncStreamClient("k", SECRET, base_url=server.url, transport=transport)
        waiting = asyncio.create_task(client.wait_for_task("t1"))
        while not hanging.asked.is_set():  # noqa: ASYNC110 -- it is a thread's
            await asyncio.sleep(0.005)
        await client.aclose()
        with pytest.raises(StreamTransportException, match="closed"):
            await waiting

    with BareServer(hanging) as server, caplog.at_level(logging.WARNING, "rxstream"):
        asyncio.run(main())
    assert not caplog.records


@both_async
def test_a_client_goes_on_in_the_next_loop(transport: Any) -> None:
    async def poll() -> str:
        return (await client.get_task("t1")).status

    async def leave_polls_behind() -> None:
        polls = [asyncio.create_task(poll()) for _ in range(5)]
        while len(server.requests) < 2:  # noqa: ASYNC110 -- it is a thread's
            await asyncio.sleep(0.005)
        assert not any(one.done() for one in polls)

    async def poll_and_close() -> str:
        async with client:
            return await poll()

    hangs = threading.Event()

    def talk(connection: socket.socket, request: bytes) -> bool:
        if hangs.is_set():
            return Hanging()(connection, request)
        connection.sendall(http_answer(RUNNING))
        return True

    with warnings.catch_warnings():
        # Python's own, of connections that a loop left open.
        warnings.simplefilter("ignore", ResourceWarning)
        with BareServer(talk) as server:
            client = AsyncStreamClient(
                "k", SECRET, base_url=server.url, transport=transport, max_connections=2
            )
            assert asyncio.run(poll()) == "running"
            server.requests.clear()
            hangs.set()
            asyncio.run(leave_polls_behind())
            hangs.clear()
            assert asyncio.run(poll()) == "running"
            assert asyncio.run(poll_and_close()) == "running"
        gc.collect()


@both_async
def test_a_client_does_not_serve_two_loops_at_once(transport: Any) -> None:
    async def poll(client: AsyncStreamClient) -> str:
        return (await client.get_task("t1")).status

    with BareServer(http_answer(RUNNING)) as server, asyncio.Runner() as first:
        client = AsyncStreamClient("k", SECRET, base_url=server.url, transport=transport)
        assert first.run(poll(client)) == "running"
        with asyncio.Runner() as other, pytest.raises(RuntimeError, match="another event loop"):
            other.run(poll(client))
        assert first.run(poll(client)) == "running"
        first.run(client.aclose())


@both_async
def test_certificates_are_read_off_the_loop_and_only_where_they_are_needed(
    transport: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    threads: list[threading.Thread] = []
    make = httpx.create_ssl_context

    def noted(**keywords: Any) -> ssl.SSLContext:
        if keywords.get("verify", True) is True:  # httpx-aiohttp passes ours through it
            threads.append(threading.current_thread())
        return make(**keywords)

    monkeypatch.setattr(httpx, "create_ssl_context", noted)

    async def main(url: str) -> None:
        async with AsyncStreamClient("k", SECRET, base_url=url, transport=transport) as client:
            found = await asyncio.gather(*(client.get_task("t1") for _ in range(3)))
            assert {one.status for one in found} == {"running"}

    with BareServer(http_answer(RUNNING)) as server:
        asyncio.run(main(server.url))
    assert not threads
    with BareServer(http_answer(RUNNING), tls=tls) as server:
        asyncio.run(main(f"https://localhost:{server.port}"))
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()


FORKING = """
import os, sys, threading, warnings
warnings.simplefilter("ignore")
from rxstream import StreamClient

def poll(name):
    for number in range(15):
        task = f"{name}-{number}"
        found = client.get_task(task).result
        if found != task:
            wrong.append((task, found))

def threads(name, count):
    made = [threading.Thread(target=poll, args=(f"{name}{n}",)) for n in range(count)]
    for thread in made:
        thread.start()
    return made

wrong = []
client = StreamClient("k", "s" * 40, base_url=sys.argv[1], max_connections=4)
under_way = threads("before", 8)
poll("main")
child = os.fork()
if not child:
    for thread in threads("child", 8):
        thread.join()
    print(wrong)
    sys.stdout.flush()
    os._exit(len(wrong))
for thread in [*under_way, *threads("parent", 8)]:
    thread.join()
_, status = os.waitpid(child, 0)
print(wrong)
client.close()
sys.exit(1 if wrong or status else 0)
"""


def named_after_the_request(connection: socket.socket, request: bytes) -> bool:
    task = request.split(b"/tasks/")[1].split(b"?")[0].decode()
    body = json.dumps({"task_id": task, "status": "completed", "result": task})
    connection.sendall(http_answer(body.encode()))
    return True


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_parent_and_child_of_a_fork_have_connections_of_their_own() -> None:
    with BareServer(named_after_the_request) as server:
        done = subprocess.run(
            [sys.executable, "-c", FORKING, server.url],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["[]", "[]"], "")


FORKED_LOOP = """
import asyncio, os, sys, warnings
warnings.simplefilter("ignore")
from rxstream import AsyncStreamClient

client = AsyncStreamClient("k", "s" * 40, base_url=sys.argv[1], transport=sys.argv[2])

async def poll(name):
    for number in range(15):
        task = f"{name}-{number}"
        assert (await client.get_task(task)).result == task

async def many(name):
    await asyncio.gather(*(poll(f"{name}{number}") for number in range(4)))

with asyncio.Runner() as runner:
    runner.run(many("before"))
    child = os.fork()
    if not child:
        asyncio.run(many("child"))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    runner.run(many("parent"))
    runner.run(client.aclose())
sys.exit(1 if status else 0)
"""


@both_async
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_loop_that_is_forked_keeps_its_connections(transport: str) -> None:
    with BareServer(named_after_the_request) as server:
        done = subprocess.run(
            [sys.executable, "-c", FORKED_LOOP, server.url, transport],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        # The parent's are as good as before: the child has shut down none of them.
        assert server.connections == 8
    assert (done.returncode, done.stderr) == (0, "")

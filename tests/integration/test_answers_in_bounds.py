"""What no well-behaved server sends: too much, too slowly, or more than one answer at once."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import threading
import time
import tracemalloc
from contextlib import AsyncExitStack, ExitStack, suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme

from rxstream import AsyncStreamClient, StreamClient
from rxstream.errors import (
    InvalidResponseException,
    StreamApiException,
    StreamException,
    StreamTransportException,
)
from rxstream.testing import assert_nothing_left
from tests.sockets import BareServer, http_answer
from tests.wire import SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OWN = ("sync", "httpx", "aiohttp")
BROUGHT = ("sync, http_client", "httpx, http_client")
LIMIT = 256 * 1024
FORGED = http_answer(b'{"task_id": "t1", "status": "completed", "result": "forged"}')

on_own_connections = pytest.mark.parametrize("variant", OWN)
everywhere = pytest.mark.parametrize("variant", OWN + BROUGHT)


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NO_PROXY", "*")
    with assert_nothing_left():
        yield


def calls(variant: str, url: str, *operations: Callable[[Any], Any], **keywords: Any) -> list[Any]:
    """Call operations of one client, one after the other; what one raises is its answer."""
    keywords = {"base_url": url, "max_response_bytes": LIMIT, **keywords}
    colour, _, brought = variant.partition(", ")
    found: list[Any] = []
    if colour == "sync":
        with ExitStack() as stack:
            if brought:
                keywords["http_client"] = stack.enter_context(httpx.Client())
            client = stack.enter_context(StreamClient("key", SECRET, **keywords))
            for operation in operations:
                try:
                    found.append(operation(client))
                except StreamException as error:
                    found.append(error)
        return found

    async def main() -> None:
        async with AsyncExitStack() as stack:
            if brought:
                keywords["http_client"] = await stack.enter_async_context(httpx.AsyncClient())
            else:
                keywords["transport"] = colour
            client = AsyncStreamClient("key", SECRET, **keywords)
            await stack.enter_async_context(client)
            for operation in operations:
                try:
                    found.append(await operation(client))
                except StreamException as error:
                    found.append(error)

    asyncio.run(main())
    return found


def poll(client: Any) -> Any:
    return client.get_task("t1")


def pause(client: Any) -> Any:
    """Long enough for what was sent to arrive; a loop goes on reading meanwhile."""
    if isinstance(client, AsyncStreamClient):
        return asyncio.sleep(0.05)
    return time.sleep(0.05)


def numbered(number: int) -> bytes:
    return b'{"task_id": "t1", "status": "running", "result": %d}' % number


def chunked(body: bytes) -> bytes:
    middle = len(body) // 2
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:middle], body[middle:], b""))
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks


class Surplus:
    """Numbers its answers; after the first comes more than was asked for."""

    def __init__(self, *, frame: Callable[[bytes], bytes], late: bool, surplus: bytes) -> None:
        self._frame = frame
        self._late = late
        self._surplus = surplus
        self.asked = 0

    def __call__(self, connection: socket.socket, _: bytes) -> bool:
        self.asked += 1
        answer = self._frame(numbered(self.asked))
        if self.asked > 1:
            connection.sendall(answer)
        elif self._late:
            connection.sendall(answer)
            time.sleep(0.02)
            connection.sendall(self._surplus)
        elif isinstance(connection, ssl.SSLSocket):
            # Two records, one segment.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            connection.sendall(answer)
            connection.sendall(self._surplus)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
        else:
            connection.sendall(answer + self._surplus)
        return True


@on_own_connections
@pytest.mark.parametrize("late", [False, True], ids=["same segment", "later"])
@pytest.mark.parametrize("frame", [http_answer, chunked])
@pytest.mark.parametrize("surplus", [FORGED, FORGED[:60], b"\r\n"], ids=["answer", "part", "line"])
def test_what_comes_after_an_answer_is_not_the_next_one(
    variant: str, frame: Any, late: Any, surplus: bytes
) -> None:
    with BareServer(Surplus(frame=frame, late=late, surplus=surplus)) as server:
        found = calls(variant, server.url, poll, pause, poll, poll)
    assert [snapshot.result for snapshot in found if snapshot is not None] == [1, 2, 3]


@on_own_connections
@pytest.mark.skipif(not hasattr(socket, "TCP_CORK"), reason="needs TCP_CORK")
@pytest.mark.parametrize("late", [False, True], ids=["same segment", "later"])
def test_what_comes_after_an_answer_under_tls_is_not_the_next_one(
    variant: str, late: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    talk = Surplus(frame=http_answer, late=late, surplus=FORGED)
    with BareServer(talk, tls=tls) as server:
        found = calls(variant, f"https://localhost:{server.port}", poll, pause, poll, poll)
    assert [snapshot.result for snapshot in found if snapshot is not None] == [1, 2, 3]


@everywhere
def test_good_answers_share_a_connection(variant: str) -> None:
    frames = [http_answer, chunked, http_answer, chunked]

    def talk(connection: socket.socket, _: bytes) -> bool:
        interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        connection.sendall(interim + frames.pop()(numbered(len(frames))))
        return True

    with BareServer(talk) as server:
        found = calls(variant, server.url, poll, poll, poll, poll)
    assert [snapshot.result for snapshot in found] == [3, 2, 1, 0]
    assert server.connections == 1


ZEROS = gzip.compress(gzip.compress(bytes(200_000_000), 1), 1)  # so that it is quick to make


class Endless:
    """Sends the same over and over, and counts it; without an end, as far as a client can tell."""

    most = 4_000

    def __init__(self, head: bytes, part: bytes) -> None:
        self._head = head
        self._part = part
        self.sent = 0

    def __call__(self, connection: socket.socket, _: bytes) -> bool:
        with suppress(OSError):
            connection.sendall(self._head)
            while self.sent < self.most:
                connection.sendall(self._part)
                self.sent += 1
        return False


CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BIG = b"%x\r\n%s\r\n" % (65536, b" " * 65536)
BOMB = gzip.decompress(ZEROS)
TOO_LARGE = {
    "endless": Endless(CHUNKS, BIG),
    "until it closes": Endless(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536),
    "long": Endless(b"HTTP/1.1 200 OK\r\nContent-Length: 262144000\r\n\r\n", b" " * 65536),
    "bomb": http_answer(BOMB, b"Content-Encoding: gzip"),
}


@everywhere
@pytest.mark.parametrize("answer", TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_large_answer_is_not_read_to_its_end(variant: str, answer: Any) -> None:
    tracemalloc.start()
    try:
        with BareServer(answer) as server:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            (error,) = calls(variant, server.url, poll)
            _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(error, InvalidResponseException)
    assert error.status_code == 200
    assert "262,144 bytes that max_response_bytes" in str(error)
    assert peak - before < 16 * LIMIT  # a TLS context and an event loop are in it, too


@everywhere
@pytest.mark.parametrize("coding", ["plain", "gzip"])
def test_an_answer_as_large_as_allowed_is_read(variant: str, coding: str) -> None:
    body = numbered(7)
    body += b" " * (LIMIT - len(body))
    good = http_answer(body)
    over = http_answer(body + b" ")
    if coding == "gzip":
        good = http_answer(gzip.compress(body), b"Content-Encoding: gzip")
        over = http_answer(gzip.compress(body + b" "), b"Content-Encoding: gzip")
    for answer, kind in ((good, int), (over, InvalidResponseException)):
        with BareServer(answer) as server:
            (found,) = calls(variant, server.url, poll)
        assert isinstance(getattr(found, "result", found), kind)


@everywhere
def test_of_a_large_error_only_the_beginning_is_read(variant: str) -> None:
    head = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 262144000\r\n\r\n"
    with BareServer(Endless(head, b"x" * 65536)) as server:
        (error,) = calls(variant, server.url, poll)
    assert isinstance(error, StreamApiException)
    assert error.status_code == 502
    assert error.raw_response_body == "x" * 4000


def drip(head: bytes, part: bytes, end: bytes) -> Callable[[socket.socket, bytes], bool]:
    """Each byte comes well before a read times out, and all of them together much too late."""

    def talk(connection: socket.socket, _: bytes) -> bool:
        with suppress(OSError):
            connection.sendall(head)
            for _ in range(150):
                connection.sendall(part)
                time.sleep(0.02)
            connection.sendall(end)
        return False

    return talk


BODY = numbered(1)
SLOW_BODY = drip(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (150 + len(BODY)), b" ", BODY)
SLOW_HEAD = drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", b"\r\nContent-Length: 2\r\n\r\n{}")


@everywhere
def test_an_answer_that_drips_ends_in_time(variant: str) -> None:
    with BareServer(SLOW_BODY) as server:
        (error,) = calls(variant, server.url, poll, timeout=0.3)
    assert isinstance(error, StreamTransportException)
    assert error.error_type == "timeout"


@pytest.mark.parametrize("variant", [*OWN, "httpx, http_client"])
def test_a_head_that_drips_ends_in_time(variant: str) -> None:
    with BareServer(SLOW_HEAD) as server:
        (error,) = calls(variant, server.url, poll, timeout=0.3)
    assert isinstance(error, StreamTransportException)
    assert error.error_type == "timeout"


@pytest.mark.parametrize("variant", [*OWN, "httpx, http_client"])
def test_a_flood_of_informational_answers_ends(variant: str) -> None:
    flood = Endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000)
    with BareServer(flood) as server:
        (error,) = calls(variant, server.url, poll, timeout=0.3)
    assert isinstance(error, StreamTransportException)
    assert flood.sent < flood.most


def test_brought_pools_survive_requests_that_end_in_time() -> None:
    held = threading.Event()

    def talk(connection: socket.socket, request: bytes) -> bool:
        if b"t1?" in request:
            held.wait(5)
            return False
        connection.sendall(http_answer(numbered(2)))
        return True

    async def main() -> Any:
        limits = httpx.Limits(max_connections=2)
        async with httpx.AsyncClient(limits=limits) as http:
            client = AsyncStreamClient(
                "key", SECRET, base_url=server.url, http_client=http, timeout=0.05
            )
            ends = await asyncio.gather(
                *(client.get_task("t1") for _ in range(2)), return_exceptions=True
            )
            assert [error.error_type for error in ends] == ["timeout", "timeout"]
            return await client.get_task("T1")

    with BareServer(talk) as server:
        try:
            assert asyncio.run(main()).result == 2
        finally:
            held.set()


@everywhere
@pytest.mark.parametrize("location", [b"http://[::1", b"https://a:b:c/"])
def test_a_redirect_to_nowhere_is_no_answer(variant: str, location: bytes) -> None:
    answer = http_answer(b"", b"Location: " + location, status=b"302 Found")
    with BareServer(answer) as server:
        (error,) = calls(variant, server.url, poll)
    assert isinstance(error, InvalidResponseException)

"""Tracebacks with locals: whatever fails, no frame and no text beneath it holds a secret."""

from __future__ import annotations

import asyncio
import io
import pickle
import socket
import traceback
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import pytest
from rich.console import Console
from rich.traceback import Traceback

from rxstream import AsyncStreamClient, StreamClient, wait_for_task, wait_for_task_async
from rxstream.errors import StreamException
from tests.sockets import BareServer, http_answer
from tests.wire import SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = jwt.encode({"server": True}, SECRET, "HS256")
SIGNATURE = TOKEN.rpartition(".")[2]
ESCAPED = TOKEN.replace(".", "\\u002e")
ECHO = f"{TOKEN} {SECRET} {ESCAPED}".encode()
JSON_ECHO = b'{"code": 5, "message": "bad %b", "details": ["%b"]}' % (ECHO, TOKEN.encode())

VARIANTS = ("sync", "httpx", "aiohttp", "sync http_client", "async http_client")
ANSWERS = {
    "nothing": b"",
    "unauthorized": http_answer(JSON_ECHO, status=b"401 No"),
    "rate limited": http_answer(JSON_ECHO, status=b"429 Slow down"),
    "proxy": http_answer(b"<p>%b" % ECHO, status=b"502 Bad"),
    "html": http_answer(b"<p>%b" % ECHO),
    "redirect": http_answer(ECHO, b"Location: /", status=b"302 Go"),
    "another task": http_answer(b'{"task_id": "%b"}' % TOKEN.encode()),
    "bad header": b"HTTP/1.1 200 OK\r\n%b \x01: no\r\n\r\n" % ECHO,
    "bad status line": b"HTTQ %b\r\n\r\n" % ECHO,
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n" % ECHO,
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\n" % ECHO,
    "bad encoding": http_answer(ECHO, b"Content-Encoding: gzip"),
    "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{",
}

every_variant = pytest.mark.parametrize("variant", VARIANTS)


def call(variant: str, url: str, *, waits: bool, timeout: float) -> None:
    given: dict[str, Any] = {"base_url": url, "timeout": timeout}
    if not variant.startswith("sync"):
        asyncio.run(called(variant, given, waits=waits))
        return
    with ExitStack() as stack:
        if variant == "sync http_client":
            given["http_client"] = stack.enter_context(httpx.Client(timeout=timeout))
        client = stack.enter_context(StreamClient("key", SECRET, **given))
        if waits:
            wait_for_task(client, "t1", timeout=5, retry=None)
        else:
            client.delete_channels(["a:b"])
            client.get_task("t1")


async def called(variant: str, given: dict[str, Any], *, waits: bool) -> None:
    async with AsyncExitStack() as stack:
        if variant == "async http_client":
            http = httpx.AsyncClient(timeout=given["timeout"])
            given["http_client"] = await stack.enter_async_context(http)
        if variant == "aiohttp":
            given["transport"] = "aiohttp"
        client = await stack.enter_async_context(AsyncStreamClient("key", SECRET, **given))
        if waits:
            await wait_for_task_async(client, "t1", timeout=5, retry=None)
        else:
            await client.delete_channels(["a:b"])
            await client.get_task("t1")


def beneath(error: BaseException) -> Iterator[BaseException]:
    todo: list[BaseException | None] = [error]
    seen: set[int] = set()
    while todo:
        found = todo.pop()
        if found is not None and id(found) not in seen:
            seen.add(id(found))
            yield found
            todo += [found.__cause__, found.__context__]


def shows(error: BaseException) -> Iterator[str]:
    """What tools show of an exception: its texts, its fields, and the locals of its frames."""
    yield from traceback.format_exception(error)
    for found in beneath(error):
        yield from (repr(found), repr(found.args), repr(vars(found)))
        for frame, _ in traceback.walk_tb(found.__traceback__):
            for value in frame.f_locals.values():
                yield repr(value)
                if isinstance(value, str):
                    yield repr(value[:80])
    yield from traceback.TracebackException.from_exception(error, capture_locals=True).format()


def drawn_by_rich(error: BaseException) -> str:
    console = Console(file=io.StringIO(), width=10_000)
    console.print(
        Traceback.from_exception(
            type(error), error, error.__traceback__, show_locals=True, locals_max_string=10_000
        )
    )
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return] -- it is a StringIO


def assert_hides(error: BaseException, *more: str) -> None:
    for shown in (*shows(error), *more):
        plain = shown.replace("\\\\", "\\").replace("\\u002e", ".")
        for secret in (SECRET, TOKEN, SIGNATURE):
            assert secret not in plain, shown[:2_000]


def test_the_test_can_see_a_leak() -> None:
    def leak(headers: dict[str, str]) -> None:
        raise OSError(len(headers))

    with pytest.raises(OSError) as caught:
        leak({"Authorization": str(TOKEN)})
    with pytest.raises(AssertionError):
        assert_hides(caught.value)


@every_variant
@pytest.mark.parametrize(
    ("answer", "waits"),
    [(name, False) for name in ANSWERS] + [("nothing", True), ("proxy", True), ("html", True)],
)
def test_no_frame_and_no_text_holds_a_secret(variant: str, answer: str, *, waits: bool) -> None:
    with BareServer(ANSWERS[answer]) as server, pytest.raises(StreamException) as caught:
        call(variant, server.url, waits=waits, timeout=5)
    assert_hides(caught.value)
    dumped = pickle.dumps(caught.value)
    assert SECRET.encode() not in dumped
    assert SIGNATURE.encode() not in dumped


@every_variant
@pytest.mark.parametrize("waits", [True, False], ids=["wait", "call"])
def test_no_frame_of_a_refused_connection_holds_a_secret(variant: str, *, waits: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(StreamException) as caught:
        call(variant, f"http://127.0.0.1:{port}", waits=waits, timeout=5)
    assert_hides(caught.value)


@every_variant
def test_no_frame_of_a_time_out_holds_a_secret(variant: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(StreamException) as caught:
            call(variant, f"http://127.0.0.1:{port}", waits=False, timeout=0.2)
    assert_hides(caught.value, drawn_by_rich(caught.value))


@pytest.mark.parametrize("variant", [v for v in VARIANTS if not v.startswith("sync")])
def test_no_frame_of_a_cancelled_request_holds_a_secret(variant: str) -> None:
    async def cancelled(url: str) -> None:
        async with asyncio.timeout(0.2):
            await called(variant, {"base_url": url, "timeout": 5}, waits=False)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(TimeoutError) as caught:
            asyncio.run(cancelled(f"http://127.0.0.1:{port}"))
    assert_hides(caught.value, drawn_by_rich(caught.value))


def _failing_hook(_: object) -> None:
    msg = "a hook of the user's"
    raise ValueError(msg)


def test_a_fault_of_the_users_hook_keeps_its_frames_and_they_hold_no_secret() -> None:
    hooks: Any = {"response": [_failing_hook]}
    with (
        BareServer(http_answer()) as server,
        httpx.Client(event_hooks=hooks) as http,
        StreamClient("key", SECRET, base_url=server.url, http_client=http) as client,
        pytest.raises(ValueError, match="of the user's") as caught,
    ):
        client.get_task("t1")
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "_failing_hook"
    assert_hides(caught.value)


@pytest.mark.parametrize("client", [StreamClient, AsyncStreamClient])
@pytest.mark.parametrize(
    "given",
    [
        {"api_secret": SECRET, "timeout": -1},
        {"api_secret": SECRET, "base_url": "http://stream.example"},
        {"api_secret": SECRET, "max_connections": 0},
        {"token": TOKEN, "api_key": 7},
        {"api_secret": SECRET, "token": TOKEN},
        {"token": f"{TOKEN}\n"},
        {"api_secret": f"-----BEGIN PUBLIC KEY-----\n{SECRET}\n-----END PUBLIC KEY-----\n"},
    ],
    ids="-".join,
)
def test_no_frame_of_a_client_that_cannot_be_made_holds_a_secret(
    client: Any, given: dict[str, Any]
) -> None:
    def made(keywords: Iterator[Any]) -> None:
        client(**{"api_key": "key", **dict(keywords)})

    items = iter(given.items())
    del given
    with pytest.raises((ValueError, TypeError)) as caught:
        made(items)
    assert_hides(caught.value)

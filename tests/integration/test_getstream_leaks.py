"""What Stream's SDKs leak where they cannot read an answer: the answer decides what it means."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import getstream
import pytest
import stream_chat

from rxstream import wait_for_task, wait_for_task_async
from rxstream._wire.failures import is_transient
from rxstream.errors import (
    InvalidResponseException,
    StreamApiException,
    StreamException,
    StreamRateLimitException,
)
from tests.sockets import BareServer, http_answer
from tests.wire import SECRET

TASK = b'"duration": "1ms", "task_id": "t1", "status": "running"'
LIMITS = (b"X-RateLimit-Limit: 9", b"X-RateLimit-Remaining: 9")
HUGE = b"9" * 40
NESTED = b"[" * 3_000 + b"]" * 3_000


def wait(how: str, url: str) -> None:
    if how == "sync":
        with getstream.Stream("key", SECRET, base_url=url) as client:
            wait_for_task(client, "t1", timeout=10, retry=None)
        return

    async def main() -> None:
        async with getstream.AsyncStream("key", SECRET, base_url=url) as client:
            await wait_for_task_async(client, "t1", timeout=10, retry=None)

    asyncio.run(main())


def wait_in_stream_chat(how: str, url: str) -> None:
    if how == "sync":
        client = stream_chat.StreamChat("key", SECRET, base_url=url)
        with client.session:
            wait_for_task(client, "t1", timeout=10, retry=None)
        return

    async def main() -> None:
        async with stream_chat.StreamChatAsync("key", SECRET, base_url=url) as client:
            await wait_for_task_async(client, "t1", timeout=10, retry=None)

    asyncio.run(main())


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize(
    ("answer", "leaked", "kind", "status", "transient"),
    [
        (
            http_answer(b'{"code": -1, "message": "no"}', status=b"503 No"),
            *(KeyError, StreamApiException, 503, True),
        ),
        (
            http_answer(b'{"code": 16, "message": "no"}', status=b"404 No"),
            *(KeyError, StreamApiException, 404, False),
        ),
        (
            http_answer(b'{"code": 9}', b"Retry-After: " + HUGE, status=b"429 Slow down"),
            *(OverflowError, StreamRateLimitException, 429, True),
        ),
        (
            http_answer(b"{%b}" % TASK, *LIMITS, b"X-RateLimit-Reset: " + HUGE),
            *(OverflowError, InvalidResponseException, 200, False),
        ),
        (
            http_answer(b'{%b, "created_at": 1e300}' % TASK),
            *(OverflowError, InvalidResponseException, 200, False),
        ),
        (
            http_answer(b'{"a": "\xed\xa0\x80"}', status=b"500 No"),
            *(UnicodeDecodeError, StreamApiException, 500, True),
        ),
        (
            http_answer(b'{"a": "\xed\xa0\x80"}'),
            *(UnicodeDecodeError, InvalidResponseException, 200, False),
        ),
        (
            http_answer(NESTED, status=b"400 No"),
            *(RecursionError, StreamApiException, 400, False),
        ),
    ],
    ids=["503", "404", "429", "reset", "created", "utf-8 500", "utf-8 200", "nested"],
)
def test_what_getstream_leaks_is_told_by_the_answer_it_was_reading(
    how: str,
    answer: bytes,
    leaked: type[Exception],
    kind: type[Any],
    status: int,
    *,
    transient: bool,
) -> None:
    with (
        BareServer(answer) as server,
        warnings.catch_warnings(action="ignore"),  # of dataclasses_json, for missing fields
        pytest.raises(StreamException) as caught,
    ):
        wait(how, server.url)
    error = caught.value
    assert type(error) is kind
    assert vars(error)["status_code"] == status
    # A canary: where getstream mends one of these, its row here goes.
    assert type(error.__cause__) is leaked
    assert is_transient(error) is transient


@pytest.mark.parametrize(
    ("how", "answer", "leaked"),
    [
        ("sync", NESTED, RecursionError),
        ("async", NESTED, RecursionError),
        ("async", b'{"a": "\xed\xa0\x80"}', UnicodeDecodeError),
    ],
)
def test_what_stream_chat_leaks_is_told_by_the_answer_it_was_reading(
    how: str, answer: bytes, leaked: type[Exception]
) -> None:
    with (
        BareServer(http_answer(answer, status=b"400 No")) as server,
        pytest.raises(StreamApiException) as caught,
    ):
        wait_in_stream_chat(how, server.url)
    assert caught.value.status_code == 400
    assert type(caught.value.__cause__) is leaked


def test_a_retry_after_that_urllib3_cannot_read_is_a_429() -> None:
    answer = http_answer(b"{}", b"Retry-After: " + b"9" * 5_000, status=b"429 No")
    with BareServer(answer) as server, pytest.raises(StreamRateLimitException) as caught:
        wait_in_stream_chat("sync", server.url)
    assert type(caught.value.__cause__) is ValueError


def test_a_chunk_that_urllib3_cannot_read_is_an_invalid_answer() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with (
        BareServer(head + b"-5\r\nab\r\n") as server,
        pytest.raises(InvalidResponseException) as caught,
    ):
        wait_in_stream_chat("sync", server.url)
    assert type(caught.value.__cause__) is ValueError

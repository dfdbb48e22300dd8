"""What becomes of bad answers and of failures on the way, on both clients."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any, NoReturn

import httpx
import pytest

from rxstream import AsyncStreamClient, StreamClient, TaskSnapshot, errors
from tests.wire import CLIENT_KINDS, SECRET, STARTED, Wire, answering

every_kind_of_client = pytest.mark.parametrize("client_kind", CLIENT_KINDS)

MINE = KeyError("mine")
RESET = httpx.ReadError("reset")
CALLS: list[tuple[str, tuple[Any, ...]]] = [
    ("get_task", ("t1",)),
    ("delete_channels", (["m:c"],)),
    ("delete_feed", ("user", "john")),
]
every_call = pytest.mark.parametrize(("operation", "args"), CALLS, ids=[call[0] for call in CALLS])


@every_kind_of_client
@every_call
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(
    client_kind: str, operation: str, args: Any, status: int
) -> None:
    wire = Wire(client_kind, answering(status=status, location="https://elsewhere.example/"))
    with pytest.raises(errors.InvalidResponseException, match="redirect") as caught:
        wire.call(operation, *args)
    assert caught.value.status_code == status
    assert wire.only.url.host == "chat.stream-io-api.com"


@pytest.mark.parametrize("client_kind", CLIENT_KINDS)
def test_redirects_are_not_followed_even_if_the_handed_in_client_would(client_kind: str) -> None:
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.host)
        return httpx.Response(302, headers={"location": "https://elsewhere.example/"})

    transport = httpx.MockTransport(answer)
    poll = _polled if client_kind == "sync" else _polled_async
    with pytest.raises(errors.InvalidResponseException):
        poll(transport)
    assert sent == ["chat.stream-io-api.com"]


def _polled(transport: httpx.MockTransport) -> None:
    with httpx.Client(transport=transport, follow_redirects=True) as http:
        StreamClient("key", SECRET, http_client=http).get_task("t1")


def _polled_async(transport: httpx.MockTransport) -> None:
    async def main() -> None:
        async with httpx.AsyncClient(transport=transport, follow_redirects=True) as http:
            await AsyncStreamClient("key", SECRET, http_client=http).get_task("t1")

    asyncio.run(main())


@every_kind_of_client
@every_call
@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (httpx.ConnectError("refused"), "connection_reset"),
        (httpx.ReadError("reset"), "connection_reset"),
        (httpx.RemoteProtocolError("closed"), "connection_reset"),
        (httpx.ConnectTimeout("slow"), "timeout"),
        (httpx.ReadTimeout("slow"), "timeout"),
        (httpx.PoolTimeout("slow"), "timeout"),
        (httpx.DecodingError("not gzip"), "unknown"),
        (TimeoutError(), "timeout"),
        (ConnectionResetError(), "connection_reset"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_failures_on_the_way_are_translated_with_their_cause(
    client_kind: str, operation: str, args: Any, failure: Exception, kind: str
) -> None:
    def fail(request: httpx.Request) -> NoReturn:
        raise failure

    with pytest.raises(errors.StreamTransportException) as caught:
        Wire(client_kind, fail).call(operation, *args)
    assert caught.value.error_type == kind
    assert caught.value.__cause__ is failure


@every_kind_of_client
@every_call
def test_faults_of_the_program_are_not_translated(
    client_kind: str, operation: str, args: Any
) -> None:
    def fail(request: httpx.Request) -> NoReturn:
        raise MINE

    with pytest.raises(KeyError, match="mine"):
        Wire(client_kind, fail).call(operation, *args)


@every_kind_of_client
@every_call
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"code": 4, "message": "bad"}, errors.StreamApiException),
        (404, {"code": 16, "message": "no such"}, errors.StreamApiException),
        (429, {"code": 9, "message": "slow down"}, errors.StreamRateLimitException),
        (502, b"<html>", errors.StreamApiException),
        (200, b"", errors.InvalidResponseException),
        (200, b"<html>", errors.InvalidResponseException),
        (200, [STARTED], errors.InvalidResponseException),
    ],
)
def test_bad_answers_raise(
    client_kind: str, operation: str, args: Any, status: int, body: Any, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught:
        Wire(client_kind, answering(body, status)).call(operation, *args)
    assert type(caught.value) is kind
    assert vars(caught.value)["status_code"] == status


@every_kind_of_client
@every_call
@pytest.mark.parametrize("answer", [(500, b"no"), (200, b"<html>"), None], ids=str)
def test_an_error_tells_which_request_it_was(
    client_kind: str, operation: str, args: Any, answer: Any
) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if answer is None:
            raise RESET
        return httpx.Response(answer[0], content=answer[1])

    wire = Wire(client_kind, respond)
    with pytest.raises(errors.StreamException) as caught:
        wire.call(operation, *args)
    sent = wire.only.headers["x-client-request-id"]
    assert caught.value.request_id == sent
    assert pickle.loads(pickle.dumps(caught.value)).request_id == sent


def test_an_error_of_no_request_has_no_id() -> None:
    error = errors.StreamTaskException(task_id="t1")
    assert error.request_id is None
    assert pickle.loads(pickle.dumps(error)).request_id is None


@every_kind_of_client
def test_the_rate_limit_has_the_official_name_too(client_kind: str) -> None:
    limits = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "9", "x-ratelimit-reset": "1"}
    with pytest.raises(errors.StreamRateLimitException) as caught:
        Wire(client_kind, answering(b"", 429, **limits)).call("get_task", "t1")
    assert caught.value.rate_limit_info is caught.value.rate_limit is not None


@every_kind_of_client
def test_a_task_is_parsed(client_kind: str) -> None:
    body = {"task_id": "t1", "status": "Completed", "result": {"url": "u"}, "created_at": 10**18}
    limits = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "9", "x-ratelimit-reset": "1"}
    snapshot = Wire(client_kind, answering(body, **limits)).call("get_task", "t1")
    assert isinstance(snapshot, TaskSnapshot)
    assert (snapshot.task_id, snapshot.is_completed, snapshot.result) == ("t1", True, {"url": "u"})
    assert (snapshot.created_at is not None, snapshot.raw) == (True, body)
    assert snapshot.rate_limit is not None
    assert snapshot.rate_limit.remaining == 9


@every_kind_of_client
def test_headers_are_read_in_any_case_doubled_and_in_any_encoding(client_kind: str) -> None:
    headers = [
        (b"X-RATELIMIT-Limit", b"60"),
        (b"x-ratelimit-limit", b"50"),
        (b"X-RateLimit-Remaining", b"7"),
        (b"X-RateLimit-Reset", b"1714564820"),
        (b"Date", b"Wed, 01 May 2024 12:00:00 GMT"),
        (b"X-Odd", b"\xff\xfe"),
    ]
    body = b'{"task_id": "t1", "status": "running"}'
    wire = Wire(client_kind, lambda _: httpx.Response(200, content=body, headers=headers))
    found = wire.call("get_task", "t1").rate_limit
    assert (found.limit, found.remaining) == (60, 7)
    assert found.reset_after.total_seconds() == 20

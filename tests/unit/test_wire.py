"""What is sent, and how answers are read, without I/O."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxstream._wire.messages import api_exception, read_started, read_task, segment, task_request
from rxstream.errors import InvalidResponseException, StreamApiException, StreamRateLimitException

if TYPE_CHECKING:
    from rxstream import TaskSnapshot

DATE = "Wed, 01 May 2024 12:00:00 GMT"
NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
RESET = int(NOW.timestamp()) + 20
LIMITS = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "3", "x-ratelimit-reset": str(RESET)}
GOOD = b'{"task_id": "t1", "status": "running"}'
DEEP = b"[" * 100_000

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ENVELOPE = ["code", "message", "exception_fields", "unrecoverable", "more_info", "details"]


def read(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> TaskSnapshot:
    return read_task(status, headers or {}, body, "t1")


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.text("./\\?#%&=;: \n\0é", min_size=1))
def test_nothing_leaves_its_segment(value: str) -> None:
    encoded = segment(value)
    assert not set(encoded) & set("/\\?#&=; \n\0")
    assert encoded.isascii()
    assert encoded not in {".", ".."}
    assert unquote(encoded) == value
    request = httpx.Request("GET", f"https://example.com/tasks/{encoded}/end?api_key=k")
    assert request.url.raw_path == f"/tasks/{encoded}/end?api_key=k".encode()


def test_a_task_is_asked_for_by_its_encoded_id() -> None:
    request = task_request("../a b")
    assert (request.method, request.path) == ("GET", "/api/v2/tasks/..%2Fa%20b")
    assert (request.query, request.body) == ({}, None)


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_good_answer_becomes_a_snapshot(status: int) -> None:
    snapshot = read(GOOD, status, {"date": DATE, **LIMITS})
    assert (snapshot.task_id, snapshot.status, snapshot.raw) == ("t1", "running", json.loads(GOOD))
    assert snapshot.rate_limit is not None
    assert snapshot.rate_limit.remaining == 3


@pytest.mark.parametrize("other", ["t2", " t1"])
def test_an_answer_about_another_task_is_invalid(other: str) -> None:
    body = json.dumps({"task_id": other, "status": "completed"}).encode()
    with pytest.raises(InvalidResponseException, match="about another task"):
        read(body)


def test_an_id_need_not_come_back() -> None:
    assert read(b'{"status": "running"}').task_id == "t1"
    assert read(b'{"task_id": 7, "status": "running"}').task_id == "t1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"<html>hi</html>",
        GOOD[:-1],
        b"\xff\xfe",
        DEEP,
        b"{}",
        b'{"result": 1}',
        b'{"task_id": null}',
        b"9" * 5000,
        b'\xef\xbb\xbf{"x":1}',
    ],
)
def test_a_good_status_without_a_task_is_invalid(body: bytes) -> None:
    with pytest.raises(InvalidResponseException) as caught:
        read(body)
    assert caught.value.status_code == 200
    assert caught.value.raw_response_body == body.decode("utf-8", "replace")[:4_000]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("body", [b"", GOOD])
def test_a_redirect_is_invalid_whatever_it_holds(status: int, body: bytes) -> None:
    with pytest.raises(InvalidResponseException, match="redirect") as caught:
        read(body, status, {"location": "https://elsewhere.example"})
    assert caught.value.status_code == status


def test_an_error_envelope_is_read_whole() -> None:
    body = {
        "code": 4,
        "message": "DeleteChannels failed",
        "StatusCode": 400,
        "duration": "1ms",
        "more_info": "https://example.com/4",
        "details": [7, 8],
        "exception_fields": {"cids": "required"},
        "unrecoverable": True,
    }
    with pytest.raises(StreamApiException) as caught:
        read(json.dumps(body).encode(), 400, {"date": DATE, **LIMITS})
    error = caught.value
    assert type(error) is StreamApiException
    assert (error.status_code, error.code, error.message) == (400, 4, "DeleteChannels failed")
    assert (error.more_info, error.details) == ("https://example.com/4", [7, 8])
    assert (error.exception_fields, error.unrecoverable) == ({"cids": "required"}, True)
    assert error.raw_response_body == json.dumps(body)
    assert error.retry_after is None
    assert error.rate_limit is not None


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"<html>Bad Gateway</html>", b"upstream connect error", b"\xff"]
)
@pytest.mark.parametrize("status", [400, 404, 500, 502, 503, 504])
def test_an_error_without_an_envelope_keeps_its_body(body: bytes, status: int) -> None:
    error = api_exception(status, {}, body)
    assert (error.status_code, error.code, error.message) == (status, 0, "")
    assert (error.exception_fields, error.unrecoverable) == ({}, False)
    assert (error.more_info, error.details) == (None, [])
    assert error.raw_response_body == body.decode("utf-8", "replace")


@given(
    st.integers(400, 599),
    st.dictionaries(st.sampled_from(ENVELOPE), JSON) | st.dictionaries(st.text(), JSON) | JSON,
)
def test_no_envelope_raises_anything_else(status: int, envelope: object) -> None:
    with pytest.raises(StreamApiException) as caught:
        read(json.dumps(envelope).encode(), status)
    error = caught.value
    assert error.status_code == status
    assert isinstance(error, StreamRateLimitException) == (status == 429)
    assert type(error.code) is int
    assert isinstance(error.message, str)
    assert type(error.unrecoverable) is bool
    assert (type(error.exception_fields), type(error.details)) == (dict, list)
    assert error.more_info is None or isinstance(error.more_info, str)


@given(st.integers(100, 599), st.binary(max_size=40), st.dictionaries(st.text(), st.text()))
def test_no_answer_raises_anything_unknown(
    status: int, body: bytes, headers: dict[str, str]
) -> None:
    with pytest.raises((StreamApiException, InvalidResponseException)):
        read(body, status, headers)


@pytest.mark.parametrize("code", [True, None, "4", 4.5, [4], {}])
def test_a_code_that_is_no_number_counts_as_none(code: object) -> None:
    error = api_exception(400, {}, json.dumps({"code": code, "message": "bad"}).encode())
    assert (repr(error.code), error.message) == ("0", "bad")


def test_deeply_nested_errors_are_read() -> None:
    assert api_exception(500, {}, DEEP).raw_response_body == "[" * 4_000


@pytest.mark.parametrize(
    ("body", "task_id"),
    [('{"task_id": "t1"}', "t1"), ('{"task_id": "t1", "duration": "1ms"}', "t1")]
    + [(f'{{"task_id": {odd}}}', None) for odd in ("null", '""', "7", "[]", "{}", "true")]
    + [("{}", None), ('{"taskId": "t1"}', None)],
)
def test_a_started_task_has_an_id_or_nothing_to_wait_for(body: str, task_id: str | None) -> None:
    assert read_started(201, {}, body.encode()) == (task_id, json.loads(body))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"{}", StreamApiException),
        (429, b"", StreamRateLimitException),
        (200, b"", InvalidResponseException),
        (200, b"[]", InvalidResponseException),
        (302, b"{}", InvalidResponseException),
        (204, b"", InvalidResponseException),
    ],
)
def test_a_task_that_was_not_started_raises(
    status: int, body: bytes, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        read_started(status, {}, body)

"""Foreign clients' exceptions become ours."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import ssl
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import aiohttp
import getstream.exceptions
import httpcore
import httpx
import pytest
import requests
import stream_chat.base.exceptions
import urllib3.exceptions
from hypothesis import given
from hypothesis import strategies as st

from rxstream import errors
from rxstream._wire.failures import is_transient, translated

KINDS = ["timeout", "connection_reset", "dns_failure", "tls_handshake_failed", "unknown"]
KEY = SimpleNamespace(host="h", port=443, ssl=True, is_ssl=True)
CERTIFICATE = ssl.SSLCertVerificationError(1, "self-signed certificate")


def caused(error: BaseException, *causes: BaseException) -> Any:
    """An error with a chain of causes beneath it."""
    current = error
    for cause in causes:
        current.__cause__ = cause
        current = cause
    return error


def in_context(error: BaseException, context: BaseException) -> BaseException:
    error.__context__ = context
    return error


@pytest.mark.parametrize(
    "error",
    [
        errors.StreamException("x"),
        errors.StreamApiException(status_code=404),
        errors.StreamRateLimitException(status_code=429),
        errors.StreamTransportException("timeout"),
        errors.TaskTimeoutException(task_id="t", timeout=1),
        errors.StreamTaskException(task_id="t"),
        errors.TaskCancelledException(),
        errors.InvalidResponseException(status_code=200),
        ValueError("x"),
        TypeError("x"),
        KeyError("task_id"),
        RuntimeError("this client is closed"),
        asyncio.CancelledError(),
        KeyboardInterrupt(),
        SystemExit(1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_ours_and_unknown_ones_are_passed_on_as_they_are(error: BaseException) -> None:
    assert translated(error) is error


ENVELOPE = json.dumps(
    {
        "code": 16,
        "message": "Can't find task",
        "StatusCode": 404,
        "duration": "1ms",
        "details": [3],
        "more_info": "https://example.com",
        "exception_fields": {"id": "unknown"},
        "unrecoverable": True,
    }
)


@pytest.mark.parametrize(
    "failure",
    [
        getstream.exceptions.StreamApiException(status_code=404, raw_response_body=ENVELOPE),
        getstream.exceptions.StreamApiException(httpx.Response(404, text=ENVELOPE)),
        stream_chat.base.exceptions.StreamAPIException(ENVELOPE, 404),
        getstream.exceptions.StreamApiException(
            status_code=404,
            code=16,
            message="Can't find task",
            details=[3],
            more_info="https://example.com",
            exception_fields={"id": "unknown"},
            unrecoverable=True,
        ),
    ],
    ids=["getstream body", "getstream response", "stream_chat", "getstream fields"],
)
def test_api_errors_of_the_official_clients_become_ours(failure: Exception) -> None:
    error = translated(failure)
    assert type(error) is errors.StreamApiException
    assert error.__cause__ is failure
    assert (error.status_code, error.code, error.message) == (404, 16, "Can't find task")
    assert (error.exception_fields, error.details) == ({"id": "unknown"}, [3])
    assert (error.more_info, error.unrecoverable) == ("https://example.com", True)
    assert error.raw_response_body in (ENVELOPE, "")


@pytest.mark.parametrize("text", ["", "<html>Bad Gateway</html>", "upstream connect error", "[]"])
def test_answers_of_proxies_keep_their_status(text: str) -> None:
    response = httpx.Response(502, text=text)
    for failure in (
        stream_chat.base.exceptions.StreamAPIException(text, 502) if text != "[]" else None,
        getstream.exceptions.StreamApiException(response),
    ):
        if failure is not None:
            error = translated(failure)
            assert isinstance(error, errors.StreamApiException)
            assert (error.status_code, error.raw_response_body) == (502, text)
            assert is_transient(error) is True


def test_rate_limits_of_the_official_clients_become_ours() -> None:
    headers = {
        "Retry-After": "9",
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "1714564820",
        "Date": "Wed, 01 May 2024 12:00:00 GMT",
    }
    response = httpx.Response(429, headers=headers, text="slow down")
    error = translated(getstream.exceptions.StreamRateLimitException(response))
    assert type(error) is errors.StreamRateLimitException
    assert error.retry_after == timedelta(seconds=9)
    assert error.rate_limit is not None
    assert error.rate_limit.reset_after == timedelta(seconds=20)


@pytest.mark.parametrize(
    ("given_", "kept"),
    [(timedelta(seconds=3), timedelta(seconds=3)), (None, None), (3, None), ("3", None)],
)
def test_the_pause_of_a_foreign_rate_limit_is_kept_if_it_is_one(given_: Any, kept: object) -> None:
    failure = getstream.exceptions.StreamRateLimitException(status_code=429, retry_after=given_)
    error = translated(failure)
    assert isinstance(error, errors.StreamRateLimitException)
    assert error.retry_after == kept


@pytest.mark.parametrize("status", [200, 201, 302])
def test_an_official_client_that_cannot_read_a_good_answer_says_invalid(status: int) -> None:
    error = translated(stream_chat.base.exceptions.StreamAPIException("<html>", status))
    assert isinstance(error, errors.InvalidResponseException)
    assert (error.status_code, error.raw_response_body) == (status, "<html>")


@pytest.mark.parametrize("kind", KINDS)
def test_transport_errors_of_the_official_client_keep_their_kind(kind: str) -> None:
    failure = getstream.exceptions.StreamTransportException(kind, "went wrong")
    error = translated(failure)
    assert type(error) is errors.StreamTransportException
    assert (error.error_type, str(error), error.__cause__) == (kind, "went wrong", failure)


@pytest.mark.parametrize("module", ["json", "requests"])
def test_broken_json_is_an_invalid_response(module: str) -> None:
    kind = json.JSONDecodeError if module == "json" else requests.exceptions.JSONDecodeError
    failure = kind("Expecting value", "<html>", 0)
    error = translated(failure)
    assert isinstance(error, errors.InvalidResponseException)
    assert (error.status_code, error.raw_response_body) == (None, "<html>")
    assert error.__cause__ is failure
    assert is_transient(error) is False


NO_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (TimeoutError(), "timeout"),
        (httpx.ConnectTimeout("x"), "timeout"),
        (httpx.PoolTimeout("x"), "timeout"),
        (requests.exceptions.ReadTimeout(), "timeout"),
        (requests.exceptions.ConnectTimeout(), "timeout"),
        (aiohttp.ServerTimeoutError(), "timeout"),
        (urllib3.exceptions.ReadTimeoutError(None, "/", "x"), "timeout"),
        (NO_NAME, "dns_failure"),
        (caused(httpx.ConnectError("x"), NO_NAME), "dns_failure"),
        (caused(httpx.ConnectError("x"), httpcore.ConnectError("x"), NO_NAME), "dns_failure"),
        (in_context(httpx.ConnectError("x"), NO_NAME), "dns_failure"),
        (aiohttp.ClientConnectorDNSError(KEY, OSError("x")), "dns_failure"),
        (aiohttp.ClientConnectorError(KEY, NO_NAME), "dns_failure"),
        (
            requests.exceptions.ConnectionError(
                urllib3.exceptions.NameResolutionError("h", None, NO_NAME)
            ),
            "dns_failure",
        ),
        (ssl.SSLError(1, "handshake failure"), "tls_handshake_failed"),
        (requests.exceptions.SSLError("x"), "tls_handshake_failed"),
        (aiohttp.ClientConnectorSSLError(KEY, OSError("x")), "tls_handshake_failed"),
        (caused(httpx.ConnectError("x"), CERTIFICATE), "tls_handshake_failed"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "connection_reset"),
        (ConnectionRefusedError(), "connection_reset"),
        (BrokenPipeError(), "connection_reset"),
        (httpx.ConnectError("refused"), "connection_reset"),
        (httpx.ReadError("x"), "connection_reset"),
        (httpx.WriteError("x"), "connection_reset"),
        (httpx.RemoteProtocolError("x"), "connection_reset"),
        (requests.exceptions.ConnectionError("x"), "connection_reset"),
        (aiohttp.ServerDisconnectedError(), "connection_reset"),
        (aiohttp.ClientConnectorError(KEY, OSError("x")), "connection_reset"),
        (urllib3.exceptions.ProtocolError("x"), "connection_reset"),
        (OSError(errno.ENETUNREACH, "unreachable"), "unknown"),
        (httpx.DecodingError("x"), "unknown"),
        (requests.exceptions.RequestException(), "unknown"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_failures_on_the_way_are_named(failure: Exception, kind: str) -> None:
    error = translated(failure)
    assert type(error) is errors.StreamTransportException
    assert error.error_type == kind
    assert error.__cause__ is failure
    assert type(failure).__name__ in str(error)


@given(st.integers(100, 599), st.none() | st.text() | st.integers(), st.none() | st.integers())
def test_anything_with_a_status_is_an_http_answer(
    status: int, body: object, headers: object
) -> None:
    failure = Exception("x")
    vars(failure).update(
        status_code=status, raw_response_body=body, http_response=SimpleNamespace(headers=headers)
    )
    error = translated(failure)
    kind = errors.StreamApiException if status >= 400 else errors.InvalidResponseException
    assert isinstance(error, kind)
    assert error.status_code == status
    assert error.__cause__ is failure


def raised_for_status(library: str, status: int) -> Exception:
    body = json.dumps({"code": 5, "message": "no"})
    if library == "httpx":
        request = httpx.Request("GET", "https://h")
        response = httpx.Response(status, text=body, headers={"Retry-After": "3"}, request=request)
        return httpx.HTTPStatusError("no", request=request, response=response)
    if library == "requests":
        answer = requests.Response()
        answer.status_code, answer._content = status, body.encode()
        answer.headers["Retry-After"] = "3"
        return requests.HTTPError("no", response=answer)
    info: Any = SimpleNamespace(real_url="https://h")
    headers: Any = {"Retry-After": "3"}
    return aiohttp.ClientResponseError(info, (), status=status, headers=headers)


@pytest.mark.parametrize("library", ["httpx", "requests", "aiohttp"])
@pytest.mark.parametrize(("status", "transient"), [(401, False), (404, False), (503, True)])
def test_what_raise_for_status_raises_is_an_api_exception(
    library: str, status: int, *, transient: bool
) -> None:
    error = raised_for_status(library, status)
    ours = translated(error)
    assert isinstance(ours, errors.StreamApiException)
    assert ours.status_code == status
    assert ours.__cause__ is error
    assert is_transient(ours) is transient
    if library != "aiohttp":
        assert ours.message == "no"
        assert ours.retry_after == timedelta(seconds=3)


def test_a_response_whose_body_was_never_read_is_no_problem() -> None:
    request = httpx.Request("GET", "https://h")
    response = httpx.Response(503, stream=httpx.ByteStream(b"x"), request=request)
    ours = translated(httpx.HTTPStatusError("no", request=request, response=response))
    assert isinstance(ours, errors.StreamApiException)

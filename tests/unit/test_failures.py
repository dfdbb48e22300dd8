"""What a failed attempt means: our type for it, and whether to try again."""

from __future__ import annotations

import asyncio
import ssl
from types import SimpleNamespace
from typing import Any

import aiohttp
import httpcore
import httpx
import pytest
import requests
import urllib3.exceptions

from rxstream import errors
from rxstream._wire.failures import is_transient, translated, transport_error

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


def api(status: int, *, unrecoverable: bool = False) -> errors.StreamApiException:
    kind = errors.StreamRateLimitException if status == 429 else errors.StreamApiException
    return kind(status_code=status, unrecoverable=unrecoverable)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 520, 599])
def test_passing_http_errors_are_transient_unless_the_server_says_no(status: int) -> None:
    assert is_transient(api(status)) is True
    assert is_transient(api(status, unrecoverable=True)) is False


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 413, 418, 422, 426, 431])
def test_other_http_errors_are_final(status: int) -> None:
    assert is_transient(api(status)) is False


@pytest.mark.parametrize("kind", KINDS)
def test_transport_errors_are_transient(kind: Any) -> None:
    assert is_transient(errors.StreamTransportException(kind)) is True
    assert is_transient(caused(errors.StreamTransportException(kind), OSError("x"))) is True


@pytest.mark.parametrize(
    "cause",
    [
        CERTIFICATE,
        caused(httpx.ConnectError("x"), httpcore.ConnectError("x"), CERTIFICATE),
        in_context(httpx.ConnectError("x"), CERTIFICATE),
        in_context(OSError("x"), in_context(OSError("y"), CERTIFICATE)),
        OSError("x", CERTIFICATE),
        requests.exceptions.SSLError(urllib3.exceptions.SSLError(CERTIFICATE)),
        urllib3.exceptions.MaxRetryError(None, "/", CERTIFICATE),
        requests.exceptions.SSLError(
            urllib3.exceptions.MaxRetryError(None, "/", urllib3.exceptions.SSLError(CERTIFICATE))
        ),
        aiohttp.ClientConnectorCertificateError(KEY, CERTIFICATE),
    ],
    ids=lambda cause: type(cause).__name__,
)
def test_a_bad_certificate_is_final_wherever_it_lies(cause: BaseException) -> None:
    error = caused(errors.StreamTransportException("tls_handshake_failed"), cause)
    assert is_transient(error) is False
    assert is_transient(translated(cause)) is False


def test_other_tls_failures_are_transient() -> None:
    failure = caused(httpx.ConnectError("x"), ssl.SSLEOFError(8, "EOF"))
    assert translated(failure).error_type == "tls_handshake_failed"
    assert is_transient(translated(failure)) is True


@pytest.mark.parametrize("kind", KINDS)
def test_a_cancelled_request_is_final(kind: Any) -> None:
    error = caused(errors.StreamTransportException(kind), asyncio.CancelledError())
    assert is_transient(error) is False


@pytest.mark.parametrize(
    "failure",
    [
        caused(TimeoutError(), asyncio.CancelledError()),
        in_context(TimeoutError(), asyncio.CancelledError()),
        caused(
            httpx.ReadTimeout("x"),
            httpcore.ReadTimeout("x"),
            caused(TimeoutError(), asyncio.CancelledError()),
        ),
        caused(aiohttp.ServerTimeoutError("x"), asyncio.CancelledError()),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_time_out_made_of_a_cancellation_is_transient(failure: BaseException) -> None:
    error = translated(failure)
    assert isinstance(error, errors.StreamTransportException)
    assert error.error_type == "timeout"
    assert is_transient(error) is True


def test_the_time_out_of_asyncio_itself_is_transient() -> None:
    async def hang() -> None:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError) as caught:
        asyncio.run(hang())
    assert is_transient(translated(caught.value)) is True


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        KeyError("x"),
        RuntimeError("x"),
        OSError("not translated"),
        asyncio.CancelledError(),
        KeyboardInterrupt(),
        errors.StreamException("x"),
        errors.InvalidResponseException(status_code=200),
        errors.StreamTaskException(task_id="t"),
        errors.TaskCancelledException(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_everything_else_is_final(error: BaseException) -> None:
    assert is_transient(error) is False


def test_chains_that_bite_their_tail_end() -> None:
    one, other = OSError("x"), OSError("y")
    one.__context__, other.__context__ = other, one
    one.args = (one, other)
    assert transport_error(one).error_type == "unknown"
    assert is_transient(translated(one)) is True


def test_a_class_of_ones_own_is_told_as_the_one_it_is_derived_from() -> None:
    class Mine(httpx.ReadTimeout):
        pass

    error = translated(Mine("x"))
    assert isinstance(error, errors.StreamTransportException)
    assert error.error_type == "timeout"

"""No secret leaves a client but in the header of its requests."""

from __future__ import annotations

import logging
import pickle
import traceback
from typing import Any, NoReturn

import httpx
import jwt
import pytest

from rxstream import AsyncStreamClient, StreamClient, errors
from tests.wire import CLIENT_KINDS, SECRET, Wire, answering

TOKEN = jwt.encode({"server": True}, SECRET, "HS256")

both = pytest.mark.parametrize("client", [StreamClient, AsyncStreamClient])
every_kind_of_client = pytest.mark.parametrize("client_kind", CLIENT_KINDS)


def hides(text: str) -> bool:
    return SECRET not in text and TOKEN not in text and TOKEN.rpartition(".")[2] not in text


def test_the_tests_can_see_a_leak() -> None:
    assert not hides(f"x{SECRET}")
    assert not hides(f"x{TOKEN}")


@both
@pytest.mark.parametrize("given", [{"api_secret": SECRET}, {"token": TOKEN}])
def test_clients_show_no_secret(client: Any, given: dict[str, str]) -> None:
    made = client("public-key", **given)
    assert made._settings.headers["Authorization"] == TOKEN
    for shown in (repr(made), str(made), f"{made!a}", repr(made._settings), repr(vars(made))):
        assert hides(shown)
    assert "public-key" in repr(made)
    assert made.base_url in repr(made)


@both
def test_errors_of_set_up_show_no_secret(client: Any) -> None:
    for keywords in ({"token": TOKEN}, {"base_url": "http://x"}, {"timeout": -1}, {"api_key": ""}):
        with pytest.raises(ValueError) as caught:
            client(**{"api_key": "key", "api_secret": SECRET, **keywords})
        assert hides(str(caught.value))


ECHO = {"code": 5, "message": f"bad token {TOKEN} of {SECRET}", "more_info": TOKEN}
ECHO |= {"details": [TOKEN], "exception_fields": {"Authorization": TOKEN}}


@every_kind_of_client
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, ECHO),
        (429, ECHO),
        (200, ECHO),
        (302, ECHO),
        (500, f"<p>{TOKEN}{SECRET}".encode()),
        (200, f"<p>{TOKEN}{SECRET}".encode()),
        (200, b""),
        (502, b""),
    ],
)
@pytest.mark.parametrize("operation", ["get_task", "delete_channels"])
def test_exceptions_show_no_secret_though_the_answer_does(
    client_kind: str, operation: str, status: int, body: Any
) -> None:
    wire = Wire(client_kind, answering(body, status))
    argument = "t1" if operation == "get_task" else ["m:c"]
    if status == 200 and operation == "delete_channels" and body is ECHO:
        handle = wire.call(operation, argument)
        assert handle.task_id is None
        assert hides(repr(handle))
        return
    with pytest.raises(errors.StreamException) as caught:
        wire.call(operation, argument)
    error = caught.value
    for shown in (str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)):
        assert hides(shown)
    dumped = pickle.dumps(error)
    assert SECRET.encode() not in dumped
    assert TOKEN.encode() not in dumped
    if body:
        assert "***" in vars(error)["raw_response_body"]


@every_kind_of_client
def test_what_goes_to_the_user_is_never_touched(client_kind: str) -> None:
    body = {"task_id": "t1", "status": "failed", "error": f"by {TOKEN}", "result": SECRET}
    snapshot = Wire(client_kind, answering(body)).call("get_task", "t1")
    assert (snapshot.error, snapshot.result, snapshot.raw) == (f"by {TOKEN}", SECRET, body)


@every_kind_of_client
def test_transport_errors_show_no_secret(client_kind: str) -> None:
    def fail(request: httpx.Request) -> NoReturn:
        assert request.headers["authorization"] == TOKEN
        raise httpx.ConnectError(str(request.url), request=request)

    with pytest.raises(errors.StreamTransportException) as caught:
        Wire(client_kind, fail).call("get_task", "t1")
    error = caught.value
    assert hides("".join(traceback.format_exception(error)))
    assert hides(repr(vars(error)))
    cause = error.__cause__
    assert isinstance(cause, httpx.ConnectError)
    assert hides(repr(cause.request) + repr(cause.request.headers) + repr(vars(cause)))


@every_kind_of_client
@pytest.mark.parametrize("status", [200, 401, 500])
def test_log_records_show_no_secret(
    client_kind: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wire = Wire(client_kind, answering({"task_id": "t1", **ECHO}, status))
    try:
        wire.call("get_task", "t1")
    except errors.StreamApiException:
        assert status != 200
    assert caplog.records
    for record in caplog.records:
        assert hides(record.getMessage())
        assert hides(repr(vars(record)))

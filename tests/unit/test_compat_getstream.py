"""Exceptions that are of rxstream and of Stream's official SDK."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import timedelta
from typing import Any

import getstream
import pytest
import reactivex as rx
import stream_chat
from getstream import exceptions as official
from reactivex import operators as ops

from rxstream import errors, task_observable, tasks_observable, wait_for_task
from rxstream.compat.getstream import as_official, official_errors
from rxstream.testing import FakeClient, VirtualTime, failed, http_error

EACH: list[tuple[errors.StreamException, type[Exception]]] = [
    (errors.StreamException("x"), official.StreamException),
    (
        errors.StreamApiException(status_code=404, code=16, message="a\nb"),
        official.StreamApiException,
    ),
    (
        errors.StreamRateLimitException(status_code=429, retry_after=timedelta(seconds=3)),
        official.StreamRateLimitException,
    ),
    (errors.StreamTransportException("dns_failure"), official.StreamTransportException),
    (errors.TaskTimeoutException(task_id="t", timeout=3), official.StreamTransportException),
    (errors.StreamTaskException(task_id="t", description="no"), official.StreamTaskException),
    (errors.TaskCancelledException(task_id="t"), official.StreamException),
    (errors.TaskStalledException(task_id="t", timeout=3), official.StreamTransportException),
    (errors.InvalidResponseException(status_code=200), official.StreamException),
    (errors.InDoubtException(operation="export_users", items=["jane"]), official.StreamException),
    (errors.JournalException(path="a.db", reason="full", message="no"), official.StreamException),
    (errors.DescribedException(type_name="Other", text="no"), official.StreamException),
]
each = pytest.mark.parametrize(("error", "kind"), EACH, ids=lambda value: type(value).__name__)


@each
def test_it_is_of_both(error: errors.StreamException, kind: type[Exception]) -> None:
    both = as_official(error)
    assert isinstance(both, kind)
    assert isinstance(both, type(error))
    assert isinstance(both, TimeoutError) == isinstance(error, TimeoutError)
    assert str(both) == str(error)
    assert repr(both) == repr(error)
    assert vars(both) == vars(error)
    assert as_official(both) is both
    assert type(as_official(error)) is type(both)


@each
def test_it_pickles(error: errors.StreamException, kind: type[Exception]) -> None:
    copy = pickle.loads(pickle.dumps(as_official(error)))
    assert isinstance(copy, kind)
    assert isinstance(copy, type(error))
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_every_exception_has_a_case() -> None:
    kinds = {getattr(errors, name) for name in errors.__all__}
    assert {kind for kind in kinds if isinstance(kind, type)} <= {type(error) for error, _ in EACH}


def test_cause_notes_and_traceback_stay() -> None:
    with pytest.raises(errors.StreamApiException) as caught:
        wait_for_task(FakeClient([http_error(404)]), "t")
    error = caught.value
    error.__cause__ = ValueError("why")
    error.add_note("a note")
    both = as_official(error)
    assert both.__cause__ is error.__cause__
    assert both.__suppress_context__
    assert both.__traceback__ is error.__traceback__
    assert both.__notes__ == ["a note"]


def test_an_exception_of_nobody_here_is_left_alone() -> None:
    error = ValueError("x")
    assert as_official(error) is error
    with pytest.raises(ValueError, match="x") as caught, official_errors():
        raise error
    assert caught.value is error


def test_a_subclass_of_a_user_is_of_both() -> None:
    class OwnError(errors.StreamTaskException):
        pass

    both = as_official(OwnError(task_id="t"))
    assert isinstance(both, OwnError)
    assert isinstance(both, official.StreamTaskException)


def client(script: Any) -> FakeClient:
    return FakeClient(script)


def test_the_official_clause_catches_what_the_block_raises() -> None:
    with pytest.raises(official.StreamTaskException) as caught, official_errors():
        wait_for_task(client([failed("no such channel")]), "t", poll_interval=0)
    assert isinstance(caught.value, errors.StreamTaskException)
    assert caught.value.description == "no such channel"


def test_the_cause_is_that_of_the_error() -> None:
    cause = OSError("reset")
    with pytest.raises(official.StreamTransportException) as caught, official_errors():
        raise errors.StreamTransportException(error_type="connection_reset") from cause
    assert caught.value.__cause__ is cause


def test_it_composes() -> None:
    time = VirtualTime()
    source = task_observable(FakeClient([http_error(404)], scheduler=time), "t").pipe(
        ops.catch(lambda error, _: rx.throw(as_official(error)))
    )
    (end,) = time.record(source)
    assert isinstance(end.value, official.StreamApiException)
    outcomes = tasks_observable(FakeClient([failed("no")], scheduler=time), ["t"])
    outcome = time.record(outcomes)[0].value
    assert isinstance(as_official(outcome.error), official.StreamTaskException)


def test_nobody_imports_the_official_sdk_for_it() -> None:
    code = (
        "import sys\nfrom rxstream import *\nimport rxstream.compat\n"
        "assert 'getstream' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_the_official_client_reads_the_address_only_where_it_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The page "Coming from getstream" and "Testing your code" say so."""
    monkeypatch.setenv("STREAM_API_KEY", "key")
    monkeypatch.setenv("STREAM_API_SECRET", "s" * 32)
    monkeypatch.setenv("STREAM_BASE_URL", "http://127.0.0.1:9")
    for make in (getstream.Stream, getstream.AsyncStream):
        assert make().base_url == "https://chat.stream-io-api.com"
        assert make(base_url=None).base_url == "http://127.0.0.1:9"
    assert stream_chat.StreamChat("key", "s" * 32).base_url == "https://chat.stream-io-api.com"

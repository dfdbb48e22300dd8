"""A batch is started once, unless it has certainly not happened."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import httpcore
import httpx
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3.exceptions import MaxRetryError, NewConnectionError

from rxstream import Gate, backoff, start_tasks
from rxstream._wire.failures import translated
from rxstream.errors import (
    InDoubtException,
    InvalidResponseException,
    StreamApiException,
    StreamException,
    StreamRateLimitException,
    StreamTransportException,
)
from rxstream.testing import assert_nothing_left
from tests.starting import KINDS, After, Stage

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(params=KINDS)
def stage(request: pytest.FixtureRequest) -> Stage:
    return Stage(request.param)


def refused(after: float | None = 5.0) -> StreamRateLimitException:
    pause = None if after is None else timedelta(seconds=after)
    return StreamRateLimitException(status_code=429, retry_after=pause)


def not_sent() -> Exception:
    return httpx.ConnectError("nobody listens")


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


def one(stage: Stage, *plays: Any, **keywords: Any) -> tuple[Any, list[Any], float]:
    """The handle of one batch that is played these in a row, the starts, and the time."""
    starter = stage.starter(lambda _, number: plays[min(number, len(plays)) - 1])
    started = start_tasks(starter.delete_things, ["a", "b"], batch_size=2, **keywords)
    seen = stage.record(started)
    assert [emission.kind for emission in seen] == ["next", "completed"]
    return seen[0].value, starter.sent, seen[0].at


def test_a_429_is_waited_out_and_the_start_repeated(stage: Stage) -> None:
    handle, sent, at = one(stage, refused(5), refused(7), refused(None), "an-id")
    assert handle.task_id == "an-id"
    assert handle.error is None
    assert len(sent) == 4
    assert at == 5 + 7 + 1


def test_after_a_429_nobody_starts_before_the_gate_opens(stage: Stage) -> None:
    starter = stage.starter(
        lambda batch, number: refused(5) if (batch, number) == ((1,), 1) else f"t{batch[0]}"
    )
    started = start_tasks(starter.delete_things, range(4), batch_size=1, max_concurrent=2)
    seen = stage.record(started)
    assert sorted(emission.value.task_id for emission in seen[:-1]) == ["t0", "t1", "t2", "t3"]
    assert starter.sent.count((1,)) == 2
    assert seen[-1].at == 5


@pytest.mark.parametrize("fault", [refused, not_sent])
def test_without_retry_nothing_is_repeated(stage: Stage, fault: Callable[[], Exception]) -> None:
    handle, sent, _ = one(stage, fault(), "an-id", retry=None)
    assert isinstance(handle.error, StreamException)
    assert not isinstance(handle.error, InDoubtException)
    assert len(sent) == 1


def test_a_429_that_is_final_is_not_repeated(stage: Stage) -> None:
    final = StreamRateLimitException(status_code=429, unrecoverable=True)
    handle, sent, _ = one(stage, final, "an-id")
    assert handle.error is final
    assert len(sent) == 1


UNSENT: dict[str, Callable[[], Exception]] = {
    "refused": ConnectionRefusedError,
    "no such name": socket.gaierror,
    "httpx": not_sent,
    "slow to connect": lambda: httpx.ConnectTimeout("slow"),
    "no free connection": lambda: httpcore.PoolTimeout("busy"),
    "beneath": lambda: caused(OSError("failed"), ConnectionRefusedError()),
    "aiohttp beneath": lambda: caused(
        httpx.ConnectTimeout("slow"), aiohttp.ConnectionTimeoutError()
    ),
    "requests": lambda: requests.ConnectionError(
        MaxRetryError(None, "/", NewConnectionError(None, "nobody listens"))  # type: ignore[arg-type] -- no pool
    ),
    "tls": lambda: caused(httpx.ConnectError("tls"), ssl.SSLError("bad")),
}


@pytest.mark.parametrize("name", UNSENT)
def test_what_was_not_sent_is_repeated(stage: Stage, name: str) -> None:
    schedule = backoff.constant(2.0).limited(2)
    handle, sent, at = one(stage, UNSENT[name](), UNSENT[name](), "an-id", retry=schedule)
    assert (handle.task_id, handle.error, len(sent), at) == ("an-id", None, 3, 4)


def test_a_start_that_is_repeated_is_a_warning(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    one(stage, not_sent(), refused(5), "an-id", retry=backoff.constant(2.0))
    assert caplog.messages == [
        "delete_things of 2 items: start not sent, next try in 2 s: ConnectError: nobody listens"
    ]
    (record,) = caplog.records
    told = [vars(record)[name] for name in ("levelname", "name", "delay", "error", "task_id")]
    assert told == ["WARNING", "rxstream", 2.0, "StreamTransportException", None]


def test_the_retries_are_bounded_and_begin_anew_after_a_429(stage: Stage) -> None:
    schedule = backoff.constant(2.0).limited(1)
    handle, sent, at = one(
        stage, not_sent(), refused(5), not_sent(), not_sent(), "an-id", retry=schedule
    )
    assert isinstance(handle.error, StreamTransportException)
    assert not isinstance(handle.error, InDoubtException)
    assert handle.error.nothing_sent
    assert handle.error.__notes__ == ["rxstream gave up after 2 starts that did not go out"]
    assert len(sent) == 4
    assert at == 2 + 5 + 2


def test_a_certificate_that_is_refused_is_final(stage: Stage) -> None:
    untrusted = caused(httpx.ConnectError("tls"), ssl.SSLCertVerificationError("no"))
    handle, sent, _ = one(stage, untrusted, "an-id")
    assert isinstance(handle.error, StreamTransportException)
    assert len(sent) == 1


def handled(error: Exception, before: Exception) -> Exception:
    error.__context__ = before
    return error


@dataclass
class TheirRequest:
    status_code = 200
    text = "<html>"


DOUBTS: dict[str, Callable[[], BaseException]] = {
    "time-out": lambda: httpx.ReadTimeout("slow"),
    "own time-out": TimeoutError,
    "reset": ConnectionResetError,
    "write": lambda: httpx.WriteError("reset"),
    "aiohttp in httpx": lambda: caused(
        httpx.ConnectTimeout("lost"), aiohttp.ServerDisconnectedError()
    ),
    "tls later": lambda: caused(httpx.ReadError("tls"), ssl.SSLEOFError("cut")),
    "after another": lambda: handled(httpx.ReadError("reset"), ConnectionRefusedError()),
    "os": lambda: OSError("?"),
    "500": lambda: StreamApiException(status_code=500),
    "503": lambda: StreamApiException(status_code=503, retry_after=timedelta(seconds=1)),
    "408": lambda: StreamApiException(status_code=408),
    "unreadable": lambda: InvalidResponseException(status_code=200),
    "redirect": lambda: InvalidResponseException(status_code=302),
    "a bug": lambda: KeyError("task_id"),
    "runtime": lambda: RuntimeError("?"),
    "cancelled": lambda: caused(
        StreamTransportException("connection_reset"), asyncio.CancelledError()
    ),
}


@pytest.mark.parametrize("name", DOUBTS)
@pytest.mark.parametrize("after", [None, 3.0])
def test_whatever_leaves_it_open_is_never_repeated(
    stage: Stage, name: str, after: float | None
) -> None:
    cause = DOUBTS[name]()
    handle, sent, at = one(stage, cause if after is None else After(after, cause), "an-id")
    assert len(sent) == 1
    assert at == (after or 0)
    doubt = handle.error
    assert isinstance(doubt, InDoubtException)
    assert (handle.task_id, handle.items) == (None, ("a", "b"))
    assert (doubt.operation, doubt.items) == ("delete_things", ("a", "b"))
    assert doubt.__cause__ is cause or doubt.__cause__.__cause__ is cause  # type: ignore[union-attr] -- it has one
    assert str(doubt).startswith("Stream may have started delete_things with 2 items (['a', 'b'])")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 425])
def test_what_stream_refuses_is_the_error_as_it_is(stage: Stage, status: int) -> None:
    error = StreamApiException(status_code=status)
    handle, sent, _ = one(stage, error, "an-id")
    assert handle.error is error
    assert len(sent) == 1


@pytest.mark.parametrize("error", [TypeError("bad item"), ValueError("bad item")])
def test_a_bad_item_is_the_error_of_its_batch_and_the_rest_goes_on(
    stage: Stage, error: Exception
) -> None:
    starter = stage.starter(lambda batch, _: error if batch == (2, 3) else f"t{batch[0]}")
    seen = stage.record(start_tasks(starter.delete_things, range(6), batch_size=2))
    found = {emission.value.items: emission.value for emission in seen[:-1]}
    assert found[2, 3].error is error
    assert [found[items].task_id for items in ((0, 1), (4, 5))] == ["t0", "t4"]
    assert starter.sent == [(0, 1), (2, 3), (4, 5)]


@pytest.mark.parametrize("delays", [[], [None], [-1.0], ["1"]])
def test_a_schedule_that_gives_something_else_is_the_users_error(
    stage: Stage, delays: list[Any]
) -> None:
    handle, sent, _ = one(stage, not_sent(), "an-id", retry=lambda: iter(delays))
    kind = (TypeError, ValueError) if delays and delays != [None] else StreamTransportException
    assert isinstance(handle.error, kind)
    assert len(sent) == 1


def test_a_schedule_that_raises_is_the_users_error(stage: Stage) -> None:
    def broken() -> Any:
        raise LookupError

    handle, _, _ = one(stage, not_sent(), "an-id", retry=broken)
    assert isinstance(handle.error, LookupError)


def test_disposed_while_it_pauses_it_is_not_repeated(stage: Stage) -> None:
    starter = stage.starter(lambda *_: not_sent())
    gate = Gate(1)
    started = start_tasks(
        starter.delete_things, [1], batch_size=1, gate=gate, retry=backoff.constant(10)
    )
    with assert_nothing_left():
        assert not stage.record(started, dispose_at=15.0)
    assert len(starter.sent) == 2
    assert "in_flight=0, queued=0" in repr(gate)


def test_an_error_of_our_clients_says_whether_anything_was_sent() -> None:
    for make in UNSENT.values():
        error = translated(make())
        assert isinstance(error, StreamTransportException)
        assert error.nothing_sent
    for make_doubt in DOUBTS.values():
        assert not getattr(translated(make_doubt()), "nothing_sent", False)


ANSWERS = {
    "id": lambda: "an-id",
    "none": lambda: None,
    "refused": lambda: refused(1),
    "refused without a time": lambda: refused(None),
    "not sent": not_sent,
    **DOUBTS,
    "404": lambda: StreamApiException(status_code=404),
    "bad": lambda: ValueError("bad item"),
}
REPEATABLE = {"refused", "refused without a time", "not sent"}


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    number=st.integers(0, 25),
    size=st.integers(1, 7),
    limit=st.integers(1, 5),
    plays=st.lists(
        st.tuples(st.sampled_from(sorted(ANSWERS)), st.sampled_from([0.0, 0.25, 2.0])),
        min_size=1,
        max_size=40,
    ),
)
def test_each_item_is_in_one_batch_and_each_batch_is_started_at_most_once(
    kind: str, number: int, size: int, limit: int, plays: list[tuple[str, float]]
) -> None:
    stage = Stage(kind)
    tried: dict[tuple[Any, ...], list[str]] = {}
    turns = iter(plays)

    def play(batch: tuple[Any, ...], _: int) -> Any:
        name, after = next(turns, ("id", 0.0))
        tried.setdefault(batch, []).append(name)
        answer = ANSWERS[name]()
        return After(after, answer) if after else answer

    starter = stage.starter(play)
    seen = stage.record(
        start_tasks(starter.delete_things, range(number), batch_size=size, max_concurrent=limit),
        until=100_000.0,
    )
    assert seen[-1].kind == "completed"
    batches = [tuple(range(at, min(at + size, number))) for at in range(0, number, size)]
    assert list(dict.fromkeys(starter.sent)) == batches
    found = {emission.value.items: emission.value for emission in seen[:-1]}
    assert sorted(found) == batches
    assert len(seen) == len(batches) + 1
    assert starter.most_in_flight <= limit
    for batch, names in tried.items():
        assert REPEATABLE.issuperset(names[:-1]), "started again after it may have happened"
        handle, last = found[batch], names[-1]
        if last in ("id", "none"):
            assert handle.error is None
        else:
            assert isinstance(handle.error, InDoubtException) == (last in DOUBTS)

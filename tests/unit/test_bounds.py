"""Answers of any size and shape: little is kept of them, all of it pickles, and every wait ends."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import threading
import tracemalloc
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from rxstream import TaskOutcome, TaskSnapshot, errors, task_observable, wait_for_task_async
from rxstream._call.call import read
from rxstream._wire.answers import read_answer
from rxstream._wire.failures import task_exception, translated
from rxstream._wire.messages import api_exception, read_task
from rxstream.testing import VirtualTime

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = "x" * 24_000_000
HUGE = 10**5_000


def deep(depth: int) -> Any:
    return json.loads('{"a":' * depth + "1" + "}" * depth)


def bodies() -> dict[str, Callable[[], bytes]]:
    return {
        "text": LONG.encode,
        "spaces": lambda: b" \n" * 12_000_000,
        "message": lambda: json.dumps({"message": LONG, "code": 4}).encode(),
        "details": lambda: b'{"details": [%b]}' % (b"1," * 12_000_000 + b"1"),
        "control characters": lambda: b"\x1b" * 24_000_000,
        "bad utf-8": lambda: b"\xff" * 24_000_000,
    }


@pytest.mark.parametrize("status", [200, 302, 400, 503])
@pytest.mark.parametrize("name", bodies())
def test_of_a_large_body_little_is_kept_and_little_is_worked_on(name: str, status: int) -> None:
    body = bodies()[name]()
    if status == 200:
        body = b"<" + body  # no JSON: a good answer is for the user, and read whole
    tracemalloc.start()
    try:
        with pytest.raises(errors.StreamException) as caught:
            read_task(status, {}, body, "t1")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A good answer is decoded before it shows that it is no JSON.
    assert peak < (120_000_000 if status == 200 else 2_000_000)
    assert len(pickle.dumps(caught.value)) < 60_000
    assert len(str(caught.value)) <= 500


FIELDS: dict[str, Any] = {
    "message": LONG,
    "more_info": LONG,
    "raw_response_body": LONG,
    "exception_fields": {LONG: LONG, "b": [LONG] * 1_000},
    "details": [LONG, [deep(500)], HUGE] * 1_000,
}
TASK_FIELDS = dict.fromkeys(("error_type", "description", "stack_trace", "version"), LONG)


@pytest.mark.parametrize(
    "make",
    [
        lambda: errors.StreamApiException(status_code=500, **FIELDS),
        lambda: errors.StreamRateLimitException(status_code=429, **FIELDS),
        lambda: errors.StreamTaskException(task_id="t1", **TASK_FIELDS),
        lambda: errors.InvalidResponseException(
            status_code=200, raw_response_body=LONG, message=LONG
        ),
        lambda: errors.StreamTransportException("unknown", LONG),
        lambda: errors.TaskTimeoutException(
            task_id="t1", timeout=1, last=TaskSnapshot("t1", LONG), message=LONG
        ),
        lambda: errors.StreamException([LONG, deep(500), HUGE]),
    ],
)
def test_every_field_of_an_error_is_bounded(make: Any) -> None:
    error = make()
    assert len(str(error)) <= 500
    for name, value in vars(error).items():
        if name != "last":
            assert len(repr(value)) <= 40_000, name
    vars(error).pop("last", None)
    assert len(pickle.dumps(error)) < 80_000


def test_an_error_of_more_than_64_kib_is_not_parsed() -> None:
    envelope = {"code": 4, "message": "no", "more_info": "x" * 60_000}
    error = api_exception(400, {}, json.dumps(envelope).encode())
    assert (error.code, len(error.more_info or "")) == (4, 4_000)
    envelope["more_info"] = "x" * 66_000
    error = api_exception(400, {}, json.dumps(envelope).encode())
    assert (error.code, error.message) == (0, "")
    assert error.raw_response_body.startswith('{"code": 4')


@pytest.mark.parametrize("code", ["9" * 4_000, str(2**40), "-" + "9" * 4_000])
def test_a_code_that_is_no_code_counts_as_none(code: str) -> None:
    assert api_exception(400, {}, f'{{"code": {code}}}').code == 0


REASONS = {
    "long": LONG,
    "huge": HUGE,
    "deep": deep(900),
    "list": [deep(900)] * 3,
}


@pytest.mark.parametrize("where", ["result", "error"])
@pytest.mark.parametrize("name", REASONS)
@pytest.mark.parametrize("wrap", [lambda reason: reason, lambda reason: {"description": reason}])
def test_any_reason_of_a_failure_becomes_an_exception(name: str, where: str, wrap: Any) -> None:
    snapshot = TaskSnapshot("t1", "failed", **{where: wrap(REASONS[name])})
    error = task_exception("t1", snapshot)
    assert len(error.description) <= 4_000
    assert len(str(error)) <= 500
    assert error.snapshot is snapshot


class FailingOnce:
    """A client whose task fails with a reason that is hard to print."""

    def __init__(self, reason: object) -> None:
        self.reason = reason

    def get_task(self, task_id: str) -> dict[str, object]:
        return {"status": "failed", "error": {"description": self.reason}}


@pytest.mark.parametrize("name", REASONS)
def test_a_wait_ends_whatever_the_reason_is(name: str) -> None:
    time, seen = VirtualTime(), list[Any]()
    observable = task_observable(FailingOnce(REASONS[name]), "t1", scheduler=time, timeout=5)
    observable.subscribe(seen.append, seen.append, scheduler=time)
    time.start(until=10)
    snapshot, error = seen
    assert snapshot.is_failed
    assert type(error) is errors.StreamTaskException


def test_the_printed_form_of_a_snapshot_is_bounded() -> None:
    values = {"result": deep(900), "error": HUGE, "raw": {"a": LONG}, "duration": LONG}
    snapshot = TaskSnapshot("t1\x1b", "running\n", **values)
    for found in (repr(snapshot), repr(TaskOutcome("t1", snapshot, ValueError(LONG)))):
        assert len(found) < 500
        assert found.isprintable()
        assert "raw" not in found
    assert repr(TaskSnapshot("t1", result={"a": 1})) == (
        "TaskSnapshot(task_id='t1', result={'a': 1})"
    )


@pytest.mark.parametrize("depth", [10, 99, 150, 500, 900])
def test_a_payload_nested_deeply_is_pickled_whole(depth: int) -> None:
    result = deep(depth)
    raw = {"task_id": "t1", "status": "failed", "result": result}
    snapshot = TaskSnapshot("t1", "failed", result=result, raw=raw)
    for value in (
        TaskOutcome("t1", snapshot, errors.StreamTaskException(task_id="t1", snapshot=snapshot)),
        TaskOutcome(
            "t1", error=errors.TaskTimeoutException(task_id="t1", timeout=1, last=snapshot)
        ),
    ):
        back = pickle.loads(pickle.dumps([[value]]))[0][0]
        found = back.snapshot or back.error.last
        assert json.dumps(found.result) == json.dumps(result)
        assert json.dumps(found.raw) == json.dumps(raw)
        copy.deepcopy(value)


def test_an_exception_pickles_without_what_does_not() -> None:
    snapshot = TaskSnapshot("t1", "failed", result=threading.Lock())
    for error in (
        errors.StreamTaskException(task_id="t1", description="d", snapshot=snapshot),
        errors.TaskTimeoutException(task_id="t1", timeout=1, last=snapshot),
        errors.TaskCancelledException(task_id="t1", last=snapshot),
    ):
        back = pickle.loads(pickle.dumps(error))
        assert str(back) == str(error)
        assert vars(back).get("snapshot") is vars(back).get("last") is None
        assert back.task_id == "t1"  # type: ignore[attr-defined] -- each has one
    with pytest.raises(TypeError, match="lock"):
        pickle.dumps(TaskOutcome("t1", snapshot))


class Broken:
    """An answer, one of whose attributes raises."""

    def __init__(self, attribute: str, error: BaseException, data: object = None) -> None:
        self._broken = attribute
        self._error = error
        self._data = data

    def _raise_if(self, name: str) -> None:
        if self._broken == name:
            raise self._error

    @property
    def data(self) -> object:
        self._raise_if("data")
        return self._data

    @property
    def headers(self) -> Callable[[], dict[str, str]]:
        self._raise_if("headers")
        return self._headers

    def _headers(self) -> dict[str, str]:
        self._raise_if("headers()")
        return {}

    def status_code(self) -> int:
        self._raise_if("status_code")
        return 200


ATTRIBUTES = ["data", "headers", "headers()", "status_code"]
RAISED = [KeyError("x"), RuntimeError("x" * 10**6), RecursionError(), StopIteration(), OSError(5)]


@pytest.mark.parametrize("attribute", ATTRIBUTES)
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_what_an_answer_raises_is_an_invalid_response(attribute: str, error: Exception) -> None:
    answer = Broken(attribute, error, None if attribute == "status_code" else {"other": 1})
    with pytest.raises(errors.InvalidResponseException) as caught:
        read_answer(answer, "t1")
    assert caught.value.__cause__ is error
    assert type(error).__name__ in str(caught.value)
    reported: list[Any] = []
    read(answer, "t1", lambda *end: reported.append(end))
    ((snapshot, failure),) = reported
    assert (snapshot, type(failure)) == (None, errors.InvalidResponseException)


class Proxy:
    """As some are that stand for nothing at the moment."""

    @property
    def __class__(self) -> NoReturn:  # type: ignore[override] -- as rude as can be
        msg = "working outside of a context"
        raise RuntimeError(msg)


def test_an_answer_that_has_no_class_is_invalid() -> None:
    with pytest.raises(errors.InvalidResponseException, match="outside of a context"):
        read_answer(Proxy(), "t1")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_an_interrupt_is_reported_and_raised(error: BaseException) -> None:
    reported: list[Any] = []
    with pytest.raises(type(error)):
        read(Broken("data", error), "t1", lambda *end: reported.append(end))
    assert reported == [(None, error)]


@pytest.mark.parametrize("status", [None, 7, ["failed"], b"failed"])
def test_a_snapshot_of_a_users_client_without_a_status_is_invalid(status: Any) -> None:
    with pytest.raises(errors.InvalidResponseException):
        read_answer(TaskSnapshot("t1", status), "t1")


@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration])
def test_the_end_of_an_iterator_is_a_runtime_error_as_in_a_coroutine(kind: Any) -> None:
    class Client:
        def get_task(self, task_id: str) -> NoReturn:
            raise kind

    async def wait() -> None:
        await wait_for_task_async(Client(), "t1", timeout=5)

    with pytest.raises(RuntimeError, match=kind.__name__) as caught:
        asyncio.run(wait())
    assert type(caught.value.__cause__) is kind


class Rude(Exception):
    """A foreign exception whose every attribute raises."""

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__") and name != "__str__":
            return super().__getattribute__(name)
        raise RuntimeError(name)

    def __str__(self) -> str:
        msg = "no text"
        raise RuntimeError(msg)


def test_a_foreign_exception_that_raises_when_it_is_looked_at_is_passed_on() -> None:
    error = Rude()
    assert translated(error) is error


@pytest.mark.parametrize("status", [HUGE, -1, 0, 99, 1_000, True, 404.0], ids=lambda _: "status")
def test_a_status_that_is_none_is_no_http_answer(status: object) -> None:
    error = Exception("x")
    vars(error)["status_code"] = status
    assert translated(error) is error


@pytest.mark.parametrize(
    ("said", "is_this_one"),
    [
        ("t1", True),
        (None, True),
        ("", True),
        (7, True),
        ("t2", False),
        ("T1", True),
        (" t1", False),
    ],
)
def test_an_answer_about_another_task_is_no_answer(said: object, *, is_this_one: bool) -> None:
    answer = {"task_id": said, "status": "completed", "result": "of another"}
    for reading in (
        lambda: read_task(200, {}, json.dumps(answer).encode(), "t1"),
        lambda: read_answer(answer, "t1"),
    ):
        if is_this_one:
            assert reading().task_id.lower() == "t1"
        else:
            with pytest.raises(errors.InvalidResponseException, match="another task"):
                reading()

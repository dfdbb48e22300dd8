"""The tree of exceptions: shape, fields, text, pickling."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxstream import RateLimitInfo, TaskSnapshot, errors

LIMIT = RateLimitInfo(60, 3, datetime(2024, 5, 1, tzinfo=UTC), timedelta(seconds=20))
LAST = TaskSnapshot(task_id="t1", status="running", rate_limit=LIMIT, raw={"new": [1]})

API_FIELDS: dict[str, Any] = {
    "status_code": 429,
    "code": 9,
    "message": "Too many requests",
    "exception_fields": {"cids": "too many"},
    "unrecoverable": True,
    "more_info": "https://example.com/9",
    "details": [1, 2],
    "raw_response_body": '{"code": 9}',
    "rate_limit": LIMIT,
    "retry_after": timedelta(seconds=7),
}
TASK_FIELDS: dict[str, Any] = {
    "task_id": "t1",
    "error_type": "not_found",
    "description": "no such channel",
    "stack_trace": "at line 1\nat line 2",
    "version": "v1.2",
    "snapshot": LAST,
}

# Each with the fields that it must carry.
EXAMPLES: list[tuple[errors.StreamException, dict[str, Any]]] = [
    (errors.StreamException("went wrong"), {}),
    (errors.StreamApiException(**API_FIELDS), API_FIELDS),
    (errors.StreamRateLimitException(**API_FIELDS), API_FIELDS),
    (errors.StreamTransportException("dns_failure", "who?"), {"error_type": "dns_failure"}),
    (
        errors.TaskTimeoutException(task_id="t1", timeout=2.5, last=LAST, polls=4),
        {"task_id": "t1", "timeout": 2.5, "last": LAST, "polls": 4, "error_type": "timeout"},
    ),
    (
        errors.TaskStalledException(task_id="t1", timeout=2.5, last=LAST, polls=4),
        {"task_id": "t1", "timeout": 2.5, "last": LAST, "polls": 4, "error_type": "timeout"},
    ),
    (errors.StreamTaskException(**TASK_FIELDS), TASK_FIELDS),
    (
        errors.TaskCancelledException(task_id="t1", last=LAST),
        {"task_id": "t1", "last": LAST},
    ),
    (
        errors.InvalidResponseException(status_code=200, raw_response_body="<html>"),
        {"status_code": 200, "raw_response_body": "<html>"},
    ),
    (
        errors.JournalException(path="run.db", reason="full", message="no room: make some"),
        {"path": "run.db", "reason": "full"},
    ),
    (
        errors.DescribedException(type_name="httpx.ReadError", text="gone"),
        {"type_name": "httpx.ReadError", "text": "gone"},
    ),
    (
        errors.InDoubtException(operation="delete_users", items=["u1", "u2"], message="reset"),
        {"operation": "delete_users", "items": ("u1", "u2")},
    ),
]
every_example = pytest.mark.parametrize(
    ("error", "fields"), EXAMPLES, ids=[type(error).__name__ for error, _ in EXAMPLES]
)


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        (errors.StreamException, Exception),
        (errors.StreamApiException, errors.StreamException),
        (errors.StreamRateLimitException, errors.StreamApiException),
        (errors.StreamTransportException, errors.StreamException),
        (errors.TaskTimeoutException, errors.StreamTransportException),
        (errors.TaskTimeoutException, TimeoutError),
        (errors.TaskStalledException, errors.TaskTimeoutException),
        (errors.StreamTaskException, errors.StreamException),
        (errors.TaskCancelledException, errors.StreamException),
        (errors.InvalidResponseException, errors.StreamException),
        (errors.JournalException, errors.StreamException),
        (errors.DescribedException, errors.StreamException),
        (errors.InDoubtException, errors.StreamException),
    ],
)
def test_a_class_is_caught_as_its_parent(
    child: type[BaseException], parent: type[BaseException]
) -> None:
    assert issubclass(child, parent)


def test_branches_are_apart() -> None:
    branches = (
        errors.StreamApiException,
        errors.StreamTransportException,
        errors.StreamTaskException,
        errors.TaskCancelledException,
        errors.InvalidResponseException,
        errors.JournalException,
        errors.DescribedException,
        errors.InDoubtException,
    )
    for one in branches:
        assert [other for other in branches if issubclass(one, other)] == [one]


def test_only_what_took_too_long_is_a_timeout_error() -> None:
    caught = [type(error) for error, _ in EXAMPLES if isinstance(error, TimeoutError)]
    assert caught == [errors.TaskTimeoutException, errors.TaskStalledException]


def test_every_example_is_listed_and_every_class_has_one() -> None:
    classes = set(errors.__all__) - {"TransportErrorType", "JournalFailure"}
    assert classes == {type(error).__name__ for error, _ in EXAMPLES}


@every_example
def test_fields_are_kept(error: errors.StreamException, fields: dict[str, Any]) -> None:
    assert {name: getattr(error, name) for name in fields} == fields


@every_example
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_keeps_class_text_fields_and_notes(
    error: errors.StreamException, fields: dict[str, Any], protocol: int
) -> None:
    error = copy.copy(error)
    error.__notes__ = ["after 10 attempts"]
    back = pickle.loads(pickle.dumps(error, protocol))
    assert type(back) is type(error)
    assert (str(back), back.args) == (str(error), error.args)
    assert back.__notes__ == ["after 10 attempts"]
    assert vars(back) == vars(error)
    assert {name: getattr(back, name) for name in fields} == fields


@every_example
def test_copies_are_equal_in_all_but_identity(
    error: errors.StreamException, fields: dict[str, Any]
) -> None:
    twin = copy.deepcopy(error)
    assert twin is not error
    assert (type(twin), str(twin), vars(twin)) == (type(error), str(error), vars(error))


@every_example
def test_the_cause_is_kept(error: errors.StreamException, fields: dict[str, Any]) -> None:
    cause = OSError("beneath")
    with pytest.raises(errors.StreamException) as caught:
        raise copy.copy(error) from cause
    assert caught.value.__cause__ is cause


def _with_text(text: str) -> list[errors.StreamException]:
    return [
        errors.StreamException(text),
        errors.StreamApiException(status_code=500, message=text),
        errors.StreamApiException(status_code=502, raw_response_body=text, more_info=text),
        errors.StreamRateLimitException(status_code=429, message=text),
        errors.StreamTransportException("unknown", text),
        errors.TaskTimeoutException(task_id=text, timeout=1, last=TaskSnapshot(text, text)),
        errors.TaskTimeoutException(task_id="t", timeout=1, message=text),
        errors.StreamTaskException(task_id="t", error_type=text, description=text),
        errors.StreamTaskException(task_id=text, stack_trace=text),
        errors.TaskCancelledException(task_id=text),
        errors.InvalidResponseException(status_code=200, raw_response_body=text),
        errors.InvalidResponseException(status_code=None, message=text),
    ]


@given(st.text() | st.text("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029 a"))
def test_any_text_prints_on_one_line(text: str) -> None:
    for error in _with_text(text):
        assert len(str(error).splitlines()) <= 1


@pytest.mark.parametrize("text", ["x" * 100_000, "\n" * 100_000, "a b\n" * 50_000])
def test_long_text_is_cut(text: str) -> None:
    for error in _with_text(text):
        assert len(str(error)) <= 600
        assert len(str(error).splitlines()) <= 1


def test_bodies_and_fields_are_cut() -> None:
    long = "x" * 100_000
    invalid = errors.InvalidResponseException(status_code=200, raw_response_body=long)
    task = errors.StreamTaskException(task_id="t", description=long, stack_trace=long)
    error = _api(raw_response_body=long, message=long, more_info=long)
    assert error.raw_response_body == error.message == error.more_info == "x" * 4_000
    assert invalid.raw_response_body == task.description == task.stack_trace == "x" * 4_000


def _api(**fields: Any) -> errors.StreamApiException:
    return errors.StreamApiException(status_code=400, **fields)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (_api(), "Stream API error (status=400)"),
        (_api(code=4, message="bad"), "Stream API error (status=400, code=4): bad"),
        (_api(raw_response_body="<h1>\nno"), "Stream API error (status=400): <h1> no"),
        (errors.StreamTransportException("timeout"), "Stream transport error (timeout)"),
        (errors.StreamTaskException(task_id="t"), "Task t failed (unknown)"),
        (
            errors.StreamTaskException(task_id="t", error_type="e", description="d"),
            "Task t failed (e): d",
        ),
        (errors.TaskCancelledException(), "The wait was cancelled"),
        (errors.TaskCancelledException(task_id="t"), "The wait for task t was cancelled"),
        (
            errors.TaskTimeoutException(task_id="t", timeout=60.0, polls=3),
            "Task t was not done after 60 s (3 polls, no answer)",
        ),
        (
            errors.TaskTimeoutException(task_id="t", timeout=0.5, last=LAST, polls=3),
            "Task t was not done after 0.5 s (3 polls, last status 'running')",
        ),
        (
            errors.InvalidResponseException(status_code=302, message="A redirect"),
            "A redirect (status=302)",
        ),
        (
            errors.InvalidResponseException(status_code=None),
            "The answer is not a Stream API answer",
        ),
    ],
)
def test_text_says_what_matters(error: errors.StreamException, text: str) -> None:
    assert str(error) == text


def test_mutable_arguments_are_copied() -> None:
    fields, details = {"a": "b"}, [1]
    error = _api(exception_fields=fields, details=details)
    fields["c"] = "d"
    details.append(2)
    assert (error.exception_fields, error.details) == ({"a": "b"}, [1])


def test_a_start_in_doubt_names_its_operation_and_the_first_items() -> None:
    few = errors.InDoubtException(operation="delete_users", items=["u1"], message="reset")
    assert str(few) == "Stream may have started delete_users with 1 items (['u1']), or not: reset"
    many = errors.InDoubtException(operation="delete_users", items=[f"u{n}" for n in range(100)])
    shown = "['u0', 'u1', 'u2'], …"
    assert str(many) == f"Stream may have started delete_users with 100 items ({shown}), or not"
    assert len(many.items) == 100

"""Outcomes as texts: equal to what went in, and nothing else can come out of a file."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxstream import RateLimitInfo, StreamClient, TaskOutcome, TaskSnapshot, errors
from rxstream._records import RecordError, from_record, to_record
from rxstream._text import cut_of
from tests.unit.test_errors import EXAMPLES

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
MOMENTS = st.datetimes(timezones=st.just(UTC))
LIMITS = st.builds(
    RateLimitInfo, st.integers(), st.integers(), MOMENTS, st.timedeltas(timedelta(0))
)
SNAPSHOTS = st.builds(
    TaskSnapshot,
    task_id=st.text(min_size=1),
    status=st.text(),
    result=JSON,
    error=JSON,
    created_at=st.none() | MOMENTS,
    updated_at=st.none() | MOMENTS,
    duration=st.none() | st.text(),
    rate_limit=st.none() | LIMITS,
    raw=st.none() | st.dictionaries(st.text(), JSON),
)


def back(outcome: TaskOutcome) -> TaskOutcome:
    return from_record(outcome.task_id, to_record(outcome))


def facts(error: BaseException | None) -> Any:
    """What an exception is; two that are alike are not equal."""
    if error is None:
        return None
    return type(error), error.args, vars(error), facts(error.__cause__)


@given(
    st.builds(
        TaskOutcome,
        st.text(min_size=1),
        st.none() | SNAPSHOTS,
        polls=st.integers(0),
        elapsed=st.floats(0, allow_infinity=False),
    )
)
def test_what_comes_out_is_equal_to_what_went_in(outcome: TaskOutcome) -> None:
    assert back(outcome) == outcome


@given(st.dictionaries(st.text(), JSON))
def test_what_a_task_sent_is_never_interpreted(payload: dict[str, Any]) -> None:
    payload |= {"class": "StreamException", "raw": ["snapshot", {}], "same": ["task_id"]}
    raw = {"task_id": "t", "status": "completed", "result": payload, "error": ["time", "x"]}
    snapshot = TaskSnapshot("t", "completed", payload, raw["error"], raw=raw)
    found = back(TaskOutcome("t", snapshot))
    assert found.snapshot == snapshot
    assert found.result == payload


def test_an_answer_is_written_once() -> None:
    result = {"url": "https://example.com/" + "x" * 1000}
    raw = {"task_id": "t", "status": "completed", "result": result}
    snapshot = TaskSnapshot("t", "completed", result, raw=raw)
    error = errors.TaskTimeoutException(task_id="t", timeout=1, last=snapshot)
    text = to_record(TaskOutcome("t", snapshot, error))
    assert len(text) < 2000
    found = from_record("t", text)
    assert isinstance(found.error, errors.TaskTimeoutException)
    assert found.error.last is found.snapshot


@pytest.mark.parametrize("error", [error for error, _ in EXAMPLES], ids=lambda e: type(e).__name__)
def test_a_typed_error_comes_back_with_all_its_fields(error: errors.StreamException) -> None:
    error.add_note("rxstream gave up after 10 attempts")
    error.__cause__ = errors.StreamApiException(status_code=503, message="no", details=[1])
    found = back(TaskOutcome("t1", None, error, 3, 1.5)).error
    assert facts(found) == facts(error)
    assert str(found) == str(error)


class OwnError(errors.StreamApiException):
    """A user's."""


@pytest.mark.parametrize(
    ("error", "name", "text"),
    [
        (ValueError("bad\nline"), "ValueError", "bad\nline"),
        (OwnError(status_code=1), "tests.unit.test_records.OwnError", "Stream API error"),
        (json.JSONDecodeError("no", "x", 0), "json.decoder.JSONDecodeError", "no: line 1"),
    ],
)
def test_a_foreign_error_is_described(error: Exception, name: str, text: str) -> None:
    error.__cause__ = OSError(2, "cause")
    found = back(TaskOutcome("t", None, error)).error
    assert isinstance(found, errors.DescribedException)
    assert found.type_name.endswith(name.rpartition(".")[2])
    assert found.text.startswith(text)
    assert isinstance(found.__cause__, errors.DescribedException)
    assert found.__cause__.type_name == "FileNotFoundError"
    again = back(TaskOutcome("t", None, found)).error
    assert facts(again) == facts(found)


def test_causes_of_causes_come_to_an_end() -> None:
    error = first = errors.StreamException("0")
    for number in range(1, 50):
        error.__cause__ = errors.StreamException(number)
        error = error.__cause__
    error.__cause__ = first
    found: BaseException | None = back(TaskOutcome("t", None, first)).error
    depth = 0
    while found is not None:
        found, depth = found.__cause__, depth + 1
    assert depth == 5


def test_secrets_of_a_client_do_not_get_into_a_foreign_text() -> None:
    secret = "s3cr3t-of-the-client-of-32-bytes-and-more"
    with StreamClient("key", secret, base_url="http://127.0.0.1:1") as client:
        error = RuntimeError(f"sent with {secret}")
        text = to_record(TaskOutcome("t", None, error), cut_of(client))
    assert "s3cr3t" not in text
    assert "sent with" in text


def test_what_an_sdk_has_read_comes_back() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=2)))
    raw = {"task_id": "t", "status": "completed", "created_at": moment, "result": {"a": [1]}}
    snapshot = TaskSnapshot("t", "completed", raw["result"], created_at=moment, raw=raw)
    assert back(TaskOutcome("t", snapshot)).snapshot == snapshot
    other = replace(snapshot, raw=MappingProxyType({"task_id": "t", "n": 1}))
    assert back(TaskOutcome("t", other)).snapshot == replace(other, raw={"task_id": "t", "n": 1})


@pytest.mark.parametrize("payload", [{1, 2}, object(), {"a": {1}}, b"x", {("a",): 1}])
def test_a_payload_that_is_no_json_is_refused(payload: object) -> None:
    with pytest.raises(RecordError, match="task t1 holds what is not JSON"):
        to_record(TaskOutcome("t1", TaskSnapshot("t1", "completed", payload)))


def test_a_payload_in_a_circle_is_refused() -> None:
    payload: list[Any] = []
    payload.append(payload)
    with pytest.raises(RecordError):
        to_record(TaskOutcome("t1", TaskSnapshot("t1", "completed", payload)))


def test_a_payload_as_deep_as_json_reads_comes_back_wherever_the_stack_is() -> None:
    deep = 900
    payload = json.loads("[" * deep + "]" * deep)
    outcome = TaskOutcome("t", TaskSnapshot("t", "completed", payload))

    def within(frames: int) -> TaskOutcome:
        return back(outcome) if frames == 0 else within(frames - 1)

    before = threading.active_count()
    found = within(200).result
    for _ in range(deep - 1):
        (found,) = found
    assert found == []
    assert threading.active_count() <= before


GOOD = json.loads(
    to_record(
        TaskOutcome(
            "t",
            TaskSnapshot("t", "running", raw={"task_id": "t"}),
            errors.TaskTimeoutException(task_id="t", timeout=1.0),
            2,
            0.5,
        )
    )
)


def changed(*path: Any, to: Any) -> str:
    data = json.loads(json.dumps(GOOD))
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return json.dumps(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "7",
        '{"snapshot": 7}',
        "[" * 100_000,
        changed("polls", to="2"),
        changed("elapsed", to=None),
        changed("elapsed", to=["json", {}]),
        changed("snapshot", to={}),
        changed("snapshot", "raw", to=["json"]),
        changed("snapshot", "status", to=7),
        changed("snapshot", "same", to=["missing"]),
        changed("snapshot", "same", to=7),
        changed("snapshot", "created_at", to=["time", "yesterday"]),
        changed("snapshot", "created_at", to=["span", 10**20]),
        changed("snapshot", "created_at", to=["eval", "1"]),
        changed("snapshot", "created_at", to=[]),
        changed("snapshot", "created_at", to=[["json"]]),
        changed("snapshot", "rate_limit", to=["limit", 1]),
        changed("error", "class", to="SystemExit"),
        changed("error", "class", to=["json", 1]),
        changed("error", "args", to=7),
        changed("error", "fields", "__class__", to="x"),
        changed("error", "fields", to=[]),
        changed("error", "cause", to={"class": "os.system", "args": [], "fields": {}}),
    ],
)
def test_what_is_no_record_is_an_error(text: str) -> None:
    with pytest.raises(RecordError, match="what is recorded of task t cannot be read"):
        from_record("t", text)


@given(st.text() | JSON.map(json.dumps))
def test_no_text_does_anything_else(text: str) -> None:
    try:
        found = from_record("t", text)
    except RecordError:
        return
    assert found.task_id == "t"


@given(st.data())
def test_a_record_with_a_byte_changed_is_an_outcome_or_an_error(data: st.DataObject) -> None:
    text = json.dumps(GOOD)
    at = data.draw(st.integers(0, len(text) - 1))
    text = text[:at] + data.draw(st.characters()) + text[at + 1 :]
    try:
        found = from_record("t", text)
    except RecordError:
        return
    repr(found)
    str(found.error)


def test_replayed_is_no_part_of_the_value() -> None:
    outcome = TaskOutcome("t", polls=1)
    assert replace(outcome, replayed=True) == outcome
    assert not outcome.replayed
    assert "replayed" not in to_record(replace(outcome, replayed=True))


def test_a_record_of_a_newer_kind_of_outcome_can_be_read() -> None:
    text = json.dumps({**GOOD, "something_new": 1})
    assert from_record("t", text).polls == 2

"""One polled answer as a value."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxstream import RateLimitInfo, TaskSnapshot
from rxstream._wire.failures import task_exception
from rxstream._wire.fields import as_mapping, snapshot_of

MOMENT = datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
NANOSECONDS = 1_714_564_800_123_456_000

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = ["task_id", "status", "result", "error", "created_at", "updated_at", "duration"]


def read(**data: Any) -> TaskSnapshot:
    snapshot = snapshot_of({"task_id": "t1", **data}, task_id="asked")
    assert snapshot is not None
    return snapshot


@pytest.mark.parametrize("status", ["completed", "COMPLETED", "Completed", " completed\n"])
def test_completed_is_done_and_not_failed(status: str) -> None:
    snapshot = read(status=status)
    assert (snapshot.status, snapshot.is_completed) == ("completed", True)
    assert (snapshot.is_failed, snapshot.is_done) == (False, True)


@pytest.mark.parametrize("status", ["failed", "FAILED", "Failed", "error", "ERROR", " Error "])
def test_failed_and_error_are_done_and_not_completed(status: str) -> None:
    snapshot = read(status=status)
    assert (snapshot.is_completed, snapshot.is_failed, snapshot.is_done) == (False, True, True)
    assert snapshot.status == status.strip().lower()


@pytest.mark.parametrize(
    "status",
    [
        "pending",
        "WAITING",
        "running",
        "complete",
        "completed!",
        "canceled",
        "unknown",
        "",
        "  ",
        None,
        0,
        True,
        ["completed"],
        {"completed": True},
    ],
)
def test_other_statuses_are_not_terminal(status: object) -> None:
    snapshot = read(status=status)
    assert (snapshot.is_completed, snapshot.is_failed, snapshot.is_done) == (False, False, False)


@pytest.mark.parametrize("status", [None, "", "  ", 3, [], {}])
def test_a_status_without_text_is_unknown(status: object) -> None:
    assert read(status=status).status == "unknown"
    assert read().status == "unknown"


@pytest.mark.parametrize(
    "data", [{}, {"result": 1}, {"task_id": None, "status": None}, {"error": "no"}]
)
def test_neither_id_nor_status_is_no_task(data: dict[str, Any]) -> None:
    assert snapshot_of(data, task_id="asked") is None


@pytest.mark.parametrize(
    ("said", "kept"), [("t9", "t9"), ("", "asked"), (None, "asked"), (7, "asked"), ([], "asked")]
)
def test_the_id_asked_for_stands_in_for_a_missing_one(said: object, kept: str) -> None:
    snapshot = snapshot_of({"task_id": said, "status": "running"}, task_id="asked")
    assert snapshot is not None
    assert snapshot.task_id == kept


@pytest.mark.parametrize(
    "value",
    [
        NANOSECONDS,
        str(NANOSECONDS),
        f" {NANOSECONDS} ",
        "2024-05-01T12:00:00.123456Z",
        "2024-05-01T12:00:00.123456789Z",
        "2024-05-01T14:00:00.123456+02:00",
        "2024-05-01T12:00:00.123456",
        "2024-05-01 12:00:00.123456+00:00",
        MOMENT,
        MOMENT.replace(tzinfo=None),
        MOMENT.astimezone(timezone(timedelta(hours=-5))),
    ],
)
def test_times_are_read_in_every_form(value: object) -> None:
    snapshot = read(created_at=value, updated_at=value)
    assert snapshot.created_at == snapshot.updated_at == MOMENT
    assert snapshot.created_at is not None
    assert snapshot.created_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-1_000_000_000, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("-1000000000", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (1.5e18, datetime(2017, 7, 14, 2, 40, tzinfo=UTC)),
        ("2024-05-01", datetime(2024, 5, 1, tzinfo=UTC)),
    ],
)
def test_unusual_times_are_read(value: object, expected: datetime) -> None:
    assert read(created_at=value).created_at == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        "",
        "  ",
        "-",
        "--1",
        "soon",
        "²",
        "1.5e18",
        "2024-13-01",
        [],
        {},
        float("nan"),
        float("inf"),
        float("-inf"),
        10**30,
        -(10**30),
        "9" * 5000,
        "1" * 40,
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        b"1",
        {"seconds": 1},
    ],
)
def test_unreadable_times_are_none(value: object) -> None:
    snapshot = read(created_at=value, updated_at=value)
    assert (snapshot.created_at, snapshot.updated_at) == (None, None)


@given(
    st.dictionaries(st.sampled_from(NAMES), JSON | st.just("t1")) | st.dictionaries(st.text(), JSON)
)
def test_no_json_object_makes_it_raise(data: dict[str, Any]) -> None:
    snapshot = snapshot_of(data, task_id="asked")
    assert (snapshot is None) == (data.get("task_id") is None and data.get("status") is None)
    if snapshot is not None:
        assert isinstance(snapshot.task_id, str)
        assert snapshot.task_id
        assert snapshot.status == snapshot.status.strip().lower() != ""
        failure = task_exception("asked", snapshot)
        assert (failure.task_id, failure.snapshot) == ("asked", snapshot)
        assert len(str(failure).splitlines()) == 1


@given(JSON)
def test_result_and_error_are_kept_as_sent(value: object) -> None:
    snapshot = read(result=value, error=value)
    assert snapshot.result is value
    assert snapshot.error is value


def test_unknown_fields_stay_reachable() -> None:
    data = {"task_id": "t1", "status": "running", "shard": 7, "nested": {"a": [1]}}
    snapshot = snapshot_of(data, task_id="asked")
    assert snapshot is not None
    assert snapshot.raw == data


def test_rate_limit_and_duration_are_kept() -> None:
    limit = RateLimitInfo(60, 59, MOMENT, timedelta(seconds=1))
    snapshot = snapshot_of(
        {"task_id": "t1", "duration": "36.23ms"}, task_id="asked", rate_limit=limit
    )
    assert snapshot is not None
    assert (snapshot.rate_limit, snapshot.duration) == (limit, "36.23ms")
    assert read(duration=36).duration is None


@pytest.mark.parametrize("name", [field.name for field in fields(TaskSnapshot)])
def test_snapshots_are_immutable(name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(read(), name, "other")


def test_snapshots_pickle_and_copy() -> None:
    limit = RateLimitInfo(60, 59, MOMENT, timedelta(seconds=1))
    data = {"task_id": "t1", "status": "failed", "error": {"type": "x"}, "created_at": NANOSECONDS}
    snapshot = snapshot_of(data, task_id="t1", rate_limit=limit)
    assert snapshot is not None
    assert pickle.loads(pickle.dumps(snapshot)) == snapshot
    assert copy.deepcopy(snapshot) == snapshot


def test_objects_with_attributes_are_read_like_mappings() -> None:
    reason = SimpleNamespace(type="e", description="d", stacktrace="s", version="v", other=1)
    data = SimpleNamespace(task_id="t1", status="FAILED", error=reason, created_at=MOMENT, new=1)
    snapshot = snapshot_of(as_mapping(data), task_id="asked")
    assert snapshot is not None
    assert (snapshot.task_id, snapshot.is_failed) == ("t1", True)
    assert (snapshot.created_at, snapshot.updated_at, snapshot.result) == (MOMENT, None, None)
    error = task_exception("t1", snapshot)
    assert (error.error_type, error.description) == ("e", "d")
    assert (error.stack_trace, error.version) == ("s", "v")


@pytest.mark.parametrize("reason", [None, "text", ["a"], {"type": "e"}])
def test_attributes_of_plain_types_are_kept_as_they_are(reason: object) -> None:
    assert as_mapping(SimpleNamespace(status="failed", error=reason))["error"] is reason


def test_mappings_are_passed_on_untouched() -> None:
    data = {"status": "running"}
    assert as_mapping(data) is data

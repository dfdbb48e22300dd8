"""Snapshots and outcomes as JSON, and on one line."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from rxstream import RateLimitInfo, TaskOutcome, TaskSnapshot, errors

WHEN = datetime(2024, 5, 1, 12, tzinfo=UTC)
LIMIT = RateLimitInfo(60, 9, WHEN, timedelta(seconds=5))
SNAPSHOT: TaskSnapshot[Any] = TaskSnapshot(
    "t1",
    "completed",
    {"url": "u"},
    created_at=WHEN,
    rate_limit=LIMIT,
    raw={"task_id": "t1", "more": "x" * 1_000},
)
FAILED: TaskSnapshot[Any] = TaskSnapshot("t1", "failed", error={"type": "storage"})


def test_a_snapshot_as_json() -> None:
    assert json.loads(json.dumps(SNAPSHOT.to_dict())) == {
        "task_id": "t1",
        "status": "completed",
        "result": {"url": "u"},
        "error": None,
        "created_at": "2024-05-01T12:00:00+00:00",
        "updated_at": None,
        "duration": None,
    }
    assert FAILED.to_dict()["error"] == {"type": "storage"}


def test_an_outcome_as_json() -> None:
    outcome = TaskOutcome("t1", SNAPSHOT, polls=3, elapsed=2.5, items=("u1", {"cid": "m:c"}))
    assert list(outcome.to_dict()) == [
        *("task_id", "status", "result", "error", "polls", "elapsed", "items")
    ]
    assert json.loads(json.dumps(outcome.to_dict())) == {
        "task_id": "t1",
        "status": "completed",
        "result": {"url": "u"},
        "error": None,
        "polls": 3,
        "elapsed": 2.5,
        "items": ["u1", {"cid": "m:c"}],
    }
    assert TaskOutcome("t1").to_dict()["status"] is None


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (
            errors.StreamTaskException(
                task_id="t1", error_type="storage", description="full", stack_trace="at 7"
            ),
            {"error_type": "storage", "description": "full", "stack_trace": "at 7"},
        ),
        (
            errors.StreamApiException(status_code=404, code=16, message="no such"),
            {"status_code": 404, "code": 16},
        ),
        (errors.TaskTimeoutException(task_id="t1", timeout=5), {"error_type": "timeout"}),
        (KeyError("mine"), {}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_as_json(error: Exception, fields: dict[str, Any]) -> None:
    found = TaskOutcome("t1", FAILED, error).to_dict()
    assert found["error"] == {"type": type(error).__name__, "message": str(error), **fields}
    assert found["status"] == "failed"
    json.dumps(found)


def test_an_error_tells_its_request() -> None:
    error = errors.StreamTransportException("timeout")
    error.request_id = "r1"
    assert TaskOutcome("t1", error=error).to_dict()["error"]["request_id"] == "r1"


class Rude:
    def __str__(self) -> str:
        raise KeyError

    __repr__ = __str__


def loop() -> Any:
    found: list[Any] = []
    found.append(found)
    return found


def deep() -> Any:
    found: Any = 1
    for _ in range(100_000):
        found = [found]
    return found


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"at": WHEN}, {"at": "2024-05-01T12:00:00+00:00"}),
        (MappingProxyType({1: (2,)}), {"1": [2]}),
        ({(1, 2): 3}, "{'[1, 2]': 3}"),
        ({"a": Rude()}, {"a": "<Rude>"}),
        ({"a": {1}}, {"a": "{1}"}),
    ],
)
def test_what_a_foreign_client_gives_is_made_json(result: Any, expected: Any) -> None:
    found = TaskSnapshot("t1", result=result).to_dict()["result"]
    json.dumps(found)
    assert found == expected


@pytest.mark.parametrize("make", [loop, deep, lambda: 10**5_000])
def test_no_payload_stops_it(make: Any) -> None:
    for value in (TaskSnapshot("t1", result=make()), TaskOutcome("t1", items=(make(),))):
        json.dumps(value.to_dict())
        assert len(repr(value)) < 500


def test_they_print_on_one_line_and_tell_what_there_is() -> None:
    assert str(SNAPSHOT) == repr(SNAPSHOT)
    assert repr(SNAPSHOT).startswith(
        "TaskSnapshot(task_id='t1', status='completed', result={'url': 'u'}, created_at=datetime"
    )
    assert "xxx" not in repr(SNAPSHOT)
    assert repr(TaskOutcome("t1", FAILED, KeyError("a\nb"), 3, 1.5, ("u",))) == (
        "TaskOutcome(task_id='t1', snapshot=TaskSnapshot(task_id='t1', status='failed', "
        "error={'type': 'storage'}), error=KeyError('a\\nb'), polls=3, elapsed=1.5, items=['u'])"
    )


def test_an_outcome_shows_why_a_task_failed() -> None:
    task_id = "76809eaf-1dd9-4117-9fc9-ca4e49aacb8c"
    error = errors.StreamTaskException(
        task_id=task_id, error_type="storage", description="no space left"
    )
    shown = repr(TaskOutcome(task_id, error=error, elapsed=1.0260536759997194))
    assert "(storage): no space left')" in shown
    assert "elapsed=1.026)" in shown
    error = errors.StreamTaskException(
        task_id=task_id, error_type="storage", description="x" * 1_000
    )
    assert len(repr(TaskOutcome(task_id, error=error))) < 350


def test_they_are_generic_at_run_time_too() -> None:
    snapshot = TaskSnapshot[dict[str, str]]("t1", result={"a": "b"})
    outcome = TaskOutcome[dict[str, str]]("t1", snapshot, items=("u",))
    for value in (snapshot, outcome):
        assert not hasattr(value, "__dict__")
        assert pickle.loads(pickle.dumps(value)) == value

"""`rxs.stalled`: answers that are alike for too long."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import reactivex
from reactivex import operators as ops

from rxstream import TaskSnapshot, task_observable
from rxstream import operators as rxs
from rxstream.errors import StreamTaskException, TaskStalledException, TaskTimeoutException
from rxstream.testing import (
    Emission,
    FakeAsyncClient,
    FakeClient,
    Script,
    VirtualTime,
    completed,
    failed,
    hang,
    http_error,
)
from tests.support import TASK


def snapshot(**fields: Any) -> TaskSnapshot:
    return TaskSnapshot(TASK, **{"status": "running", **fields})


def told(items: list[tuple[float, TaskSnapshot]], limit: float) -> list[Emission]:
    """Let each item come at its time."""
    time = VirtualTime()
    timers = [reactivex.timer(at).pipe(ops.map(lambda _, item=item: item)) for at, item in items]
    return time.record(reactivex.merge(*timers).pipe(rxs.stalled(limit)))


@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
def test_an_error_right_after_the_answer_that_shows_it(fake: Any) -> None:
    time = VirtualTime()
    client = fake(Script.timeline({0: "pending", 2: "running"}), scheduler=time)
    *seen, end = time.record(task_observable(client, TASK).pipe(rxs.stalled(5)))
    assert [item.value.status for item in seen] == ["pending"] * 2 + ["running"] * 6
    assert (end.at, type(end.value)) == (7, TaskStalledException)
    assert isinstance(end.value, TaskTimeoutException | TimeoutError)
    assert (end.value.task_id, end.value.timeout, end.value.polls) == (TASK, 5, 8)
    assert end.value.last is seen[-1].value
    assert str(end.value) == f"Task {TASK} has not changed for 5 s (status 'running')"
    assert client.polls() == 8
    assert client.in_flight == 0


@pytest.mark.parametrize(
    "change",
    [
        {"status": "paused"},
        {"updated_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"error": {"type": "new"}},
        {"result": {"done": 3}},
    ],
)
def test_each_of_these_is_a_change(change: dict[str, Any]) -> None:
    steady, changed = snapshot(), snapshot(**change)
    items = [(0.0, steady), (4.0, changed), (8.0, changed), (9.0, changed)]
    assert [(seen.at, seen.kind) for seen in told(items, 5)] == [
        *[(0, "next"), (4, "next"), (8, "next")],
        *[(9, "next"), (9, "error")],
    ]


def test_what_differs_in_every_answer_is_none() -> None:
    items = [(float(at), snapshot(duration=f"{at} ms", raw={"n": at})) for at in range(9)]
    assert told(items, 5)[-1].at == 5


def test_what_cannot_be_compared_has_changed() -> None:
    class Odd:
        __hash__ = None

        def __eq__(self, other: object) -> bool:
            raise RecursionError

    items = [(float(at), snapshot(result=Odd())) for at in range(9)]
    assert told(items, 5)[-1].kind == "completed"


def test_a_task_that_ended_has_not_stalled() -> None:
    ended = [(0.0, snapshot(status="completed")), (9.0, snapshot(status="completed"))]
    assert [seen.kind for seen in told(ended, 5)] == ["next", "next", "completed"]


def test_a_first_answer_never_stalls() -> None:
    assert [seen.kind for seen in told([(9.0, snapshot())], 0)] == ["next", "completed"]


def test_silence_is_none_of_its_business() -> None:
    time = VirtualTime()
    client = FakeClient(["running", hang()], scheduler=time)
    wait = task_observable(client, TASK, timeout=60).pipe(rxs.stalled(5))
    end = time.record(wait)[-1]
    assert (end.at, type(end.value)) == (60, TaskTimeoutException)


def test_failed_polls_are_no_answers() -> None:
    time = VirtualTime()
    script = Script.timeline({0: "running", 1: http_error(503, retry_after=7), 8: completed()})
    client = FakeClient(script, scheduler=time)
    assert time.record(task_observable(client, TASK).pipe(rxs.stalled(5)))[-1].kind == "completed"


def test_other_errors_pass() -> None:
    time = VirtualTime()
    client = FakeClient(["running", failed("no")], scheduler=time)
    end = time.record(task_observable(client, TASK).pipe(rxs.stalled(5)))[-1]
    assert isinstance(end.value, StreamTaskException)


def test_a_stalled_wait_can_be_tried_again() -> None:
    time = VirtualTime()
    client = FakeClient(Script.timeline({0: "running", 9: completed(3)}), scheduler=time)
    again = rxs.retry_with(iter_twice, on=TaskStalledException)
    wait = task_observable(client, TASK).pipe(rxs.stalled(timedelta(seconds=4)), again)
    assert time.record(wait)[-1].kind == "completed"


def iter_twice() -> Any:
    return iter([1.0, 1.0])


@pytest.mark.parametrize(
    ("seconds", "kind"), [(math.nan, ValueError), (-1, ValueError), ("5", TypeError)]
)
def test_bad_seconds_are_refused(seconds: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"^seconds must be "):
        rxs.stalled(seconds)

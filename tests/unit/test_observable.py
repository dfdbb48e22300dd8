"""What a wait emits, and when it polls: the design's section 3, sync and async."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from reactivex import operators as ops

from rxstream import backoff, task_observable
from rxstream.errors import StreamTaskException
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    Script,
    VirtualTime,
    completed,
    delayed,
    failed,
    run_virtual,
)
from tests.support import TASK, Drive, Recording, seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterator

FAKES = [FakeClient, FakeAsyncClient]


@pytest.mark.parametrize("fake", FAKES)
def test_nothing_happens_before_subscribe(fake: Any) -> None:
    client = fake("running", scheduler=(time := VirtualTime()))
    task_observable(client, TASK, scheduler=time)
    time.start(until=5)
    assert not client.requests


@pytest.mark.parametrize("fake", FAKES)
def test_each_subscription_polls_for_itself_with_state_of_its_own(fake: Any) -> None:
    time = VirtualTime()
    client = fake(Script.timeline({0: "running", 2.5: completed(7)}), scheduler=time)
    observable = task_observable(
        client, TASK, scheduler=time, poll_interval=backoff.exponential(1.0)
    )
    first, second = Recording(client), Recording(client)
    first.observe(observable, seconds_of(time))
    time.advance_by(0.5)
    second.observe(observable, seconds_of(time))
    time.start()
    assert first.moments == [0, 1, 3]
    assert second.moments == [0, 1, 3]
    assert client.polls(TASK) == 6


def test_polls_at_once_and_then_poll_interval_after_each_answer(drive: Drive) -> None:
    seen = drive(["pending", "running", completed({"ok": 1})], poll_interval=2.0)
    assert seen.statuses == ["pending", "running", "completed"]
    assert seen.moments == [0, 2, 4]
    assert seen.polled_at == [0, 2, 4]


def test_a_slow_server_is_never_polled_back_to_back(drive: Drive) -> None:
    slow = delayed("running", 3.0)
    seen = drive([slow, slow, completed()], poll_interval=1.0)
    assert seen.polled_at == [0, 4, 8]
    assert seen.moments == [3, 7, 8]
    assert seen.client.most_in_flight == 1


@pytest.mark.parametrize(
    ("poll_interval", "expected"),
    [
        (1, [0, 1, 2, 3]),
        (timedelta(milliseconds=500), [0, 0.5, 1, 1.5]),
        (backoff.exponential(1.0), [0, 1, 3, 7]),
        (backoff.exponential(1.0, maximum=2.0), [0, 1, 3, 5]),
        (backoff.constant(2).limited(1), [0, 2, 4, 6]),
        (lambda: iter([3, 0.5]), [0, 3, 3.5, 4]),
        (lambda: count(1), [0, 1, 3, 6]),
    ],
)
def test_poll_interval_is_seconds_or_a_schedule(
    drive: Drive, poll_interval: Any, expected: list[float]
) -> None:
    seen = drive(["running"] * 3 + [completed()], poll_interval=poll_interval)
    assert seen.polled_at == expected


def test_poll_interval_zero_polls_again_at_once_and_does_not_recurse(drive: Drive) -> None:
    seen = drive(["running"] * 5_000 + [completed()], poll_interval=0)
    assert len(seen.emitted) == 5_001
    assert seen.completed
    assert seen.ended_at == 0


def test_completed_is_emitted_with_its_payload_and_then_the_stream_completes(drive: Drive) -> None:
    seen = drive([completed({"url": "…"})])
    assert seen.statuses == ["completed"]
    assert seen.emitted[-1][1].result == {"url": "…"}
    assert seen.completed
    assert seen.ended_at == 0


@pytest.mark.parametrize("status", ["failed", "FAILED", "error"])
def test_failed_is_emitted_and_then_the_stream_errors(drive: Drive, status: str) -> None:
    answer = failed("no such channel", error_type="not_found", stack_trace="at x", version="v1")
    seen = drive(["running", status if status != "failed" else answer])
    assert seen.statuses == ["running", status.lower()]
    assert isinstance(seen.error, StreamTaskException)
    assert seen.error.task_id == TASK
    assert seen.error.snapshot is seen.emitted[-1][1]
    if status == "failed":
        assert seen.error.description == "no such channel"
        assert seen.error.error_type == "not_found"
        assert seen.error.stack_trace == "at x"
        assert seen.error.version == "v1"


@pytest.mark.parametrize("status", ["waiting", "paused", "Running", "half-done"])
def test_unknown_statuses_are_not_terminal(drive: Drive, status: str) -> None:
    seen = drive([status, "Completed"])
    assert seen.statuses == [status.lower(), "completed"]
    assert seen.completed


@pytest.mark.parametrize("fake", FAKES)
def test_last_yields_the_snapshot_that_carries_the_result(fake: Any) -> None:
    client = fake(["running", completed(42)], scheduler=(time := VirtualTime()))
    seen: list[Any] = []
    observable = task_observable(client, TASK, scheduler=time).pipe(ops.last())
    observable.subscribe(seen.append)
    time.start()
    assert [snapshot.result for snapshot in seen] == [42]


def test_awaiting_the_observable_yields_the_last_snapshot() -> None:
    async def wait() -> Any:
        return await task_observable(FakeAsyncClient(["running", completed(42)]), TASK)

    assert run_virtual(wait()).result == 42


def test_a_schedule_that_gives_no_delay_is_the_users_error(drive: Drive) -> None:
    seen = drive("running", poll_interval=lambda: iter([]))
    assert seen.statuses == ["running"]
    assert isinstance(seen.error, ValueError)
    assert "poll_interval" in str(seen.error)


@pytest.mark.parametrize("delay", [float("nan"), float("inf"), -1, "1", None])
def test_a_schedule_that_gives_something_else_is_the_users_error(drive: Drive, delay: Any) -> None:
    seen = drive("running", poll_interval=lambda: iter([delay]))
    assert isinstance(seen.error, ValueError | TypeError)
    assert "poll_interval" in str(seen.error)


def test_a_schedule_that_raises_ends_the_wait_with_what_it_raised(drive: Drive) -> None:
    def broken() -> Iterator[float]:
        yield 1.0
        raise LookupError

    seen = drive("running", poll_interval=broken)
    assert seen.statuses == ["running", "running"]
    assert isinstance(seen.error, LookupError)
    assert seen.ended_at == 1


def test_a_task_that_has_failed_already_errors_at_the_first_poll(drive: Drive) -> None:
    seen = drive(failed("too late"))
    assert seen.statuses == ["failed"]
    assert isinstance(seen.error, StreamTaskException)
    assert seen.ended_at == 0


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_the_error_names_the_id_that_was_asked_for(kind: str) -> None:
    class Client:
        def get_task(self, task_id: str) -> dict[str, Any]:
            return {"task_id": task_id.upper(), "status": "failed"}

    class AsyncClient:
        async def get_task(self, task_id: str) -> dict[str, Any]:
            return Client().get_task(task_id)

    time = VirtualTime()
    errors: list[Any] = []
    client = Client() if kind == "sync" else AsyncClient()
    task_observable(client, "an-id", scheduler=time).subscribe(on_error=errors.append)
    assert errors[0].task_id == "an-id"
    assert errors[0].snapshot.task_id == "AN-ID"

"""What one answer may do to a client: no header closes it for long, and none breaks it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rxstream import Gate, RateLimitInfo, TaskSnapshot, backoff, task_observable
from rxstream import operators as rxs
from rxstream.errors import StreamRateLimitException
from rxstream.testing import (
    FakeClient,
    VirtualTime,
    completed,
    http_error,
    rate_limited,
    status,
)
from tests.support import TASK, Drive, Recording, seconds_of
from tests.unit.test_gate import ids, start

YEAR_9999 = "253402300799"
AGES = [
    http_error(429, retry_after=10**12),
    rate_limited(http_error(429, retry_after=10**12), 60, 0, YEAR_9999),
]


@pytest.mark.parametrize("answer", AGES, ids=["alone", "with a limit"])
def test_a_429_closes_for_five_minutes_at_most(drive: Drive, answer: Any) -> None:
    seen = drive([answer, completed()], timeout=None)
    assert seen.polled_at == [0, 300]


@pytest.mark.parametrize("longest", [20, 20.0, timedelta(seconds=20)])
def test_it_can_be_set(drive: Drive, longest: Any) -> None:
    gate = Gate(longest_pause=longest)
    assert gate.longest_pause == 20
    seen = drive([http_error(429, retry_after=60), completed()], gate=gate, timeout=None)
    assert seen.polled_at == [0, 20]


def test_it_can_be_set_to_more(drive: Drive) -> None:
    seen = drive(
        [http_error(429, retry_after=3_600), completed()],
        gate=Gate(longest_pause=7_200),
        timeout=None,
    )
    assert seen.polled_at == [0, 3_600]


def test_it_holds_for_a_503_that_names_a_time_too(drive: Drive) -> None:
    fault = http_error(503, retry_after=10**12)
    assert drive([fault, completed()], timeout=None).polled_at == [0, 300]
    short = Gate(longest_pause=7)
    assert drive([fault, completed()], timeout=None, gate=short).polled_at == [0, 7]


def test_it_holds_for_retry_with() -> None:
    time = VirtualTime()
    client = FakeClient([http_error(429, retry_after=10**12), completed()], scheduler=time)
    wait = task_observable(client, TASK, retry=None, timeout=None)
    again = rxs.retry_with(backoff.constant(1), on=StreamRateLimitException)
    seen = Recording(client)
    seen.observe(wait.pipe(again), seconds_of(time), scheduler=time)
    time.start()
    assert seen.completed
    assert seen.polled_at == [0, 300]


@pytest.mark.parametrize("longest", [-1, float("nan"), float("inf")])
def test_one_out_of_range(longest: float) -> None:
    with pytest.raises(ValueError, match="longest_pause must be"):
        Gate(longest_pause=longest)


@pytest.mark.parametrize("longest", ["1", None, True])
def test_one_that_is_no_duration(longest: Any) -> None:
    with pytest.raises(TypeError, match="longest_pause must be"):
        Gate(longest_pause=longest)


ABSURD = [
    (str(10**400), str(10**400), "20"),
    ("60", str(10**400), "20"),
    (str(10**400), "0", YEAR_9999),
    ("-60", "-60", "-20"),
    ("60", str(-(10**400)), YEAR_9999),
    ("0", "0", "0"),
]


@pytest.mark.parametrize(("limit", "remaining", "reset"), ABSURD, ids=range(len(ABSURD)))
def test_no_limit_breaks_a_wait_or_stops_it_for_long(
    limit: str, remaining: str, reset: str
) -> None:
    time = VirtualTime()
    running = rate_limited(status("running"), limit, remaining, reset)
    done = rate_limited(completed(), limit, remaining, reset)
    client = FakeClient([running] * 3 + [done], scheduler=time)
    seen = start(client, time, ids(3), timeout=1_000)
    time.start()
    assert all(recording.completed for recording in seen.values())


class Foreign:
    """A client of the user's own, which reads its limits itself."""

    def __init__(self, said: RateLimitInfo) -> None:
        self.said = said
        self.polls = 0

    def get_task(self, task_id: str) -> TaskSnapshot:
        self.polls += 1
        done = "completed" if self.polls > 3 else "running"
        return TaskSnapshot(task_id, done, rate_limit=self.said)


@pytest.mark.parametrize("limit", [10**400, 60, -(10**400)], ids=["huge", "60", "negative"])
@pytest.mark.parametrize("remaining", [10**400, 0, -(10**400)], ids=["huge", "0", "negative"])
@pytest.mark.parametrize("after", [timedelta.max, timedelta.min], ids=["ages", "past"])
def test_a_limit_that_somebody_else_read_does_no_harm_either(
    limit: int, remaining: int, after: timedelta
) -> None:
    time = VirtualTime()
    reset = datetime(9999, 12, 31, tzinfo=UTC)
    client = Foreign(RateLimitInfo(limit, remaining, reset, after))
    seen = Recording(client)
    seen.observe(task_observable(client, TASK, timeout=1_000, scheduler=time), seconds_of(time))
    time.start()
    assert seen.completed

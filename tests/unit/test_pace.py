"""What a rate limit makes of many waits, and of the application's other calls."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rxstream import Gate, RateLimitInfo, TaskOutcome, TaskSnapshot, tasks_observable
from rxstream.errors import StreamRateLimitException
from rxstream.testing import FakeClient, VirtualTime, delayed, http_error, rate_limited, status
from tests.unit.test_gate import ids, start

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

LIMIT, WINDOW = 200, 60.0


def lasting() -> Mapping[str, float]:
    """Most are done within a minute, and a few take very long."""
    rng = random.Random(1)
    return {task_id: rng.lognormvariate(3.0, 1.4) for task_id in ids(5 * LIMIT)}


def round_robin(durations: Mapping[str, float]) -> float:
    """Mean lateness where one queue is polled evenly, at exactly the limit, and knows it."""
    now = late = 0.0
    due = dict.fromkeys(durations, 0.0)
    while due:
        task_id = next(iter(due))
        now = max(now, due.pop(task_id))
        if durations[task_id] <= now:
            late += now - durations[task_id]
        else:
            due[task_id] = now + 1.0
        now += WINDOW / LIMIT
    return late / len(durations)


class Latency:
    def __await__(self) -> Generator[float, None, None]:
        yield 0.05  # the virtual seconds that are to pass


class Limited:
    """A server that has begun all tasks at the same moment, and counts by fixed windows."""

    def __init__(self, time: VirtualTime, durations: Mapping[str, float]) -> None:
        self.time = time
        self.began = time.now.timestamp()
        self.durations = durations
        self.window = -1
        self.used = 0
        self.refused = 0

    def take(self) -> RateLimitInfo:
        passed = self.time.now.timestamp() - self.began
        if int(passed // WINDOW) != self.window:
            self.window, self.used = int(passed // WINDOW), 0
        self.used += 1
        after = WINDOW - passed % WINDOW
        self.refused += self.used > LIMIT
        return RateLimitInfo(
            limit=LIMIT,
            remaining=max(LIMIT - self.used, 0),
            reset=datetime.fromtimestamp((self.window + 1) * WINDOW, UTC),
            reset_after=timedelta(seconds=after),
        )

    async def get_task(self, task_id: str) -> TaskSnapshot:
        await Latency()
        said = self.take()
        if self.used > LIMIT:
            raise StreamRateLimitException(
                status_code=429, rate_limit=said, retry_after=said.reset_after
            )
        done = self.durations[task_id] <= self.time.now.timestamp() - self.began
        return TaskSnapshot(task_id, "completed" if done else "running", rate_limit=said)


def mean_lateness(time: VirtualTime, server: Limited) -> float:
    late: list[float] = []

    def seen(outcome: TaskOutcome) -> None:
        assert outcome.ok
        passed = time.now.timestamp() - server.began
        late.append(passed - server.durations[outcome.task_id])

    tasks_observable(server, server.durations, timeout=None, scheduler=time).subscribe(seen)
    time.start()
    assert len(late) == len(server.durations)
    return sum(late) / len(late)


def test_many_waits_keep_within_the_limit_and_are_hardly_later_than_in_an_ideal_queue() -> None:
    time = VirtualTime()
    server = Limited(time, lasting())
    used = 0.97  # 2 % stay unspent
    assert mean_lateness(time, server) <= round_robin(server.durations) / used
    assert server.refused == 0


def test_a_share_is_left_for_the_other_calls_of_the_application() -> None:
    time = VirtualTime()
    server = Limited(time, lasting())
    others: list[int] = []

    def other_call(*_: object) -> None:
        server.take()
        others.append(server.used)
        if len(others) < 100:
            time.schedule_relative(WINDOW / LIMIT / 0.05, other_call)

    other_call()
    mean_lateness(time, server)
    assert max(others) <= LIMIT
    assert server.refused == 0


def test_the_first_polls_of_a_large_batch_are_spread() -> None:
    time = VirtualTime()
    answer = rate_limited(delayed(status("running"), 0.05), 60, 59, "60")
    client = FakeClient(answer, scheduler=time)
    start(client, time, ids(100), timeout=None)
    time.start(until=30)
    assert len(client.requests) == pytest.approx(30, abs=10)
    before = [sum(request.at < until for request in client.requests) for until in (10, 20)]
    assert before == pytest.approx([len(client.requests) / 3, len(client.requests) * 2 / 3], abs=8)


def statistics_after(answer: Any, *, count: int = 1, until: float = 0.5) -> dict[str, Any]:
    time = VirtualTime()
    client = FakeClient(answer, scheduler=time)
    start(client, time, ids(count), timeout=None, poll_interval=100.0, retry=None)
    time.start(until=until)
    seen = Gate.of(client).statistics()
    return {name: getattr(seen, name) for name in seen.__slots__}


def test_the_statistics_of_a_gate_that_nobody_has_passed() -> None:
    seen = Gate().statistics()
    assert (seen.in_flight, seen.queued, seen.rate_limited) == (0, 0, 0)
    assert (seen.limit, seen.remaining, seen.reset_after) == (None, None, None)
    assert (seen.closed_for, seen.paced_for) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (status("running"), {"limit": None, "remaining": None, "reset_after": None}),
        (
            rate_limited(status("running"), 60, 50, 30),
            {"limit": 60, "remaining": 50, "reset_after": 29.5, "closed_for": 0, "paced_for": 0},
        ),
        (
            rate_limited(status("running"), 60, 20, 30),
            {"remaining": 20, "closed_for": 0, "paced_for": 29.5},
        ),
        (rate_limited(status("running"), 60, 0, 30), {"remaining": 0, "closed_for": 29.5}),
        (
            rate_limited(http_error(429, retry_after=10), 60, 0, 30),
            {"limit": 60, "remaining": 0, "closed_for": 9.5, "rate_limited": 1},
        ),
        (http_error(429, retry_after=10), {"limit": None, "closed_for": 9.5, "rate_limited": 1}),
        (http_error(429), {"limit": None, "closed_for": 0.5, "rate_limited": 1}),
        (http_error(503, retry_after=10), {"closed_for": 0, "rate_limited": 0}),
    ],
)
def test_the_statistics_say_what_is_known(answer: Any, expected: dict[str, Any]) -> None:
    seen = statistics_after(answer)
    assert {name: seen[name] for name in expected} == pytest.approx(expected)


def test_the_statistics_say_who_waits() -> None:
    seen = statistics_after(http_error(429, retry_after=10), count=20, until=5)
    assert (seen["in_flight"], seen["queued"]) == (0, 20 - seen["rate_limited"])


def test_a_clock_that_is_an_hour_off_does_not_stop_everybody() -> None:
    time = VirtualTime()
    client = FakeClient(rate_limited(status("running"), 60, 1, "3600"), scheduler=time)
    start(client, time, ["a"], timeout=None)
    time.start(until=70)
    assert [request.at for request in client.requests][:2] == pytest.approx([0, 60], abs=1)


@pytest.mark.parametrize("limit", [0, -5])
def test_a_limit_that_makes_no_sense_is_not_believed(limit: int) -> None:
    seen = statistics_after(rate_limited(status("running"), limit, 0, 30))
    assert (seen["limit"], seen["closed_for"]) == (None, 0)


@pytest.mark.parametrize("reserve", [-0.1, 1, 1.5, float("nan")])
def test_a_reserve_out_of_range(reserve: float) -> None:
    with pytest.raises(ValueError, match=r"reserve must be from 0\.0 to less than 1\.0"):
        Gate(reserve=reserve)


@pytest.mark.parametrize("reserve", ["0.1", None, True])
def test_a_reserve_that_is_no_number(reserve: Any) -> None:
    with pytest.raises(TypeError, match="reserve must be a number"):
        Gate(reserve=reserve)


def test_a_larger_reserve_leaves_more_for_others() -> None:
    polls: list[int] = []
    for reserve in (0.0, 0.5):
        time = VirtualTime()
        client = FakeClient("running", scheduler=time, rate_limit=100)
        gate = Gate(reserve=reserve)
        start(client, time, ids(50), gate=gate, timeout=None)
        time.start(until=30)
        polls.append(len(client.requests))
    assert polls[0] == pytest.approx(50, abs=15)
    assert polls[1] < polls[0] - 5

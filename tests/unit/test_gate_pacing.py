"""What the gate learns from several answers: which of them counts, and for how long."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from rxstream import Gate, backoff
from rxstream.testing import (
    FakeClient,
    VirtualTime,
    completed,
    delayed,
    http_error,
    rate_limited,
    reset,
    status,
)
from tests.unit.test_gate import start

RUNNING = status("running")


def test_a_pace_that_no_clock_can_express_is_kept_all_the_same() -> None:
    time = VirtualTime(max_actions=1_000)
    client = FakeClient(rate_limited(status("running"), 60, 4, "10"), scheduler=time)
    start(client, time, ["a"], poll_interval=0.1, timeout=None)
    time.start(until=9)
    gaps = [later.at - earlier.at for earlier, later in pairwise(client.requests)]
    assert len(gaps) >= 2
    assert gaps[0] == pytest.approx(10 / (3 * 0.9), abs=0.11)
    assert gaps == sorted(gaps, reverse=True), "the polls left are for less and less time"


def test_the_pace_is_carried_over_to_another_timeline() -> None:
    early, late = VirtualTime(), VirtualTime()
    late.start(until=1_000)
    gate = Gate(5)
    low = FakeClient(rate_limited(status("running"), 60, 10, 20), scheduler=early)
    start(low, early, ["a"], gate=gate, poll_interval=100.0, timeout=None)
    client = FakeClient("running", scheduler=late)
    start(client, late, ["b"], gate=gate, poll_interval=0.1, timeout=None)
    late.start(until=1_010)
    assert client.polls("b") == pytest.approx(10 / (20 / (10 * 0.9)), abs=1)


def test_a_503_that_names_a_time_holds_up_nobody_else() -> None:
    time = VirtualTime()
    client = FakeClient({"a": http_error(503, retry_after=20), "b": "running"}, scheduler=time)
    start(client, time, ["a", "b"])
    time.start(until=10)
    assert client.polls("a") == 1
    assert client.polls("b") == 11


def test_the_window_of_an_error_answer_counts_too() -> None:
    time = VirtualTime()
    used_up = rate_limited(http_error(404), 60, 0, 15)
    client = FakeClient({"a": used_up, "b": "running"}, scheduler=time)
    start(client, time, ["a", "b"])
    time.start(until=14)
    assert client.polls("b") == 0
    time.start(until=17)
    assert client.polls("b") > 0


def closed_till(first: Any, second: Any, *, width: int = 5) -> float:
    """When a third wait may poll, after two answers that came a second apart."""
    time = VirtualTime()
    client = FakeClient(
        {"a": delayed(first, 1.0), "b": delayed(second, 2.0), "c": completed()}, scheduler=time
    )
    start(client, time, ["a", "b"], gate=(gate := Gate(width)), poll_interval=500.0, retry=None)
    time.start(until=2.5)
    start(client, time, ["c"], gate=gate, timeout=None)
    time.start()
    return next(request.at for request in client.requests if request.task_id == "c")


@pytest.mark.parametrize(
    ("first", "second", "till"),
    [
        (http_error(429, retry_after=30), http_error(429, retry_after=5), 31),
        (http_error(429, retry_after=30), RUNNING, 31),
        (http_error(429, retry_after=30), rate_limited(RUNNING, 60, 60, 50), 31),
        (http_error(429, retry_after=30), rate_limited(RUNNING, 60, 0, 5), 31),
        (http_error(429, retry_after=5), http_error(429, retry_after=30), 32),
        (rate_limited(http_error(429, retry_after=5), 60, 0, 30), RUNNING, 6),
    ],
)
def test_a_later_answer_never_opens_what_an_earlier_one_has_closed(
    first: Any, second: Any, till: float
) -> None:
    assert closed_till(first, second) == pytest.approx(till, abs=1.01)


def test_of_two_windows_that_are_used_up_the_newest_counts() -> None:
    used_up = [rate_limited(RUNNING, 60, 0, "1"), rate_limited(RUNNING, 60, 8, "61")]
    assert closed_till(*used_up) == pytest.approx(10, abs=1.01)


def test_answers_of_one_window_may_overtake_each_other() -> None:
    time = VirtualTime()
    client = FakeClient(
        {
            "a": delayed(rate_limited(RUNNING, 60, 1, 30), 1.0),
            "b": delayed(rate_limited(RUNNING, 60, 50, 30), 2.0),
            "c": completed(),
        },
        scheduler=time,
    )
    gate = Gate(5)
    start(client, time, ["a", "b"], gate=gate, poll_interval=500.0)
    time.start(until=2.5)
    assert gate.statistics().remaining == 2, "no more than a second of the limit may come back"


def test_polls_in_flight_count_against_the_window() -> None:
    time = VirtualTime()
    low = rate_limited(RUNNING, 60, 2, 20)
    client = FakeClient({"a": low, "b": delayed(RUNNING, 50.0), "c": completed()}, scheduler=time)
    start(client, time, ["b", "b", "a", "c"], poll_interval=100.0, timeout=None)
    time.start(until=15)
    assert client.polls("c") == 0, "the two requests that were left are in flight"
    time.start(until=25)
    assert client.polls("c") == 1


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (rate_limited(RUNNING, 60, 59, "120"), [0, 7.3, 8.3, 9.3, 10.3, 11.3, 12.3, 13.3, 14.3]),
        (rate_limited(RUNNING, 60, 20, "120"), [0, 7.3, 10.7, 14.15]),
    ],
)
def test_what_is_known_of_a_new_window_ends_the_pacing_of_the_old(
    new: Any, expected: list[float]
) -> None:
    time = VirtualTime()
    answers = [rate_limited(RUNNING, 60, 10, "60"), new, RUNNING]
    client = FakeClient({"a": answers}, scheduler=time)
    start(client, time, ["a"], poll_interval=1.0, timeout=None)
    time.start(until=14.5)
    assert [request.at for request in client.requests] == pytest.approx(expected, abs=0.05)


def test_a_429_that_names_no_time_closes_for_all() -> None:
    time = VirtualTime()
    refused = [delayed(http_error(429), 0.1)] * 3
    client = FakeClient({"a": [*refused, RUNNING], "b": RUNNING}, scheduler=time)
    start(client, time, ["a", "b"], timeout=None, poll_interval=0.25)
    time.start(until=5)
    others = [request.at for request in client.requests if request.task_id == "b"]
    closed = [gap for earlier, later in pairwise(others) if (gap := later - earlier) > 0.3]
    assert closed == pytest.approx([1.1] * 3), "the good answers in between make each the first"


def test_what_was_under_way_when_it_closed_does_not_close_it_for_longer() -> None:
    time = VirtualTime()
    client = FakeClient(
        {
            name: [delayed(http_error(429), 0.1 + n / 20), completed()]
            for n, name in enumerate("abcd")
        },
        scheduler=time,
    )
    seen = start(client, time, list("abcd"), timeout=None)
    time.start()
    assert all(recording.ended_at == pytest.approx(1.1) for recording in seen.values())


def test_errors_on_the_way_say_nothing_of_the_limit() -> None:
    time = VirtualTime()
    script = [http_error(429), reset(), http_error(429), reset(), http_error(429), completed()]
    client = FakeClient({"a": script}, scheduler=time)
    start(client, time, ["a"], timeout=None, retry=backoff.constant(0.5))
    time.start()
    assert [request.at for request in client.requests] == [0, 1, 1.5, 3.5, 4, 8]

"""A rate of one's own: `Gate(per_minute=…)`, for limits that no answer tells."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from rxstream import Gate, tasks_observable
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    VirtualTime,
    completed,
    delayed,
    http_error,
    rate_limited,
    status,
)
from tests.support import KnownGate
from tests.unit.test_gate import ids, start

if TYPE_CHECKING:
    from collections.abc import Sequence

MINUTE = 60.0
RUNNING = status("running")
each_fake = pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])


def busiest_minute(moments: Sequence[float]) -> int:
    """The most polls in any minute, its end not included."""
    return max(bisect_left(moments, at + MINUTE) - index for index, at in enumerate(moments))


def polled(fake: Any, gate: Gate, answer: Any = RUNNING, *, minutes: float = 5.0) -> list[float]:
    """When polls go out that many waits want to send all the time."""
    time = VirtualTime(max_actions=1_000_000)
    client = fake(answer, scheduler=time)
    start(client, time, ids(50), gate=gate, poll_interval=0.01, timeout=None)
    time.start(until=minutes * MINUTE)
    return [request.at for request in client.requests]


# -- the law ---------------------------------------------------------------------------------------


@each_fake
@pytest.mark.parametrize("per_minute", [1, 2, 7, 60, 1_000])
@pytest.mark.parametrize("latency", [0.0, 0.3])
def test_no_minute_has_more_polls_and_nine_tenths_are_used(
    fake: Any, per_minute: int, latency: float
) -> None:
    moments = polled(fake, Gate(50, per_minute=per_minute), delayed(RUNNING, latency))
    assert busiest_minute(moments) <= per_minute
    assert len(moments) >= 0.9 * 5 * per_minute


@each_fake
def test_polls_are_even_from_the_first_on(fake: Any) -> None:
    moments = polled(fake, Gate(per_minute=60), minutes=0.5)
    assert [later - before for before, later in pairwise(moments)] == pytest.approx(
        [1.0] * (len(moments) - 1), abs=1e-4
    )


def test_a_few_waits_are_not_slowed_down() -> None:
    time = VirtualTime()
    client = FakeClient("running", scheduler=time)
    start(client, time, ["a"], gate=Gate(per_minute=60), poll_interval=2.0, timeout=None)
    time.start(until=60)
    assert client.polls("a") == 31


def test_after_a_rest_there_is_no_burst() -> None:
    time = VirtualTime()
    gate = Gate(per_minute=60)
    client = FakeClient(completed(), scheduler=time)
    start(client, time, ["a"], gate=gate)
    time.start(until=600)
    start(client, time, ids(10), gate=gate, timeout=None)
    time.start()
    moments = [request.at for request in client.requests][1:]
    assert busiest_minute(moments) == 10
    assert moments[-1] - moments[0] == pytest.approx(9.0, abs=1e-3)


# -- with what answers tell ------------------------------------------------------------------------


@each_fake
@pytest.mark.parametrize(("own", "told"), [(60, 600), (600, 60)])
def test_the_lower_one_wins(fake: Any, own: int, told: int) -> None:
    time = VirtualTime(max_actions=1_000_000)
    client = fake("running", scheduler=time, rate_limit=told)
    gate = Gate(per_minute=own)
    start(client, time, ids(50), gate=gate, poll_interval=0.01, timeout=None)
    time.start(until=5 * MINUTE)
    moments = [request.at for request in client.requests]
    assert busiest_minute(moments) <= min(own, told) * 1.5, "of two windows, at most"
    assert len(moments) <= 5 * min(own, told)
    assert len(moments) >= 0.9 * 5 * min(own, told)
    assert gate.statistics().rate_limited == 0


@each_fake
def test_a_429_still_stops_everybody(fake: Any) -> None:
    time = VirtualTime()
    refused = http_error(429, retry_after=20)
    client = fake({"a": [refused, RUNNING], "b": "running"}, scheduler=time)
    gate = Gate(per_minute=600, longest_pause=10)
    start(client, time, ["a", "b"], gate=gate, timeout=None)
    time.start(until=9)
    before = len(client.requests)
    assert before <= 2
    time.start(until=15)
    assert len(client.requests) > before
    assert client.requests[before].at == pytest.approx(10.0, abs=0.2), "cut to `longest_pause`"


def test_it_is_carried_over_to_another_timeline() -> None:
    early, late = VirtualTime(), VirtualTime()
    late.start(until=1_000)
    gate = Gate(per_minute=6)
    first = FakeClient("running", scheduler=early)
    start(first, early, ["a"], gate=gate, poll_interval=100.0, timeout=None)
    second = FakeClient("running", scheduler=late)
    start(second, late, ["b"], gate=gate, poll_interval=0.1, timeout=None)
    late.start(until=1_060)
    gaps = [after.at - before.at for before, after in pairwise(second.requests)]
    assert gaps == pytest.approx([10.0] * len(gaps), abs=1e-3)
    assert len(gaps) >= 4


def test_a_whole_batch_ends_in_its_time() -> None:
    time = VirtualTime()
    client = FakeClient(["running", completed(1)], scheduler=time)
    outcomes = tasks_observable(client, ids(30), gate=Gate(per_minute=60), timeout=None)
    seen = time.record(outcomes)
    assert len(seen) == 31
    assert seen[-1].at == pytest.approx(59.0, abs=1.5)


# -- what it tells ---------------------------------------------------------------------------------


def test_statistics_and_repr_show_it() -> None:
    gate = Gate(5, per_minute=1_000)
    assert gate.statistics().per_minute == 1_000
    assert repr(gate) == "Gate(max_in_flight=5, per_minute=1000, in_flight=0, queued=0)"
    assert Gate(5).statistics().per_minute is None
    assert repr(Gate(5)) == "Gate(max_in_flight=5, in_flight=0, queued=0)"


def test_an_estimate_knows_it() -> None:
    from rxstream._time.timer_thread import TIMER_THREAD  # noqa: PLC0415 -- looks inside
    from rxstream._wait.tally import Tally  # noqa: PLC0415 -- looks inside

    assert Tally(100, KnownGate(per_minute=10), TIMER_THREAD).at_least(100) == 600
    told = KnownGate(per_minute=10, limit=1, remaining=0, reset_after=30.0, closed_for=30.0)
    assert Tally(100, told, TIMER_THREAD).at_least(100) == 30 + 100 * MINUTE


@pytest.mark.parametrize("per_minute", [True, 1.5, "60", (60,)])
def test_a_rate_that_is_no_whole_number_is_a_type_error(per_minute: Any) -> None:
    with pytest.raises(TypeError, match="per_minute"):
        Gate(per_minute=per_minute)


@pytest.mark.parametrize("per_minute", [0, -1])
def test_a_rate_below_one_is_a_value_error(per_minute: int) -> None:
    with pytest.raises(ValueError, match="per_minute"):
        Gate(per_minute=per_minute)


def test_answers_that_allow_more_do_not_raise_it() -> None:
    answer = rate_limited(RUNNING, 600, 500, 1)
    assert busiest_minute(polled(FakeClient, Gate(per_minute=30), answer)) <= 30

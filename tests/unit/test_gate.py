"""The gate: how many polls at once, and how fast."""

from __future__ import annotations

import gc
import threading
from itertools import pairwise
from typing import Any

import pytest

from rxstream import Gate, backoff, task_observable
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    Script,
    VirtualTime,
    completed,
    delayed,
    http_error,
    rate_limited,
    status,
)
from tests.support import Recording, seconds_of


def start(client: Any, time: VirtualTime, ids: list[str], **keywords: Any) -> dict[str, Recording]:
    seen: dict[str, Recording] = {}
    for task_id in ids:
        seen[task_id] = Recording(client)
        wait = task_observable(client, task_id, scheduler=time, **keywords)
        seen[task_id].observe(wait, seconds_of(time))
    return seen


def ids(count: int) -> list[str]:
    return [f"t{number}" for number in range(count)]


@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
@pytest.mark.parametrize("width", [1, 3, 10])
def test_no_more_polls_are_in_flight_than_it_is_wide(fake: Any, width: int) -> None:
    time = VirtualTime()
    client = fake([delayed("running", 1.0), delayed(completed(), 1.0)], scheduler=time)
    seen = start(client, time, ids(20), gate=Gate(width), timeout=None)
    time.start()
    assert client.most_in_flight == width
    assert all(recording.completed for recording in seen.values())


@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
def test_first_come_first_served(fake: Any) -> None:
    time = VirtualTime()
    client = fake(delayed(completed(), 1.0), scheduler=time)
    start(client, time, ids(50), gate=Gate(2))
    time.start()
    assert [request.task_id for request in client.requests] == ids(50)


def test_thousands_may_queue_without_a_thread_or_recursion() -> None:
    time = VirtualTime()
    client = FakeClient(completed(), scheduler=time)
    gate = Gate(1)
    blocker = FakeClient(delayed(completed(), 1.0), scheduler=time)
    start(blocker, time, ["blocker"], gate=gate)
    threads = threading.active_count()
    seen = start(client, time, ids(5_000), gate=gate)
    assert threading.active_count() == threads
    assert "queued=5000" in repr(gate)
    time.start()
    assert all(recording.completed for recording in seen.values())


def test_each_client_object_has_one_of_its_own_unless_given() -> None:
    time = VirtualTime()
    clients = [FakeClient(delayed(completed(), 1.0), scheduler=time) for _ in range(2)]
    for client in clients:
        start(client, time, ids(80))
    time.start()
    assert [client.most_in_flight for client in clients] == [32, 32]
    assert Gate.of(clients[0]) is Gate.of(clients[0])
    assert Gate.of(clients[0]) is not Gate.of(clients[1])


@pytest.mark.parametrize(
    ("maximum", "is_async", "width"),
    [
        (None, True, 100),
        (None, False, 32),
        (7, True, 7),
        (7, False, 7),
        (500, True, 500),
        (500, False, 32),
        ("many", True, 100),
    ],
)
def test_it_is_as_wide_as_the_clients_connections(
    maximum: Any, width: int, *, is_async: bool
) -> None:
    class Client:
        max_connections = maximum

        def get_task(self, task_id: str) -> None: ...

    class AsyncClient:
        max_connections = maximum

        async def get_task(self, task_id: str) -> None: ...

    client = AsyncClient() if is_async else Client()
    assert f"max_in_flight={width}," in repr(Gate.of(client))


def test_a_gate_goes_with_its_client() -> None:
    client = FakeClient(completed())
    known = id(client)
    assert Gate.of(client) is Gate.of(client)
    del client
    gc.collect()
    from rxstream._gate import gate as _gate  # noqa: PLC0415 -- looks inside

    assert known not in _gate._gates._known


def test_clients_that_cannot_be_referred_to_weakly_share_a_bounded_one() -> None:
    class Client:
        __slots__ = ()

        def get_task(self, task_id: str) -> None: ...

    assert Gate.of(Client()) is Gate.of(Client())


@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
def test_after_a_429_nobody_polls_before_the_time_that_the_server_named(fake: Any) -> None:
    time = VirtualTime()
    client = fake(
        {"limited": [http_error(429, retry_after=20), completed()], "other": "running"},
        scheduler=time,
    )
    start(client, time, ["other"], timeout=None)
    time.start(until=2.5)
    start(client, time, ["limited"])
    time.start(until=30)
    others = [request.at for request in client.requests if request.task_id == "other"]
    assert others[:3] == [0, 1, 2]
    assert others[3] == pytest.approx(22.5)
    assert others[4] == pytest.approx(23.5)


@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
def test_the_deadline_holds_while_the_gate_is_closed(fake: Any) -> None:
    time = VirtualTime()
    client = fake(
        {"limited": http_error(429, retry_after=60), "other": completed()}, scheduler=time
    )
    start(client, time, ["limited"])
    seen = start(client, time, ["other"], timeout=5.0)["other"]
    time.start()
    assert seen.ended_at == pytest.approx(5)
    assert seen.client.polls("other") == 0


def test_when_the_window_runs_low_the_polls_left_are_spread_till_its_end() -> None:
    time = VirtualTime()
    low = rate_limited(status("running"), 60, 10, "20")
    client = FakeClient({"a": low, "b": "running"}, scheduler=time)
    start(client, time, ["a"], poll_interval=100.0, timeout=None)
    start(client, time, ["b"], poll_interval=0.1, timeout=None)
    time.start(until=20)
    times = [request.at for request in client.requests if request.task_id == "b"]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == pytest.approx(9, abs=1)
    left = 10 - 1  # 2 % stay unspent
    assert gaps[0] == pytest.approx(20 / (left * 0.9), abs=0.11), "a tenth is left for other calls"
    assert all(gap == pytest.approx(2.0, abs=0.5) for gap in gaps)
    time.start(until=40)
    after = client.polls("b") - len(times)
    even = 60 * 0.9 / 3
    assert after == pytest.approx(even, abs=2), "an even pace until an answer tells more"


def test_when_the_window_is_used_up_nobody_polls_before_its_end() -> None:
    time = VirtualTime()
    client = FakeClient(
        {"a": rate_limited(status("running"), 60, 0, 15), "b": "running"}, scheduler=time
    )
    start(client, time, ["a"], poll_interval=100.0, timeout=None)
    start(client, time, ["b"], poll_interval=1.0, timeout=None)
    time.start(until=14)
    assert client.polls("b") == 0
    time.start(until=18)
    assert client.polls("b") == pytest.approx(3, abs=1)


@pytest.mark.parametrize(
    ("remaining", "polls"), [(60, 21), (45, 21), (44, 18), (30, 14), (15, 7), (1, 1)]
)
def test_a_quarter_of_the_window_may_be_spent_ahead_of_time(remaining: int, polls: int) -> None:
    time = VirtualTime()
    client = FakeClient(rate_limited(status("running"), 60, remaining, "50"), scheduler=time)
    start(client, time, ["a"], poll_interval=1.0, timeout=None)
    time.start(until=20)
    assert client.polls("a") == polls


def test_few_polls_go_out_before_anything_is_known_of_the_limit() -> None:
    time = VirtualTime()
    client = FakeClient(delayed(completed(), 1.0), scheduler=time)
    start(client, time, ids(500), gate=Gate(50))
    sent = []
    for until in (0.5, 1.5, 2.5, 3.5, 4.5):
        time.start(until=until)
        sent.append(client.in_flight)
    assert sent == [8, 16, 32, 50, 50]


def test_all_may_go_once_an_answer_has_told_of_a_limit_that_is_wide_enough() -> None:
    time = VirtualTime()
    answer = rate_limited(delayed(completed(), 1.0), 10_000, 9_000, 60)
    client = FakeClient(answer, scheduler=time)
    start(client, time, ids(500), gate=Gate(50))
    time.start(until=1.5)
    assert client.in_flight == 50


def test_a_poll_that_gave_up_its_place_in_the_queue_leaves_no_timer() -> None:
    time = VirtualTime()
    client = FakeClient(http_error(429, retry_after=1_000), scheduler=time)
    start(client, time, ["a"], timeout=1.0)
    start(client, time, ["b"], timeout=2.0)
    time.start()
    assert time.now.timestamp() == pytest.approx(2)


def test_polls_that_gave_up_their_places_in_the_queue_leave_no_timer_either() -> None:
    time = VirtualTime()
    client = FakeClient({"a": http_error(429, retry_after=1_000)}, scheduler=time)
    start(client, time, ["a", "b", "c", "d"], timeout=2.0)
    time.start()
    assert time.now.timestamp() == pytest.approx(2)


def test_waits_of_different_timelines_can_share_one() -> None:
    early, late = VirtualTime(), VirtualTime()
    late.start(until=1_000)
    gate = Gate(5)
    limited = FakeClient(http_error(429, retry_after=30), scheduler=early)
    start(limited, early, ["a"], gate=gate, retry=backoff.constant(1), timeout=10)
    early.start(until=10)
    client = FakeClient(completed(), scheduler=late)
    seen = start(client, late, ["b"], gate=gate)["b"]
    late.start()
    assert client.requests[0].at == pytest.approx(1_020)
    assert seen.completed


def test_a_failing_task_gives_its_place_back() -> None:
    time = VirtualTime()
    client = FakeClient(
        {"bad": http_error(400), "good": Script.turns("running", completed())}, scheduler=time
    )
    gate = Gate(1)
    start(client, time, ["bad"], gate=gate)
    assert start(client, time, ["good"], gate=gate)["good"].statuses == ["running"]
    time.start()
    assert "in_flight=0, queued=0" in repr(gate)


def test_a_newcomer_does_not_overtake_those_who_queue() -> None:
    time = VirtualTime()
    slow = delayed(completed(), 1.0)
    client = FakeClient(
        {"a": slow, "b": slow, "c": completed(), "d": completed(), "e": completed()},
        scheduler=time,
    )
    gate = Gate(2)
    start(client, time, ["a", "b"], gate=gate)
    task_observable(client, "c", scheduler=time, gate=gate).subscribe(
        lambda _: start(client, time, ["e"], gate=gate)
    )
    start(client, time, ["d"], gate=gate)
    time.start()
    assert [request.task_id for request in client.requests] == ["a", "b", "c", "d", "e"]


def test_those_who_queue_behind_a_consumer_that_raises_are_polled() -> None:
    time = VirtualTime()
    client = FakeClient(
        {"slow": delayed(completed(), 1.0), "bad": completed(), "good": completed()},
        scheduler=time,
    )
    gate = Gate(1)

    def broken(_: object) -> None:
        raise LookupError

    start(client, time, ["slow"], gate=gate)
    task_observable(client, "bad", scheduler=time, gate=gate).subscribe(broken)
    good = start(client, time, ["good"], gate=gate)["good"]
    with pytest.raises(LookupError):
        time.start()
    time.start()
    assert good.completed
    assert good.ended_at == pytest.approx(1)

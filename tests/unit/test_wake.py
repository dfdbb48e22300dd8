"""`wake`: an event polls now; the poll stays the authority."""

from __future__ import annotations

import asyncio
import logging
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import reactivex
from reactivex.subject import Subject

from rxstream import TaskSnapshot, backoff, task_observable
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    Script,
    VirtualTime,
    assert_nothing_left,
    completed,
    delayed,
    http_error,
    reset,
    run_virtual,
)
from tests.support import TASK, Recording, seconds_of


def drive(
    script: Any,
    events: dict[float, Any],
    fake: Any = FakeClient,
    until: float | None = None,
    **keywords: Any,
) -> Any:
    time = VirtualTime()
    wake: Subject[Any] = Subject()
    seen = Recording(fake(script, scheduler=time))
    observable = task_observable(
        seen.client, TASK, **{"poll_interval": 60, "timeout": 600, "wake": wake} | keywords
    )
    seen.observe(observable, seconds_of(time), scheduler=time)
    for at, event in events.items():
        time.schedule_relative(at, lambda *_, event=event: wake.on_next(event))
    time.start(until)
    assert until is not None or not wake.observers
    return seen


@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
@pytest.mark.parametrize(
    "event", [None, 1, "x", {"type": "x"}, {"task_id": TASK}, SimpleNamespace(task_id=TASK)]
)
def test_an_event_polls_now_and_the_cadence_goes_on_from_there(fake: Any, event: Any) -> None:
    seen = drive(Script.timeline({0: "running", 100: completed()}), {10: event}, fake)
    assert seen.polled_at == [0, 10, 70, 130]


@pytest.mark.parametrize("event", [{"task_id": "other"}, SimpleNamespace(task_id="other")])
def test_an_event_of_another_task_does_not(event: Any) -> None:
    seen = drive(Script.timeline({0: "running", 100: completed()}), {10: event})
    assert seen.polled_at == [0, 60, 120]


def test_an_event_during_a_poll_polls_once_more_right_after_it() -> None:
    seen = drive([delayed("running", 5.0), "running", completed()], {2: 1, 3: 1})
    assert seen.polled_at == [0, 5, 65]


def test_a_back_off_is_waited_out() -> None:
    seen = drive([reset(), completed()], {1: 1}, retry=backoff.constant(20))
    assert seen.polled_at == [0, 20]


def test_a_rate_limit_is_waited_out() -> None:
    script = [http_error(429, retry_after=30), completed()]
    assert drive(script, {1: 1, 29: 1}).polled_at == [0, 30]


def test_a_flood_of_events_is_one_poll_at_a_time() -> None:
    flood = {1 + n / 1_000: n for n in range(1_000)}
    seen = drive([delayed("running", 0.5)] * 4 + [completed()], flood)
    assert seen.client.most_in_flight == 1
    assert len(seen.client.requests) <= 5


@pytest.mark.parametrize("took", [0.0, 0.02])
def test_however_many_events_there_are_it_is_one_poll_a_second(took: float) -> None:
    flood = {n / 200: n for n in range(1, 200 * 60)}
    seen = drive(delayed("running", took), flood, until=59.9)
    polled = seen.polled_at
    assert len(polled) == 60
    gaps = [later - earlier for earlier, later in pairwise(polled)]
    assert all(gap == pytest.approx(1.0, abs=0.03) for gap in gaps)


def test_an_event_right_after_a_poll_polls_a_second_after_it() -> None:
    seen = drive(Script.timeline({0: "running", 100: completed()}), {60.25: 1, 60.5: 1})
    assert seen.polled_at == [0, 60, 61, 121]


def test_an_event_makes_no_poll_later_than_the_cadence_does() -> None:
    seen = drive(
        Script.timeline({0: "running", 1: completed()}), {0.1: 1, 0.6: 1}, poll_interval=0.5
    )
    assert seen.polled_at == [0, 0.5, 1.0]


def test_the_last_poll_before_the_deadline_may_still_be_woken() -> None:
    seen = drive(Script.timeline({0: "running", 99.97: completed()}), {99.98: 1}, timeout=100)
    assert seen.completed


def test_its_error_is_a_warning_and_its_end_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="rxstream"):
        seen = drive(["running", completed()], {}, wake=reactivex.throw(LookupError("lost")))
        assert seen.polled_at == [0, 60]
        assert drive(["running", completed()], {}, wake=reactivex.empty()).completed
    assert len(caplog.records) == 1
    assert "lost" in caplog.text


def test_it_is_checked() -> None:
    with pytest.raises(TypeError, match="wake"):
        task_observable(FakeClient(completed()), TASK, wake=3)


def test_disposing_stops_listening() -> None:
    time = VirtualTime()
    wake: Subject[Any] = Subject()
    client = FakeClient("running", scheduler=time)
    task_observable(client, TASK, wake=wake, scheduler=time).subscribe().dispose()
    assert not wake.observers
    wake.on_next(1)
    time.start()
    assert client.polls(TASK) == 1


def test_an_event_may_come_from_another_thread() -> None:
    async def main() -> None:
        wake: Subject[Any] = Subject()
        client = FakeAsyncClient(["running", completed(7)])
        seen: list[TaskSnapshot] = []
        async with assert_nothing_left():
            done = asyncio.Event()
            task_observable(client, TASK, poll_interval=3_600, wake=wake).subscribe(
                seen.append, on_completed=done.set
            )
            await asyncio.sleep(0.01)
            await asyncio.to_thread(wake.on_next, {"task_id": TASK})
            async with asyncio.timeout(5):
                await done.wait()
            await asyncio.get_running_loop().shutdown_default_executor()
        assert [snapshot.result for snapshot in seen] == [None, 7]

    asyncio.run(main())


def test_awaited_with_an_event_in_virtual_time() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        wake: Subject[Any] = Subject()
        client = FakeAsyncClient(Script.timeline({0: "running", 90: completed()}))
        loop.call_later(90.5, wake.on_next, {"task_id": TASK})
        await task_observable(client, TASK, poll_interval=60, timeout=None, wake=wake)
        return loop.time()

    assert run_virtual(main()) == pytest.approx(90.5)

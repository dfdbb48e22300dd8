"""Many waits give what single ones give, and listen to one `wake` together."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import reactivex
from hypothesis import given, settings
from hypothesis import strategies as st
from reactivex.disposable import Disposable
from reactivex.subject import Subject

from rxstream import Gate, TaskOutcome, backoff, task_observable, tasks_observable
from rxstream import operators as rxs
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    Script,
    VirtualTime,
    completed,
    delayed,
    failed,
    garbage,
    hang,
    http_error,
    reset,
    run_virtual,
)

if TYPE_CHECKING:
    from reactivex import Observable

SCRIPTS = st.lists(
    st.sampled_from(
        [
            "pending",
            "running",
            "running",
            completed({"n": 1}),
            failed("no"),
            reset(),
            http_error(404),
            http_error(503, retry_after=2),
            garbage(),
            delayed("running", 0.75),
            delayed(completed(), 1.25),
            hang(),
        ]
    ),
    min_size=1,
    max_size=6,
).map(lambda answers: Script.turns(*answers))
BATCHES = st.lists(SCRIPTS, min_size=1, max_size=5)
FAKES = st.sampled_from([FakeClient, FakeAsyncClient])
at_random = settings(max_examples=40, deadline=None)

HOW: dict[str, Any] = {
    "poll_interval": 1.0,
    "timeout": 8.0,
    "retry": backoff.constant(0.5).limited(2),
}


def facts(outcome: TaskOutcome) -> tuple[Any, ...]:
    shown = None if outcome.snapshot is None else (outcome.snapshot.status, outcome.snapshot.result)
    return (
        outcome.task_id,
        type(outcome.error),
        outcome.polls,
        round(outcome.elapsed, 4),
        shown,
        outcome.ok,
    )


def alone(fake: Any, scripts: dict[str, Script]) -> dict[str, tuple[Any, ...]]:
    """What `settle` makes of each of them."""
    found: dict[str, tuple[Any, ...]] = {}
    for task_id in scripts:
        time = VirtualTime()
        client = fake(scripts, scheduler=time)
        seen = time.record(task_observable(client, task_id, **HOW).pipe(rxs.settle(task_id)))
        assert [emission.kind for emission in seen] == ["next", "completed"]
        found[task_id] = facts(seen[0].value)
    return found


def together(
    fake: Any, scripts: dict[str, Script], ids: list[str], limit: int | None
) -> list[tuple[Any, ...]]:
    time = VirtualTime()
    client = fake(scripts, scheduler=time)
    batch = tasks_observable(client, ids, max_concurrent=limit, **HOW)
    seen = time.record(batch)
    assert seen[-1].kind == "completed"
    assert client.in_flight == 0
    return [facts(emission.value) for emission in seen[:-1]]


def named(scripts: list[Script]) -> dict[str, Script]:
    return {f"t{number}": script for number, script in enumerate(scripts)}


@at_random
@given(BATCHES, FAKES, st.sampled_from([None, 1, 2]))
def test_each_outcome_is_that_of_a_wait_alone(
    scripts: list[Script], fake: Any, limit: int | None
) -> None:
    by_id = named(scripts)
    expected = sorted(alone(fake, by_id).values(), key=repr)
    assert sorted(together(fake, by_id, list(by_id), limit), key=repr) == expected


@at_random
@given(BATCHES, FAKES, st.integers(1, 3))
def test_who_asks_again_meanwhile_has_the_same_outcome(
    scripts: list[Script], fake: Any, times: int
) -> None:
    # A first turn that takes a while, so that none has ended before it is asked for again.
    by_id = {
        task_id: Script.turns(delayed("pending", 0.25), *script.answers)
        for task_id, script in named(scripts).items()
    }
    expected = sorted([*alone(fake, by_id).values()] * times, key=repr)
    assert sorted(together(fake, by_id, list(by_id) * times, None), key=repr) == expected


@settings(max_examples=25, deadline=None)
@given(BATCHES)
def test_on_a_loop_too(scripts: list[Script]) -> None:
    by_id = named(scripts)

    async def main() -> list[tuple[Any, ...]]:
        outcomes: list[TaskOutcome] = []
        ended = asyncio.Event()
        tasks_observable(FakeAsyncClient(by_id), list(by_id), **HOW).subscribe(
            outcomes.append, on_completed=ended.set
        )
        await ended.wait()
        return [facts(outcome) for outcome in outcomes]

    expected = sorted(alone(FakeAsyncClient, by_id).values(), key=repr)
    assert sorted(run_virtual(main()), key=repr) == expected


def polled(
    events: dict[float, Any], fake: Any = FakeClient, **keywords: Any
) -> dict[str, list[float]]:
    """When each of three was polled; they poll by themselves every 60 s, and are done after 70."""
    time = VirtualTime()
    wake: Subject[Any] = Subject()
    client = fake(Script.timeline({0: "running", 70: completed()}), scheduler=time)
    for at, event in events.items():
        time.schedule_relative(at, lambda *_, event=event: wake.on_next(event))
    batch = tasks_observable(
        client, ["a", "b", "c"], **{"poll_interval": 60, "timeout": 600, "wake": wake} | keywords
    )
    assert not wake.observers
    seen = time.record(batch)
    assert [emission.kind for emission in seen] == ["next"] * 3 + ["completed"]
    assert not wake.observers
    return {task_id: [r.at for r in client.requests if r.task_id == task_id] for task_id in "abc"}


REST = [0, 60, 120]


@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
@pytest.mark.parametrize("event", [{"task_id": "b"}, SimpleNamespace(task_id="b")])
def test_an_event_that_names_a_task_wakes_that_one(fake: Any, event: Any) -> None:
    assert polled({10: event}, fake) == {"a": REST, "b": [0, 10, 70], "c": REST}


@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
@pytest.mark.parametrize("event", [None, 1, {}, {"type": "x"}, {"task_id": None}, object()])
def test_an_event_that_names_none_wakes_all(fake: Any, event: Any) -> None:
    assert polled({10: event}, fake) == {task_id: [0, 10, 70] for task_id in "abc"}


@pytest.mark.parametrize("task_id", ["other", "", 7, ["a"], {"a": 1}, {"a"}])
def test_an_event_of_something_else_wakes_none(task_id: Any) -> None:
    assert polled({10: {"task_id": task_id}}) == dict.fromkeys("abc", REST)


def test_an_event_of_one_that_is_done_or_has_not_begun_does_nothing() -> None:
    events = {75: {"task_id": "b"}, 80: {"task_id": "a"}, 90: {"task_id": "a"}}
    seen = polled(events, max_concurrent=1)
    assert seen == {"a": [0, 60, 80], "b": [80, 140, 200], "c": [200, 260, 320]}


def test_an_event_after_a_wait_has_ended_finds_the_one_that_came_later() -> None:
    time = VirtualTime()
    wake: Subject[Any] = Subject()
    ids: Subject[str] = Subject()
    client = FakeClient([completed(1), "running", completed(2)], scheduler=time)
    for at, task_id in ((0, "a"), (5, "a")):
        time.schedule_relative(at, lambda *_, task_id=task_id: ids.on_next(task_id))
    time.schedule_relative(6, lambda *_: wake.on_next({"task_id": "a"}))
    time.schedule_relative(7, lambda *_: ids.on_completed())
    seen = time.record(tasks_observable(client, ids, poll_interval=20, wake=wake))
    assert [(e.at, e.value.unwrap()) for e in seen[:-1]] == [(0, 1), (6, 2)]
    assert seen[-1].at == 7


def test_its_error_is_one_warning_and_polling_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="rxstream"):
        assert polled({}, wake=reactivex.throw(LookupError("lost"))) == dict.fromkeys("abc", REST)
        assert polled({}, wake=reactivex.empty()) == dict.fromkeys("abc", REST)
    (record,) = caplog.records
    assert record.getMessage() == "all tasks: wake failed, polling goes on: lost"
    assert record.task_id is None  # type: ignore[attr-defined] -- of `extra`


@pytest.mark.parametrize("end", ["disposed", "completed", "failed"])
def test_one_subscription_for_all_which_ends_with_them(end: str) -> None:
    time = VirtualTime()
    subscribed: list[Any] = []
    given_back: list[float] = []

    def subscribe(_: Any, scheduler: Any) -> Any:
        subscribed.append(scheduler)
        return Disposable(lambda: given_back.append(time.now.timestamp()))

    ids: Subject[str] = Subject()
    client = FakeClient(Script.timeline({0: "running", 10: completed()}), scheduler=time)
    wake: Observable[Any] = reactivex.create(subscribe)
    wait = tasks_observable(client, ids, wake=wake).subscribe(
        on_error=lambda _: None, scheduler=time
    )
    for number in range(100):
        ids.on_next(f"t{number}")
    assert subscribed == [time]
    time.start(until=5)
    assert not given_back
    if end == "disposed":
        wait.dispose()
    elif end == "completed":
        ids.on_completed()
    else:
        ids.on_error(LookupError())
    time.start(until=20)
    assert given_back == [10 if end == "completed" else 5]


def test_it_is_heard_from_the_first_poll_on() -> None:
    time = VirtualTime()
    wake: Subject[Any] = Subject()

    class Client:
        polls = 0

        def get_task(self, task_id: str) -> dict[str, str]:
            self.polls += 1
            if self.polls == 1:
                wake.on_next({"task_id": task_id})
            return {"task_id": task_id, "status": "running" if self.polls < 2 else "completed"}

    seen = time.record(tasks_observable(Client(), ["a"], poll_interval=60, wake=wake, gate=Gate(1)))
    assert [(emission.at, emission.kind) for emission in seen] == [(1, "next"), (1, "completed")]


def test_who_has_been_answered_is_not_answered_again() -> None:
    time = VirtualTime()
    ids: Subject[str] = Subject()
    client = FakeClient(["running", completed(1), "running", completed(2)], scheduler=time)
    for at in (0, 0.5, 0.75, 5):
        time.schedule_relative(at, lambda *_: ids.on_next("a"))
    time.schedule_relative(7, lambda *_: ids.on_completed())
    seen = time.record(tasks_observable(client, ids))
    assert [(e.at, e.value.unwrap()) for e in seen[:-1]] == [(1, 1), (1, 1), (1, 1), (6, 2)]


def test_a_crowd_takes_a_timer_for_each_delay_and_not_for_each_wait() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        client = FakeAsyncClient("running")
        ids = [f"t{number}" for number in range(200)]
        wait = tasks_observable(client, ids, gate=Gate(200)).subscribe()
        await asyncio.sleep(2.5)
        assert client.polls() == 600
        assert sum(not timer.cancelled() for timer in loop._scheduled) == 2
        wait.dispose()
        await asyncio.sleep(0)
        assert not [timer for timer in loop._scheduled if not timer.cancelled()]

    run_virtual(main())

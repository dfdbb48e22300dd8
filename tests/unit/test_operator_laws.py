"""What holds of every operator and door, over random scripts, sync and async, however it ends."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
import reactivex
from hypothesis import given, settings
from hypothesis import strategies as st
from reactivex import operators as ops
from reactivex.scheduler.eventloop import AsyncIOScheduler
from rich.console import Console

from rxstream import TaskSnapshot, backoff, start_tasks, task_observable, tasks_observable
from rxstream import operators as rxs
from rxstream.errors import StreamTaskException, StreamTransportException
from rxstream.hub import TaskHub
from rxstream.progress_bar import progress_bar
from rxstream.testing import (
    Emission,
    FakeAsyncClient,
    FakeClient,
    VirtualTime,
    completed,
    delayed,
    failed,
    garbage,
    hang,
    http_error,
    reset,
)
from tests.starting import After, AsyncStarter, Starter
from tests.support import TASK

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactivex import Observable

QUIET = Console(file=StringIO())
RETRIED = (StreamTaskException, StreamTransportException)
OPERATORS: dict[str, Callable[[], Any]] = {
    "retry_with": lambda: rxs.retry_with(backoff.constant(1.5).limited(2), on=RETRIED),
    "log_to": rxs.log_to,
    "cancel_on": lambda: rxs.cancel_on(reactivex.timer(12.25)),
    "deadline": lambda: rxs.deadline(11.25),
    "distinct_status": rxs.distinct_status,
    "result": rxs.result,
    "stalled": lambda: rxs.stalled(6.25),
    "settle": lambda: rxs.settle(TASK),
    "progress": lambda: reactivex.compose(rxs.settle(TASK), rxs.progress(1)),
    "fan_in": lambda: rxs.fan_in(reactivex.just, 2),
    "progress_bar": lambda: reactivex.compose(rxs.settle(TASK), progress_bar(1, console=QUIET)),
}


def many(ids: Any) -> Any:
    script = ["running", completed()]

    def client(scheduler: Any) -> Any:
        if isinstance(scheduler, AsyncIOScheduler):
            return FakeAsyncClient(script)
        time = scheduler if isinstance(scheduler, VirtualTime) else None
        return FakeClient(script, scheduler=time)

    return lambda source: reactivex.defer(
        lambda scheduler: tasks_observable(
            client(scheduler), source.pipe(ops.map(ids)), poll_interval=0.25
        )
    )


def starting(*, waited: bool = False) -> Any:
    def starts(source: Any, scheduler: Any) -> Observable[Any]:
        if isinstance(scheduler, AsyncIOScheduler):
            client: Starter = AsyncStarter(lambda *_: After(0.25, "an-id"), on_loop=True)
        elif isinstance(scheduler, VirtualTime):
            client = Starter(lambda *_: After(0.25, "an-id"))
        else:
            client = Starter(lambda *_: "an-id")
        items = source.pipe(ops.map(lambda snapshot: snapshot.status))
        started = start_tasks(client.delete_things, items, batch_size=1)
        return tasks_observable(client, started) if waited else started

    return lambda source: reactivex.defer(lambda scheduler: starts(source, scheduler))


DOORS: dict[str, Callable[[], Any]] = {
    "tasks_observable": lambda: many(lambda snapshot: f"{TASK}-{snapshot.status}"),
    "tasks_observable of no ids": lambda: many(lambda _: None),
    "start_tasks": starting,
    "start_tasks, waited for": lambda: starting(waited=True),
}
"""Each takes its ids, or the items to start, from a source of snapshots."""

OPERATORS_AND_DOORS = OPERATORS | DOORS
ANSWERS = st.lists(
    st.sampled_from(
        [
            "pending",
            "running",
            "running",
            "paused",
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
    max_size=8,
)
FAKES = st.sampled_from([FakeClient, FakeAsyncClient])
MOMENTS = st.floats(0, 25).map(lambda at: round(at, 3))

each_operator = pytest.mark.parametrize("name", OPERATORS_AND_DOORS)
at_random = settings(max_examples=60, deadline=None)


HOW: dict[str, Any] = {
    "poll_interval": 1.0,
    "timeout": 15.0,
    "retry": backoff.constant(0.5).limited(2),
}


def wait(client: Any) -> Observable[TaskSnapshot]:
    return task_observable(client, TASK, **HOW)


def shared(client: Any) -> Observable[TaskSnapshot]:
    return TaskHub(client, **HOW).observe(TASK)


WAITS = st.sampled_from([wait, shared])


def told(emissions: list[Emission]) -> list[Any]:
    return [
        (
            round(emission.at, 4),
            emission.kind,
            getattr(emission.value, "status", type(emission.value).__name__),
        )
        for emission in emissions
    ]


@each_operator
@at_random
@given(ANSWERS, FAKES, WAITS)
def test_any_number_of_items_then_one_end_then_silence(
    name: str, script: Any, fake: Any, wait: Any
) -> None:
    time = VirtualTime()
    client = fake(script, scheduler=time)
    seen = time.record(wait(client).pipe(OPERATORS_AND_DOORS[name]()), until=1_000)
    ends = [index for index, emission in enumerate(seen) if emission.kind != "next"]
    assert ends == [len(seen) - 1], "every wait of these ends, by its deadline at the latest"
    assert client.in_flight == 0


@each_operator
@at_random
@given(ANSWERS, FAKES, WAITS)
def test_cold_and_each_subscription_on_its_own(
    name: str, script: Any, fake: Any, wait: Any
) -> None:
    made: list[Any] = []

    def source(scheduler: Any) -> Observable[TaskSnapshot]:
        made.append(fake(script, scheduler=scheduler))
        return wait(made[-1])

    pipeline = reactivex.defer(source).pipe(OPERATORS_AND_DOORS[name]())
    assert not made
    first = VirtualTime().record(pipeline)
    second = VirtualTime().record(pipeline)
    assert len({id(client) for client in made}) >= 2
    assert told(first) == told(second)


@each_operator
@at_random
@given(ANSWERS, FAKES, WAITS, MOMENTS)
def test_disposing_leaves_nothing(name: str, script: Any, fake: Any, wait: Any, at: float) -> None:
    time = VirtualTime()
    client = fake(script, scheduler=time)
    seen: list[float] = []

    def note(_: object = None) -> None:
        seen.append(time.now.timestamp())

    subscription = (
        wait(client).pipe(OPERATORS_AND_DOORS[name]()).subscribe(note, note, note, scheduler=time)
    )
    time.start(until=at)
    subscription.dispose()
    polls = client.polls(TASK)
    time.start()
    assert time.now.timestamp() == pytest.approx(at), "a timer was left"
    assert client.polls(TASK) == polls
    assert client.in_flight == 0
    assert all(moment <= at + 1e-6 for moment in seen)


@each_operator
@at_random
@given(ANSWERS, FAKES, WAITS, st.integers(1, 4))
def test_a_consumers_exception_surfaces_once_and_triggers_nothing(
    name: str, script: Any, fake: Any, wait: Any, number: int
) -> None:
    time = VirtualTime()
    client = fake(script, scheduler=time)
    fault = LookupError()
    items = 0
    polls_then = -1
    surfaced: list[Exception] = []

    def consumer(_: object) -> None:
        nonlocal items, polls_then
        items += 1
        assert polls_then == -1, "called again"
        if items == number:
            polls_then = client.polls(TASK)
            raise fault

    def run() -> None:
        wait(client).pipe(OPERATORS_AND_DOORS[name]()).subscribe(
            consumer, surfaced.append, scheduler=time
        )
        time.start()

    try:
        run()
    except LookupError as error:
        surfaced.append(error)
    if polls_then >= 0:
        at = time.now
        time.start()
        assert time.now == at, "a timer was left"
        assert surfaced == [fault]
        assert client.polls(TASK) == polls_then
        assert client.in_flight == 0


@each_operator
def test_it_lives_on_the_scheduler_of_subscribe_alone(name: str) -> None:
    time = VirtualTime()
    client = FakeClient("running", scheduler=time)
    pipeline = wait(client).pipe(OPERATORS_AND_DOORS[name]())
    pipeline.subscribe(on_error=lambda _: None, scheduler=time)
    time.start(until=5)
    assert client.polls(TASK) == 6
    time.start()
    assert time.now.timestamp() < 50

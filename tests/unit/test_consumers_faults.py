"""What a consumer raises is raised, or given to its `on_error`: once, and never swallowed.

For every operator, for sources that emit while they are subscribed to and for those that emit
later, for sources that catch what their observer raises, in virtual time, on a loop, on threads.
"""

from __future__ import annotations

import asyncio
import threading
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
import reactivex
from reactivex import Observable
from reactivex import operators as ops
from reactivex.disposable import Disposable
from reactivex.scheduler.eventloop import AsyncIOScheduler
from reactivex.subject import Subject

from rxstream import TaskSnapshot, backoff, task_observable
from rxstream import operators as rxs
from rxstream.hub import TaskHub
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    VirtualTime,
    assert_nothing_left,
    completed,
    run_virtual,
)
from tests.support import TASK
from tests.unit.test_operator_laws import OPERATORS_AND_DOORS

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWERS = ["pending", "running", completed(1)]


class Fault(Exception):
    """The consumer's."""


SNAPSHOTS = [TaskSnapshot(TASK, status) for status in ("pending", "running", "completed")]


def within_subscribe(observer: Any, _: Any = None) -> Any:
    for snapshot in SNAPSHOTS:
        observer.on_next(snapshot)
    observer.on_completed()
    return Disposable()


def catching(observer: Any, scheduler: Any = None) -> Any:
    """As `from_iterable` does, on the subscription's scheduler."""
    return reactivex.from_iterable(SNAPSHOTS, scheduler).subscribe(observer)


def later(_: Any = None) -> Observable[Any]:
    return reactivex.timer(1.0, 1.0).pipe(
        ops.take(3), ops.map(lambda number: SNAPSHOTS[int(number)])
    )


def by_client(kind: Any) -> Callable[[Any], Observable[Any]]:
    return lambda scheduler: task_observable(kind(ANSWERS, scheduler=scheduler), TASK)


def by_hub(kind: Any) -> Callable[[Any], Observable[Any]]:
    return lambda scheduler: TaskHub(kind(ANSWERS, scheduler=scheduler)).observe(TASK)


SOURCES: dict[str, Callable[[Any], Observable[Any]]] = {
    "within subscribe": lambda _: Observable(within_subscribe),
    "catching": lambda _: Observable(catching),
    "trampoline": lambda _: reactivex.of(*SNAPSHOTS),
    "later": later,
    "sync": by_client(FakeClient),
    "async": by_client(FakeAsyncClient),
    "sync hub": by_hub(FakeClient),
    "async hub": by_hub(FakeAsyncClient),
}


PIPELINES: dict[str, Callable[[], Any]] = OPERATORS_AND_DOORS | {
    "cancel_on of a quiet one": lambda: rxs.cancel_on(threading.Event()),
    "fan_in of a catching one": lambda: rxs.fan_in(
        lambda item: reactivex.from_iterable([item, item])
    ),
    "fan_in within subscribe": lambda: rxs.fan_in(lambda _: Observable(within_subscribe)),
    "two in a row": lambda: reactivex.compose(rxs.deadline(60), rxs.log_to()),
}

each_pipeline = pytest.mark.parametrize("name", PIPELINES)
each_source = pytest.mark.parametrize("source", SOURCES)


class Consumer:
    """Raises at an item, or at the end, and counts what it is told afterwards."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.items = 0
        self.fault: Fault | None = None
        self.told: list[Exception] = []

    def on_next(self, _: object) -> None:
        assert self.fault is None, "called again"
        self.items += 1
        if self.items == self.number:
            self.fault = Fault()
            raise self.fault

    def on_completed(self) -> None:
        assert self.fault is None, "ended after its own fault"
        if not self.number:
            self.fault = Fault()
            raise self.fault


def surfaced(time: VirtualTime, run: Callable[[], object]) -> list[Exception]:
    """What comes out of subscribing and of the time after."""
    raised: list[Exception] = []
    for step in (run, *[time.start] * 6):
        try:
            step()
        except Fault as fault:
            raised.append(fault)
    return raised


@each_source
@each_pipeline
def test_a_consumers_exception_surfaces_once(name: str, source: str) -> None:
    for number, handles in product((0, 1, 2), (True, False)):
        surfaces_once(name, source, number, handles=handles)


def surfaces_once(name: str, source: str, number: int, *, handles: bool) -> None:
    time = VirtualTime()
    consumer = Consumer(number)
    observable = SOURCES[source](time).pipe(PIPELINES[name]())

    def run() -> None:
        observable.subscribe(
            consumer.on_next,
            consumer.told.append if handles else None,
            consumer.on_completed,
            scheduler=time,
        )

    raised = surfaced(time, run)
    if number == 2 and consumer.items < 2:
        return  # there is only one
    assert consumer.fault is not None
    assert [*raised, *consumer.told] == [consumer.fault], (number, handles)
    assert time.now.timestamp() <= 3.25, "a timer was left"


@each_source
@each_pipeline
def test_nothing_comes_of_a_consumers_exception(name: str, source: str) -> None:
    time = VirtualTime()
    begun: list[Any] = []

    def client(kind: Any) -> Any:
        begun.append(kind(ANSWERS, scheduler=time))
        return task_observable(begun[-1], TASK)

    sources = SOURCES | {
        "sync": lambda _: client(FakeClient),
        "async": lambda _: client(FakeAsyncClient),
    }
    consumer = Consumer(1)
    observable = reactivex.defer(lambda _: sources[source](time)).pipe(PIPELINES[name]())
    surfaced(
        time,
        lambda: observable.subscribe(consumer.on_next, consumer.told.append, scheduler=time),
    )
    assert consumer.items == 1
    assert len(begun) <= 1, "it is not tried again"
    assert all(each.in_flight == 0 for each in begun)


@each_source
@each_pipeline
def test_an_error_that_nobody_handles_surfaces_once(name: str, source: str) -> None:
    """reactivex raises it where there is no `on_error`."""
    time = VirtualTime()
    failing = SOURCES[source](time).pipe(ops.concat(reactivex.throw(Fault())))
    settled = name in {"settle", "progress", "progress_bar"}
    observable = failing.pipe(PIPELINES[name]())
    raised = surfaced(time, lambda: observable.subscribe(scheduler=time))
    assert len(raised) == (0 if settled else 1)


@pytest.mark.parametrize(
    "signal", [reactivex.throw(Fault()), Observable(lambda o, _: o.on_error(Fault()))]
)
def test_an_error_of_a_signal_that_nobody_handles_surfaces(signal: Any) -> None:
    time = VirtualTime()
    observable = reactivex.never().pipe(rxs.cancel_on(signal))
    assert len(surfaced(time, lambda: observable.subscribe(scheduler=time))) == 1


@each_pipeline
def test_on_a_loop(name: str) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        told: list[Any] = []
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        consumer = Consumer(1)
        async with assert_nothing_left():
            observable = task_observable(FakeAsyncClient(ANSWERS), TASK).pipe(PIPELINES[name]())
            observable.subscribe(
                consumer.on_next, consumer.told.append, scheduler=AsyncIOScheduler(loop)
            )
            await asyncio.sleep(100)
        assert consumer.fault is not None
        assert [*told, *consumer.told] == [consumer.fault]

    run_virtual(main())


@each_pipeline
def test_on_threads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    ended = threading.Event()
    consumer = Consumer(1)

    def heard(arguments: Any) -> None:
        told.append(arguments.exc_value)
        ended.set()

    def on_error(error: Exception) -> None:
        consumer.told.append(error)
        ended.set()

    monkeypatch.setattr(threading, "excepthook", heard)
    client = FakeClient(ANSWERS)
    with assert_nothing_left():
        observable = task_observable(client, TASK, poll_interval=0.001).pipe(PIPELINES[name]())
        try:
            observable.subscribe(consumer.on_next, on_error)
        except Fault as fault:
            told.append(fault)
            ended.set()
        assert ended.wait(10)
    assert consumer.fault is not None
    assert [*told, *consumer.told] == [consumer.fault]


def test_retry_with_does_not_retry_it() -> None:
    time = VirtualTime()
    client = FakeClient(ANSWERS, scheduler=time)
    consumer = Consumer(2)
    wait = task_observable(client, TASK).pipe(rxs.retry_with(backoff.constant(0), on=Exception))
    surfaced(time, lambda: wait.subscribe(consumer.on_next, scheduler=time))
    assert client.polls(TASK) == 2


@each_pipeline
def test_a_source_that_goes_on_is_disposed_when_it_calls_next(name: str) -> None:
    time = VirtualTime()
    source: Subject[Any] = Subject()
    consumer = Consumer(1)
    wait = source.pipe(PIPELINES[name]())
    wait.subscribe(consumer.on_next, consumer.told.append, scheduler=time)
    raised: list[Exception] = []
    for snapshot in (*SNAPSHOTS, SNAPSHOTS[-1]):
        raised += surfaced(time, lambda snapshot=snapshot: source.on_next(snapshot))
    raised += surfaced(time, source.on_completed)
    assert [*raised, *consumer.told] == [consumer.fault]
    assert not source.observers


def test_a_later_error_of_the_source_is_not_retried() -> None:
    source: Subject[Any] = Subject()
    subscribed: list[Any] = []
    consumer = Consumer(1)
    time = VirtualTime()
    counted = reactivex.defer(lambda _: subscribed.append(1) or source)
    counted.pipe(rxs.retry_with(backoff.constant(0), on=Exception)).subscribe(
        consumer.on_next, consumer.told.append, scheduler=time
    )
    with pytest.raises(Fault):
        source.on_next(1)
    source.on_error(OSError())
    time.start()
    assert subscribed == [1]
    assert not consumer.told

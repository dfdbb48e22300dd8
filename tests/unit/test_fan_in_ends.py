"""How a fan-in ends: whose error comes when, and that nothing is left of what it had begun."""

from __future__ import annotations

import asyncio
import threading
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import reactivex
from reactivex import operators as ops
from reactivex.disposable import Disposable, SerialDisposable
from reactivex.scheduler import ImmediateScheduler
from reactivex.subject import Subject

from rxstream import operators as rxs
from rxstream import task_observable, tasks_observable
from rxstream._merge.merge import Merge
from rxstream._merge.sources import items_of
from rxstream._time.timer_thread import TIMER_THREAD
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    Script,
    VirtualTime,
    assert_nothing_left,
    completed,
    delayed,
    hang,
    run_virtual,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reactivex import Observable

BROKEN = LookupError("consumer")


def broken(_: object) -> None:
    raise BROKEN


def test_an_error_of_the_source_does_not_wait_for_room() -> None:
    time = VirtualTime()
    client = FakeClient(Script.timeline({0: "running", 50: completed()}), scheduler=time)
    ids: Subject[str] = Subject()
    for at, task_id in ((1, "a"), (2, "b"), (3, "c")):
        time.schedule_relative(at, lambda *_, task_id=task_id: ids.on_next(task_id))
    time.schedule_relative(4, lambda *_: ids.on_error(BROKEN))
    seen = time.record(tasks_observable(client, ids, max_concurrent=1))
    assert [(e.at, e.value) for e in seen] == [(4, BROKEN)]
    assert client.polls("b") == 0
    assert client.in_flight == 0


def test_what_came_before_the_sources_error_is_begun_where_there_is_room() -> None:
    source = reactivex.concat(reactivex.of(1, 2, 3), reactivex.throw(BROKEN))
    seen = VirtualTime().record(source.pipe(rxs.fan_in(reactivex.just)))
    assert [e.value for e in seen] == [1, 2, 3, BROKEN]


def test_a_source_that_emits_within_subscribe_is_disposed_of_in_time() -> None:
    taken: list[int] = []
    asked: list[int] = []
    source = reactivex.from_iterable(count()).pipe(ops.do_action(asked.append))
    at_once = ImmediateScheduler.singleton()
    each = rxs.fan_in(lambda item: reactivex.just(item, scheduler=at_once))
    source.pipe(each, ops.take(3)).subscribe(taken.append)
    assert taken == [0, 1, 2]
    assert len(asked) <= 4


def test_the_first_error_counts_and_nothing_comes_between() -> None:
    first, second, begun = Subject[Any](), Subject[Any](), []
    seen: list[Any] = []
    source: Subject[Any] = Subject()

    def on_next(value: object) -> None:
        seen.append(value)
        first.on_error(BROKEN)
        second.on_next("too late")
        second.on_error(ValueError())
        source.on_next(reactivex.never())

    def project(inner: Observable[Any]) -> Observable[Any]:
        begun.append(inner)
        return inner

    source.pipe(rxs.fan_in(project)).subscribe(on_next, seen.append)
    for inner in (first, second):
        source.on_next(inner)
    second.on_next("value")
    assert seen == ["value", BROKEN]
    assert begun == [first, second]
    assert not any((first.observers, second.observers, source.observers))


@pytest.mark.parametrize("given", [3, None, "abc"])
def test_a_project_that_gives_no_observable_is_an_error(given: Any) -> None:
    source: Subject[int] = Subject()
    seen: list[Exception] = []
    source.pipe(rxs.fan_in(lambda _: given)).subscribe(on_error=seen.append)
    source.on_next(1)
    assert [type(error) for error in seen] == [TypeError]
    assert "project must give an Observable" in str(seen[0])
    assert not source.observers


def test_ids_that_raise_when_they_are_closed_leave_no_wait() -> None:
    def ids() -> Iterator[str]:
        try:
            for number in count():
                yield f"t{number}"
        finally:
            raise BROKEN

    time = VirtualTime()
    client = FakeClient(hang(), scheduler=time)
    wait = tasks_observable(client, ids(), max_concurrent=5, scheduler=time).subscribe()
    assert client.in_flight == 5
    with pytest.raises(LookupError):
        wait.dispose()
    assert client.in_flight == 0
    time.start()
    assert time.now.timestamp() == 0


def test_an_inner_one_that_raises_when_it_is_disposed_leaves_the_source_alone() -> None:
    source: Subject[int] = Subject()

    def inner(_: Any, __: Any) -> Any:
        return Disposable(lambda: broken(None))

    wait = source.pipe(rxs.fan_in(lambda _: reactivex.create(inner))).subscribe()
    source.on_next(1)
    with pytest.raises(LookupError):
        wait.dispose()
    assert not source.observers


@pytest.mark.parametrize("many", [True, False])
def test_a_consumer_that_raises_within_subscribe_stops_listening_to_wake(*, many: bool) -> None:
    time = VirtualTime()
    client = FakeClient(completed(), scheduler=time)
    wake: Subject[Any] = Subject()
    wait: Observable[Any] = (
        tasks_observable(client, ["a", "b"], wake=wake, scheduler=time)
        if many
        else task_observable(client, "a", wake=wake, scheduler=time)
    )
    with pytest.raises(LookupError):
        wait.subscribe(broken)
    assert not wake.observers


def test_an_async_iterable_is_not_asked_after_its_loop_has_disposed() -> None:
    class Ids:
        asked = 0

        def __aiter__(self) -> Ids:
            return self

        async def __anext__(self) -> str:
            self.asked += 1
            if self.asked > 1:
                await asyncio.Event().wait()
            return "a"

    async def main() -> None:
        ids = Ids()
        items = items_of(ids, None)
        begun: list[str] = []

        class Sink:
            def item(self, item: str) -> None:
                begun.append(item)

            def end(self, error: Exception | None) -> None:
                raise AssertionError

        async with assert_nothing_left():
            items.ask(Sink())
            await asyncio.sleep(0.01)
            thread = threading.Thread(target=items.ask, args=(Sink(),))
            thread.start()
            thread.join()
            items.dispose()
            await asyncio.sleep(0.01)
        assert begun == ["a"]
        assert ids.asked == 1

    run_virtual(main())


@pytest.mark.parametrize("limit", [None, 3])
def test_an_endless_source_leaves_a_loop_its_turns(limit: int | None) -> None:
    async def main() -> None:
        client = FakeAsyncClient("running")
        ids = (f"t{number}" for number in count())
        wait = tasks_observable(
            client, ids, poll_interval=0, timeout=None, max_concurrent=limit
        ).subscribe()
        for _ in range(5):
            await asyncio.sleep(0)
        wait.dispose()
        assert int(next(iter([*ids, "t5000"]))[1:]) <= 5_000

    run_virtual(main())


def test_an_inner_one_that_ends_it_all_while_it_is_subscribed_to_is_disposed_of() -> None:
    given_back: list[str] = []

    def inner(observer: Any, _: Any) -> Any:
        observer.on_next("value")
        return Disposable(lambda: given_back.append("inner"))

    source: Subject[int] = Subject()
    seen: list[str] = []
    source.pipe(rxs.fan_in(lambda _: reactivex.create(inner)), ops.take(1)).subscribe(seen.append)
    source.on_next(1)
    assert seen == ["value"]
    assert given_back == ["inner"]


def test_an_id_that_comes_after_disposal_is_not_waited_on() -> None:
    time = VirtualTime()
    client = FakeClient("running", scheduler=time)
    wait = SerialDisposable()

    def ids() -> Iterator[str]:
        yield "a"
        wait.dispose()
        yield "b"

    wait.disposable = tasks_observable(
        client, ids(), max_concurrent=1, timeout=3, scheduler=time
    ).subscribe()
    time.start()
    assert client.polls("b") == 0
    assert time.now.timestamp() == 3, "nothing is left of the first"


def test_an_end_that_comes_while_the_consumer_is_called_waits_until_it_has_returned() -> None:
    source: Subject[Any] = Subject()
    inner: Subject[str] = Subject()
    seen: list[str] = []

    def on_next(value: str) -> None:
        seen.append(value)
        source.on_completed()
        inner.on_completed()
        seen.append("returned")

    source.pipe(rxs.fan_in(lambda each: each)).subscribe(
        on_next, on_completed=lambda: seen.append("completed")
    )
    source.on_next(inner)
    inner.on_next("value")
    assert seen == ["value", "returned", "completed"]


def test_an_iterator_is_not_asked_after_disposal() -> None:
    time = VirtualTime()
    client = FakeClient(delayed(completed(), 1.0), scheduler=time)
    numbers = iter(range(1_000))  # it cannot be closed
    ids = map(str, numbers)
    seen = time.record(tasks_observable(client, ids, max_concurrent=1).pipe(ops.take(3)))
    assert len(seen) == 4
    assert next(numbers) == 3


def test_after_an_error_no_more_items_are_asked_for() -> None:
    numbers = iter(range(1_000))
    seen: list[Any] = []

    def start(_: int, number: int) -> None:
        running.append((number, merged))

    class Observer(reactivex.Observer[str]):
        def on_next(self, value: str) -> None:
            seen.append(value)
            merged.fail(BROKEN)
            merged.ended(0)

        def on_error(self, error: Exception) -> None:
            seen.append(error)

    running: list[Any] = []
    merged = Merge(Observer(), items_of(numbers, None), start, 2, TIMER_THREAD)
    merged.start()
    assert len(running) == 2
    merged.emit("value", 0)
    assert seen == ["value", BROKEN]
    assert next(numbers) == 2


def test_disposal_cancels_what_an_async_iterator_waits_for() -> None:
    class Ids:
        def __aiter__(self) -> Ids:
            return self

        async def __anext__(self) -> str:
            waiting.append(asyncio.get_running_loop().create_future())
            return await waiting[0]

    waiting: list[asyncio.Future[str]] = []

    async def main() -> None:
        async with assert_nothing_left():
            wait = tasks_observable(FakeAsyncClient(completed()), Ids()).subscribe()
            await asyncio.sleep(1)
            wait.dispose()
            await asyncio.sleep(0)
            assert waiting[0].cancelled()

    run_virtual(main())

"""`fan_in` and `tasks_observable`: many at once, lazily, each with its end."""

from __future__ import annotations

import asyncio
import threading
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import reactivex
from reactivex import operators as ops
from reactivex.subject import Subject

from rxstream import TaskOutcome, tasks_observable
from rxstream import operators as rxs
from rxstream.errors import StreamApiException, StreamTaskException, TaskTimeoutException
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    Script,
    VirtualTime,
    assert_nothing_left,
    completed,
    delayed,
    failed,
    hang,
    run_virtual,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from reactivex import Observable


def after(seconds: float) -> Script:
    return Script.timeline({0: "running", seconds: completed(seconds)})


@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
def test_each_id_has_one_outcome_in_the_order_in_which_they_end(fake: Any) -> None:
    time = VirtualTime()
    scripts = {"a": after(5), "b": failed("no"), "c": after(2), "d": hang()}
    client = fake(scripts, scheduler=time)
    seen = time.record(tasks_observable(client, ["a", "b", "c", "d", "e"], timeout=10))
    assert [(e.at, e.kind, e.value.task_id) for e in seen[:-1]] == [
        (0, "next", "b"),
        (0, "next", "e"),
        (2, "next", "c"),
        (5, "next", "a"),
        (10, "next", "d"),
    ]
    assert seen[-1].kind == "completed"
    outcomes: dict[str, TaskOutcome] = {e.value.task_id: e.value for e in seen[:-1]}
    assert isinstance(outcomes["b"].error, StreamTaskException)
    assert isinstance(outcomes["d"].error, TaskTimeoutException)
    assert isinstance(outcomes["e"].error, StreamApiException), "nobody knows it"
    assert outcomes["a"].unwrap() == 5


@pytest.mark.parametrize("bad", [None, "", "  ", 7])
def test_an_id_that_is_none_or_empty_is_an_outcome(bad: Any) -> None:
    time = VirtualTime()
    client = FakeClient(completed(1), scheduler=time)
    seen = time.record(tasks_observable(client, ["a", bad, "b"]))
    outcomes = [emission.value for emission in seen[:-1]]
    assert sorted(outcome.ok for outcome in outcomes) == [False, True, True]
    (failure,) = [outcome for outcome in outcomes if not outcome.ok]
    assert "task_id" in str(failure.error)
    assert seen[-1].kind == "completed"


def test_an_id_that_comes_again_is_waited_on_once_and_answered_each_time() -> None:
    time = VirtualTime()
    client = FakeClient(after(1), scheduler=time)
    seen = time.record(tasks_observable(client, ["a", "b", "a", "a"]))
    assert sorted(e.value.task_id for e in seen[:-1]) == ["a", "a", "a", "b"]
    assert client.polls("a") == 2


def test_no_more_waits_at_once_than_asked_for_and_no_id_before_there_is_room() -> None:
    time = VirtualTime()
    client = FakeClient(delayed(completed(), 1.0), scheduler=time)
    asked: list[tuple[float, int]] = []

    def ids() -> Iterator[str]:
        for number in range(10):
            asked.append((time.now.timestamp(), number))
            yield f"t{number}"

    seen = time.record(tasks_observable(client, ids(), max_concurrent=3))
    assert len(seen) == 11
    assert client.most_in_flight == 3
    assert [at for at, _ in asked] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]


def test_an_endless_source_is_asked_only_for_what_is_taken() -> None:
    time = VirtualTime()
    client = FakeClient(completed(), scheduler=time)
    numbers = count()
    ids = (f"t{number}" for number in numbers)
    seen = time.record(tasks_observable(client, ids, max_concurrent=5).pipe(ops.take(100)))
    assert len(seen) == 101
    assert next(numbers) < 400, "within subscribe nothing can be disposed of; a breath ends it"


def test_an_async_iterable_is_asked_when_there_is_room_and_closed_in_the_end() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        asked: list[float] = []
        closed: list[float] = []

        async def ids() -> AsyncIterator[str]:
            try:
                for number in count():
                    await asyncio.sleep(0.25)
                    asked.append(loop.time())
                    yield f"t{number}"
            finally:
                closed.append(loop.time())

        client = FakeAsyncClient(delayed(completed(), 1.0))
        async with assert_nothing_left():
            seen: list[TaskOutcome] = []
            wait = tasks_observable(client, ids(), max_concurrent=2).subscribe(seen.append)
            await asyncio.sleep(5)
            wait.dispose()
            await asyncio.sleep(0.01)
            assert closed
            assert client.in_flight == 0
        assert client.most_in_flight == 2
        assert len(asked) <= len(seen) + 2

    run_virtual(main())


def test_an_async_iterable_that_ends_or_raises_ends_the_stream() -> None:
    async def main() -> None:
        async def ids(error: Exception | None) -> AsyncIterator[str]:
            yield "a"
            yield "b"
            if error is not None:
                raise error

        client = FakeAsyncClient(completed())
        last = await tasks_observable(client, ids(None)).pipe(ops.to_list())
        assert sorted(outcome.task_id for outcome in last) == ["a", "b"]
        with pytest.raises(LookupError):
            await tasks_observable(client, ids(LookupError()))

    run_virtual(main())


def test_an_async_iterable_without_a_loop_says_so() -> None:
    async def ids() -> AsyncIterator[str]:
        yield "a"

    errors: list[Exception] = []
    tasks_observable(FakeClient(completed()), ids()).subscribe(on_error=errors.append)
    assert "event loop" in str(errors[0])


def test_an_observable_of_ids_waits_in_a_queue() -> None:
    time = VirtualTime()
    client = FakeClient(delayed(completed(), 1.0), scheduler=time)
    ids: Subject[str] = Subject()
    for number in range(6):
        time.schedule_relative(number / 10, lambda *_, n=number: ids.on_next(f"t{n}"))
    time.schedule_relative(0.7, lambda *_: ids.on_completed())
    seen = time.record(tasks_observable(client, ids, max_concurrent=2))
    assert [e.value.task_id for e in seen[:-1]] == [f"t{n}" for n in range(6)]
    assert client.most_in_flight == 2
    assert not ids.observers


def test_an_error_of_the_source_ends_everything_at_once() -> None:
    def ids() -> Iterator[str]:
        yield "a"
        raise LookupError

    time = VirtualTime()
    client = FakeClient(after(5), scheduler=time)
    seen = time.record(tasks_observable(client, ids()))
    assert [type(e.value) for e in seen] == [LookupError]
    assert client.in_flight == 0
    assert time.now.timestamp() == 0


def test_disposing_stops_everything_at_once() -> None:
    time = VirtualTime()
    client = FakeClient(hang(), scheduler=time)
    wait = tasks_observable(client, [f"t{n}" for n in range(50)]).subscribe(scheduler=time)
    time.start(until=3)
    wait.dispose()
    assert client.in_flight == 0
    time.start()
    assert time.now.timestamp() == 3


def test_the_first_failure_ends_it_where_that_is_asked_for() -> None:
    time = VirtualTime()
    client = FakeClient({"a": after(9), "b": failed("no"), "c": after(1)}, scheduler=time)
    wait = tasks_observable(client, ["a", "b", "c"]).pipe(ops.map(TaskOutcome.unwrap))
    seen = time.record(wait)
    assert [type(e.value) for e in seen] == [StreamTaskException]
    assert client.in_flight == 0


def test_a_consumers_exception_ends_it_and_surfaces() -> None:
    time = VirtualTime()
    client = FakeClient(after(1), scheduler=time)

    def consumer(_: object) -> None:
        raise LookupError

    tasks_observable(client, ["a", "b"]).subscribe(consumer, scheduler=time)
    with pytest.raises(LookupError):
        time.start()
    polls = client.polls()
    time.start()
    assert client.polls() == polls


def test_outcomes_from_many_threads_come_one_after_another() -> None:
    busy = threading.Lock()
    seen: list[TaskOutcome] = []
    done = threading.Event()

    def on_next(outcome: TaskOutcome) -> None:
        assert busy.acquire(blocking=False), "two at once"
        seen.append(outcome)
        busy.release()

    with assert_nothing_left():
        client = FakeClient(["running", completed()])
        ids = [f"t{number}" for number in range(300)]
        tasks_observable(client, ids, poll_interval=0.001).subscribe(on_next, on_completed=done.set)
        assert done.wait(20)
    assert sorted(outcome.task_id for outcome in seen) == sorted(ids)
    assert all(outcome.ok for outcome in seen)


def test_a_long_list_leaves_the_loop_room_to_breathe() -> None:
    async def main() -> None:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        turning = asyncio.ensure_future(turn())
        ids = (f"t{number}" for number in range(5_000))
        client = FakeAsyncClient("running")
        wait = tasks_observable(client, ids, timeout=None).subscribe()
        before = turns
        while client.polls() < 100:  # noqa: ASYNC110 -- a fake tells nobody
            await asyncio.sleep(0)
        assert turns > before
        wait.dispose()
        turning.cancel()

    asyncio.run(main())


@pytest.mark.parametrize("ids", [None, 3, "abc", b"abc"])
def test_the_source_is_checked(ids: Any) -> None:
    with pytest.raises(TypeError, match="tasks must"):
        tasks_observable(FakeClient(completed()), ids)


@pytest.mark.parametrize(
    ("keywords", "error"),
    [({"max_concurrent": 0}, ValueError), ({"timeout": -1}, ValueError), ({"retry": 3}, TypeError)],
)
def test_arguments_are_checked_at_once(keywords: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(keywords))):
        tasks_observable(FakeClient(completed()), [], **keywords)


def test_fan_in_maps_and_merges_so_many_at_once() -> None:
    time = VirtualTime()
    live = 0
    most = 0

    def project(item: int) -> Observable[int]:
        def started(_: Any) -> Observable[int]:
            nonlocal live, most
            live += 1
            most = max(most, live)
            return reactivex.timer(float(item)).pipe(ops.map(lambda _: item))

        def ended() -> None:
            nonlocal live
            live -= 1

        return reactivex.defer(started).pipe(ops.do_action(on_completed=ended))

    seen = time.record(reactivex.of(5, 1, 3, 1).pipe(rxs.fan_in(project, 2)))
    assert [(e.at, e.value) for e in seen[:-1]] == [(1, 1), (4, 3), (5, 5), (5, 1)]
    assert seen[-1].kind == "completed"
    assert most == 2


def test_fan_in_ends_with_an_error_of_source_project_or_inner() -> None:
    def broken(_: int) -> Observable[int]:
        raise LookupError

    for source, project in (
        (reactivex.throw(LookupError()), reactivex.just),
        (reactivex.of(1), broken),
        (reactivex.of(1), lambda _: reactivex.throw(LookupError())),
    ):
        time = VirtualTime()
        seen = time.record(reactivex.merge(source).pipe(rxs.fan_in(project)))
        assert [type(e.value) for e in seen] == [LookupError]


def test_many_that_are_ready_do_not_recurse() -> None:
    time = VirtualTime()
    source = reactivex.from_iterable(range(5_000))
    seen = time.record(source.pipe(rxs.fan_in(reactivex.just)))
    assert len(seen) == 5_001
    assert sorted(e.value for e in seen[:-1]) == list(range(5_000))


@pytest.mark.parametrize("arguments", [(3,), (reactivex.just, 0), (reactivex.just, "2")])
def test_fan_in_is_checked(arguments: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        rxs.fan_in(*arguments)


def test_a_source_that_pushes_everything_at_once_leaves_room_to_breathe_too() -> None:
    subscribed = count()
    started = 0

    def project(item: int) -> Observable[int]:
        next(subscribed)
        return reactivex.just(item)

    async def main() -> None:
        nonlocal started
        seen: list[int] = []
        ended = asyncio.get_running_loop().create_future()
        reactivex.from_iterable(range(1_000)).pipe(rxs.fan_in(project)).subscribe(
            seen.append, ended.set_exception, lambda: ended.set_result(None)
        )
        started = next(subscribed)
        await ended
        assert seen == list(range(1_000))

    run_virtual(main())
    assert started == 256, "what comes too early waits as an item, not as a subscription"


def test_nothing_goes_on_after_a_disposal_in_a_pause_for_breath() -> None:
    async def main() -> None:
        projected = count()

        def project(_: int) -> Observable[int]:
            next(projected)
            return reactivex.never()

        wait = reactivex.from_iterable(range(1_000)).pipe(rxs.fan_in(project)).subscribe()
        wait.dispose()
        await asyncio.sleep(1)
        assert next(projected) == 256

    run_virtual(main())

"""Many tasks started: batches, laziness, laws, back-pressure; sync and async."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import reactivex
from reactivex import operators as ops
from reactivex.subject import Subject

from rxstream import (
    AsyncStreamClient,
    AsyncTaskHandle,
    BaseTaskHandle,
    Gate,
    StreamClient,
    TaskHandle,
    start_tasks,
    tasks_observable,
    wait_for_tasks,
    wait_for_tasks_async,
)
from rxstream.errors import InDoubtException, InvalidResponseException
from rxstream.testing import VirtualTime, run_virtual
from tests.starting import HANG, KINDS, After, Stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(params=KINDS)
def stage(request: pytest.FixtureRequest) -> Stage:
    return Stage(request.param)


def handles(seen: list[Any]) -> list[Any]:
    return [emission.value for emission in seen if emission.kind == "next"]


def items_of(seen: list[Any]) -> list[tuple[Any, ...]]:
    return [handle.items for handle in handles(seen)]


def test_batches_in_order_and_a_small_one_at_the_end(stage: Stage) -> None:
    starter = stage.starter()
    seen = stage.record(start_tasks(starter.delete_things, range(7), batch_size=3))
    assert starter.sent == items_of(seen) == [(0, 1, 2), (3, 4, 5), (6,)]
    assert [handle.task_id for handle in handles(seen)] == ["t0", "t3", "t6"]
    kind = TaskHandle if stage.kind == "sync" else AsyncTaskHandle
    for handle in handles(seen):
        assert type(handle) is kind
        assert handle.operation == "delete_things"
        assert handle.client is starter
        assert handle.error is None
    assert seen[-1].kind == "completed"


@pytest.mark.parametrize("number", [0, 6])
def test_no_small_batch_where_there_is_nothing_left(stage: Stage, number: int) -> None:
    starter = stage.starter()
    seen = stage.record(start_tasks(starter.delete_things, range(number), batch_size=3))
    assert len(starter.sent) == number // 3
    assert seen[-1].kind == "completed"


def test_batches_of_thousands_do_not_recurse(stage: Stage) -> None:
    starter = stage.starter()
    seen = stage.record(start_tasks(starter.delete_things, range(10_001), batch_size=5_000))
    assert [len(items) for items in items_of(seen)] == [5_000, 5_000, 1]


def test_nothing_happens_before_subscribe_and_each_subscription_starts_for_itself(
    stage: Stage,
) -> None:
    starter = stage.starter()
    started = start_tasks(starter.delete_things, [1, 2], batch_size=1)
    assert not starter.sent
    for times in (1, 2):
        stage.record(started)
        assert starter.times((1,)) == starter.times((2,)) == times


def test_an_endless_source_is_pulled_where_there_is_room(stage: Stage) -> None:
    starter = stage.starter(lambda *_: After(1.0, "id"))
    pulled = count()
    started = start_tasks(starter.delete_things, pulled, batch_size=10, max_concurrent=3)
    stage.record(started, dispose_at=4.5)
    assert starter.most_in_flight == 3
    assert next(pulled) == 10 * 3 * 5
    assert len(starter.sent) == 3 * 5
    assert starter.in_flight == 0


def test_a_batch_of_an_observable_waits_until_it_is_full_or_all_is_over(stage: Stage) -> None:
    starter = stage.starter()
    source = reactivex.timer(1.0, 1.0).pipe(ops.take(5))
    seen = stage.record(start_tasks(starter.delete_things, source, batch_size=2))
    found = [(round(e.at), e.value.items) for e in seen[:-1]]
    assert found == [(2, (0, 1)), (4, (2, 3)), (5, (4,))]


def test_items_that_an_observable_pushes_too_early_wait(stage: Stage) -> None:
    starter = stage.starter(lambda *_: After(1.0, "id"))
    started = start_tasks(
        starter.delete_things, reactivex.from_iterable(range(7)), batch_size=2, max_concurrent=1
    )
    seen = stage.record(started)
    assert items_of(seen) == [(0, 1), (2, 3), (4, 5), (6,)]
    assert starter.most_in_flight == 1
    assert [e.at for e in seen] == [1, 2, 3, 4, 4]


def test_an_async_iterable() -> None:
    stage = Stage("asyncio")
    starter = stage.starter()
    closed: list[bool] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            for number in count():
                await asyncio.sleep(1)
                yield number
        finally:
            closed.append(True)

    started = reactivex.defer(lambda _: start_tasks(starter.delete_things, numbers(), batch_size=2))
    seen = stage.record(started, dispose_at=5.5)
    assert [(e.at, e.value.items) for e in seen] == [(2, (0, 1)), (4, (2, 3))]
    assert closed == [True]


@pytest.mark.parametrize("at", [0, 1, 4])
def test_an_error_of_the_items_ends_the_stream(stage: Stage, at: int) -> None:
    starter = stage.starter()

    def broken() -> Iterator[int]:
        yield from range(at)
        raise LookupError

    seen = stage.record(start_tasks(starter.delete_things, broken(), batch_size=2))
    assert isinstance(seen[-1].value, LookupError)
    assert len(seen) == len(starter.sent) + 1
    if stage.kind != "asyncio":  # there nothing has been sent yet
        assert len(seen) == at // 2 + 1


def test_an_error_of_an_observable_ends_what_is_under_way(stage: Stage) -> None:
    starter = stage.starter(lambda *_: After(HANG))
    source = reactivex.concat(reactivex.of(1, 2, 3), reactivex.throw(LookupError()))
    seen = stage.record(start_tasks(starter.delete_things, source, batch_size=2))
    assert [e.kind for e in seen] == ["error"]
    assert starter.in_flight == 0


def test_disposing_ends_what_is_under_way_and_starts_nothing_more(stage: Stage) -> None:
    starter = stage.starter(lambda *_: After(HANG))
    source = iter(range(100))
    gate = Gate(2)
    started = start_tasks(starter.delete_things, source, batch_size=2, max_concurrent=3, gate=gate)
    assert not stage.record(started, dispose_at=5.0)
    assert starter.sent == [(0, 1), (2, 3)]
    assert starter.in_flight == 0
    assert next(source) == 6
    assert "in_flight=0, queued=0" in repr(gate)


def test_a_source_that_disposes_is_asked_for_nothing_more() -> None:
    starter, time = Stage("sync").starter(lambda *_: After(1, "id")), VirtualTime()
    wait: Any = None

    def numbers() -> Iterator[int]:
        yield from (1, 2, 3)
        wait.dispose()
        yield from (4, 5)
        raise AssertionError

    started = start_tasks(starter.delete_things, numbers(), batch_size=2, max_concurrent=1)
    seen: list[Any] = []
    wait = started.subscribe(seen.append, scheduler=time)
    time.start()
    assert [handle.items for handle in seen] == [(1, 2)]
    assert starter.sent == [(1, 2)]


@pytest.mark.parametrize(
    ("answer", "task_id"),
    [
        ("an-id", "an-id"),
        (None, None),
        ("", None),
        ({"task_id": "an-id"}, "an-id"),
        ({"duration": "1ms"}, None),
        (SimpleNamespace(data=SimpleNamespace(task_id="an-id")), "an-id"),
        (SimpleNamespace(data={"task_id": "an-id"}), "an-id"),
        (SimpleNamespace(data={"task_id": 7}), None),
        (TaskHandle("an-id", "other"), "an-id"),
    ],
)
def test_what_an_operation_may_return(stage: Stage, answer: Any, task_id: str | None) -> None:
    starter = stage.starter(lambda *_: answer)
    (handle,) = handles(stage.record(start_tasks(starter.delete_things, [1, 2], batch_size=2)))
    assert isinstance(handle, BaseTaskHandle)
    assert (handle.task_id, handle.items, handle.error) == (task_id, (1, 2), None)


def test_a_handle_that_knows_its_items_stays_as_it_is(stage: Stage) -> None:
    made = TaskHandle("an-id", "other", ("mine",))
    starter = stage.starter(lambda *_: made)
    assert handles(stage.record(start_tasks(starter.delete_things, [1], batch_size=2))) == [made]


@pytest.mark.parametrize("answer", [7, object(), ["an-id"]])
def test_any_other_answer_leaves_it_in_doubt(stage: Stage, answer: Any) -> None:
    starter = stage.starter(lambda *_: answer)
    (handle,) = handles(stage.record(start_tasks(starter.delete_things, [1], batch_size=1)))
    assert isinstance(handle.error, InDoubtException)
    assert isinstance(handle.error.__cause__, InvalidResponseException)
    assert len(starter.sent) == 1


def test_an_answer_that_raises_as_it_is_read_leaves_it_in_doubt(stage: Stage) -> None:
    class Broken:
        @property
        def data(self) -> Any:
            raise LookupError

    starter = stage.starter(lambda *_: Broken())
    (handle,) = handles(stage.record(start_tasks(starter.delete_things, [1], batch_size=1)))
    assert isinstance(handle.error, InDoubtException)


def test_a_coroutine_of_what_is_not_declared_async_was_not_sent() -> None:
    sent: list[Any] = []

    async def start(items: list[Any]) -> str:
        sent.append(items)
        return "an-id"

    def undeclared(items: list[Any]) -> Any:
        return start(items)

    async def main() -> Any:
        return await start_tasks(undeclared, [1], batch_size=1)

    handle = asyncio.run(main())
    assert isinstance(handle.error, TypeError)
    assert "async def" in str(handle.error)
    assert not sent


def test_any_function_will_do() -> None:
    async def start(name: str, items: list[int], *, hard: bool) -> str:
        return f"{name}{items}{hard}"

    class Callable:
        async def __call__(self, items: list[int]) -> str:
            return f"called{items}"

    for operation, name, task_id in (
        (partial(partial(start, "a"), hard=True), "start", "a[1]True"),
        (Callable(), "Callable", "called[1]"),
    ):

        async def main(operation: Any = operation) -> Any:
            return await start_tasks(operation, [1], batch_size=1)

        handle = run_virtual(main())
        assert (handle.task_id, handle.operation, handle.client) == (task_id, name, None)


def test_starts_do_not_run_ahead_of_the_waits(stage: Stage) -> None:
    starter = stage.starter()
    ended: list[Any] = []

    async def slow(task_id: str) -> Any:
        ended.append(task_id)
        return {"task_id": task_id, "status": "running" if len(ended) < 10 else "completed"}

    class Client:
        get_task = staticmethod(slow)

    def ahead(max_concurrent: int | None, *, piped: bool = False) -> list[int]:
        ended.clear()
        starter.sent.clear()
        started = start_tasks(starter.delete_things, range(40), batch_size=1, max_concurrent=4)
        waits = tasks_observable(
            Client(),
            started.pipe(ops.do_action(lambda _: None)) if piped else started,
            max_concurrent=max_concurrent,
            poll_interval=1.0,
            timeout=None,
        )
        stage.record(waits, dispose_at=0.5)
        first = len(starter.sent)
        outcomes = stage.record(waits)
        assert len(outcomes) == 41
        return [first]

    assert ahead(3) == [3 + 4]
    assert ahead(None) == [40]
    assert ahead(3, piped=True) == [40]


def test_one_outcome_for_each_batch_with_its_items(stage: Stage) -> None:
    def play(batch: tuple[Any, ...], _: int) -> Any:
        return {0: "t0", 2: None, 4: ValueError("bad item"), 6: TimeoutError()}[batch[0]]

    starter = stage.starter(play)
    started = start_tasks(starter.delete_things, range(8), batch_size=2)
    seen = handles(stage.record(tasks_observable(starter, started)))
    found = {outcome.items: outcome for outcome in seen}
    assert set(found) == {(0, 1), (2, 3), (4, 5), (6, 7)}
    assert found[0, 1].result == "t0"
    assert found[2, 3].ok
    assert isinstance(found[4, 5].error, ValueError)
    assert isinstance(found[6, 7].error, InDoubtException)


def test_a_plain_loop_over_what_was_started() -> None:
    def start(items: list[int]) -> str | None:
        if items == [4, 5]:
            raise ValueError
        return f"t{items[0]}"

    class Client:
        def get_task(self, task_id: str) -> Any:
            return {"task_id": task_id, "status": "completed", "result": task_id}

    class AsyncClient:
        async def get_task(self, task_id: str) -> Any:
            return Client().get_task(task_id)

    def started() -> Any:
        return start_tasks(start, range(8), batch_size=2)

    async def main() -> list[Any]:
        return [o async for o in wait_for_tasks_async(AsyncClient(), started(), max_concurrent=2)]

    for outcomes in (list(wait_for_tasks(Client(), started())), asyncio.run(main())):
        found = {outcome.items: outcome for outcome in outcomes}
        assert sorted(found) == [(0, 1), (2, 3), (4, 5), (6, 7)]
        assert [found[at, at + 1].result for at in (0, 2, 6)] == ["t0", "t2", "t6"]
        assert isinstance(found[4, 5].error, ValueError)
    with pytest.raises(TypeError, match="not iterable"):
        iter(started())


def test_a_client_that_is_closed_ends_the_stream() -> None:
    client = StreamClient("key", token="token")
    client.close()
    errors: list[Exception] = []
    ended = threading.Event()

    def failed(error: Exception) -> None:
        errors.append(error)
        ended.set()

    start_tasks(client.delete_users, ["u1"]).subscribe(pytest.fail, failed)
    assert ended.wait(5)
    assert "closed" in str(errors[0])


def test_each_client_and_operation_has_a_gate_of_its_own() -> None:
    stage = Stage("sync")
    one, other = stage.starter(lambda *_: After(HANG)), stage.starter(lambda *_: After(HANG))
    polls = Gate.of(one)
    time = VirtualTime()

    def start(operation: Any, **keywords: Any) -> None:
        start_tasks(operation, [1, 2], batch_size=1, **keywords).subscribe(scheduler=time)

    for _ in range(6):  # until an answer tells a limit, a gate lets 8 pass at once
        start(one.delete_things)
    assert len(one.sent) == 8
    start(partial(one.delete_things))
    assert len(one.sent) == 8
    start(one.keep_things)
    start(other.delete_things)
    assert (len(one.sent), len(other.sent)) == (10, 2)
    mine = Gate(1)
    start(one.delete_things, gate=mine)
    assert len(one.sent) == 11
    assert mine.statistics().queued == 1
    assert polls.statistics().in_flight == 0


def operations() -> dict[str, Any]:
    sync, other = StreamClient("key", token="token"), AsyncStreamClient("key", token="token")
    return {
        "sync": sync.delete_users,
        "async": other.delete_users,
        "partial": partial(sync.delete_users, user="hard"),
    }


@pytest.mark.parametrize("name", operations())
def test_batch_size_is_what_stream_takes_unless_told_otherwise(name: str) -> None:
    operation = operations()[name]
    start_tasks(operation, [])
    start_tasks(operation, [], batch_size=100)
    with pytest.raises(ValueError, match=r"batch_size must be 100 or less.* delete_users, not 101"):
        start_tasks(operation, [], batch_size=101)


@pytest.mark.parametrize("wrong", [None, "10", 1.5, True])
def test_batch_size_is_needed_where_nothing_is_known(wrong: Any) -> None:
    starter = Stage("sync").starter()
    with pytest.raises(TypeError, match="batch_size"):
        start_tasks(starter.delete_things, [], batch_size=wrong)
    with pytest.raises(TypeError, match=r"batch_size is needed.* import_block_list"):
        start_tasks(partial(StreamClient("key", token="token").import_block_list, "list"), [])


def test_bad_arguments_are_refused_at_the_call() -> None:
    start: Any = partial(start_tasks, batch_size=1)
    operation = Stage("sync").starter().delete_things
    for arguments, keywords, message in (
        ((None, []), {}, "operation must be a function"),
        ((StreamClient.delete_users, []), {}, "a method of a client"),
        ((operation, "abc"), {}, "items must be"),
        ((operation, 7), {}, "items must be"),
        ((operation, []), {"max_concurrent": None}, "max_concurrent"),
        ((operation, []), {"retry": 3}, "retry"),
        ((operation, []), {"gate": 3}, "gate"),
        ((operation, []), {"scheduler": 3}, "scheduler"),
    ):
        with pytest.raises(TypeError, match=message):
            start(*arguments, **keywords)
    for keywords in ({"batch_size": 0}, {"max_concurrent": 0}):
        with pytest.raises(ValueError, match=next(iter(keywords))):
            start(operation, [], **keywords)


def test_an_async_operation_needs_a_loop() -> None:
    errors: list[Exception] = []
    start_tasks(Stage("async").starter().delete_things, [], batch_size=1).subscribe(
        on_error=errors.append
    )
    assert isinstance(errors[0], RuntimeError)
    assert "event loop" in str(errors[0])


def test_the_subject_of_items_is_left(stage: Stage) -> None:
    starter = stage.starter()
    subject: Subject[int] = Subject()
    stage.record(start_tasks(starter.delete_things, subject, batch_size=1), dispose_at=1.0)
    assert not subject.observers

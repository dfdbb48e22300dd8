"""What holds of many outcomes through each door: an Observable, `for`, `async for`."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
from typing import TYPE_CHECKING, Any

import pytest
import reactivex
from hypothesis import HealthCheck, given, settings

from rxstream import (
    AsyncStreamClient,
    StreamClient,
    TaskOutcome,
    errors,
    wait_for_tasks,
    wait_for_tasks_async,
)
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    Script,
    completed,
    failed,
    hang,
    run_virtual,
)
from tests.doors import DOORS, LOOPS, Door, Leave
from tests.unit.test_batch_laws import BATCHES, HOW, alone, facts, named
from tests.wire import SECRET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PATIENCE = 10.0
at_random = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Door:
    return Door(request.param, monkeypatch)


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Door:
    return Door(request.param, monkeypatch)


# -- the laws ---------------------------------------------------------------------------------


@at_random
@given(scripts=BATCHES)
def test_each_outcome_is_that_of_a_wait_alone(door: Door, scripts: list[Script]) -> None:
    by_id = named(scripts)
    fake = FakeAsyncClient if door.kind == "async for" else FakeClient
    played = door(by_id, list(by_id), **HOW)
    seen = sorted((facts(outcome) for outcome in played.outcomes), key=repr)
    assert seen == sorted(alone(fake, by_id).values(), key=repr)
    assert played.error is None
    assert played.client.in_flight == 0


def test_outcomes_come_in_the_order_in_which_they_end(door: Door) -> None:
    scripts = {
        "slow": ["running", "running", completed()],
        "fast": completed(),
        "bad": ["running", failed("no")],
    }
    played = door(scripts, list(scripts))
    assert [outcome.task_id for outcome in played.outcomes] == ["fast", "bad", "slow"]
    assert played.moments == pytest.approx([0, 1, 2], abs=0.01)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("fault", [Leave(), LookupError("of the body")])
def test_leaving_ends_the_rest_and_leaves_nothing(
    door: Door, number: int, fault: Exception
) -> None:
    scripts = {
        **{f"t{n}": [*["running"] * n, completed()] for n in range(6)},
        "hanging": hang(),
    }
    seen: list[str] = []

    def body(outcome: TaskOutcome) -> None:
        seen.append(outcome.task_id)
        if len(seen) == number:
            raise fault

    played = door(scripts, list(scripts), body, timeout=None)
    assert seen == [f"t{n}" for n in range(number)]
    assert played.error is (None if isinstance(fault, Leave) else fault)
    assert played.polls_at_end == played.polls_later
    assert played.client.in_flight == 0
    assert played.waiting == pytest.approx(0, abs=1e-6), "a timer was left"


def test_the_same_task_is_never_polled_twice_at_once(door: Door) -> None:
    played = door({"a": ["running", "running", completed(1)]}, ["a", "a", "a"])
    assert [outcome.unwrap() for outcome in played.outcomes] == [1, 1, 1]
    assert played.client.polls("a") == 3
    assert played.client.most_in_flight == 1


def test_an_empty_list_is_an_empty_loop(door: Door) -> None:
    played = door(completed(), [])
    assert (played.outcomes, played.error, played.client.polls()) == ([], None, 0)


def test_an_error_of_the_source_comes_after_the_outcomes_before_it(door: Door) -> None:
    fault = LookupError("of the source")

    def ids() -> Iterator[str]:
        yield "a"
        raise fault

    played = door([*["running"] * 5, completed()], ids())
    assert played.error is fault
    assert played.polls_at_end == played.polls_later


def test_an_id_that_is_none_is_an_outcome_that_says_which(door: Door) -> None:
    ids: list[Any] = ["a", None, "b"]
    played = door(completed(1), ids)
    (bad,) = [outcome.error for outcome in played.outcomes if not outcome.ok]
    assert isinstance(bad, TypeError)
    assert str(bad).startswith("id number 1, counted from 0: task_id must be a string, not None")
    assert len(played.outcomes) == 3


# -- only the loops ---------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_nothing_is_taken_ahead_of_what_may_run(loop: Door, limit: int) -> None:
    taken: list[int] = []
    ended: list[int] = []

    def ids() -> Iterator[str]:
        try:
            for number in itertools.count():
                taken.append(number)
                yield f"t{number}"
        finally:
            ended.append(1)

    read: list[TaskOutcome] = []

    def body(outcome: TaskOutcome) -> None:
        read.append(outcome)
        assert len(taken) - len(read) < limit + 1
        if len(read) == 20:
            raise Leave

    played = loop(completed(), ids(), body, max_concurrent=limit)
    assert len(read) == 20
    assert played.client.most_in_flight <= limit
    assert ended == [1], "the source is closed"


def test_a_slow_body_takes_no_ids() -> None:
    async def main() -> None:
        taken: list[int] = []

        async def ids() -> AsyncIterator[str]:
            for number in itertools.count():
                taken.append(number)
                yield f"t{number}"

        client = FakeAsyncClient(completed())
        async with wait_for_tasks_async(client, ids(), max_concurrent=3) as outcomes:
            await anext(outcomes)
            await asyncio.sleep(500)
            assert len(taken) == client.polls() == 4
            await anext(outcomes)
            await asyncio.sleep(500)
            assert len(taken) == client.polls() == 5

    run_virtual(main())


def test_a_body_that_is_always_behind_lets_the_waits_go_on() -> None:
    """Each time that it asks, one more begins, however many outcomes are ready."""
    taken: list[int] = []
    begun = threading.Event()

    class Client:
        def get_task(self, task_id: str) -> dict[str, str]:
            assert begun.wait(PATIENCE)
            return {"task_id": task_id, "status": "completed"}

    def ids() -> Iterator[str]:
        for number in itertools.count():
            taken.append(number)
            if number == 3:
                begun.set()
            yield f"t{number}"

    with wait_for_tasks(Client(), ids(), max_concurrent=4) as outcomes:
        for number in range(5):
            next(outcomes)
            assert len(taken) == 4 + number


def test_it_is_cold_and_for_one_loop() -> None:
    client = FakeClient(completed(1))
    outcomes = wait_for_tasks(client, ["a", "b"], poll_interval=0.001)
    assert client.polls() == 0
    assert [outcome.unwrap() for outcome in outcomes] == [1, 1]
    assert list(outcomes) == []
    assert client.polls() == 2


def test_an_async_one_is_cold_and_for_one_loop() -> None:
    async def main() -> None:
        client = FakeAsyncClient(completed(1))
        outcomes = wait_for_tasks_async(client, ["a", "b"])
        await asyncio.sleep(10)
        assert client.polls() == 0
        assert [outcome.unwrap() async for outcome in outcomes] == [1, 1]
        assert [outcome async for outcome in outcomes] == []
        assert client.polls() == 2

    run_virtual(main())


def test_a_plain_client_can_be_waited_on_in_a_coroutine() -> None:
    async def main() -> list[Any]:
        client = FakeClient(["running", completed(1)])
        waits = wait_for_tasks_async(client, ["a", "b"], poll_interval=0.001)
        return [outcome.unwrap() async for outcome in waits]

    assert asyncio.run(main()) == [1, 1]


@pytest.mark.parametrize("how", ["close", "with", "drop", "throw"])
def test_every_way_out_of_a_for_loop_ends_the_waits(how: str) -> None:
    client = FakeClient({"a": completed(), "b": "running"})
    outcomes = wait_for_tasks(client, ["a", "b"], poll_interval=0.001, timeout=None)
    assert next(outcomes).task_id == "a"
    if how == "close":
        outcomes.close()
        outcomes.close()
        assert list(outcomes) == []
    elif how == "with":
        with outcomes:
            pass
    elif how == "drop":
        del outcomes
    else:

        def consume() -> None:
            for _ in outcomes:
                raise AssertionError

        thread = threading.Thread(target=consume)
        thread.start()
        outcomes.close()
        thread.join(PATIENCE)
        assert not thread.is_alive()
    # The fixture sees that no thread, timer or call is left.


@pytest.mark.parametrize("how", ["aclose", "with", "drop", "cancel"])
def test_every_way_out_of_an_async_for_loop_ends_the_waits(how: str) -> None:
    async def main() -> None:
        client = FakeAsyncClient({"a": completed(), "b": hang()})
        outcomes = wait_for_tasks_async(client, ["a", "b"], timeout=None)
        assert (await anext(outcomes)).task_id == "a"
        await asyncio.sleep(1)
        assert client.in_flight == 1
        if how == "aclose":
            await outcomes.aclose()
            await outcomes.aclose()
        elif how == "with":
            async with outcomes:
                pass
        elif how == "drop":
            del outcomes
        else:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(5):
                    await anext(outcomes)
        for _ in range(3):
            await asyncio.sleep(0)
        assert client.in_flight == 0
        gc.collect()

    run_virtual(main())


def test_the_ids_are_taken_in_the_thread_of_the_loop() -> None:
    threads: set[str] = set()

    def ids() -> Iterator[str]:
        for number in range(600):
            threads.add(threading.current_thread().name)
            yield f"t{number}"

    client = FakeClient(completed())
    assert len(list(wait_for_tasks(client, ids(), max_concurrent=400, poll_interval=0.001))) == 600
    assert threads == {threading.current_thread().name}


def test_a_source_that_closes_its_own_loop_ends_it() -> None:
    loops: list[Any] = []

    def ids() -> Iterator[str]:
        yield "a"
        loops[0].close()
        yield "b"

    client = FakeClient(completed())
    loops.append(wait_for_tasks(client, ids(), max_concurrent=1, poll_interval=0.001))
    assert [outcome.task_id for outcome in loops[0]] == ["a"]


def test_a_generator_that_closed_its_own_loop_is_closed_behind_its_item() -> None:
    loops: list[Any] = []
    closed: list[bool] = []

    def ids() -> Iterator[str]:
        try:
            yield "a"
            loops[0].close()
            yield "b"
        finally:
            closed.append(True)

    kept = ids()
    client = FakeClient(completed())
    loops.append(wait_for_tasks(client, kept, max_concurrent=1, poll_interval=0.001))
    assert [outcome.task_id for outcome in loops[0]] == ["a"]
    assert closed == [True]
    assert client.polls() == 1


def test_an_iterator_that_is_being_read_is_not_read_by_another() -> None:
    loops: list[Any] = []
    told: list[str] = []

    def ids() -> Iterator[str]:
        try:
            next(loops[0])
        except ValueError as error:
            told.append(str(error))
        yield "a"

    client = FakeClient(completed())
    loops.append(wait_for_tasks(client, ids(), poll_interval=0.001))
    assert len(list(loops[0])) == 1
    assert told == ["this iterator is being read already"]


# -- arguments --------------------------------------------------------------------------------


async def no_ids() -> AsyncIterator[str]:
    return
    yield


ARGUMENTS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"tasks": "abc"}, TypeError, "tasks must be an iterable of ids, such as a list, not str"),
    ({"tasks": 5}, TypeError, "tasks must be an iterable of ids, such as a list, not int"),
    ({"tasks": reactivex.of("a")}, TypeError, "an Observable, .* use tasks_observable"),
    ({"max_concurrent": 0}, ValueError, "max_concurrent must be 1 or more"),
    ({"max_concurrent": None}, TypeError, "max_concurrent must be a whole number"),
    ({"poll_interval": -1}, ValueError, "poll_interval"),
    ({"timeout": "x"}, TypeError, "timeout"),
    ({"retry": 5}, TypeError, "retry"),
    ({"client": object()}, TypeError, "client must have a get_task"),
]


@pytest.mark.parametrize("wait", [wait_for_tasks, wait_for_tasks_async])
@pytest.mark.parametrize(("wrong", "kind", "text"), ARGUMENTS)
def test_arguments_are_checked_at_the_call(
    wait: Any, wrong: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        wait(**{"client": FakeClient(completed()), "tasks": ["a"], **wrong})


def test_the_wrong_kind_of_client_or_source_is_told_the_way_out() -> None:
    with pytest.raises(TypeError, match=r"client is async: use `async for .* wait_for_tasks_async"):
        wait_for_tasks(FakeAsyncClient(completed()), ["a"])
    source: Any = no_ids()
    with pytest.raises(TypeError, match="async iterable: use wait_for_tasks_async"):
        wait_for_tasks(FakeClient(completed()), source)


def test_clients_have_it_as_a_method() -> None:
    with StreamClient("key", SECRET) as client:
        assert list(client.wait_for_tasks([])) == []

    async def main() -> None:
        async with AsyncStreamClient("key", SECRET) as client:
            assert [outcome async for outcome in client.wait_for_tasks([])] == []

    asyncio.run(main())


@pytest.mark.parametrize("error", [errors.StreamTaskException, errors.StreamApiException])
def test_unwrap_raises_what_a_wait_alone_raises(loop: Door, error: type[Exception]) -> None:
    scripts: Any = {"a": failed("no")}
    task = "a" if error is errors.StreamTaskException else "unknown"
    (outcome,) = loop(scripts, [task]).outcomes
    with pytest.raises(error):
        outcome.unwrap()

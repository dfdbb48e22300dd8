"""Ids and loops at the edges: each stream ends, and says why."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from reactivex.scheduler.eventloop import AsyncIOScheduler

from rxstream import Gate, TaskOutcome, task_observable, tasks_observable, wait_for_task_async
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
from tests.support import TASK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from reactivex import abc

BOTH = [FakeClient, FakeAsyncClient]
PATIENCE = 10.0


class Stop(BaseException):
    """Neither an Exception nor one of Python's own."""


@pytest.mark.parametrize("raised", [asyncio.CancelledError, Stop])
def test_ids_that_are_cancelled_from_within_end_the_stream(raised: type[BaseException]) -> None:
    async def main() -> None:
        async def ids() -> AsyncIterator[str]:
            yield "a"
            await asyncio.sleep(1)
            raise raised

        seen: list[TaskOutcome] = []
        errors: list[Exception] = []
        async with assert_nothing_left():
            client = FakeAsyncClient(["running", completed()])
            tasks_observable(client, ids()).subscribe(seen.append, errors.append)
            await asyncio.sleep(100)
        (error,) = errors
        assert isinstance(error, RuntimeError)
        assert "async iterable was cancelled" in str(error)
        assert isinstance(error.__cause__, raised)

    run_virtual(main())


def test_ids_whose_task_somebody_cancels_end_the_stream() -> None:
    async def main() -> None:
        async def ids() -> AsyncIterator[str]:
            await asyncio.Event().wait()
            yield "a"

        errors: list[Exception] = []
        tasks_observable(FakeAsyncClient(completed()), ids()).subscribe(on_error=errors.append)
        await asyncio.sleep(1)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(1)
        assert [type(error) for error in errors] == [RuntimeError]

    run_virtual(main())


def test_ids_whose_loop_is_closed_end_the_stream() -> None:
    ended = threading.Event()
    errors: list[Exception] = []
    closed = threading.Event()

    def on_error(error: Exception) -> None:
        errors.append(error)
        ended.set()

    class Client:
        def get_task(self, task_id: str) -> Any:
            closed.wait(PATIENCE)
            return {"task_id": task_id, "status": "completed"}

    async def ids() -> AsyncIterator[str]:
        yield "a"
        yield "b"

    async def main() -> None:
        tasks_observable(Client(), ids(), max_concurrent=1).subscribe(on_error=on_error)
        await asyncio.sleep(0.01)

    with assert_nothing_left():
        asyncio.run(main())
        closed.set()
        assert ended.wait(PATIENCE)
    assert "closed" in str(errors[0])


class _Ambiguous:
    """As `pandas.NA` and numpy's arrays."""

    def __bool__(self) -> bool:
        msg = "the truth value is ambiguous"
        raise TypeError(msg)

    def __repr__(self) -> str:
        return "<NA>"


class _Unspeakable(_Ambiguous):
    def __repr__(self) -> str:
        raise LookupError


@pytest.mark.parametrize(("bad", "shown"), [(_Ambiguous(), "<NA>"), (_Unspeakable(), ""), (0, "0")])
@pytest.mark.parametrize("fake", BOTH)
def test_an_id_that_is_no_string_is_an_outcome(fake: Any, bad: Any, shown: str) -> None:
    time = VirtualTime()
    client = fake(completed(), scheduler=time)
    *seen, end = time.record(tasks_observable(client, ["a", bad, "b"]))
    assert end.kind == "completed"
    (failed,) = [emission.value for emission in seen if not emission.value.ok]
    assert failed.task_id == shown
    assert isinstance(failed.error, TypeError)
    assert "task_id must be a string" in str(failed.error)


@pytest.mark.parametrize(
    "wait",
    [
        lambda client, **how: task_observable(client, TASK, **how),
        lambda client, **how: tasks_observable(client, [TASK], **how),
    ],
)
@pytest.mark.parametrize("fake", BOTH)
@pytest.mark.parametrize("timeout", [None, 60])
def test_subscribing_onto_a_closed_loop_is_an_error(
    fake: Any, wait: Callable[..., Any], timeout: Any
) -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    client = fake(completed())
    errors: list[Exception] = []
    observable = wait(client, scheduler=AsyncIOScheduler(loop), timeout=timeout)
    observable.subscribe(on_error=errors.append)
    wait(client, timeout=timeout).subscribe(
        on_error=errors.append, scheduler=AsyncIOScheduler(loop)
    )
    assert [type(error) for error in errors] == [RuntimeError] * 2
    assert all("closed" in str(error) for error in errors)
    assert client.polls() == 0


@pytest.mark.parametrize("answer", [completed(), "nonsense"])
def test_an_await_that_is_cancelled_in_the_turn_of_its_answer(answer: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        told: list[Any] = []
        loop.set_exception_handler(lambda _, context: told.append(context))
        answered: list[Any] = []

        class Client:
            cancel_safe = True

            async def get_task(self, task_id: str) -> Any:
                answered.append(loop.create_future())
                return await answered[0]

        waiting = asyncio.create_task(wait_for_task_async(Client(), TASK))
        await asyncio.sleep(1)
        status = "completed" if answer == completed() else None
        answered[0].set_result({"task_id": TASK, "status": status} if status else answer)
        await asyncio.sleep(0)  # the request ends
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(1)
        assert not told

    run_virtual(main())


def test_an_await_tells_success_and_failure() -> None:
    async def main() -> None:
        scripts = {"a": delayed(completed(1), 1), "b": Script.turns("running")}
        client = FakeAsyncClient(scripts)
        assert await wait_for_task_async(client, "a") == 1
        with pytest.raises(TimeoutError):
            await wait_for_task_async(client, "b", timeout=3)

    run_virtual(main())


@pytest.mark.parametrize("fake", BOTH)
def test_a_batch_that_is_disposed_in_virtual_time_polls_nobody_any_more(fake: Any) -> None:
    time = VirtualTime()
    client = fake(hang(), scheduler=time)
    ids = [f"t{number}" for number in range(50)]
    wait = tasks_observable(client, ids, gate=Gate(5), timeout=None).subscribe(scheduler=time)
    time.start(until=1)
    assert client.polls() == 5
    wait.dispose()
    time.start()
    assert client.polls() == 5
    assert client.in_flight == 0


def test_ids_that_dispose_their_own_batch_are_closed_at_once() -> None:
    closed: list[str] = []
    later: list[abc.DisposableBase] = []

    def ids() -> Iterator[str]:
        try:
            yield "a"
            later[0].dispose()
            yield "b"
        finally:
            closed.append("ids")

    time = VirtualTime()
    source = ids()
    client = FakeClient(["running", completed()], scheduler=time)
    subscription = tasks_observable(client, source, max_concurrent=1).subscribe(scheduler=time)
    later.append(subscription)
    time.start()
    assert closed == ["ids"]


@pytest.mark.parametrize("pause", [0.0, 1.0])
def test_async_ids_that_dispose_their_own_batch_are_closed_at_once(pause: float) -> None:
    closed: list[str] = []

    async def main() -> None:
        later: list[abc.DisposableBase] = []

        async def ids() -> AsyncIterator[str]:
            try:
                yield "a"
                later[0].dispose()
                if pause:
                    await asyncio.sleep(pause)
                yield "b"
            finally:
                await asyncio.sleep(0)
                closed.append("ids")

        source = ids()
        async with assert_nothing_left():
            client = FakeAsyncClient(["running", completed()])
            later.append(tasks_observable(client, source, max_concurrent=1).subscribe())
            await asyncio.sleep(100)
            assert closed == ["ids"]

    run_virtual(main())

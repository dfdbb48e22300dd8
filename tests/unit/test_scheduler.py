"""Time comes from a scheduler and nowhere else; work runs where it should."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from reactivex import operators as ops
from reactivex.scheduler import (
    CurrentThreadScheduler,
    EventLoopScheduler,
    HistoricalScheduler,
    ImmediateScheduler,
    NewThreadScheduler,
    TimeoutScheduler,
    VirtualTimeScheduler,
)
from reactivex.scheduler.eventloop import AsyncIOScheduler, AsyncIOThreadSafeScheduler
from reactivex.testing import TestScheduler

from rxstream import TaskSnapshot, task_observable, wait_for_task, wait_for_task_async
from rxstream.errors import StreamRateLimitException
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    VirtualTime,
    assert_nothing_left,
    completed,
    delayed,
    hang,
    run_virtual,
    status,
)
from tests.support import TASK

if TYPE_CHECKING:
    from collections.abc import Callable

QUICK = 0.001
TURNS = ["running", "running", completed(7)]


def retire(home: Any) -> None:
    """Dispose an EventLoopScheduler; it may miss that, so wake its thread until it has gone."""
    home.dispose()
    while home._thread is not None and home._thread.is_alive():
        with home._condition:
            home._condition.notify_all()
        home._thread.join(QUICK)


class Noting:
    """A sync client that notes the threads it is called on."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    def get_task(self, task_id: str) -> dict[str, Any]:
        self.threads.append(threading.current_thread().name)
        done = len(self.threads) > 2
        return {"task_id": task_id, "status": "completed" if done else "running", "result": 7}


def test_the_argument_beats_the_scheduler_of_subscribe() -> None:
    argument, subscribed = VirtualTime(), VirtualTime()
    client = FakeClient("running", scheduler=argument)
    task_observable(client, TASK, scheduler=argument).subscribe(scheduler=subscribed)
    subscribed.start(until=10)
    assert client.polls(TASK) == 1
    argument.start(until=10)
    assert client.polls(TASK) == 11


def test_the_scheduler_of_subscribe_serves_without_an_argument() -> None:
    time = VirtualTime()
    client = FakeClient("running", scheduler=time)
    task_observable(client, TASK).subscribe(scheduler=time)
    time.start(until=10)
    assert client.polls(TASK) == 11


@pytest.mark.parametrize("kind", [VirtualTimeScheduler, HistoricalScheduler, TestScheduler])
@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
def test_reactivexs_virtual_schedulers_serve_too(
    kind: Callable[[], VirtualTimeScheduler], fake: Any
) -> None:
    time = kind()
    client = fake(TURNS, scheduler=time)
    seen: list[TaskSnapshot] = []
    task_observable(client, TASK).subscribe(seen.append, scheduler=time)
    time.start()
    assert [snapshot.status for snapshot in seen] == ["running", "running", "completed"]


def test_a_client_that_really_awaits_cannot_run_under_a_virtual_scheduler() -> None:
    class Real:
        async def get_task(self, task_id: str) -> dict[str, Any]:
            await asyncio.sleep(0)
            return {"task_id": task_id, "status": "completed"}

    time = VirtualTime()
    errors: list[Exception] = []
    task_observable(Real(), TASK, scheduler=time).subscribe(on_error=errors.append)
    assert "virtual" in str(errors[0])


def test_an_async_client_without_a_loop_says_what_to_do() -> None:
    errors: list[Exception] = []
    task_observable(FakeAsyncClient(completed()), TASK).subscribe(on_error=errors.append)
    assert isinstance(errors[0], RuntimeError)
    assert "running event loop" in str(errors[0])
    task_observable(FakeAsyncClient(completed()), TASK, scheduler=EventLoopScheduler()).subscribe(
        on_error=errors.append
    )
    assert "event loop" in str(errors[1])


def test_a_sync_client_is_called_on_worker_threads() -> None:
    client = Noting()
    with assert_nothing_left():
        assert wait_for_task(client, TASK, poll_interval=QUICK) == 7
    assert {name.partition("-w")[0] for name in client.threads} == {"rxstream"}


def test_a_sync_client_on_a_loop_is_called_beside_it_and_heard_on_it() -> None:
    async def main() -> None:
        client = Noting()
        heard: set[str] = set()
        observable = task_observable(client, TASK, poll_interval=QUICK).pipe(
            ops.do_action(lambda _: heard.add(threading.current_thread().name))
        )
        assert (await observable).result == 7
        assert await wait_for_task_async(Noting(), TASK, poll_interval=QUICK) == 7
        assert heard == {threading.current_thread().name}
        assert threading.current_thread().name not in client.threads

    with assert_nothing_left():
        asyncio.run(main())


@pytest.mark.parametrize(
    "kind",
    [
        NewThreadScheduler,
        TimeoutScheduler,
        ImmediateScheduler,
        CurrentThreadScheduler,
    ],
)
def test_schedulers_of_a_thread_per_timer_are_replaced_by_the_one_timer_thread(kind: Any) -> None:
    done = threading.Event()
    before = threading.enumerate()
    with assert_nothing_left():
        for _ in range(20):
            task_observable(FakeClient("running"), TASK, timeout=0.05).subscribe(
                on_error=lambda _: done.set(), scheduler=kind()
            )
        names = [thread.name for thread in threading.enumerate() if thread not in before]
        assert names.count("rxstream-timer") == 1
        assert not [name for name in names if "rxstream" not in name]
        assert done.wait(5)


def test_run_blocks_and_gives_the_last_snapshot() -> None:
    with assert_nothing_left():
        observable = task_observable(FakeClient(TURNS), TASK, poll_interval=QUICK)
        assert observable.run().result == 7


def test_a_scheduler_with_a_thread_of_its_own_is_where_emissions_arrive() -> None:
    home = EventLoopScheduler()
    heard: list[str] = []
    done = threading.Event()
    task_observable(FakeClient(TURNS), TASK, poll_interval=QUICK).subscribe(
        lambda _: heard.append(threading.current_thread().name),
        on_completed=done.set,
        scheduler=home,
    )
    assert done.wait(5)
    assert len(heard) == 3
    assert not [name for name in heard if "rxstream" in name]
    retire(home)


def test_a_sync_client_on_a_loop_is_paced_by_the_loops_timers() -> None:
    class Limited(Noting):
        def get_task(self, task_id: str) -> dict[str, Any]:
            answer = super().get_task(task_id)
            if len(self.threads) == 1:
                raise StreamRateLimitException(
                    status_code=429, retry_after=timedelta(milliseconds=50)
                )
            return answer

    async def main() -> None:
        client = Limited()
        waits = [wait_for_task_async(client, TASK, poll_interval=QUICK) for _ in range(40)]
        assert await asyncio.gather(*waits) == [7] * 40

    asyncio.run(main())


def test_an_async_client_may_take_its_time_from_another_threads_scheduler() -> None:
    async def main() -> None:
        home = EventLoopScheduler()
        client = FakeAsyncClient(["running", delayed(status("running"), 0.01), hang()])
        heard: list[str] = []
        wait = task_observable(client, TASK, poll_interval=QUICK, scheduler=home).subscribe(
            lambda _: heard.append(threading.current_thread().name)
        )
        async with asyncio.timeout(5):
            while client.polls(TASK) < 3:  # noqa: ASYNC110 -- a fake tells nobody
                await asyncio.sleep(0.005)
        assert len(heard) == 2
        assert threading.current_thread().name not in heard
        assert client.in_flight == 1
        wait.dispose()
        await asyncio.sleep(0.01)
        assert client.in_flight == 0
        retire(home)

    asyncio.run(main())


@pytest.mark.parametrize("kind", [AsyncIOScheduler, AsyncIOThreadSafeScheduler])
def test_an_async_wait_can_be_started_and_ended_from_another_thread(kind: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        client = FakeAsyncClient("running")
        heard: set[str] = set()

        def elsewhere() -> None:
            waits = [
                task_observable(client, TASK, poll_interval=QUICK).subscribe(
                    lambda _: heard.add(threading.current_thread().name), scheduler=kind(loop)
                )
                for _ in range(20)
            ]
            threading.Event().wait(0.05)
            for wait in waits:
                wait.dispose()

        async with assert_nothing_left():
            await asyncio.to_thread(elsewhere)
            await asyncio.sleep(0.01)
            count = client.polls(TASK)
            await asyncio.sleep(0.02)
            assert count == client.polls(TASK) > 20
            assert client.in_flight == 0
            assert heard == {threading.current_thread().name}
            await loop.shutdown_default_executor()

    asyncio.run(main())


def test_a_get_task_that_hides_its_coroutine_is_told_so() -> None:
    class Hidden:
        def get_task(self, task_id: str) -> Any:
            return FakeAsyncClient(completed()).get_task(task_id)

    with pytest.raises(TypeError, match="async def"):
        wait_for_task(Hidden(), TASK)


def test_awaiting_in_virtual_time_takes_no_time() -> None:
    async def main() -> Any:
        client = FakeAsyncClient(["running"] * 3_600 + [completed("late")])
        return await wait_for_task_async(client, TASK, timeout=None)

    assert run_virtual(main()) == "late"

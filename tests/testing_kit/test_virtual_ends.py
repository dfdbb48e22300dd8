"""Where virtual time stands still or nobody comes any more: an error, and no hang."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest
import reactivex as rx
from reactivex import operators as ops

from rxstream import task_observable, wait_for_task
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    Script,
    VirtualTime,
    completed,
    run_virtual,
)

TASK = "5a1f0c9e"
PATIENCE = 10.0


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rxstream.testing._loop._PATIENCE", 0.01)


@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
def test_polls_without_a_pause_are_told_in_virtual_time(fake: Any) -> None:
    time = VirtualTime(max_at_once=100)
    client = fake("running", scheduler=time)
    with pytest.raises(RuntimeError, match=r"100 actions at 0.0 s.*poll_interval=0"):
        time.record(task_observable(client, TASK, poll_interval=0, timeout=5))
    assert client.in_flight == 0
    time.start()
    assert time.now.timestamp() == 0, "it was disposed"


def test_what_repeats_without_a_pause_is_told_without_asking_for_it() -> None:
    def again(scheduler: Any, _: Any = None) -> None:
        scheduler.schedule(again)

    time = VirtualTime()
    time.schedule(again)
    with pytest.raises(RuntimeError, match="time stands still"):
        time.start(until=5)


def test_the_actions_of_each_instant_count_for_themselves() -> None:
    time = VirtualTime(max_at_once=3)
    for at in (0, 0, 0, 1, 1, 1):
        time.schedule_relative(at, lambda *_: None)
    time.start()
    VirtualTime(max_at_once=None).start()
    with pytest.raises(ValueError, match="max_at_once"):
        VirtualTime(max_at_once=0)


def test_polls_without_a_pause_are_told_on_a_loop() -> None:
    async def main() -> None:
        await task_observable(FakeAsyncClient("running"), TASK, poll_interval=0, timeout=5)

    with pytest.raises(RuntimeError, match=r"1000 turns at 0.0 s.*poll_interval=0"):
        run_virtual(main(), max_at_once=1_000)


def test_many_turns_while_a_job_is_under_way_are_none_too_many() -> None:
    async def main() -> int:
        go_on = threading.Event()
        job = asyncio.get_running_loop().run_in_executor(None, go_on.wait, PATIENCE)
        turns = 0
        while turns < 100:
            turns += 1
            await asyncio.sleep(0)
        go_on.set()
        assert await job
        return turns

    assert run_virtual(main(), max_at_once=50) == 100


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("own", [True, False])
def test_a_job_may_wait_for_the_loop(*, own: bool) -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()

        def job() -> float:
            sleeping: Any = asyncio.run_coroutine_threadsafe(asyncio.sleep(5, "slept"), loop)
            assert sleeping.result(PATIENCE) == "slept"
            return loop.time()

        with ThreadPoolExecutor() as executor:
            return await loop.run_in_executor(executor if own else None, job)

    assert run_virtual(main()) == 5


@pytest.mark.usefixtures("impatient")
def test_time_stands_still_for_a_job_that_has_not_called_back() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        go_on = threading.Event()
        timer = threading.Timer(0.1, go_on.set)
        timer.start()

        def talking() -> Any:
            sleeping: Any = asyncio.run_coroutine_threadsafe(asyncio.sleep(5), loop)
            return sleeping.result(PATIENCE), loop.time()

        def quiet() -> float:
            go_on.wait(PATIENCE)
            return loop.time()

        first = loop.run_in_executor(None, talking)
        assert await loop.run_in_executor(None, quiet) == 0
        _, at = await first
        return float(at)

    assert run_virtual(main()) == 5


@pytest.mark.usefixtures("impatient")
def test_a_job_that_has_called_back_is_waited_for_where_there_is_no_timer() -> None:
    async def main() -> str:
        loop = asyncio.get_running_loop()

        def job() -> str:
            loop.call_soon_threadsafe(lambda: None)
            threading.Event().wait(0.1)
            return "done"

        return await loop.run_in_executor(None, job)

    assert run_virtual(main()) == "done"


@pytest.mark.usefixtures("impatient")
def test_a_thread_is_waited_for_where_there_is_no_timer() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        threading.Timer(0.1, lambda: loop.call_soon_threadsafe(future.set_result, 1)).start()
        return await future

    assert run_virtual(main()) == 1


@pytest.mark.usefixtures("impatient")
def test_idle_threads_of_executors_and_those_from_before_are_not_waited_for() -> None:
    over = threading.Event()
    before = threading.Thread(target=over.wait, args=(PATIENCE,))
    before.start()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor() as executor:
            await loop.run_in_executor(executor, int)
            await loop.run_in_executor(None, int)
            await loop.create_future()

    try:
        with pytest.raises(RuntimeError, match="nothing left to wait for"):
            run_virtual(main())
    finally:
        over.set()
        before.join()


def test_a_function_for_another_process_is_handed_over_as_it_is() -> None:
    class Processes(Executor):
        def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_result((fn, args))
            return future

    async def main() -> Any:
        return await asyncio.get_running_loop().run_in_executor(Processes(), int, "7")

    assert run_virtual(main()) == (int, ("7",))


# -- what never ends -------------------------------------------------------------------------------


@pytest.mark.parametrize("fake", [FakeClient, FakeAsyncClient])
def test_a_recording_without_an_end_tells_what_was_seen(fake: Any) -> None:
    time = VirtualTime(max_actions=50)
    client = fake("running", scheduler=time)
    with pytest.raises(
        RuntimeError,
        match=r"50 actions ran and more wait, at \d+\.0 s: .*VirtualTime\(max_actions=…\); "
        r"\d+ emissions until then, from next at 0.0 s to next at \d+.0 s \(TaskSnapshot",
    ):
        time.record(task_observable(client, TASK, timeout=None))
    with pytest.raises(RuntimeError, match="nothing was emitted until then"):
        time.record(rx.interval(1.0).pipe(ops.ignore_elements()))


def test_a_run_without_an_end_is_bounded_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rxstream.testing._virtual._ENDLESS", 30)
    source = rx.interval(1.0)
    with pytest.raises(RuntimeError, match="30 actions"):
        VirtualTime().record(source)
    assert len(VirtualTime().record(source, until=40)) == 40
    with pytest.raises(RuntimeError, match="35 actions"):
        VirtualTime(max_actions=35).record(source, until=40)
    assert len(VirtualTime(max_actions=50).record(source.pipe(ops.take(40)))) == 41


def test_a_loop_without_an_end_is_bounded() -> None:
    async def endless() -> None:
        await task_observable(FakeAsyncClient("running"), TASK, timeout=None)

    with pytest.raises(RuntimeError, match=r"20 jumps .* one more at 21.0 s: .*raise max_jumps"):
        run_virtual(endless(), max_jumps=20)


# -- fakes in a time that nobody drives ------------------------------------------------------------

NOBODY = r"^this fake lives in virtual time, .*scheduler=None"
HOUR = Script.timeline({0: "running", 3600: completed(1)})


def test_a_sync_fake_in_virtual_time_refuses_code_that_blocks() -> None:
    client = FakeClient(HOUR, scheduler=VirtualTime())
    for blocks in (
        lambda: client.wait_for_task(TASK),
        lambda: wait_for_task(client, TASK, timeout=None),
        lambda: task_observable(client, TASK).run(),
        lambda: client.get_task(TASK),
    ):
        with pytest.raises(RuntimeError, match=NOBODY):
            blocks()
    assert client.requests == []


def test_an_async_fake_in_virtual_time_refuses_a_loop() -> None:
    client = FakeAsyncClient(HOUR, scheduler=VirtualTime())

    async def main() -> None:
        with pytest.raises(RuntimeError, match=NOBODY):
            await client.wait_for_task(TASK)
        with pytest.raises(RuntimeError, match=NOBODY):
            await client.get_task(TASK)

    asyncio.run(main())
    assert client.requests == []


def test_the_time_of_a_fake_may_be_driven_inside_a_loop() -> None:
    async def main() -> None:
        time = VirtualTime()
        for fake in (FakeClient, FakeAsyncClient):
            seen = time.record(
                task_observable(fake(HOUR, scheduler=time), TASK, poll_interval=60, timeout=7200)
            )
            assert seen[-1].kind == "completed"

    asyncio.run(main())


def test_a_consumer_in_virtual_time_may_block_on_another_client() -> None:
    time = VirtualTime()
    bound, free = FakeClient(completed(), scheduler=time), FakeClient(completed(7))
    got: list[Any] = []

    def on_next(_: Any) -> None:
        got.append(wait_for_task(free, TASK))
        with pytest.raises(RuntimeError, match=NOBODY):
            bound.get_task(TASK)

    task_observable(bound, TASK).subscribe(on_next, scheduler=time)
    time.start()
    assert got == [7]

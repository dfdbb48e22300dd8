"""Where virtual time stands still or nobody comes any more: an error, and no hang."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest

from rxstream import task_observable
from rxstream.testing import FakeAsyncClient, FakeClient, VirtualTime, run_virtual

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

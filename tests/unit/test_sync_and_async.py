"""Sync or async client, any scheduler: the right thread, the right clock, our errors."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from reactivex.disposable import BooleanDisposable, CompositeDisposable
from reactivex.scheduler import EventLoopScheduler

from rxstream import Gate, task_observable, wait_for_task, wait_for_task_async
from rxstream._time.schedulers import clock_of
from rxstream.errors import InvalidResponseException, StreamTransportException
from rxstream.testing import (
    FakeAsyncClient,
    FakeClient,
    VirtualTime,
    assert_nothing_left,
    hang,
    run_virtual,
)
from tests.support import TASK
from tests.unit.test_scheduler import QUICK, TURNS, retire

if TYPE_CHECKING:
    from reactivex import abc

    from rxstream import TaskSnapshot


def test_a_sync_client_keeps_the_timer_thread_beside_a_running_loop() -> None:
    heard: set[str] = set()

    async def main() -> None:
        done = threading.Event()
        task_observable(FakeClient(TURNS), TASK, poll_interval=QUICK).subscribe(
            lambda _: heard.add(threading.current_thread().name), on_completed=done.set
        )
        assert done.wait(5), "it goes on although the loop stands still"

    with assert_nothing_left():
        asyncio.run(main())
    assert all(name.startswith("rxstream-") for name in heard)


def test_setting_the_wall_clock_does_not_matter() -> None:
    class SetBack(EventLoopScheduler):
        @property
        def now(self) -> Any:
            raise AssertionError

    home = SetBack()
    for clock in (clock_of(home, is_async=False), clock_of(None, is_async=False)):
        before = time.monotonic()
        assert before <= clock.now() <= time.monotonic()
    retire(home)


def test_an_object_with_an_async_call_is_an_async_get_task() -> None:
    class Callable:
        async def __call__(self, task_id: str) -> dict[str, Any]:
            await asyncio.sleep(1)
            return {"task_id": task_id, "status": "completed", "result": 7}

    class Client:
        get_task = Callable()

    assert run_virtual(wait_for_task_async(Client(), TASK)) == 7


@pytest.mark.parametrize("kind", ["sync", "async", "sync, virtual", "async, virtual"])
def test_what_a_foreign_client_raises_is_translated(kind: str) -> None:
    class Client:
        def get_task(self, _: str) -> Any:
            raise ConnectionResetError

    class AsyncClient:
        async def get_task(self, _: str) -> Any:
            raise ConnectionResetError

    errors: list[Exception] = []
    client = Client() if kind.startswith("sync") else AsyncClient()
    if "virtual" in kind:
        task_observable(client, TASK, retry=None, scheduler=VirtualTime()).subscribe(
            on_error=errors.append
        )
    else:
        with pytest.raises(StreamTransportException) as caught:
            asyncio.run(wait_for_task_async(client, TASK, retry=None))
        errors.append(caught.value)
    assert isinstance(errors[0], StreamTransportException)
    assert errors[0].error_type == "connection_reset"


def test_no_timer_is_left_on_a_scheduler_with_a_thread_of_its_own() -> None:
    timers: list[BooleanDisposable] = []

    class Noting(EventLoopScheduler):
        def schedule_relative(self, *arguments: Any, **keywords: Any) -> abc.DisposableBase:
            timers.append(BooleanDisposable())
            return CompositeDisposable(
                super().schedule_relative(*arguments, **keywords), timers[-1]
            )

    home = Noting()
    polled = threading.Event()
    wait = task_observable(FakeClient("running"), TASK).subscribe(
        lambda _: polled.set(), scheduler=home
    )
    assert polled.wait(5)
    while len(timers) < 2:
        threading.Event().wait(QUICK)
    home.schedule(lambda *_: wait.dispose())
    while not all(timer.is_disposed for timer in timers):
        threading.Event().wait(QUICK)
    retire(home)


def test_what_would_end_a_worker_thread_ends_the_wait() -> None:
    class Stop(BaseException):
        pass

    class Client:
        def get_task(self, _: str) -> Any:
            raise Stop

    with assert_nothing_left(), pytest.raises(Stop):
        wait_for_task(Client(), TASK)


class Threads(FakeAsyncClient):
    """Notes the threads that its calls run on."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.threads: set[str] = set()

    async def get_task(self, task_id: str) -> TaskSnapshot:
        self.threads.add(threading.current_thread().name)
        return await super().get_task(task_id)


def test_an_async_client_is_called_on_its_loop_and_heard_where_the_scheduler_lives() -> None:
    async def main() -> None:
        home, done = EventLoopScheduler(), asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.set_debug(True)  # refuses what is not thread-safe
        client, heard = Threads(TURNS), set[str]()
        task_observable(client, TASK, poll_interval=QUICK, scheduler=home).subscribe(
            lambda _: heard.add(threading.current_thread().name),
            on_completed=lambda: loop.call_soon_threadsafe(done.set),
        )
        async with asyncio.timeout(5):
            await done.wait()
        retire(home)
        here = threading.current_thread().name
        assert client.threads == {here}
        assert here not in heard
        assert client.polls() == 3

    asyncio.run(main())


@pytest.mark.parametrize("blocked", [True, False])
@pytest.mark.parametrize("there", [True, False])
def test_its_request_is_cancelled_wherever_the_wait_is_disposed(
    *, blocked: bool, there: bool
) -> None:
    async def main() -> None:
        home, heard = EventLoopScheduler(), asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.set_debug(True)  # refuses what is not thread-safe
        client, gate = FakeAsyncClient(["running", hang()]), Gate(1)
        wait = task_observable(
            client, TASK, poll_interval=QUICK, gate=gate, scheduler=home
        ).subscribe(lambda _: loop.call_soon_threadsafe(heard.set))
        await heard.wait()
        if blocked:  # the loop cannot begin what the other thread has asked for
            threading.Event().wait(0.05)
        else:
            await asyncio.sleep(0.05)
        assert client.in_flight == (0 if blocked else 1)
        if there:
            home.schedule(lambda *_: wait.dispose())
        else:
            wait.dispose()
        if blocked:
            threading.Event().wait(0.05)
        await asyncio.sleep(0.05)
        assert client.in_flight == 0
        assert "in_flight=0" in repr(gate)
        retire(home)

    asyncio.run(main())


@pytest.mark.parametrize("virtual", [True, False])
@pytest.mark.parametrize("answer", [{}, {"nothing": "known"}, 3, None])
def test_an_answer_that_is_no_task_ends_the_wait_of_either_client(
    answer: Any, *, virtual: bool
) -> None:
    class Client:
        def get_task(self, _: str) -> Any:
            return answer

    class AsyncClient:
        async def get_task(self, _: str) -> Any:
            return answer

    for client in (Client(), AsyncClient()):
        errors: list[Exception] = []
        if virtual:
            task_observable(client, TASK, scheduler=VirtualTime()).subscribe(on_error=errors.append)
        else:
            with pytest.raises(InvalidResponseException) as caught:
                asyncio.run(wait_for_task_async(client, TASK, timeout=5))
            errors.append(caught.value)
        assert isinstance(errors[0], InvalidResponseException)
